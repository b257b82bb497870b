"""What is known of a batch of leads, by column: acts, days in a zone, text made once a distinct value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute
DAY_US = 86_400_000_000
_LONGEST = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)

Flags = np.ndarray[Any, np.dtype[np.bool_]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Acts:
    """One act of each lead, or none; each array is (leads,).

    Attributes
    ----------
    there
        Whether there is one.
    age_us
        Its age at as_of in microseconds; 0 where there is none.
    """

    there: Flags
    age_us: Ints

    @property
    def days(self) -> Floats:
        """Ages in days."""
        return self.age_us / DAY_US

    def within(self, days: float) -> Flags:
        """Whether there is one that is not older."""
        return self.there & (self.days <= days)


class Facts:
    """A batch of `scoring.facts.lead_facts`, or some of its rows; columns are made when they are asked for.

    Parameters
    ----------
    table
        The batch.
    zone
        Of the days.
    rows
        Places of the rows that are looked at, (leads,); all where None.
    """

    def __init__(self, table: pa.Table, zone: ZoneInfo, rows: Ints | None = None) -> None:
        self.zone, self._table, self._rows = zone, table, rows
        self._known: dict[str, pa.Array] = {}

    def __len__(self) -> int:
        return self._table.num_rows if self._rows is None else len(self._rows)

    def of(self, rows: Ints | Flags) -> Facts:
        """The leads at these places."""
        places = np.arange(len(self))[rows]
        return Facts(self._table, self.zone, places if self._rows is None else self._rows[places])

    def column(self, name: str) -> pa.Array:
        """A column as it is."""
        if name not in self._known:
            found = self._table[name]
            found = found if self._rows is None else found.take(pa.array(self._rows))
            self._known[name] = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
        return self._known[name]

    def number(self, name: str) -> Floats:
        """A column as float64; NaN for null."""
        found = self.column(name).cast(pa.float64())
        return pc.fill_null(found, np.nan).to_numpy(zero_copy_only=False)

    def text(self, name: str) -> pa.Array:
        """A column of text from outside, each value as `plain` makes it; null stays."""
        return told(self.column(name).cast(pa.string()), plain)

    def known(self, name: str) -> Flags:
        """Where a column is not null."""
        return pc.is_valid(self.column(name)).to_numpy(zero_copy_only=False)

    def acts(self, name: str) -> Acts:
        """The acts, or facts, whose ages are in the column `<name>_us`."""
        ages = self.column(f"{name}_us").cast(pa.int64())
        return Acts(self.known(f"{name}_us"), pc.fill_null(ages, 0).to_numpy())

    def instants(self, name: str = "as_of") -> Ints:
        """Microseconds since 1970 in UTC of a column of times; 0 for null."""
        found = self.column(name).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        return pc.fill_null(found, 0).to_numpy()

    def days_of(self, done: Acts) -> pa.Array:
        """The days (date32, in the zone) of acts; null where there is none, and in data without dates."""
        known = done.there & self.known("as_of")
        return days_of(self.instants() - done.age_us, known, self.zone)


def days_of(instants: Ints, known: Flags, zone: ZoneInfo) -> pa.Array:
    """The day of each instant in a zone (date32, (leads,)); null where it is not `known`.

    Parameters
    ----------
    instants
        Microseconds since 1970 in UTC.
    known
        Where there is one.
    zone
        Whose days. Where the calendar ends before the zone's day, it is that of UTC.
    """
    found = np.zeros(len(instants), np.int64)
    here = instants[known]
    days, which = np.unique(here // DAY_US, return_inverse=True)
    offsets = [_steady_offset_us(int(day), zone) for day in days]
    steady = np.array([one is not None for one in offsets], bool)
    offset = np.array([one or 0 for one in offsets], np.int64)
    local = (here + offset[which]) // DAY_US if len(here) else here
    for place in np.flatnonzero(~steady[which]) if len(here) else ():
        instant = _EPOCH + timedelta(microseconds=int(here[place]))
        local[place] = (day_of(instant, zone) - _EPOCH.date()).days
    found[known] = local
    return pa.array(found.astype(np.int32), mask=~known).cast(pa.date32())


@lru_cache(maxsize=1 << 16)
def _steady_offset_us(day: int, zone: ZoneInfo) -> int | None:
    """How far a zone's clock is ahead of UTC throughout a day of UTC; None where that changes within it, or the calendar ends.

    A zone changes it on few days: on all others one distance holds from the first instant to the last.
    """
    first, last = _offset_us(day * DAY_US, zone), _offset_us((day + 1) * DAY_US - 1, zone)
    return first if first == last else None


def _offset_us(instant: int, zone: ZoneInfo) -> int | None:
    """How far a zone's clock is ahead of UTC; None where the calendar ends."""
    try:
        found = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone).utcoffset()
    except OverflowError:
        return None
    return None if found is None else found // timedelta(microseconds=1)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The day of an instant in a zone; that of UTC where the calendar ends before the zone's day."""
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()


def later(instants: Ints, by: Ints, *, least: Ints) -> Ints:
    """Instants moved by so many microseconds, never before `least`, which stands where the calendar ends."""
    moved = instants + by
    return np.where(moved > _LAST_US, least, np.maximum(moved, least))


def told(values: pa.Array, say: Callable[[Any], str]) -> pa.Array:
    """What `say` makes of each value, asked once a distinct one; null stays.

    >>> told(pa.array([2, None, 2]), str).to_pylist()
    ['2', None, '2']
    """
    encoded = values.dictionary_encode()
    words = pa.array([say(value) for value in encoded.dictionary.to_pylist()], pa.string())
    return words.take(encoded.indices)


def told_numbers(values: Floats, say: Callable[[float], str]) -> pa.Array:
    """As `told`, of numbers; null for NaN."""
    return told(pa.array(values, from_pandas=True), say)


def sentence(*parts: pa.Array | str) -> pa.Array:
    """Texts one after the other; null where one of them is."""
    return pc.binary_join_element_wise(*parts, "", null_handling="emit_null")


def joined(between: str, *parts: pa.Array) -> pa.Array:
    """Texts with something between them, without those that are null; without any of them empty.

    >>> joined(", ", pa.array(["a", None, None]), pa.array(["b", "c", None])).to_pylist()
    ['a, b', 'c', '']
    """
    # Arrow's own way to skip nulls loses the rows that hold nothing else.
    found = parts[0]
    for part in parts[1:]:
        found = pc.coalesce(sentence(found, between, part), found, part)
    return found.fill_null("")


def where(condition: Flags, then: pa.Array | str, otherwise: pa.Array | str | None = None) -> pa.Array:
    """One text or the other; null where `otherwise` is None and is chosen."""
    other = pa.scalar(None, pa.string()) if otherwise is None else otherwise
    return pc.if_else(pa.array(condition), then, other)


def filled(text: pa.Array) -> Flags:
    """Where a text is neither null nor empty."""
    return pc.fill_null(pc.not_equal(text, ""), fill_value=False).to_numpy(zero_copy_only=False)


def scattered(parts: Sequence[tuple[Ints, pa.Array]], size: int, kind: pa.DataType) -> pa.Array:
    """Arrays put at their places among `size` rows; null elsewhere."""
    values = pa.concat_arrays([*(part.cast(kind) for _, part in parts), pa.nulls(1, kind)])
    places = np.full(size, len(values) - 1)
    start = 0
    for rows, part in parts:
        places[rows] = np.arange(start, start + len(part))
        start += len(part)
    return values.take(pa.array(places))


def plain(text: str | None) -> str:
    """A value from outside as part of a sentence: one line, only signs that can be seen, not too long; empty for null."""
    if text is None:
        return ""
    line = text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
