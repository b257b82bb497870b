"""Which format a column writes its times in, found by reading them with the very functions that will read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

from propensity.engines.untyped import Table, Value
from propensity.sources.parsing import Reading, as_text, parse
from propensity.starting.kinds import MOST, Times

if TYPE_CHECKING:
    from propensity.engines import Engine

_DAYS = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d %b %Y",
    "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y", "%d-%b-%y", "%a %b %d %Y",
)  # fmt: skip
_CLOCKS = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %I:%M %p",
    " %I:%M:%S %p",
    ", %H:%M",
    ", %H:%M:%S",
    ", %I:%M %p",
    " - %H:%M",
    " %H:%M Uhr",
)
_FORMATS = tuple(day + clock for day in _DAYS for clock in _CLOCKS)
LIKE_A_TIME = (
    r"(?i)^\D{0,12}\d{1,4}[-./ ](?:\d{1,2}|[a-z]{3,9})[-./, ]+\d{1,4}|^[a-z]{3,9}\.? \d{1,2},? \d{4}"
)
"""What is worth the trouble of trying formats on."""
_TRIED = 500
_FIRST_TRIED = 40
_LIKELY = 0.8
_EARLIEST_YEAR, _LATEST_YEAR = 1900, 2100
_LONGEST_DATE = len("2024-01-05")
_ZONE = r"(?:Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)$"


def times_of(engine: Engine, rows: Table, column: Value, null_words: tuple[str, ...]) -> Times | None:
    """How a column writes times, or None where it does not.

    A format must read at least 95 % of a sample of the column's distinct values. ISO 8601 is asked first.

    Parameters
    ----------
    engine
        What computes.
    rows
        The rows to look at.
    column
        The column, a part of `rows`.
    null_words
        Its words for unknown.
    """
    kind = column.type()
    if kind.is_timestamp() or kind.is_date():
        zoned = kind.is_timestamp() and kind.timezone is not None
        return _ranged(engine, rows, column, Times(None, None, dates=kind.is_date(), zoned=zoned), null_words)
    if not kind.is_string():
        return None
    text = as_text(column, Reading(null_words=null_words))
    distinct = rows.select(value=text).filter(lambda t: t["value"].notnull()).distinct().order_by("value")
    sample: Any = engine.materialise(distinct.limit(_TRIED), "starting_times")
    value = sample["value"]
    iso = parse(value, "timestamp", Reading(), engine.functions).value
    counts = engine.collect(
        sample.aggregate(
            rows=sample.count(),
            iso=iso.count(),
            dates=(iso.notnull() & (value.length() <= _LONGEST_DATE)).sum(),
            zoned=(iso.notnull() & value.substr(_LONGEST_DATE).re_search(_ZONE)).sum(),
        )
    ).to_pylist()[0]
    if counts["rows"] and counts["iso"] >= MOST * counts["rows"]:
        found = Times(
            None, None, dates=counts["dates"] == counts["iso"], zoned=counts["zoned"] == counts["iso"]
        )
    else:
        found = _formatted(engine, sample)
    return None if found is None else _ranged(engine, rows, column, found, null_words)


def _formatted(engine: Engine, sample: Table) -> Times | None:
    value, functions = sample["value"], engine.functions
    early, late = ibis.literal(_EARLIEST_YEAR), ibis.literal(_LATEST_YEAR)

    def fits(pattern: str) -> Value:
        instant = functions.parse_timestamp(value, pattern)
        return ((instant.year() >= early) & (instant.year() <= late)).sum()

    formats = _likely(engine.collect(sample.limit(_FIRST_TRIED))["value"].to_pylist())
    if not formats:
        return None
    counts = {f"f{place}": fits(pattern) for place, pattern in enumerate(formats)}
    tried = engine.collect(sample.aggregate(rows=sample.count(), **counts)).to_pylist()[0]
    reads = [tried[name] or 0 for name in counts]
    best = max(reads)
    if best < MOST * tried["rows"]:
        return None
    # Of formats that read as much, a four-digit year is surer than one of two.
    same = [pattern for pattern, count in zip(formats, reads, strict=True) if count == best]
    pattern = next((each for each in same if "%Y" in each), same[0])
    swapped = {"%d": "%m", "%m": "%d"}
    mirror = "".join(swapped.get(part, part) for part in _parts(pattern))
    other = mirror if mirror != pattern and mirror in same else None
    return Times(pattern, other, dates="%H" not in pattern and "%I" not in pattern, zoned=False)


def _likely(values: Sequence[str]) -> list[str]:
    """The formats that read most of a few values: Python tells so sooner than an engine plans 170 expressions."""
    return [
        pattern
        for pattern in _FORMATS
        if sum(_reads(value, pattern) for value in values) >= _LIKELY * max(len(values), 1)
    ]


def _reads(value: str, pattern: str) -> bool:
    try:
        datetime.strptime(value, pattern)  # noqa: DTZ007 - only whether it can
    except ValueError:
        return False
    return True


def _parts(pattern: str) -> list[str]:
    pieces: list[str] = []
    place = 0
    while place < len(pattern):
        width = 2 if pattern[place] == "%" else 1
        pieces.append(pattern[place : place + width])
        place += width
    return pieces


def _ranged(
    engine: Engine, rows: Table, column: Value, found: Times, null_words: tuple[str, ...]
) -> Times | None:
    """The same with the first and the last time; None where more than strays cannot be read after all."""
    how = Reading(null_words=null_words, formats=() if found.format is None else (found.format,))
    parsed = parse(column, "timestamp", how, engine.functions)
    asked = rows.select(value=parsed.value, text=as_text(column, how))
    row = engine.collect(
        asked.aggregate(
            first=asked["value"].min(),
            last=asked["value"].max(),
            read=asked["value"].count(),
            known=asked["text"].count(),
        )
    ).to_pylist()[0]
    if row["read"] < MOST * row["known"]:
        return None
    return Times(found.format, found.other, found.dates, found.zoned, row["first"], row["last"])
