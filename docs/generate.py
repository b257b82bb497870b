"""Write the pages that come from the code: `make docs`. A test holds them to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from propensity.config import Config, TableConfig
from propensity.schema import TABLES

HERE = Path(__file__).parent


def configuration() -> str:
    """docs/configuration.md: every key of the YAML file, and the canonical tables."""
    lines = [
        "# Configuration",
        "",
        "One YAML file says everything. This page is generated from the code (`make docs`).",
        "",
        "Paths in the file are relative to the file, table paths to `data.folder`; paths given by `--set` are relative to",
        "where the command runs. `yes`, `no`, `on` and `off` are words, as in YAML 1.2; only `true` and `false` are booleans.",
        "",
        "## Canonical tables",
        "",
        "What `tables.<name>.columns` maps to. Only `leads` is required. `*` marks required columns. A source column of the",
        "same name is taken as it is; the file's own row number can be mapped as `_row`. How to join tables, split rows and read",
        "bands and dates: [mapping.md](mapping.md).",
        "",
    ]
    for table in TABLES.values():
        lines += [f"### {table.name}", "", "| column | type | meaning |", "|---|---|---|"]
        lines += [f"| {c.name}{'*' if c.required else ''} | {c.type} | {c.meaning} |" for c in table.columns]
        lines.append("")
    lines += ["## Keys", ""]
    for title, model in sections(Config, "", set()):
        lines += [f"### {title or 'top level'}", "", (model.__doc__ or "").strip().splitlines()[0], ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        lines += [
            row(name, field) for name, field in model.model_fields.items() if not models_in(field.annotation)
        ]
        lines += [
            f"| {name} | see below | {default(field)} | {cell(field.description or '')} |"
            for name, field in model.model_fields.items()
            if models_in(field.annotation)
        ]
        lines.append("")
    return "\n".join(lines)


def sections(
    model: type[BaseModel], prefix: str, seen: set[type[BaseModel]]
) -> Iterator[tuple[str, type[BaseModel]]]:
    """Every model of the configuration with the first dotted place where it stands, each model once."""
    if model is not TableConfig:
        yield prefix, model
    for name, field in model.model_fields.items():
        for inner in models_in(field.annotation):
            many = "Mapping" in str(field.annotation)
            listed = "[]" if "tuple" in str(field.annotation) else ""
            # One source needs no list, so that its keys stand right below the table's name.
            own = "" if model is TableConfig else name + listed
            place = ".".join(part for part in (prefix, own, "<name>" if many else "") if part)
            if inner not in seen:
                seen.add(inner)
                yield from sections(inner, place, seen)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def row(name: str, field: FieldInfo) -> str:
    """One line of a table of keys."""
    return f"| {name} | {kind(field.annotation)} | {default(field)} | {cell(field.description or '')} |"


def kind(annotation: Any) -> str:
    """A type as a person writes it."""
    if annotation is type(None):
        return "null"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(kind(part) for part in arguments)
    if origin is tuple:
        return f"list of {kind(arguments[0])}"
    if str(origin).endswith("Literal'>") or "Literal" in str(origin):
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is not None and arguments:
        if "Mapping" in str(origin):
            return f"mapping of {kind(arguments[0])} to {kind(arguments[1])}"
        return kind(arguments[0])
    names = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "true or false",
        "datetime": "date or time",
    }
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name.lower())


def default(field: FieldInfo) -> str:
    """A default as YAML would hold it."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel) or (isinstance(value, dict) and value):
        return "its own defaults"
    if isinstance(value, tuple) and any(isinstance(part, BaseModel) for part in value):
        return "its own defaults"
    if isinstance(value, tuple):
        return f"`[{', '.join(str(part) for part in value)}]`"
    if value in ({}, None):
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def cell(text: str) -> str:
    """Text that a Markdown table can hold."""
    return text.replace("|", "\\|")


def features() -> str:
    """docs/features.md. The engine is loaded here, and not to write the configuration."""
    sys.path.insert(0, str(HERE))
    try:
        return import_module("catalogue").features_page()
    finally:
        sys.path.remove(str(HERE))


PAGES = {"configuration.md": configuration, "features.md": features}


def main() -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        sys.stderr.write(f"wrote {HERE / name}\n")


if __name__ == "__main__":
    main()
