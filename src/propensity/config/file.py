"""Reading the YAML file: overrides, paths, and mistakes explained with the nearest right key.

Paths in the file are relative to the file; paths given by `--set` are relative to where the command runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from propensity.config import Config, TableConfig
from propensity.config.tables import contract_mistakes
from propensity.config.yaml import MOST_CHARACTERS, parse_yaml, refuse_what_no_value_holds
from propensity.errors import ConfigError
from propensity.schema import TABLES

_SUGGESTION_CUTOFF = 0.6
_LONGEST_VALUE = 60
_MAPPING_WANTED = frozenset({"dict_type", "mapping_type", "model_type", "model_attributes_type"})
_KINDS = frozenset({"str", "int", "float", "bool", "ColumnMapping"})


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file, apply `dotted.key=value` overrides, and return the frozen configuration.

    Parameters
    ----------
    path
        The YAML file. Relative paths in it are relative to its folder.
    overrides
        Strings such as `outcome.horizon_days=45`; the value is read as YAML. Relative paths in them are
        relative to the current folder.

    Raises
    ------
    ConfigError
        The file is missing, is no YAML mapping, or a key or value does not fit. All mistakes are named at once.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except ValueError as error:
        if not isinstance(error, UnicodeDecodeError):
            raise ConfigError(f"{str(path)!r} is no name of a file ({error}).") from error
        raise ConfigError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). Give the configuration with --config."
        ) from error
    try:
        raw = parse_yaml(text)
        refuse_what_no_value_holds(raw)
    except ValueError as error:
        raise ConfigError(f"{path} {error}.") from error
    if not isinstance(raw, dict):
        raise ConfigError(
            f"{path} {_no_mapping(raw)}. Give the YAML file that maps your tables; `propensity init DIR` writes a first one."
        )
    tree = _absolute(cast("dict[str, Any]", raw), path.resolve().parent)
    if isinstance(tree.get("engine"), str):
        # So that --set engine.threads=2 finds where to put it.
        tree["engine"] = {"kind": tree["engine"]}
    for override in overrides:
        _override(tree, override)
    return parse_config(tree, base=path.resolve().parent, origin=str(path))


def _no_mapping(raw: object) -> str:
    if raw is None:
        return "is empty"
    kind = "text" if isinstance(raw, str) else "a list" if isinstance(raw, list) else "a single value"
    return f"is no mapping of settings (it holds {kind})"


def parse_config(tree: Mapping[str, Any], *, base: Path, origin: str = "the configuration") -> Config:
    """Validate a mapping as YAML gives it; relative paths are taken from `base`, default ones too."""
    try:
        refuse_what_no_value_holds(tree)
    except ValueError as error:
        raise ConfigError(f"{origin} {error}.") from error
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        mistakes = "\n".join(dict.fromkeys([*_explain(error, tree), *_of_tables(tree)]))
        raise ConfigError(f"{origin} does not fit:\n{mistakes}") from error
    data, tracking = config.data, config.tracking
    database = _resolve(data.database, base) if isinstance(data.database, Path) else data.database
    uris = {"uri": _resolve_uri(tracking.uri, base)}
    if tracking.artifacts is not None:
        uris["artifacts"] = _resolve_place(tracking.artifacts, base)
    given = {key: value for key, value in config.paths.model_dump().items() if value is not None}
    paths = {key: _resolve(value, base) for key, value in given.items()}
    own = tuple(_resolve(path, base) for path in config.features.own)
    spark = config.engine.spark
    if spark.scratch is not None:
        spark = spark.model_copy(update={"scratch": _resolve(spark.scratch, base)})
    return config.model_copy(
        update={
            "features": config.features.model_copy(update={"own": own}),
            "paths": config.paths.model_copy(update=paths),
            "engine": config.engine.model_copy(update={"spark": spark}),
            "data": data.model_copy(update={"folder": _resolve(data.folder, base), "database": database}),
            "tracking": tracking.model_copy(update=uris),
        }
    )


def _resolve(path: Path, base: Path) -> Path:
    return path if path.is_absolute() else (base / path).resolve()


def _resolve_uri(uri: str, base: Path) -> str:
    prefix = "sqlite:///"
    if not uri.startswith(prefix) or uri.startswith(prefix + "/") or uri == prefix + ":memory:":
        return uri
    return prefix + str(_resolve(Path(uri.removeprefix(prefix)), base))


def _resolve_place(place: str, base: Path) -> str:
    """A folder, or any address with a scheme, such as s3://..."""
    return place if "://" in place or not place else str(_resolve(Path(place), base))


def _absolute(node: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Make paths absolute, but for table paths, which data.folder gives the place."""
    tree = dict(node)
    for section, keys in _PATHS.items():
        if isinstance(tree.get(section), dict):
            known = cast("dict[str, Any]", tree[section])
            tree[section] = {
                key: _at(keys[key], value, base) if key in keys else value for key, value in known.items()
            }
    return tree


def _at(resolve: Callable[[str, Path], str], value: object, base: Path) -> object:
    """One path, or a list of them; what is neither is left for validation."""
    if isinstance(value, list):
        return [_at(resolve, part, base) for part in cast("list[object]", value)]
    return resolve(value, base) if isinstance(value, str) else value


def _resolve_text(path: str, base: Path) -> str:
    return str(_resolve(Path(path), base))


_PATHS: Mapping[str, Mapping[str, Callable[[str, Path], str]]] = {
    "data": {"folder": _resolve_text, "database": _resolve_place},
    "paths": {
        "models": _resolve_text,
        "out": _resolve_text,
        "reports": _resolve_text,
        "quarantine": _resolve_text,
        "ledger": _resolve_text,
        "state": _resolve_text,
        "logs": _resolve_text,
        "cache": _resolve_text,
    },
    "tracking": {"uri": _resolve_uri, "artifacts": _resolve_place},
    "features": {"own": _resolve_text},
}


def _override(tree: dict[str, Any], override: str) -> None:
    """Set one dotted key; mappings on the way are made where they are missing."""
    dotted, equals, text = override.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not equals or not all(keys):
        raise ConfigError(f"--set {override!r} is not dotted.key=value, such as outcome.horizon_days=45.")
    try:
        refuse_what_no_value_holds(keys)
        value = parse_yaml(text)
        refuse_what_no_value_holds(value)
    except ValueError as error:
        raise ConfigError(f"--set {_cut(override)}: the value {error}.") from error
    nested: Any = value
    for key in reversed(keys):
        nested = {key: nested}
    value = _absolute(nested, Path.cwd())
    for key in keys:
        value = value[key]
    node = tree
    for place, key in enumerate(keys[:-1], 1):
        child = node.get(key)
        if child is not None and not isinstance(child, dict):
            raise ConfigError(
                f"--set {override!r}: {'.'.join(keys[:place])} is {child!r}, which holds no {keys[place]!r}. "
                f"Set {'.'.join(keys[:place])} as a whole."
            )
        node[key] = dict(cast("Mapping[str, Any]", child)) if child is not None else {}
        node = node[key]
    node[keys[-1]] = value


def _explain(error: ValidationError, tree: Mapping[str, Any]) -> list[str]:
    """One line a mistake: where, what, and the nearest right key."""
    lines: list[str] = []
    for issue in error.errors(include_url=False):
        place = _place(issue["loc"], tree)
        if (
            isinstance(issue["input"], dict)
            and issue["type"] == "string_type"
            and _is_noise(str(issue["loc"][-1]))
        ):
            continue  # the other kind of value, a mapping, is meant, and has mistakes of its own
        where = ".".join(part if len(part) <= _LONGEST_VALUE else _cut(part) for part in place)
        message = issue["msg"].removeprefix("Value error, ")
        if issue["type"] == "extra_forbidden":
            message = f"unknown key{_nearest(issue['loc'])}"
        elif issue["loc"][0] == "tables" and issue["loc"][-1] == "[key]":
            message = f"unknown table{_near(place[-1], list(TABLES))}"
        elif issue["type"] == "tuple_type":
            message = f"a list is wanted, such as [a, b], not {_cut(issue['input'])}"
        elif issue["type"] in _MAPPING_WANTED:
            message = f"a mapping is wanted, such as {{key: value}}, not {_cut(issue['input'])}"
        elif issue["type"] not in ("missing", "value_error"):
            message += f", not {_cut(issue['input'])}"
        lines += [
            f"  {line}" if line.startswith("tables.") else f"  {where or 'top level'}: {line}"
            for line in message.split("\n")
        ]
    return lines


def _of_tables(tree: Mapping[str, Any]) -> list[str]:
    """What the tables that can be read have against the contract, when others, or other sections, cannot."""
    tables: dict[Any, TableConfig] = {}
    raw = tree.get("tables")
    if not isinstance(raw, dict):
        return []
    for name, table in cast("dict[Any, Any]", raw).items():
        if name in TABLES:
            try:
                tables[name] = TableConfig.model_validate(table)
            except ValidationError:
                continue
    data = tree.get("data")
    database = not isinstance(data, dict) or bool(cast("dict[str, Any]", data).get("database"))
    mistakes = contract_mistakes(tables, database=database)
    return [
        f"  {mistake}"
        for mistake in mistakes
        if "leads" not in raw or "tables.leads is missing" not in mistake
    ]


def _cut(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _place(location: tuple[int | str, ...], tree: Mapping[str, Any]) -> list[str]:
    """The keys of the file that lead to a mistake: `sources`, and the place in it, only where the file has them."""
    parts = list(location)
    if len(parts) > 3 and parts[0] == "tables" and parts[2] == "sources":  # noqa: PLR2004 - the name is between
        raw: Any = tree.get("tables")
        given: Any = cast("dict[Any, Any]", raw).get(parts[1]) if isinstance(raw, dict) else None
        if isinstance(given, list):
            del parts[2]
        elif not isinstance(given, dict) or "sources" not in given:
            del parts[2:4]
    return [str(part) for part in parts if not _is_noise(str(part))]


def _is_noise(part: str) -> bool:
    """What pydantic puts into places that is no key of the file."""
    return part == "[key]" or part.startswith(("function-", "constrained-")) or part in _KINDS


def _nearest(location: tuple[int | str, ...]) -> str:
    """Find the key that was probably meant, walking the models along the location."""
    model: type[BaseModel] | None = Config
    for part in location[:-1]:
        field = model.model_fields.get(str(part)) if model is not None else None
        if field is None:
            continue
        model = next((kind for kind in _models_in(field.annotation)), None)
    return _near(str(location[-1]), list(model.model_fields) if model is not None else [])


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, 1, _SUGGESTION_CUTOFF)
    return f"; do you mean {near[0]!r}?" if near else (f"; there are {', '.join(names)}" if names else "")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation speaks of, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
