"""Whether a part of the rows converts as its probabilities say, allowing for accounts and for how many parts were tried.

Rows of one account are not independent: every variance here is summed over accounts, and none is taken to be
smaller than that of independent rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr, ndtri

from propensity.stats.arrays import Floats, Ints, checked, checked_probabilities, codes
from propensity.stats.calibration import calibration_line, wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLIP: Final = 1e-12
_CONTINUITY: Final = 0.5


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Level:
    """Conversions against what the probabilities add up to.

    Attributes
    ----------
    observed, expected : conversions, and the sum of the probabilities.
    p_value : two-sided, of as large a gap if the probabilities were right.
    """

    observed: float
    expected: float
    p_value: float


@dataclass(frozen=True)
class Slope:
    """The calibration slope: 1 is right, below 1 the probabilities lie too far apart; `p_value` of slope 1."""

    slope: Estimate
    p_value: float


def rate(y: npt.ArrayLike, cluster: npt.ArrayLike | None = None, *, level: float = 0.95) -> Estimate:
    """Return the share of conversions among `y` (n,) with an interval that knows that accounts hang together.

    Wilson's interval at the effective number of rows: n divided by the design effect (Korn and Graubard, 1998). It
    stays within 0 and 1, and says something also where nobody converted.

    >>> found = rate([1, 0, 0, 0])
    >>> round(found.low, 3), found.value, round(found.high, 3)
    (0.046, 0.25, 0.699)
    """
    labels, _, _ = checked(y, y)
    value = float(labels.mean())
    rows = labels.size / _design_effect(labels - value, value * (1 - value) * labels.size, cluster)
    low, high = wilson([value * rows], [rows], level)
    return Estimate(value, min(float(low[0]), value), max(float(high[0]), value))


def level_test(y: npt.ArrayLike, p: npt.ArrayLike, cluster: npt.ArrayLike | None = None) -> Level:
    """Test whether `p` (n,) add up to the conversions of `y` (n,), by a score test.

    The variance is that of independent draws from `p`, times the design effect of the accounts. The normal tail is
    corrected for the skewness of a rare event (Cornish and Fisher, 1938), without which few conversions would look
    far too many too often, and for the step of a count.

    Raises
    ------
    ValueError
        No rows, nulls, or a probability outside [0, 1].
    """
    labels, scores, _ = checked(y, p)
    scores = np.clip(checked_probabilities(scores), _CLIP, 1 - _CLIP)
    observed, expected = float(labels.sum()), float(scores.sum())
    residual = labels - scores
    within = float((scores * (1 - scores)).sum())
    effect = _design_effect(residual - residual.mean(), within, cluster)
    spread = math.sqrt(within * effect)
    gap = observed - expected
    z = math.copysign(max(abs(gap) - _CONTINUITY, 0.0), gap) / spread
    skew = float((scores * (1 - scores) * (1 - 2 * scores)).sum()) / within**1.5 * math.sqrt(effect)
    corrected = z - skew * (z * z - 1) / 6
    # Where the gap is small the correction may pass 0, and there is nothing to report either way.
    tail = float(ndtr(-abs(corrected))) if corrected * z > 0 else 0.5
    return Level(observed, expected, min(1.0, 2 * tail))


def slope_test(
    y: npt.ArrayLike, p: npt.ArrayLike, cluster: npt.ArrayLike | None = None, *, level: float = 0.95
) -> Slope | None:
    """Return the slope of Cox's recalibration of `p` (n,), or None where it is not defined.

    Wald's interval with a variance that is summed over accounts (the sandwich: Liang and Zeger, 1986), and not below
    that of independent rows.
    """
    line = calibration_line(y, p)
    if not math.isfinite(line.slope):
        return None
    labels, scores, _ = checked(y, p)
    x = logit(np.clip(scores, _CLIP, 1 - _CLIP))
    centred = np.column_stack([np.ones(x.size), x - x.mean()])
    fitted = expit(line.intercept + line.slope * x)
    information = (centred * (fitted * (1 - fitted))[:, None]).T @ centred
    bread = np.linalg.inv(information)
    scored = centred * (labels - fitted)[:, None]
    cluster_codes = codes(cluster, labels.size, "cluster")
    sums = np.column_stack([np.bincount(cluster_codes, weights=column) for column in scored.T])
    sandwich = bread @ (sums.T @ sums * _few(len(sums))) @ bread
    error = math.sqrt(max(float(sandwich[1, 1]), float(bread[1, 1])))
    z = float(ndtri(0.5 + level / 2))
    estimate = Estimate(line.slope, line.slope - z * error, line.slope + z * error)
    return Slope(estimate, float(2 * ndtr(-abs(line.slope - 1) / error)))


def beyond_noise(p_values: Sequence[float], *, error: float = 0.05) -> list[bool]:
    """Return which of many tests say something, so that all together err with a chance of at most `error`.

    Source: Holm (1979), which holds however the tests hang together.

    >>> beyond_noise([0.03, 0.001, 0.2])
    [False, True, False]
    """
    found = [False] * len(p_values)
    for place, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] > error / (len(p_values) - place):
            break
        found[index] = True
    return found


def _design_effect(residual: Floats, within: float, cluster: npt.ArrayLike | None) -> float:
    """Variance of the sum of `residual` (n,) over accounts, in units of that of independent rows; at least 1."""
    if cluster is None or within <= 0:
        return 1.0
    numbers: Ints = codes(cluster, residual.size, "cluster")
    sums = np.bincount(numbers, weights=residual)
    return max(1.0, float((sums**2).sum()) * _few(sums.size) / within)


def _few(clusters: int) -> float:
    """The usual correction for few accounts."""
    return clusters / max(clusters - 1, 1)
