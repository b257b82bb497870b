"""Source columns to canonical types, with a flag for each value that does not fit. Ibis in, Ibis out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.engines import Functions
    from propensity.schema import ColumnType

TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")
_DATE = r"^\d{4}-\d{1,2}-\d{1,2}$"
_ZONED = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([Zz]|UTC|[+-]\d{2}(:?\d{2})?)$"
_TIME_OF_DAY = ("%H", "%I", "%c", "%X", "%T")
_BAD_WORDS: Mapping[str, str] = {
    "timestamp": "not a date or time",
    "number": "not a finite number",
    "boolean": "neither yes nor no",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical column: its values, and where the source had something that does not fit (None: cannot happen)."""

    value: ir.Value
    bad: ir.BooleanValue | None
    rule: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How one source column is read."""

    null_words: Sequence[str] = ()
    values: Mapping[str, str] | None = None
    format: str | None = None
    zone: str = "UTC"


def parse(column: ir.Column, kind: ColumnType, how: Reading, functions: Functions) -> Parsed:
    """Read a source column as a canonical type.

    A null word, an empty text and NaN are null. Anything else that cannot be read as `kind` is null and flagged.
    """
    text = as_text(column, how)
    if kind in ("id", "text"):
        return Parsed(text, None, "")
    native = how.values is None and not how.null_words
    if kind == "number":
        value = column.cast("float64") if native and column.type().is_numeric() else text.try_cast("float64")
        value = ibis.cases((value.isinf() | value.isnan(), ibis.null("float64")), else_=value)
    elif kind == "boolean":
        value = column if native and column.type().is_boolean() else _boolean(text)
    else:
        value = _timestamp(column, text, how, functions)
    return Parsed(value, text.notnull() & value.isnull(), _BAD_WORDS[kind])


def as_text(column: ir.Column, how: Reading) -> ir.StringValue:
    """The column as trimmed text: null words and blanks are null, mapped values replaced; 7.0 reads as 7."""
    kind = column.type()
    if kind.is_floating():
        whole = (column == column.floor()) & (column.abs() < 2**53)
        text = ibis.cases(
            (column.isnan(), ibis.null("string")),
            (whole, column.try_cast("int64").cast("string")),
            else_=column.cast("string"),
        )
    else:
        text = column if kind.is_string() else column.cast("string")
    text = text.strip().nullif("")
    if how.null_words:
        text = ibis.cases((text.isin(list(how.null_words)), ibis.null("string")), else_=text)
    if how.values:
        text = ibis.cases(*((text == old, new) for old, new in how.values.items()), else_=text).nullif("")
    return text


def _boolean(text: ir.StringValue) -> ir.BooleanValue:
    word = text.lower()
    return ibis.cases(
        (word.isin(TRUE_WORDS), ibis.literal(True)),
        (word.isin(FALSE_WORDS), ibis.literal(False)),
        else_=ibis.null("boolean"),
    )


def _timestamp(
    column: ir.Column, text: ir.StringValue, how: Reading, functions: Functions
) -> ir.TimestampValue:
    """UTC instants. A date without a time of day is the last microsecond of that day, local time."""
    kind = column.type()
    if kind.is_timestamp():
        return (
            column.cast("timestamp('UTC', 6)")
            if kind.timezone
            else functions.to_utc(column.cast("timestamp(6)"), how.zone)
        )
    if kind.is_date():
        return functions.to_utc(_end_of_day(column.cast("timestamp(6)")), how.zone)
    if how.format is not None:
        local = functions.parse_timestamp(text, how.format)
        dated = not any(sign in how.format for sign in _TIME_OF_DAY)
        return functions.to_utc(_end_of_day(local) if dated else local, how.zone)
    local = text.try_cast("timestamp(6)")
    return ibis.cases(
        (text.re_search(_DATE), functions.to_utc(_end_of_day(local), how.zone)),
        (text.re_search(_ZONED), text.try_cast("timestamp('UTC', 6)")),
        else_=functions.to_utc(local, how.zone),
    )


def _end_of_day(midnight: ir.TimestampValue) -> ir.TimestampValue:
    return midnight + ibis.interval(days=1) - ibis.interval(microseconds=1)
