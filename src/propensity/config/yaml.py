"""YAML as text, safely: what it means in YAML 1.2, how large and how deep it may be, and what no value may hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import yaml

MOST_CHARACTERS = 1 << 20
_MOST_VALUES = 100_000
_MOST_DEPTH = 40
_LARGEST_WHOLE_NUMBER = 10**300
_LONGEST_SHOWN = 60


class _Yaml12Loader(yaml.SafeLoader):
    """Safe YAML that means what it says, as YAML 1.2 does.

    Only true and false are booleans (`yes`, `no`, `on`, `off` are words); `010` and `12:30` are words too, not 8 and
    750; keys are words, since 1 and true are one key to Python; and a key that is there twice is a mistake, where PyYAML
    would silently take the last.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError) as error:
            # PyYAML lets through what Python says of 2024-13-45, or of a number of five thousand digits.
            kind = str(node.tag).rpartition(":")[2]
            text = str(node.value)[:_LONGEST_SHOWN]
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"{text!r} cannot be read as {kind}; put it in quotes if it is a word",
                node.start_mark,
            ) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            key.tag = "tag:yaml.org,2002:str"
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    "while reading a mapping",
                    node.start_mark,
                    f"{key.value!r} is there twice",
                    key.start_mark,
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float"))
_WHOLE_NUMBER = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")


_REAL_NUMBER = re.compile(
    r"^(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
_STRICTER = {_INT: _WHOLE_NUMBER, _FLOAT: _REAL_NUMBER}
_Yaml12Loader.yaml_implicit_resolvers = {
    first: [(tag, _STRICTER.get(tag, pattern)) for tag, pattern in known if tag != _BOOL or first in "tTfF"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> Any:
    """Read YAML text.

    Raises
    ------
    ValueError
        It is no YAML, is longer than a million characters, or nests too deep; the message says where.
    """
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"is longer than {MOST_CHARACTERS:,} characters; tables belong into files of their own"
        )
    try:
        return yaml.load(text, Loader=_Yaml12Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(f"is no valid YAML: {_in_short(error)}") from error
    except RecursionError as error:
        raise ValueError("is no valid YAML that could be a configuration: it nests too deep") from error


def _in_short(error: yaml.YAMLError) -> str:
    """What is wrong and where, on one line."""
    problem = getattr(error, "problem", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
    return f"{' '.join(str(problem).split())}{where}"


def refuse_what_no_value_holds(tree: Any) -> None:
    """Refuse what would harm or mislead whatever reads it: aliases that unfold without end, NUL, half characters.

    Raises
    ------
    ValueError
        Names the place.
    """
    for count, (place, value) in enumerate(_walked(tree)):
        where = ".".join(part[:_LONGEST_SHOWN] for part in place) or "top level"
        if count > _MOST_VALUES:
            raise ValueError(f"unfolds to more than {_MOST_VALUES:,} values; an alias may repeat others")
        if len(place) > _MOST_DEPTH:
            raise ValueError(f"nests deeper than {_MOST_DEPTH} levels; an alias may hold itself")
        texts = [value] if isinstance(value, str) else []
        texts += place[-1:]
        if any("\x00" in text for text in texts):
            raise ValueError(f"holds a NUL character at {where}, which no name and no value has")
        if any("\ud800" <= sign <= "\udfff" for text in texts for sign in text):
            raise ValueError(f"holds half a character (a lone surrogate) at {where}, which is no text")
        if isinstance(value, int) and abs(value) >= _LARGEST_WHOLE_NUMBER:
            raise ValueError(f"holds a number of more than 300 digits at {where}")


def _walked(tree: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value with the keys that lead to it, never faster than it is asked for."""
    waiting: list[Iterator[tuple[tuple[str, ...], Any]]] = [iter([((), tree)])]
    while waiting:
        found = next(waiting[-1], None)
        if found is None:
            waiting.pop()
            continue
        yield found
        place, value = found
        if isinstance(value, Mapping):
            inner = cast("Mapping[Any, Any]", value).items()
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
            inner = enumerate(cast("Sequence[Any]", value))
        else:
            continue
        waiting.append(iter([((*place, str(key)), child) for key, child in inner]))
