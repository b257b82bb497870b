"""Parquet files that make up one table: the same columns, of the same kinds, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from propensity.engines.naming import named
from propensity.errors import SchemaError, SourceError


def same_columns(files: Sequence[Path]) -> tuple[str, ...]:
    """Refuse files whose columns differ: what one lacks would be null in silence, a date would become midnight.

    Returns
    -------
    The column names as the first file has them, in its order.

    Raises
    ------
    SourceError
        A file is no Parquet.
    SchemaError
        A file lacks a column, has one more, or has one of another kind.
    """
    first: dict[str, str | None] = {}
    names: tuple[str, ...] = ()
    for place, file in enumerate(files):
        schema = _schema(file)
        kinds = {field.name: _kind(field.type) for field in schema}
        if place == 0:
            first, names = kinds, tuple(schema.names)
        folded = [name.casefold() for name in schema.names]
        if len(files) > 1 and len(set(folded)) < len(folded):
            twice = [name for name in schema.names if folded.count(name.casefold()) > 1]
            raise SchemaError(
                f"{file.name} has columns of one name but for upper and lower case: {named(twice)}. Parts of a table "
                "are put together by name; give each column its own."
            )
        if set(kinds) != set(first):
            odd = named(sorted(set(kinds) ^ set(first)))
            raise SchemaError(f"{file.name} and {files[0].name} do not both have {odd}. {_ALIKE}")
        for name, kind in kinds.items():
            known = first[name]
            if known is None:
                first[name] = kind
            elif kind not in (None, known):
                raise SchemaError(
                    f"column {name!r} is a {kind} in {file.name}, but a {known} in files before it. {_ALIKE}"
                )
    return names


def rows_of(file: Path) -> int:
    """How many rows its footer says a readable Parquet file has."""
    return pq.read_metadata(file).num_rows


_ALIKE = "Files of one table must be laid out alike."


def _schema(file: Path) -> pa.Schema:
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError) as error:
        message = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{file} cannot be read as Parquet: {message} Copy or export it again.") from error
    wide = [field.name for field in schema if pa.types.is_decimal256(field.type)]
    if wide:
        raise SchemaError(
            f"{file} has decimals of more than 38 digits, which cannot be read without loss: {named(wide)}. Write them "
            "as decimals of at most 38 digits, or as text."
        )
    return schema


def _kind(kind: pa.DataType) -> str | None:
    """What kind a column is; None for one without a single value."""
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
