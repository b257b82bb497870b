"""Whether the probabilities hold in each month, in each segment, for new leads and for unseen accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from propensity.stats.evaluation import json_safe
from propensity.stats.metrics import log_loss, roc_auc
from propensity.stats.slices import Estimate, beyond_noise, level_test, rate, slope_test

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.features.frame import FeatureFrame

    Labels = npt.NDArray[np.object_]

LEAST_EVENTS: Final = 10
"""Conversions, expected or seen, and as many others, below which a part's level says nothing either way."""
LEAST_FOR_SLOPE: Final = 40
"""Conversions, and as many others, below which the slope's interval rests on a few leads."""
LEAST_ACCOUNTS: Final = 20
"""Accounts below which the variance between accounts is itself a guess."""
MOST_VALUES: Final = 8
"""Values of a segment that stand by themselves, the largest first; the rest is `other`."""
PARTS: Final = 10
"""Parts of equal size into which an order without dates is cut."""
EMPLOYEES: Final = "firmographic_employee_count"
BANDS: Final = (
    (1, "below 10"),
    (10, "10 to 49"),
    (50, "50 to 249"),
    (250, "250 to 999"),
    (1_000, "1,000 and more"),
)
"""Size bands, those of the European Commission's recommendation 2003/361/EC and one above; each from its number on."""
OTHER: Final = "other"
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Slice:
    """A part of the test rows, and how the probabilities do in it.

    Attributes
    ----------
    name : such as `2026-03`, `software`, `new leads`.
    rows, conversions : of the part.
    accounts : independent units: accounts, and leads without one.
    expected : conversions that the probabilities add up to.
    mean_probability : expected / rows.
    rate : conversions / rows, with a 95 % interval clustered by account.
    slope : calibration slope with its interval; None where it cannot be said.
    log_loss : in nats. roc_auc : None where there is one class only.
    enough : whether there is enough evidence to say whether the probabilities hold here.
    why : why not; empty where there is enough.
    level_p, slope_p : chance of as large a gap, and of a slope as far from 1, if the probabilities were right; None where
        it was not tested.
    off : what is off beyond noise, allowing for how many parts were looked at: `more` or `fewer` conversions than
        expected, `too bold` or `too timid` (slope below or above 1).
    """

    name: str
    rows: int
    conversions: int
    accounts: int
    expected: float
    mean_probability: float
    rate: Estimate
    slope: Estimate | None
    log_loss: float
    roc_auc: float | None
    enough: bool
    why: str
    level_p: float | None
    slope_p: float | None
    off: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stability:
    """The judged model's probabilities on the test rows, part by part.

    Attributes
    ----------
    overall : all test rows.
    period : what `months` are: calendar months of the as_of (UTC), ten parts of equal size where an order stands for
        time, or none.
    months : one slice a period, in the order of time.
    segments : column to slices: the largest values first, then `other` and `unknown`.
    novelty : leads that the past had and had not seen, accounts that it had and had not seen; those that are all rows,
        or none, are left out.
    looked : tests behind the verdicts.
    verdicts : which slices are off beyond noise, in plain words; empty where none is.
    """

    overall: Slice
    period: Literal["month", "part", "none"]
    months: tuple[Slice, ...]
    segments: Mapping[str, tuple[Slice, ...]]
    novelty: tuple[Slice, ...]
    looked: int
    verdicts: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; what is not a number becomes None."""
        found: dict[str, Any] = json_safe(asdict(self))
        return found


def stability(
    past: FeatureFrame, test: FeatureFrame, probability: npt.NDArray[np.float64], *, dated: bool
) -> Stability:
    """Judge the probabilities of the test rows (float64, shape (rows,)) part by part.

    Parameters
    ----------
    past
        What the model learned from: it decides which leads and accounts are new.
    test
        The rows that were judged, with labels; at least one.
    dated
        Whether `as_of` is a date; else an order stands for time.
    """
    judge = _Judge.of(test, probability)
    period, parts = _periods(test, dated=dated)
    months = judge.parts(parts, sorted({name for name in parts if name is not None}))
    segments = {column: judge.parts(values, _largest(values)) for column, values in _segments(test).items()}
    novelty = judge.novelty(past, test)
    overall = judge.slice(judge.name_all, np.ones(len(test), dtype=np.bool_))
    return _judged(overall, period, months, segments, novelty)


@dataclass(frozen=True)
class _Judge:
    """The arrays that every slice is cut from."""

    y: npt.NDArray[np.float64]
    p: npt.NDArray[np.float64]
    cluster: npt.NDArray[np.int64]
    name_all: str = "all"

    @classmethod
    def of(cls, test: FeatureFrame, probability: npt.NDArray[np.float64]) -> _Judge:
        cluster = np.unique(test.groups.astype(str), return_inverse=True)[1].astype(np.int64)
        return cls(test.y.astype(np.float64), np.asarray(probability, dtype=np.float64), cluster)

    def slice(self, name: str, rows: npt.NDArray[np.bool_]) -> Slice:
        y, p, cluster = self.y[rows], self.p[rows], self.cluster[rows]
        conversions, accounts = int(y.sum()), int(np.unique(cluster).size)
        why = _too_thin(conversions, float(p.sum()), y.size, accounts)
        both = min(conversions, y.size - conversions)
        slope = slope_test(y, p, cluster) if not why and both >= LEAST_FOR_SLOPE else None
        return Slice(
            name=name,
            rows=int(y.size),
            conversions=conversions,
            accounts=accounts,
            expected=float(p.sum()),
            mean_probability=float(p.mean()),
            rate=rate(y, cluster),
            slope=None if slope is None else slope.slope,
            log_loss=log_loss(y, p),
            roc_auc=roc_auc(y, p) if both else None,
            enough=not why,
            why=why,
            level_p=None if why else level_test(y, p, cluster).p_value,
            slope_p=None if slope is None else slope.p_value,
        )

    def parts(self, values: Labels, names: list[str]) -> tuple[Slice, ...]:
        return tuple(self.slice(name, values == name) for name in names)

    def novelty(self, past: FeatureFrame, test: FeatureFrame) -> tuple[Slice, ...]:
        found: list[Slice] = []
        for column, known, unknown in (
            ("lead_id", "leads seen before", "new leads"),
            ("account_id", "accounts seen before", "unseen accounts"),
        ):
            before = set(past.table[column].to_pylist())
            here = test.table[column].to_pylist()
            held = np.array([value is not None for value in here])
            new = np.array([value is not None and value not in before for value in here])
            # What is all rows, or none, says nothing beside the whole.
            found += [
                self.slice(name, rows)
                for name, rows in ((unknown, new), (known, held & ~new))
                if 0 < int(rows.sum()) < len(test)
            ]
        return tuple(found)


def _too_thin(conversions: int, expected: float, rows: int, accounts: int) -> str:
    most, rest = max(conversions, expected), max(rows - conversions, rows - expected)
    if accounts < LEAST_ACCOUNTS:
        return f"{accounts:,} accounts, of at least {LEAST_ACCOUNTS}"
    if min(most, rest) < LEAST_EVENTS:
        which = "conversions" if most < rest else "rows that did not convert"
        return f"{int(min(most, rest)):,} {which}, expected or seen, of at least {LEAST_EVENTS}"
    return ""


def _periods(test: FeatureFrame, *, dated: bool) -> tuple[Literal["month", "part", "none"], Labels]:
    order = test.time_order
    if order is None:
        return "none", np.full(len(test), None, dtype=object)
    if dated and not test.table["as_of"].null_count:
        months = test.table["as_of"].to_numpy().astype("datetime64[M]")
        return "month", np.datetime_as_string(months).astype(object)
    # Rows of one position share a part.
    _, place, counts = np.unique(order, return_inverse=True, return_counts=True)
    before = np.cumsum(counts) - counts
    part = np.minimum(before * PARTS // len(test), PARTS - 1)[place]
    return "part", np.array([f"part {number + 1:2d} of {PARTS}" for number in part.tolist()], dtype=object)


def _segments(test: FeatureFrame) -> dict[str, Labels]:
    """The categories of who a lead is, and its size; those of one value are left out."""
    found: dict[str, Labels] = {}
    for feature in test.features:
        if feature.family == "firmographic" and feature.kind == "category":
            values = test.table[feature.name].to_pylist()
            found[feature.name] = np.array(
                [UNKNOWN if value is None else str(value) for value in values], dtype=object
            )
        elif feature.name == EMPLOYEES:
            found["size band"] = np.array(
                [_band(value) for value in test.table[feature.name].to_pylist()], dtype=object
            )
    pooled = {column: _pooled(values) for column, values in found.items()}
    return {column: values for column, values in pooled.items() if len(set(values.tolist())) > 1}


def _band(employees: float | None) -> str:
    if employees is None:
        return UNKNOWN
    return next((name for least, name in reversed(BANDS) if employees >= least), BANDS[0][1])


def _pooled(values: Labels) -> Labels:
    """Keep the largest values and call the rest `other`."""
    named = [name for name in _by_size(values) if name != UNKNOWN]
    if len(named) <= MOST_VALUES:
        return values
    kept = {*named[:MOST_VALUES], UNKNOWN}
    return np.array([value if value in kept else OTHER for value in values.tolist()], dtype=object)


def _by_size(values: Labels) -> list[str]:
    names, counts = np.unique(values.astype(str), return_counts=True)
    return [str(names[i]) for i in sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))]


def _largest(values: Labels) -> list[str]:
    """The names by falling size, `other` and `unknown` last."""
    return sorted(
        _by_size(values), key=lambda name: (OTHER, UNKNOWN).index(name) if name in {OTHER, UNKNOWN} else -1
    )


def _judged(
    overall: Slice,
    period: Literal["month", "part", "none"],
    months: tuple[Slice, ...],
    segments: Mapping[str, tuple[Slice, ...]],
    novelty: tuple[Slice, ...],
) -> Stability:
    """Decide over all slices together what lies beyond noise."""
    groups: dict[str, tuple[Slice, ...]] = {"": (overall,), period: months, **segments, "novelty": novelty}
    tests = [
        (group, place, kind, p)
        for group, slices in groups.items()
        for place, one in enumerate(slices)
        for kind, p in (("level", one.level_p), ("slope", one.slope_p))
        if p is not None
    ]
    beyond = beyond_noise([p for *_, p in tests])
    off: dict[tuple[str, int], list[str]] = {}
    for (group, place, kind, _), told in zip(tests, beyond, strict=True):
        if told:
            off.setdefault((group, place), []).append(_direction(groups[group][place], kind))
    marked = {
        group: tuple(replace(one, off=tuple(off.get((group, place), ()))) for place, one in enumerate(slices))
        for group, slices in groups.items()
    }
    verdicts = tuple(
        _sentence(group, one, what) for group, slices in marked.items() for one in slices for what in one.off
    )
    return Stability(
        overall=marked[""][0],
        period=period,
        months=marked[period],
        segments={column: marked[column] for column in segments},
        novelty=marked["novelty"],
        looked=len(tests),
        verdicts=verdicts,
    )


def _direction(one: Slice, kind: str) -> str:
    if kind == "level":
        return "more" if one.conversions > one.expected else "fewer"
    return "too bold" if one.slope is not None and one.slope.value < 1 else "too timid"


def _sentence(group: str, one: Slice, what: str) -> str:
    where = {"": "all test rows", "month": one.name, "part": one.name, "novelty": one.name}.get(
        group, f"{group} = {one.name}"
    )
    if what in {"more", "fewer"}:
        return (
            f"{where}: {what} conversions than the probabilities say, {one.conversions:,} where {one.expected:,.0f} were "
            f"expected ({one.rate.value:.1%}, 95 % {one.rate.low:.1%} to {one.rate.high:.1%}, against "
            f"{one.mean_probability:.1%})"
        )
    slope = one.slope
    figures = "" if slope is None else f"{slope.value:.2f} (95 % {slope.low:.2f} to {slope.high:.2f})"
    apart = "too far apart" if what == "too bold" else "too close together"
    return f"{where}: the probabilities lie {apart}, calibration slope {figures}"
