"""What the top of a list held under each practice: the model's order, and the orders in which people call today.

A list is the leads that could have been called at one date. Each practice fills the capacity from the list in its own
order; what is counted is who of these became a prospect within the horizon, whoever called them. Orders are judged, not
calls: a lead that nobody called counts as well, and only a holdout shows what calling causes.

Where a practice cannot tell leads apart, each of them is in with equal chance; the count is then the expected one,
computed and not drawn. Random order is the case of one single tie.

The intervals are of accounts (else leads): the dates stay, and other accounts of the same kind come to them, so that the
tops are made anew. They say how far chance goes in who came. How far one date differs from another is not in them and is
shown beside them: the lowest and highest list, and in how many lists the model was ahead. A handful of dates is too few
to resample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from propensity.stats.arrays import Floats, Ints, Presorted, checked, codes
from propensity.stats.bootstrap import Metric, percentiles, times_drawn
from propensity.stats.evaluation import json_safe

if TYPE_CHECKING:
    import numpy.typing as npt

MODEL: Final = "model"
NEWEST: Final = "newest"
OWNER: Final = "owner"
SCORECARD: Final = "scorecard"
RANDOM: Final = "random"
PRACTICES: Final[Mapping[str, str]] = {
    MODEL: "the model",
    NEWEST: "newest first",
    OWNER: "owner's order",
    SCORECARD: "the scorecard",
    RANDOM: "random order",
}
"""The practices in the order in which they are shown, as people call them."""
NOBODY: Final = -1
_ROUNDING: Final = 1e-9
"""Expected counts that differ by less are the same."""


@dataclass(frozen=True)
class Order:
    """In which order a practice calls the leads of a list.

    Attributes
    ----------
    key : (n,) float64, no nulls; the highest of a list is called first, equal ones are told apart by chance.
    worker : (n,) int64, who works the lead, NOBODY for none; None where all work one queue. The capacity is dealt
        evenly over the workers of a list; what one of them cannot use goes to the others. Leads of nobody are not called.
    """

    key: Floats
    worker: Ints | None = None


@dataclass(frozen=True)
class Lists:
    """Lists in the order of time.

    Attributes
    ----------
    number : (n,) int64, the list of each row, from 0; each number up to the last occurs.
    names : of each list, such as its as_of as a date.
    as_of : when each list was made (UTC); None without dates.
    months : of each list, such as `2026-01`; None without dates.
    """

    number: Ints
    names: tuple[str, ...]
    as_of: tuple[datetime | None, ...]
    months: tuple[str | None, ...]


@dataclass(frozen=True)
class Practice:
    """One practice over all lists.

    Attributes
    ----------
    name : one of PRACTICES.
    conversions : leads at the top that converted, mean a list.
    lift : conversions over those of as many leads at random, mean over the lists that hold a conversion.
    least, most : conversions in the list with the fewest, and in the one with the most.
    gain : conversions of the model less its own, mean a list, on the same resamples; None for the model itself.
    ahead : lists in which the model held more; None for the model itself.
    """

    name: str
    conversions: Metric
    lift: Metric
    least: float
    most: float
    gain: Metric | None
    ahead: int | None


@dataclass(frozen=True)
class Period:
    """One list, or the lists of one month; everything is a mean a list.

    Attributes
    ----------
    name : the list's name, or the month.
    as_of : of the first list (UTC); None without dates.
    lists : how many.
    leads, called, converted : that could be called; the capacity, or all of them where they are fewer; and those who
        converted, called or not.
    conversions : by practice, at the top.
    gain : by practice but the model, conversions of the model less its own.
    """

    name: str
    as_of: datetime | None
    lists: int
    leads: float
    called: float
    converted: float
    conversions: Mapping[str, Metric]
    gain: Mapping[str, Metric]


@dataclass(frozen=True)
class Practices:
    """What each practice's tops held.

    Attributes
    ----------
    capacity : calls a list.
    rows, conversions, clusters : leads on all lists (a lead that is on several counts on each), those of them that
        converted, and the independent units (accounts, else leads) behind the intervals.
    whole : all lists in one.
    practices : the model first.
    by_list, by_month : in the order of time; by_month is empty without dates.
    skipped : practice to the reason why it is not here.
    """

    capacity: int
    rows: int
    conversions: int
    clusters: int
    whole: Period
    practices: tuple[Practice, ...]
    by_list: tuple[Period, ...]
    by_month: tuple[Period, ...]
    skipped: Mapping[str, str]

    def __getitem__(self, name: str) -> Practice:
        """The practice of that name; KeyError where it is not here."""
        for practice in self.practices:
            if practice.name == name:
                return practice
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """JSON types: instants as ISO 8601 text in UTC, undefined ends of intervals as null."""
        return in_json(asdict(self))


def ordered_by(*keys: npt.ArrayLike) -> Floats:
    """Return one key (n,) for several (n,) without nulls: the first decides, the next among its equals; higher is higher.

    >>> ordered_by([1, 2, 1], [0, 0, 5]).tolist()
    [0.0, 2.0, 1.0]
    """
    columns = [np.asarray(key) for key in keys]
    order = np.lexsort(columns[::-1])
    fresh = np.zeros(order.size, dtype=np.bool_)
    for column in columns:
        held = column[order]
        fresh[1:] |= held[1:] != held[:-1]
    places = np.empty(order.size, dtype=np.float64)
    places[order] = np.cumsum(fresh)
    return places


def compare_practices(
    y: npt.ArrayLike,
    lists: Lists,
    orders: Mapping[str, Order],
    *,
    capacity: int,
    seed: int,
    cluster: npt.ArrayLike | None = None,
    resamples: int = 400,
    skipped: Mapping[str, str] | None = None,
) -> Practices:
    """Fill each list's capacity by each practice, and count who converted.

    Parameters
    ----------
    y : (n,) labels, 0 or 1: converted within the horizon after the list's date.
    lists : which list each row is on.
    orders : by practice, MODEL among them; RANDOM needs none and is added.
    capacity : calls a list, at least 1; a shorter list is called whole.
    seed : of the resampling; the same seed gives the same intervals.
    cluster : (n,) account, else lead; None: each row by itself.
    resamples : behind each 95 % interval.
    skipped : practices that could not be ordered, and why.

    Raises
    ------
    ValueError
        No rows, labels other than 0 and 1, lengths that differ, no order of the model, or a capacity below 1.
    """
    if capacity < 1 or resamples < 1:
        raise ValueError(f"capacity and resamples must be at least 1; found {capacity} and {resamples}.")
    if MODEL not in orders:
        raise ValueError(f"orders must hold {MODEL!r}; found {sorted(orders)}.")
    labels, _, ones = checked(y, lists.number)
    units = codes(cluster, labels.size, "cluster")
    clusters = int(units.max()) + 1
    names = [name for name in PRACTICES if name in orders or name == RANDOM]
    everyone = Order(np.zeros(labels.size))
    tops = _Tops(
        labels, lists.number, len(lists.names), tuple(orders.get(name, everyone) for name in names), capacity
    )
    point = tops.held(ones)
    draws = np.stack([tops.held(times_drawn(clusters, seed, r)[units]) for r in range(resamples)])
    sums = _Sums(tuple(names), point, draws, tops.sizes(ones))
    return Practices(
        capacity=capacity,
        rows=labels.size,
        conversions=int(labels.sum()),
        clusters=clusters,
        whole=sums.period("all lists", lists.as_of[0], range(len(lists.names))),
        practices=tuple(sums.practice(name) for name in names),
        by_list=tuple(
            sums.period(name, as_of, [i])
            for i, (name, as_of) in enumerate(zip(lists.names, lists.as_of, strict=True))
        ),
        by_month=_by_month(sums, lists),
        skipped=dict(skipped or {}),
    )


def _by_month(sums: _Sums, lists: Lists) -> tuple[Period, ...]:
    months: dict[str, list[int]] = {}
    for number, month in enumerate(lists.months):
        if month is not None:
            months.setdefault(month, []).append(number)
    return tuple(sums.period(month, lists.as_of[held[0]], held) for month, held in months.items())


@dataclass(frozen=True)
class _Tops:
    """The lists, sorted once by each practice, to be called under many weightings of the rows."""

    y: Floats
    number: Ints
    lists: int
    orders: tuple[Order, ...]
    capacity: int

    @cached_property
    def _queues(self) -> list[_Queue]:
        return [_Queue.of(order, self.number) for order in self.orders]

    def held(self, w: Floats) -> Floats:
        """Return (practices, lists) conversions among those called."""
        converted = w * self.y
        return np.stack([queue.held(w, converted, self.lists, self.capacity) for queue in self._queues])

    def sizes(self, w: Floats) -> Floats:
        """Return (3, lists): leads, leads called, and conversions among all."""
        leads = np.bincount(self.number, w, minlength=self.lists)
        converted = np.bincount(self.number, w * self.y, minlength=self.lists)
        return np.stack([leads, np.minimum(leads, self.capacity), converted]).astype(np.float64)


@dataclass(frozen=True)
class _Queue:
    """The rows that a practice may call, by list and worker, in its order."""

    rows: Ints
    sorted: Presorted
    list_of: Ints

    @classmethod
    def of(cls, order: Order, number: Ints) -> _Queue:
        worker = np.zeros(number.size, dtype=np.int64) if order.worker is None else order.worker
        rows = np.flatnonzero(worker != NOBODY)
        pairs = np.stack([number[rows], worker[rows]])
        queues, part = np.unique(pairs, axis=1, return_inverse=True)
        return cls(rows, Presorted.of(order.key[rows], part.ravel()), queues[0])

    def held(self, w: Floats, converted: Floats, lists: int, capacity: int) -> Floats:
        """Return (lists,) expected conversions among those called; of a tie that the border cuts, a share counts."""
        if not self.rows.size:
            return np.zeros(lists)
        s = self.sorted
        all_, positive = s.sums(w[self.rows]), s.sums(converted[self.rows])
        before = np.cumsum(all_) - all_
        before -= np.repeat(before[s.part_starts], s.part_sizes)
        target = self._dealt(np.add.reduceat(all_, s.part_starts), capacity)
        room = np.clip(np.repeat(target, s.part_sizes) - before, 0, all_)
        taken = np.divide(room, all_, out=np.zeros_like(all_), where=all_ > 0)
        caught = np.add.reduceat(taken * positive, s.part_starts)
        return np.bincount(self.list_of, caught, minlength=lists).astype(np.float64)

    def _dealt(self, total: Floats, capacity: int) -> Floats:
        """Return how many each queue calls: evenly, and what one cannot use goes to the others of its list."""
        dealt = np.minimum(total, np.float64(capacity))
        starts = np.flatnonzero(np.r_[True, self.list_of[1:] != self.list_of[:-1]])
        for first, last in zip(starts.tolist(), [*starts[1:].tolist(), total.size], strict=True):
            if last - first > 1:
                dealt[first:last] = np.minimum(total[first:last], _share(total[first:last], capacity))
        return dealt


def _share(total: Floats, capacity: int) -> float:
    """Return the calls that each may make at most, so that all together make `capacity`, or call everyone."""
    left = float(capacity)
    rising = np.sort(total)
    for done, most in enumerate(rising.tolist()):
        if most * (rising.size - done) >= left:
            return left / (rising.size - done)
        left -= most
    return float("inf")


@dataclass(frozen=True)
class _Sums:
    """Conversions at the top: `point` (practices, lists), `draws` (resamples, practices, lists); `sizes` (3, lists)."""

    names: tuple[str, ...]
    point: Floats
    draws: Floats
    sizes: Floats

    def period(self, name: str, as_of: datetime | None, which: Sequence[int]) -> Period:
        lists = list(which)
        leads, called, converted = self.sizes[:, lists].mean(axis=1).tolist()
        model = self.names.index(MODEL)
        point = self.point[:, lists].mean(axis=1)
        draws = self.draws[:, :, lists].mean(axis=2)
        conversions = {n: _metric(point[i], draws[:, i]) for i, n in enumerate(self.names)}
        gain = {
            n: _metric(point[model] - point[i], draws[:, model] - draws[:, i])
            for i, n in enumerate(self.names)
            if n != MODEL
        }
        return Period(name, as_of, len(lists), leads, called, converted, conversions, gain)

    def practice(self, name: str) -> Practice:
        i, model, chance = (self.names.index(each) for each in (name, MODEL, RANDOM))
        ahead = int((self.point[model] - self.point[i] > _ROUNDING).sum())
        gain = _metric(
            (self.point[model] - self.point[i]).mean(), (self.draws[:, model] - self.draws[:, i]).mean(axis=1)
        )
        return Practice(
            name=name,
            conversions=_metric(self.point[i].mean(), self.draws[:, i].mean(axis=1)),
            lift=_metric(
                float(_lift(self.point[i], self.point[chance])),
                _lift(self.draws[:, i], self.draws[:, chance]),
            ),
            least=float(self.point[i].min()),
            most=float(self.point[i].max()),
            gain=None if name == MODEL else gain,
            ahead=None if name == MODEL else ahead,
        )


def _lift(held: Floats, chance: Floats) -> Any:
    """Mean over the last axis of held / chance, where there is a chance; NaN where there is none."""
    there = chance > 0
    ratio = np.divide(held, chance, out=np.zeros_like(held), where=there)
    count = there.sum(axis=-1)
    return np.divide(ratio.sum(axis=-1), count, out=np.full(np.shape(count), np.nan), where=count > 0)


def _metric(value: float, draws: Floats) -> Metric:
    return Metric(float(value), *percentiles(draws))


def in_json(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return `tree` in JSON types: instants (UTC) as ISO 8601 text, NaN as null."""
    found: dict[str, Any] = json_safe(_timeless(dict(tree)))
    return found


def _timeless(value: Any) -> Any:
    """Instants as text."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, dict):
        return {key: _timeless(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_timeless(held) for held in value]
    return value
