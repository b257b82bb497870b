"""Parquet files that make up one table: the same columns, of the same kinds, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from propensity.errors import SchemaError, SourceError


def same_columns(files: Sequence[Path]) -> None:
    """Refuse files whose columns differ: what one lacks would be null in silence, a date would become midnight.

    Raises
    ------
    SourceError
        A file is no Parquet.
    SchemaError
        A file lacks a column, has one more, or has one of another kind.
    """
    first: dict[str, str | None] = {}
    for place, file in enumerate(files):
        kinds = _kinds(file)
        if place == 0:
            first = kinds
        if set(kinds) != set(first):
            odd = ", ".join(sorted(set(kinds) ^ set(first)))
            raise SchemaError(f"{file.name} and {files[0].name} do not both have {odd}. {_ALIKE}")
        for name, kind in kinds.items():
            known = first[name]
            if known is None:
                first[name] = kind
            elif kind not in (None, known):
                raise SchemaError(
                    f"column {name!r} is a {kind} in {file.name}, but a {known} in files before it. {_ALIKE}"
                )


_ALIKE = "Files of one table must be laid out alike."


def _kinds(file: Path) -> dict[str, str | None]:
    """What kind each column is; None for a column without a single value."""
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        message = str(error).splitlines()[0]
        raise SourceError(f"{file} cannot be read as Parquet: {message} Copy or export it again.") from error
    return {field.name: _kind(field.type) for field in schema}


def _kind(kind: pa.DataType) -> str | None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind):
        return None
    if pa.types.is_timestamp(kind):
        return "time with a zone" if kind.tz else "time without a zone"
    tests = {
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "date": (pa.types.is_date,),
    }
    for name, kinds in tests.items():
        if any(test(kind) for test in kinds):
            return name
    return str(kind)
