"""Do leads scored 20 % convert 20 % of the time? Curve, slope, and the error that chance alone makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtri

from propensity.stats.arrays import Floats, Presorted, checked, checked_probabilities
from propensity.stats.metrics import BINS, equal_mass_bins

# A probability of exactly 0 or 1 has no logit; this is past any that a calibrator returns.
_CLIP: Final = 1e-12
_NEWTON_STEPS: Final = 100
# Past this slope the two classes are separated and the maximum likelihood lies at infinity.
_SEPARATED: Final = 1e3


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin: mean predicted probability, observed conversion rate with its Wilson interval, rows."""

    predicted: float
    observed: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class CalibrationLine:
    """Logistic recalibration `logit(P(y=1)) = intercept + slope * logit(p)`; 1 and 0 are perfect.

    A slope under 1 means probabilities that are too extreme. NaN where it is not defined (one probability
    only, one class, or classes that `p` separates completely).
    """

    slope: float
    intercept: float


def wilson(successes: npt.ArrayLike, rows: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the Wilson (1927) score interval of a share, elementwise; `rows` must be positive."""
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    z = float(ndtri(0.5 + level / 2))
    rate, shrink = k / n, 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / shrink
    half = z * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n)) / shrink
    return np.clip(centre - half, 0.0, rate), np.clip(centre + half, rate, 1.0)


def reliability_curve(
    y: npt.ArrayLike, p: npt.ArrayLike, *, bins: int = BINS, level: float = 0.95
) -> tuple[ReliabilityBin, ...]:
    """Return up to `bins` equal-mass bins by rising probability.

    Rows with one probability share a bin; empty bins are left out.

    Raises
    ------
    ValueError
        No rows, nulls, or a probability outside [0, 1].
    """
    labels, scores, ones = checked(y, p)
    checked_probabilities(scores)
    order = Presorted.of(scores)
    mass, positive = order.sums(ones), order.sums(labels)
    which = equal_mass_bins(mass, bins)
    rows = np.bincount(which, weights=mass, minlength=bins)
    hits = np.bincount(which, weights=positive, minlength=bins)
    predicted = np.bincount(which, weights=mass * order.score, minlength=bins)
    held = np.flatnonzero(rows)[::-1]
    low, high = wilson(hits[held], rows[held], level)
    return tuple(
        ReliabilityBin(
            float(predicted[b] / rows[b]), float(hits[b] / rows[b]), float(lo), float(hi), int(rows[b])
        )
        for b, lo, hi in zip(held, low, high, strict=True)
    )


def calibration_line(y: npt.ArrayLike, p: npt.ArrayLike) -> CalibrationLine:
    """Fit the calibration slope and intercept by maximum likelihood (Cox, 1958).

    Raises
    ------
    ValueError
        No rows, nulls, or a probability outside [0, 1].
    """
    labels, scores, ones = checked(y, p)
    return weighted_line(labels, checked_probabilities(scores), ones)


def weighted_line(
    y: Floats, p: Floats, w: Floats, *, start: CalibrationLine | None = None
) -> CalibrationLine:
    """As `calibration_line` with weights `w` (n,) and unchecked arrays; `start` near the solution saves steps."""
    x = logit(np.clip(p, _CLIP, 1 - _CLIP))
    undefined = CalibrationLine(float("nan"), float("nan"))
    mass = w.sum()
    base = float((w * y).sum() / mass) if mass > 0 else 0.0
    held = x[w > 0]
    if not 0 < base < 1 or held.min() == held.max():
        return undefined
    centre = (w * x).sum() / mass
    scale = np.sqrt((w * (x - centre) ** 2).sum() / mass)
    z = (x - centre) / scale
    beta = np.array([logit(base), 0.0])
    if start is not None and np.isfinite(start.slope):
        beta = np.array([start.intercept + start.slope * centre, start.slope * scale])
    for _ in range(_NEWTON_STEPS):
        fitted = expit(beta[0] + beta[1] * z)
        miss, v = w * (y - fitted), w * fitted * (1 - fitted)
        gradient = np.array([miss.sum(), (z * miss).sum()])
        hessian = np.array([[v.sum(), (v * z).sum()], [(v * z).sum(), (v * z * z).sum()]])
        if np.linalg.det(hessian) <= _CLIP * mass or abs(beta[1]) > _SEPARATED:
            return undefined
        step = np.linalg.solve(hessian, gradient)
        # A full Newton step can overshoot where the classes are nearly separated; a bounded one still
        # converges.
        beta = beta + step * min(1.0, 4.0 / max(float(np.abs(step).max()), _CLIP))
        if np.abs(step).max() < 1e-10:  # noqa: PLR2004
            break
    slope = beta[1] / scale
    return CalibrationLine(float(slope), float(beta[0] - slope * centre))


def perfect_calibration_error_quantile(
    p: npt.ArrayLike, *, q: float = 0.95, simulations: int = 1000, seed: int
) -> float:
    """Return the q-quantile of the calibration error that perfect predictions `p` (n,) would show.

    Labels are drawn from `p` itself; an observed `calibration_error` below this is no evidence of
    miscalibration. Source: the consistency resampling of Broecker and Smith (2007), applied to the error
    instead of to each bin.
    """
    _, scores, ones = checked(np.zeros(np.size(p)), p)
    checked_probabilities(scores)
    if not 0 <= q <= 1 or simulations < 1:
        raise ValueError(f"q must lie in [0, 1] and simulations be at least 1; found {q} and {simulations}.")
    order = Presorted.of(scores)
    by_row = np.repeat(equal_mass_bins(order.sums(ones)), np.diff(np.r_[order.starts, scores.size]))
    ranked = scores[order.order]
    starts = np.flatnonzero(np.r_[True, by_row[1:] != by_row[:-1]])
    expected = np.add.reduceat(ranked, starts)
    rng = np.random.default_rng(seed)
    errors = np.empty(simulations)
    for i in range(simulations):
        labels = (rng.random(ranked.size) < ranked).astype(np.float64)
        errors[i] = np.abs(expected - np.add.reduceat(labels, starts)).sum() / ranked.size
    return float(np.quantile(errors, q))
