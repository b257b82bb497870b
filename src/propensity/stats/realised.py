"""Expected against realised: how many converted of how many were expected, with intervals that know accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from propensity.stats.arrays import Floats, checked, checked_probabilities, codes
from propensity.stats.calibration import calibration_line

_CLIP: Final = 1e-12
_NAN: Final = float("nan")


@dataclass(frozen=True)
class Realised:
    """What came of rows that had a probability.

    Attributes
    ----------
    rows, conversions : how many, and how many converted.
    expected : the sum of the probabilities.
    low, high : within which conversions lie, by the chance of single leads, where the probabilities hold.
    ratio, ratio_low, ratio_high : conversions over expected, and its interval.
    slope, slope_low, slope_high : of the calibration line; NaN where it is not defined.
    """

    rows: int
    conversions: int
    expected: float
    low: float
    high: float
    ratio: float
    ratio_low: float
    ratio_high: float
    slope: float
    slope_low: float
    slope_high: float


def realised(
    y: npt.ArrayLike, p: npt.ArrayLike, cluster: npt.ArrayLike | None = None, *, level: float = 0.95
) -> Realised:
    """Compare outcomes with probabilities.

    Parameters
    ----------
    y, p
        Labels (0, 1) and probabilities, (n,).
    cluster
        Who belongs together, (n,): an account with its leads, a lead with its nights; None: rows are independent.
    level
        Of the intervals.

    Returns
    -------
    The range of conversions is the normal one of a sum of independent draws. The ratio's interval is that of the logarithm, its
    variance the clustered one of sum(y - ratio p); the slope's is the sandwich over clusters (Huber, 1967).

    Raises
    ------
    ValueError
        No rows, unequal lengths, nulls, or a probability outside [0, 1].
    """
    labels, scores, _ = checked(y, p)
    checked_probabilities(scores)
    which = codes(cluster, labels.size, "cluster")
    z = float(ndtri(0.5 + level / 2))
    hits, expected = int(labels.sum()), float(scores.sum())
    deviation = float(np.sqrt((scores * (1 - scores)).sum()))
    ratio = hits / expected if expected > 0 else _NAN
    low, high = _ratio_interval(labels, scores, which, ratio, z)
    slope, error = _slope(labels, scores, which)
    return Realised(
        labels.size, hits, expected, max(expected - z * deviation, 0.0), min(expected + z * deviation, labels.size),
        ratio, low, high, slope, slope - z * error, slope + z * error,
    )  # fmt: skip


def _ratio_interval(
    y: Floats, p: Floats, which: npt.NDArray[np.int64], ratio: float, z: float
) -> tuple[float, float]:
    """Around the logarithm; without a conversion from 0 to the rule of three."""
    if not np.isfinite(ratio):
        return _NAN, _NAN
    expected = p.sum()
    if y.sum() == 0:
        return 0.0, float(3.0 / expected)
    totals = np.bincount(which, weights=y - ratio * p)
    # Not below the chance of single conversions: few clusters may agree by luck.
    variance = max(float((totals**2).sum()), float((ratio * p * (1 - np.minimum(ratio * p, 1.0))).sum()))
    half = z * np.sqrt(variance) / (ratio * expected)
    return float(ratio * np.exp(-half)), float(ratio * np.exp(half))


def _slope(y: Floats, p: Floats, which: npt.NDArray[np.int64]) -> tuple[float, float]:
    line = calibration_line(y, p)
    if not np.isfinite(line.slope):
        return _NAN, _NAN
    x = logit(np.clip(p, _CLIP, 1 - _CLIP))
    fitted = expit(line.intercept + line.slope * x)
    design = np.column_stack([np.ones_like(x), x])
    bread = np.linalg.inv(design.T @ (design * (fitted * (1 - fitted))[:, None]))
    scores = design * (y - fitted)[:, None]
    totals = np.column_stack([np.bincount(which, weights=column) for column in scores.T])
    return line.slope, float(np.sqrt((bread @ (totals.T @ totals) @ bread)[1, 1]))
