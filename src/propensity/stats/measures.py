"""Metrics that need a parameter, under the same resampling as those of `metrics`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from propensity.stats.arrays import Floats
from propensity.stats.calibration import CalibrationLine, weighted_line
from propensity.stats.metrics import HIGHER_IS_BETTER, METRICS, Scorer, known_metrics

AT_CAPACITY: Final = "conversions_at_capacity"


@dataclass(frozen=True)
class Measure:
    """What `bootstrap` and `paired` resample.

    Attributes
    ----------
    name : the key of its result.
    higher_is_better : None where neither direction is; such a measure cannot be compared.
    of : value of a Scorer under weights (n,); ValueError where it is undefined. Picklable.
    """

    name: str
    higher_is_better: bool | None
    of: Callable[[Scorer, Floats], float]


def measures(metrics: Sequence[str | Measure] | None) -> tuple[Measure, ...]:
    """Return the measures of a mixed sequence; None for all of METRICS, ValueError for a name that does not exist."""
    found: list[Measure] = []
    for metric in known_metrics(None) if metrics is None else metrics:
        if isinstance(metric, Measure):
            found.append(metric)
        else:
            (name,) = known_metrics((metric,))
            found.append(Measure(name, HIGHER_IS_BETTER[name], METRICS[name]))
    return tuple(found)


def conversions_at(*, count: int | None = None, share: float | None = None) -> Measure:
    """Conversions per list when each cohort's list holds its top `count` rows, or the top `share` of them.

    The mean over all cohorts. Of the tied group that the border cuts, each row is in with equal probability: the
    expectation under random tie-breaking. A cohort that is smaller than the list is on it whole.

    Raises
    ------
    ValueError
        Not exactly one of the two is given, or it is out of range.
    """
    if (count is None) == (share is None):
        raise ValueError("give either count (rows of a list) or share (of each cohort).")
    if (count is not None and count < 1) or (share is not None and not 0 < share <= 1):
        raise ValueError(f"count must be at least 1, share lie in (0, 1]; found {count} and {share}.")
    return Measure(AT_CAPACITY, higher_is_better=True, of=partial(_caught, count=count, share=share))


def probability_ratio() -> Measure:
    """Mean probability over the share that converted: 1 is right in the large, 2 promises twice what comes.

    Source: expected over observed, Van Calster et al. (2019), "Calibration: the Achilles heel of predictive analytics".
    """
    return Measure("probability_ratio", higher_is_better=None, of=_ratio)


def calibration_slope(around: CalibrationLine) -> Measure:
    """The calibration slope, see `CalibrationLine`; `around` is the whole data's, from which each resample starts."""
    return Measure("calibration_slope", higher_is_better=None, of=partial(_slope, around=around))


def _caught(s: Scorer, w: Floats, *, count: int | None, share: float | None) -> float:
    _, caught, _ = s.caught(w, count=count, share=share)
    return float(caught.mean())


def _ratio(s: Scorer, w: Floats) -> float:
    conversions = float((w * s.y).sum())
    if conversions == 0:
        raise ValueError("The ratio of probability to rate is undefined without a conversion.")
    return float((w * s.p).sum()) / conversions


def _slope(s: Scorer, w: Floats, *, around: CalibrationLine) -> float:
    return weighted_line(s.y, s.p, w, start=around).slope
