"""Reading the YAML file: overrides, paths, and mistakes explained with the nearest right key.

Paths in the file are relative to the file; paths given by `--set` are relative to where the command runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ValidationError

from propensity.config import Config
from propensity.errors import ConfigError


class _Yaml12Loader(yaml.SafeLoader):
    """Safe YAML in which only true and false are booleans: `yes`, `no`, `on` and `off` are words, as in YAML 1.2."""


_Yaml12Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Yaml12Loader)  # noqa: S506 - a SafeLoader


_PATH_KEYS = frozenset({"folder", "database", "models", "out", "quarantine"})
_SUGGESTION_CUTOFF = 0.6


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
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}). Give the configuration with --config."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}).") from error
    try:
        raw = _parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"{path} holds {type(raw).__name__}, not a mapping with `tables:`.")
    tree = cast("dict[str, Any]", _absolute(raw, path.resolve().parent))
    for override in overrides:
        _override(tree, override)
    return parse_config(tree, base=path.resolve().parent, origin=str(path))


def parse_config(tree: Mapping[str, Any], *, base: Path, origin: str = "the configuration") -> Config:
    """Validate a mapping as YAML gives it; relative default paths are taken from `base`."""
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{origin} does not fit:\n{_explain(error)}") from error
    return config.model_copy(
        update={
            "paths": config.paths.model_copy(
                update={key: _resolve(value, base) for key, value in config.paths.model_dump().items()}
            ),
            "data": config.data.model_copy(update={"folder": _resolve(config.data.folder, base)}),
            "tracking": config.tracking.model_copy(update={"uri": _resolve_uri(config.tracking.uri, base)}),
        }
    )


def _resolve(path: Path, base: Path) -> Path:
    return path if path.is_absolute() else (base / path).resolve()


def _resolve_uri(uri: str, base: Path) -> str:
    prefix = "sqlite:///"
    if not uri.startswith(prefix) or uri.startswith(prefix + "/") or uri == prefix + ":memory:":
        return uri
    return prefix + str(_resolve(Path(uri.removeprefix(prefix)), base))


def _absolute(node: Any, base: Path) -> Any:
    """Make the paths of the file absolute, but for table paths, which data.folder gives the place."""
    tree = dict(node)
    for section in ("data", "paths"):
        if isinstance(tree.get(section), dict):
            tree[section] = {
                key: str(_resolve(Path(value), base))
                if key in _PATH_KEYS and isinstance(value, str)
                else value
                for key, value in tree[section].items()
            }
    return tree


def _override(tree: dict[str, Any], override: str) -> None:
    """Set one dotted key; mappings on the way are made where they are missing."""
    dotted, equals, text = override.partition("=")
    keys = dotted.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"--set {override!r} is not dotted.key=value, such as outcome.horizon_days=45.")
    try:
        value = _parse_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override!r}: the value is no valid YAML: {error}") from error
    if keys[-1] in _PATH_KEYS and keys[0] in {"data", "paths"} and isinstance(value, str):
        value = str(Path(value).resolve())
    node = tree
    for key in keys[:-1]:
        child = node.get(key)
        node[key] = dict(cast("Mapping[str, Any]", child)) if isinstance(child, dict) else {}
        node = node[key]
    node[keys[-1]] = value


def _explain(error: ValidationError) -> str:
    """One line a mistake: where, what, and the nearest right key."""
    lines: list[str] = []
    for issue in error.errors(include_url=False):
        where = ".".join(str(part) for part in issue["loc"])
        message = issue["msg"].removeprefix("Value error, ")
        if issue["type"] == "extra_forbidden":
            message = f"unknown key{_nearest(issue['loc'])}"
        lines.append(f"  {where or 'top level'}: {message}")
    return "\n".join(dict.fromkeys(lines))


def _nearest(location: tuple[int | str, ...]) -> str:
    """Find the key that was probably meant, walking the models along the location."""
    model: type[BaseModel] | None = Config
    for part in location[:-1]:
        field = model.model_fields.get(str(part)) if model is not None else None
        if field is None:
            continue
        model = next((kind for kind in _models_in(field.annotation)), None)
    names = list(model.model_fields) if model is not None else []
    near = difflib.get_close_matches(str(location[-1]), names, 1, _SUGGESTION_CUTOFF)
    return f"; do you mean {near[0]!r}?" if near else (f"; there are {', '.join(names)}" if names else "")


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation speaks of, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]
