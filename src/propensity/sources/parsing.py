"""Source columns to canonical types, with a flag for each value that does not fit. Ibis in, Ibis out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ibis

from propensity.engines.untyped import Value
from propensity.errors import ConfigError
from propensity.sources.numbers import band_number, let, plain_number

if TYPE_CHECKING:
    from propensity.engines import Functions
    from propensity.schema import ColumnType

WHOLE = r"^(-?\d+)\.0+$"
"""What a whole number looks like that went through floats."""
TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")
_ZONE = r"(?:Z|z|UTC|GMT|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)$"
_ISO = (
    r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}(?:[ T]+\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d+)?)?(?: ?" + _ZONE[:-1] + ")?)?$"
)
_LONGEST_DATE = len("2024-01-05")
_UTC = "timestamp('UTC', 6)"
_TIME_OF_DAY = re.compile(r"%-?[HIcXfgn]")
_YEAR = re.compile(r"%-?[YyGcx]")
_NO_OFFSET = r"[+-](?:1[5-9]|[2-9]\d)(?::?\d{2})?$|[+-]\d{2}:?[6-9]\d$"
"""What an engine reads as an offset from UTC, and no clock on Earth has."""
_BLANK = r"\x{09}-\x{0D}\x{20}\x{1C}-\x{1F}\x{85}\x{A0}\x{AD}\x{1680}\x{2000}-\x{200F}\x{2028}-\x{202F}\x{205F}-\x{2069}\x{3000}\x{FEFF}"
_EDGES = rf"^[{_BLANK}]+|[{_BLANK}]+$"
"""Blanks of Unicode, and signs that nobody sees, such as zero-width ones and those that turn the direction."""
_FIRST_SIGN, _LAST_SIGN = "!", "~"
"""The printable signs of ASCII but the blank."""
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
"""What Python and pandas can hold in any zone; engines also read `infinity` and the year 290000."""
_EARLIEST_LOCAL, _LATEST_LOCAL = (day.replace(tzinfo=None) for day in (_EARLIEST, _LATEST))
MOST = 1e18
"""The largest number that is taken, on either side of zero."""
_BAD_WORDS: Mapping[str, str] = {
    "timestamp": "not a date or time",
    "number": "not a number from -1e18 to 1e18",
    "boolean": "neither yes nor no",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical column: its values, and where the source had something that does not fit (None: cannot happen)."""

    value: Value
    bad: Value | None
    rule: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How one source column is read."""

    null_words: Sequence[str] = ()
    values: Mapping[str, str] | None = None
    formats: Sequence[str] = ()
    zone: str = "UTC"
    decimal: str | None = None
    band: str | None = None
    scale: float = 1.0


def parse(column: Value, kind: ColumnType, how: Reading, functions: Functions) -> Parsed:
    """Read a source column as a canonical type.

    A null word, an empty text and NaN are null. Anything else that cannot be read as `kind` is null and flagged.
    """
    native = how.values is None and not how.null_words
    if kind == "id" and native and column.type().is_integer():
        return Parsed(column.cast("string"), None, "")
    text = as_text(column, how)
    if kind == "id":
        # Whoever writes ids through floats, as pandas does where some are missing, gives 7.0 for 7.
        return Parsed(text.re_replace(WHOLE, r"\1"), None, "")
    if kind == "text":
        return Parsed(text, None, "")
    there = _there(column, text) if native else text.notnull()
    if kind == "number":
        value = column.cast("float64") if native and column.type().is_numeric() else _number(text, how)
        value = value * how.scale if how.scale != 1 else value
        written = how.decimal is not None or how.band is not None
        value = let(value, _finite) if written else _finite(value)
    elif kind == "boolean":
        value = column if native and column.type().is_boolean() else _boolean(text)
    else:
        value = _timestamp(column, text, there, how, functions)
    bad = there & value.isnull()
    if kind == "number" and not (native and column.type().is_numeric()):
        bad = bad & (text.lower() != "nan")
    return Parsed(value, bad, _BAD_WORDS[kind])


def _there(column: Value, text: Value) -> Value:
    """Where the source says something; a typed value need not become text for that, which costs more than all the rest."""
    kind = column.type()
    if kind.is_floating():
        return column.notnull() & ~column.isnan()
    typed = kind.is_integer() or kind.is_boolean() or kind.is_timestamp() or kind.is_date()
    return (column if typed else text).notnull()


def as_text(column: Value, how: Reading) -> Value:
    """The column as text without blanks around it: null words and blanks are null, mapped values replaced; 7.0 reads as 7."""
    kind = column.type()
    text: Value
    if kind.is_floating():
        nearest = column.try_cast("int64")  # null where it is out of range, as infinity is
        whole = (column == nearest.cast("float64")) & (column.abs() < 2**53)
        text = ibis.cases(
            (column.isnan(), ibis.null("string")),
            (whole, nearest.cast("string")),
            else_=column.cast("string"),
        )
    else:
        text = column if kind.is_string() else column.cast("string")
    text = _trimmed(text).nullif("")
    if how.null_words:
        text = ibis.cases((text.isin(list(how.null_words)), ibis.null("string")), else_=text)
    if how.values:
        text = ibis.cases(*((text == old, new) for old, new in how.values.items()), else_=text)
        text = text.nullif("")
    return text


def _trimmed(text: Value) -> Value:
    """Without blanks around it; most texts begin and end with a plain sign, which is seen sooner than a pattern is tried."""
    ends = (text.left(1), text.right(1))
    plain = [end.between(_FIRST_SIGN, _LAST_SIGN) for end in ends]
    return ibis.cases((plain[0] & plain[1], text), else_=text.re_replace(_EDGES, ""))


def _finite(number: Value) -> Value:
    """Null for infinity, NaN, and what no amount, count or quantity ever is: its products would become infinite."""
    absurd = number.isinf() | number.isnan() | (number.abs() > MOST)
    return ibis.cases((absurd, ibis.null("float64")), else_=number)


def _number(text: Value, how: Reading) -> Value:
    if how.band is not None:
        return band_number(text, how.band, how.decimal)
    return (plain_number(text, how.decimal) if how.decimal is not None else text).try_cast("float64")


def _boolean(text: Value) -> Value:
    word = text.lower()
    return ibis.cases(
        (word.isin(TRUE_WORDS), ibis.literal(True)),
        (word.isin(FALSE_WORDS), ibis.literal(False)),
        else_=ibis.null("boolean"),
    )


def _timestamp(column: Value, text: Value, there: Value, how: Reading, functions: Functions) -> Value:
    """UTC instants. A date without a time of day is the last microsecond of that day, local time."""
    kind = column.type()
    value: Value
    if kind.is_timestamp() and kind.timezone:
        value = column.cast(_UTC)
    elif kind.is_timestamp():
        value = functions.to_utc(_of_our_era(column), how.zone)
    elif kind.is_date():
        value = functions.to_utc(_end_of_day(_of_our_era(column)), how.zone)
    elif how.formats:
        value = ibis.coalesce(*(_formatted(text, one, how.zone, functions) for one in how.formats))
    else:
        value = _iso(text, how.zone, functions)
    held = there & (value >= ibis.literal(_EARLIEST)) & (value <= ibis.literal(_LATEST))
    return ibis.cases((held, value), else_=ibis.null(_UTC))


def ambiguous(column: Value, how: Reading, functions: Functions) -> Value | None:
    """Where two of the formats read a text as different times; None where there are not two."""
    native = column.type().is_timestamp() or column.type().is_date()
    if native or len(how.formats) == 1 or not how.formats:
        return None
    text = as_text(column, how)
    read = [_formatted(text, one, how.zone, functions) for one in how.formats]
    return ibis.least(*read) != ibis.greatest(*read)


def _of_our_era(column: Value) -> Value:
    """Wall-clock time; null where the engine's own arithmetic would fail on it."""
    local = column.try_cast("timestamp(6)")
    ours = (local >= ibis.literal(_EARLIEST_LOCAL)) & (local <= ibis.literal(_LATEST_LOCAL))
    return ibis.cases((ours, local), else_=ibis.null("timestamp(6)"))


def _formatted(text: Value, pattern: str, zone: str, functions: Functions) -> Value:
    found = functions.parse_timestamp(text, pattern)
    signs = pattern.replace("%%", "")
    if _YEAR.search(signs) is None:
        raise ConfigError(f"{pattern!r} says no year, so every time would be one of 1900. Add %Y or %y.")
    if re.search("%-?I", signs) and "%p" not in signs:
        raise ConfigError(
            f"{pattern!r} has the hours of a half day (%I) but not which half. Add %p, or take %H."
        )
    dated = _TIME_OF_DAY.search(signs) is None
    found = _end_of_day(found) if dated else found
    if not found.type().timezone:
        return functions.to_utc(found, zone)
    return ibis.cases((text.re_search(_NO_OFFSET), ibis.null(_UTC)), else_=found)


def _iso(text: Value, zone: str, functions: Functions) -> Value:
    """Only these shapes, because what an engine casts beyond them it may take for midnight, or for another zone."""
    local = text.try_cast("timestamp(6)")
    mended = text.re_replace(r" ?(Z|z|UTC|GMT)$", "+00").re_replace(r" ([+-][\d:]+)$", r"\1")
    mended = mended.re_replace(r"([ T]\d{1,2}:\d{1,2})([+-][\d:]+)$", r"\1:00\2")
    instant = ibis.coalesce(text.try_cast(_UTC), mended.try_cast(_UTC))
    return ibis.cases(
        (~text.re_search(_ISO), ibis.null(_UTC)),
        (text.length() <= _LONGEST_DATE, functions.to_utc(_end_of_day(local), zone)),
        (text.substr(_LONGEST_DATE).re_search(_ZONE), instant),
        else_=functions.to_utc(local, zone),
    )


def _end_of_day(midnight: Value) -> Value:
    return midnight + ibis.interval(days=1) - ibis.interval(microseconds=1)
