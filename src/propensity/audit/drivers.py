"""What moves the probability: each concept's push, and how the odds go with a feature's value. Association, not cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import logit

from propensity.audit.report import quoted
from propensity.scoring.reasons import shown

if TYPE_CHECKING:
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle, FeatureColumn

MOST_ROWS: Final = 1_000
"""Test rows, evenly spaced, that the pushes are taken from."""
MOST_CONCEPTS: Final = 15
MOST_FEATURES: Final = 6
MOST_BINS: Final = 5
MOST_VALUES: Final = 8
FEWEST_ROWS: Final = 20
"""A value of fewer rows stands among the others: it says little, and may say who someone is."""
UNKNOWN: Final = "unknown"
OTHERS: Final = "all other values"
_EDGE: Final = 1e-9
_SMALL: Final = 0.95
_NO_YES: Final = ("no", "yes")


@dataclass(frozen=True)
class Driver:
    """A concept, and the mean absolute push of its features on the log odds of the model's margin, over the rows."""

    concept: str
    push: float


@dataclass(frozen=True)
class ValueEffect:
    """The rows with a value, or with values within bounds: how many, and the factor on the odds, 1 as for the mean row."""

    value: str
    rows: int
    odds: float


@dataclass(frozen=True)
class FeatureEffect:
    """How the odds go with the values of one feature, in the order of the values (numbers) or of the odds (words)."""

    feature: str
    concept: str
    unit: str
    values: tuple[ValueEffect, ...]


@dataclass(frozen=True)
class Drivers:
    """The pushes on `rows` test rows; nothing where the model tells no two leads apart.

    Attributes
    ----------
    rows : test rows that were looked at.
    concepts : the largest push first.
    effects : the feature with the largest push of each of the first concepts.
    stretch : what calibration makes of a push, on average: pushes on the log odds of the probability are this many times
        those on the margin (slope of the one on the other by least squares; exact for Platt's map).
    """

    rows: int
    concepts: tuple[Driver, ...]
    effects: tuple[FeatureEffect, ...]
    stretch: float


def drivers_of(bundle: Bundle, frame: FeatureFrame, *, hidden: frozenset[str] = frozenset()) -> Drivers:
    """The drivers of a model on the rows of `frame`, at most MOST_ROWS of them.

    Parameters
    ----------
    bundle
        The model.
    frame
        Rows that the model has not learned from.
    hidden
        Features whose values are not shown, since they may say who a person is.
    """
    picked = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), MOST_ROWS)).astype(np.int64))
    rows = frame.values.take(picked)
    pushes = bundle.contributions(rows)
    if not len(picked) or not np.abs(pushes).max(initial=0.0) > _EDGE:
        return Drivers(len(picked), (), (), 1.0)
    margin = bundle.margin(rows)
    stretch = _slope(margin, logit(bundle.probability(margin)))
    sizes = np.abs(pushes).mean(axis=0)
    sums = {concept: float(np.abs(push).mean()) for concept, push in bundle.by_concept(pushes).items()}
    ranked = sorted(
        ((push, concept) for concept, push in sums.items() if push > _EDGE), key=lambda p: (-p[0], p[1])
    )
    effects: list[FeatureEffect] = []
    for _, concept in ranked:
        best = _strongest(bundle.features, sizes, concept)
        if bundle.features[best].name in hidden or len(effects) == MOST_FEATURES:
            continue
        column, push = bundle.features[best], pushes[:, best] * stretch
        values = _values(column, rows, push - push.mean())
        if len(values) > 1:
            effects.append(FeatureEffect(column.name, concept, column.unit, values))
    concepts = tuple(Driver(concept, push) for push, concept in ranked[:MOST_CONCEPTS])
    return Drivers(len(picked), concepts, tuple(effects), stretch)


def _strongest(features: Sequence[FeatureColumn], sizes: npt.NDArray[np.float64], concept: str) -> int:
    members = [i for i, column in enumerate(features) if (column.concept or column.name) == concept]
    return max(members, key=lambda i: (sizes[i], -i))


def _slope(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    spread = float(((x - x.mean()) ** 2).sum())
    return float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > _EDGE else 1.0


def _values(column: FeatureColumn, rows: pa.Table, push: npt.NDArray[np.float64]) -> tuple[ValueEffect, ...]:
    values: Any = rows[column.name]
    known = np.asarray(values.is_valid())
    if column.kind == "category":
        found = _by_word(np.array(values.to_pylist(), dtype=object), known, push)
    else:
        numbers = np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
        known &= ~np.isnan(numbers)
        found = _by_number(numbers, known, push, yes_no=not column.unit)
    blank = _effect(UNKNOWN, ~known, push)
    return tuple(effect for effect in (*found, blank) if effect is not None)


def _by_word(
    words: npt.NDArray[np.object_], known: npt.NDArray[np.bool_], push: npt.NDArray[np.float64]
) -> list[ValueEffect]:
    levels, counts = np.unique(words[known].astype(str), return_counts=True)
    order = sorted(range(len(levels)), key=lambda i: (-counts[i], levels[i]))
    frequent = [str(levels[i]) for i in order if counts[i] >= FEWEST_ROWS][:MOST_VALUES]
    found = [_effect(quoted(word), known & (words == word), push) for word in frequent]
    rest = _effect(OTHERS, known & ~np.isin(words.astype(str), frequent), push)
    ranked = sorted((one for one in found if one is not None), key=lambda one: (-one.odds, one.value))
    return [*ranked, *([rest] if rest is not None else [])]


def _by_number(
    numbers: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
    push: npt.NDArray[np.float64],
    *,
    yes_no: bool,
) -> list[ValueEffect]:
    found: list[ValueEffect] = []
    bounds = _bins(numbers[known])
    told = {low for low, _ in bounds} == {0.0, 1.0} and len(bounds) == 2 and yes_no  # noqa: PLR2004 - no and yes
    for low, high in bounds:
        inside = known & (numbers >= low) & (numbers <= high)
        least, most = (_NO_YES[int(low)],) * 2 if told else (_number(low), _number(high))
        effect = _effect(least if least == most else f"{least} to {most}", inside, push)
        if effect is not None:
            found.append(effect)
    return found


def _number(value: float) -> str:
    """As reasons show a number; what they would round to nothing has its first two digits."""
    return f"{value:.2g}" if 0 < abs(value) < _SMALL else shown(value)


def _bins(numbers: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """Bounds, both included, of bins of like mass; a value with the mass of a bin has one of its own.

    >>> _bins(np.array([0.0] * 60 + [1.0, 2.0, 3.0, 4.0] * 10))
    [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0), (3.0, 3.0), (4.0, 4.0)]
    """
    levels, counts = np.unique(numbers, return_counts=True)
    if not len(levels):
        return []
    share = len(numbers) / MOST_BINS
    if len(levels) <= MOST_BINS:
        return [(float(level), float(level)) for level in levels]
    heavy = counts >= share
    light = counts[~heavy].sum()
    per_bin = max(light / max(MOST_BINS - int(heavy.sum()), 1), 1.0)
    bounds: list[tuple[float, float]] = []
    mass = 0.0
    fresh = True
    for level, count, alone in zip(levels.tolist(), counts.tolist(), heavy.tolist(), strict=True):
        if alone or fresh or mass >= per_bin:
            bounds.append((level, level))
            mass = 0.0
        else:
            bounds[-1] = (bounds[-1][0], level)
        mass += count
        fresh = alone
    return bounds


def _effect(value: str, inside: npt.NDArray[np.bool_], push: npt.NDArray[np.float64]) -> ValueEffect | None:
    rows = int(inside.sum())
    return None if rows == 0 else ValueEffect(value, rows, float(np.exp(push[inside].mean())))
