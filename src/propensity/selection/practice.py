"""What the top of a list held under each practice: the model's order, and the orders in which people call today.

A list is the leads that could have been called at one date. Each practice fills the capacity from the list in its own
order; what is counted is who of these became a prospect within the horizon, whoever called them. Orders are judged, not
calls: a lead that nobody called counts as well, and only a holdout shows what calling causes.

Where a practice cannot tell leads apart, the count is the expected one (see `stats.tops`); random order is the case of one
single tie.

The intervals are of accounts (else leads): the dates stay, and other accounts of the same kind come to them, so that the
tops are made anew. They say how far chance goes in who came. How far one date differs from another is not in them and is
shown beside them: the lowest and highest list, and in how many lists the model was ahead. A handful of dates is too few
to resample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from propensity.stats.arrays import Floats, Ints, checked, codes
from propensity.stats.bootstrap import Metric, percentiles, times_drawn
from propensity.stats.evaluation import json_safe
from propensity.stats.tops import Order, Tops

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
_ROUNDING: Final = 1e-9
"""Expected counts that differ by less are the same."""


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
    tops = Tops(
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


def at_capacity(found: Practices) -> dict[str, Any]:
    """The whole in JSON types: what each practice's tops held, without each list."""
    told = found.to_dict()
    return {key: told[key] for key in ("capacity", "rows", "conversions", "clusters", "practices", "skipped")}


def _by_month(sums: _Sums, lists: Lists) -> tuple[Period, ...]:
    months: dict[str, list[int]] = {}
    for number, month in enumerate(lists.months):
        if month is not None:
            months.setdefault(month, []).append(number)
    return tuple(sums.period(month, lists.as_of[held[0]], held) for month, held in months.items())


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
