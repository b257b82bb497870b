"""Counts of acts as data: all windows of one filter are counted by a single sum.

Each act gets a word with a field for each window, which holds 1 where the act falls into it. The sum of the words over the
acts that a filter lets through then holds every count in its field. A field has the bits that the lead with the most acts
needs, and a word as many fields as a float64 holds exactly: the sum of floats is that of the integers, in any order.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import ibis

from propensity.features.acts import of_channel, of_direction, of_kinds
from propensity.features.spec import DAY_US

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value

_EXACT_BITS = 52
FEW_ACTS = (1 << _EXACT_BITS // 4) - 1
"""So many acts of a lead leave room for four windows in a word."""
_WORD = "_word"


@runtime_checkable
class Counted(Protocol):
    """What can be computed from counts alone."""

    @property
    def counters(self) -> tuple[Counter, ...]:
        """The counts that are needed."""
        ...

    def of(self, *counts: Value) -> Value:
        """The value, from the counts in the order of `counters`."""
        ...


@dataclass(frozen=True)
class Counter:
    """Count the acts of the last `days` days (int64).

    Parameters
    ----------
    days
        How far back, in days.
    kinds
        Of the types with these numbers only, see `features.acts`; of any where None.
    direction
        Of this direction only.
    channel
        Of the channel with this number only.
    flag
        Only those where this column of the prepared table is true.
    """

    days: int
    kinds: tuple[int, ...] | None = None
    direction: str | None = None
    channel: int | None = None
    flag: str | None = None

    @property
    def counters(self) -> tuple[Counter, ...]:
        """Itself."""
        return (self,)

    def of(self, *counts: Value) -> Value:
        """The count."""
        return counts[0]

    @property
    def filter(self) -> tuple[object, ...]:
        """What lets an act through, whatever its age: counters that share it are counted together."""
        return self.kinds, self.direction, self.channel, self.flag

    def lets_through(self, table: Table) -> Value | None:
        """Which acts count, whatever their age; None where all do."""
        parts: list[Any] = []
        if self.kinds is not None:
            parts.append(of_kinds(self.kinds)(table))
        if self.direction is not None:
            parts.append(of_direction(self.direction)(table))
        if self.channel is not None:
            parts.append(of_channel(self.channel)(table))
        if self.flag is not None:
            parts.append(table[self.flag])
        return reduce(and_, parts) if parts else None

    def __call__(self, table: Table) -> Value:
        """The count as an aggregate, of any number of acts."""
        within, which = table["age_us"] <= self.days * DAY_US, self.lets_through(table)
        return table.count(where=within if which is None else within & which)


@dataclass(frozen=True)
class Ratio:
    """One count over another (float64); null where the latter is 0."""

    part: Counter
    whole: Counter

    @property
    def counters(self) -> tuple[Counter, ...]:
        """Both."""
        return self.part, self.whole

    def of(self, *counts: Value) -> Value:
        """The quotient."""
        return counts[0].cast("float64") / counts[1].cast("float64").nullif(0)

    def __call__(self, table: Table) -> Value:
        """The quotient as an aggregate."""
        return self.of(self.part(table), self.whole(table))


@dataclass(frozen=True)
class Momentum:
    """Acts a day in the last `days` days over acts a day in the `before` days before those; null where there were none."""

    days: int
    before: int

    @property
    def counters(self) -> tuple[Counter, ...]:
        """Of the last days, and of those with the days before."""
        return Counter(self.days), Counter(self.days + self.before)

    def of(self, *counts: Value) -> Value:
        """The quotient of the two rates."""
        recent, both = counts
        before = (both - recent).cast("float64")
        return (recent.cast("float64") / self.days) / (before / self.before).nullif(0)

    def __call__(self, table: Table) -> Value:
        """The quotient as an aggregate."""
        return self.of(*(counter(table) for counter in self.counters))


@dataclass(frozen=True)
class Packed:
    """Totals whose counts are still packed: what is joined to them then carries a few sums instead of a column a count.

    Attributes
    ----------
    totals
        One row a group: its keys, the packed `sums` and what was asked for beside them.
    sums
        The columns that `unpacked` reads.
    """

    totals: Table
    sums: tuple[str, ...]
    _counted: Mapping[str, Counted]
    _fields: Mapping[Counter, tuple[str, int]]
    _bits: int

    def unpacked(self, table: Table) -> dict[str, Value]:
        """What is computed from counts, by name, over a table that holds the sums; the counts are 0 where these are null."""
        sums = {name: table[name].fill_null(ibis.literal(0, "int64")) for name in self.sums}
        counts = {
            counter: _field(sums[name], place, self._bits) for counter, (name, place) in self._fields.items()
        }
        return {
            name: what.of(*(counts[counter] for counter in what.counters))
            for name, what in self._counted.items()
        }


def packed(
    table: Table,
    keys: Sequence[str],
    counted: Mapping[str, Counted],
    others: Mapping[str, Callable[[Table], Value]],
    *,
    most_acts: int,
) -> Packed:
    """Aggregate a prepared table by `keys`: `counted` by packed sums, and `others` beside them.

    Parameters
    ----------
    table
        Acts, with `age_us` and the numbers of `features.acts`.
    keys
        What a group is of.
    counted
        Name to what is computed from counts.
    others
        Name to what gives an aggregate over the table.
    most_acts
        No group has more rows: of more, a field would run into the next.
    """
    bits = max(1, most_acts.bit_length())
    wanted = list(dict.fromkeys(counter for what in counted.values() for counter in what.counters))
    words = _words(wanted, max(1, _EXACT_BITS // bits))
    for place, days in enumerate(words):
        table = table.mutate(**{f"{_WORD}{place}": _word(table["age_us"], days, bits)})
    sums: dict[str, Value] = {}
    fields: dict[Counter, tuple[str, int]] = {}
    by_filter: dict[tuple[object, ...], list[Counter]] = {}
    for counter in wanted:
        by_filter.setdefault(counter.filter, []).append(counter)
    for number, alike in enumerate(by_filter.values()):
        for place, days in enumerate(words):
            here = [counter for counter in alike if counter.days in days]
            if here:
                name = f"_sum{number}_{place}"
                sums[name] = _sum(table, here, table[f"{_WORD}{place}"])
                fields |= {c: (name, 0 if len(here) == 1 else days.index(c.days)) for c in here}
    totals = table.group_by(list(keys)).aggregate(
        **sums, **{name: value(table) for name, value in others.items()}
    )
    return Packed(totals, tuple(sums), counted, fields, bits)


def _sum(table: Table, alike: Sequence[Counter], word: Value) -> Value:
    """The sum of the words that one filter lets through; of a counter that has none beside it, the plain count (int64)."""
    which = alike[0].lets_through(table)
    if len(alike) == 1:
        within = table["age_us"] <= alike[0].days * DAY_US
        which, word = within if which is None else within & which, ibis.literal(1.0, "float64")
    # An aggregate with a filter makes DuckDB slice all columns of the aggregation, once for each of them; a case does not.
    if which is not None:
        word = ibis.cases((which, word), else_=ibis.literal(0.0, "float64"))
    return word.sum().cast("int64")


def _words(counters: Sequence[Counter], fields: int) -> list[tuple[int, ...]]:
    """The windows in groups of `fields`, those that most filters use together; each group ascending."""
    uses = Tally(counter.days for counter in counters)
    days = sorted(uses, key=lambda one: (-uses[one], one))
    return [tuple(sorted(days[start : start + fields])) for start in range(0, len(days), fields)]


def _word(age_us: Value, days: Sequence[int], bits: int) -> Value:
    """1 in the field of each window that the act falls into; 0 for an act older than all (float64, whole)."""
    every = [1 << (bits * place) for place in range(len(days))]
    cases = [
        (age_us <= one * DAY_US, ibis.literal(sum(every[place:]), "int64")) for place, one in enumerate(days)
    ]
    # Of literals with a point the engine would make decimals, whose sums cost ten times as much.
    return ibis.cases(*cases, else_=ibis.literal(0, "int64")).cast("float64")


def _field(total: Value, place: int, bits: int) -> Value:
    """One field of a sum of words."""
    return (total >> (bits * place)) & ((1 << bits) - 1)
