"""Everything a training reports about one set of predictions, in one frozen object."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from propensity.stats.arrays import codes
from propensity.stats.bootstrap import Metric, bootstrap
from propensity.stats.calibration import ReliabilityBin, calibration_line, reliability_curve
from propensity.stats.metrics import TOP_SHARE, BrierDecomposition, brier_decomposition, scorer

if TYPE_CHECKING:
    from propensity.stats.metrics import Scorer

GAIN_SHARES: Final = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class GainsCurve:
    """Share of conversions in the top share of a cohort, averaged over cohorts with a conversion."""

    share: tuple[float, ...]
    captured: tuple[float, ...]


@dataclass(frozen=True)
class AtCapacity:
    """What the top `capacity` leads of each cohort held, averaged over cohorts.

    Attributes
    ----------
    capacity : calls per list.
    precision : conversions per lead called; cohorts smaller than the capacity are called whole.
    conversions : converted leads per list.
    lift : against as many leads at random; cohorts without a conversion are left out.
    """

    capacity: int
    precision: float
    conversions: float
    lift: float


@dataclass(frozen=True)
class Evaluation:
    """The verdict on one set of predictions.

    Attributes
    ----------
    metrics : roc_auc, average_precision, log_loss, brier, calibration_error, lift_top_decile, each with
        its interval.
    rows, conversions, base_rate : counts, and conversions / rows.
    clusters : independent units (accounts, else leads) behind the intervals.
    cohorts, cohorts_left_out : as_of dates in the lift, and those without a conversion.
    calibration_slope, calibration_intercept : logistic recalibration; 1 and 0 are perfect; NaN where
        undefined.
    brier_decomposition : reliability - resolution + uncertainty.
    reliability : curve on equal-mass bins.
    gains : captured conversions by share called.
    """

    metrics: dict[str, Metric]
    rows: int
    conversions: int
    base_rate: float
    clusters: int
    cohorts: int
    cohorts_left_out: int
    calibration_slope: float
    calibration_intercept: float
    brier_decomposition: BrierDecomposition
    reliability: tuple[ReliabilityBin, ...]
    gains: GainsCurve

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; NaN becomes None."""
        found: dict[str, Any] = json_safe(dataclasses.asdict(self))
        return found


def evaluate(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    seed: int,
    cluster: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
    resamples: int = 400,
    n_jobs: int = 1,
) -> Evaluation:
    """Evaluate probabilities `p` (n,) against labels `y` (n,).

    Parameters
    ----------
    cluster : (n,) account, else lead: what the intervals resample; None: each row.
    cohort : (n,) as_of of each row; None: one cohort.
    resamples : bootstrap resamples.

    Raises
    ------
    ValueError
        No rows, one class only, nulls, or probabilities outside [0, 1].
    """
    metrics = bootstrap(y, p, seed=seed, cluster=cluster, cohort=cohort, resamples=resamples, n_jobs=n_jobs)
    s, ones = scorer(y, p, cohort=cohort)
    lift = s.cohort_lift(ones, TOP_SHARE)
    line = calibration_line(s.y, s.p)
    return Evaluation(
        metrics=metrics,
        rows=int(s.y.size),
        conversions=int(s.y.sum()),
        base_rate=float(s.y.mean()),
        clusters=int(codes(cluster, s.y.size, "cluster").max()) + 1,
        cohorts=lift.cohorts,
        cohorts_left_out=lift.left_out,
        calibration_slope=line.slope,
        calibration_intercept=line.intercept,
        brier_decomposition=brier_decomposition(s.y, s.p),
        reliability=reliability_curve(s.y, s.p),
        gains=gains_curve(s),
    )


def gains_curve(s: Scorer, shares: tuple[float, ...] = GAIN_SHARES) -> GainsCurve:
    """Return the share of conversions within the top shares, mean over cohorts; ties shared fairly."""
    ones = np.ones_like(s.y)
    captured: list[float] = []
    for share in shares:
        _, caught, conversions = s.caught(ones, share=share)
        held = conversions > 0
        captured.append(float((caught[held] / conversions[held]).mean()))
    return GainsCurve(tuple(shares), tuple(captured))


def at_capacity(
    y: npt.ArrayLike, p: npt.ArrayLike, capacity: int, *, cohort: npt.ArrayLike | None = None
) -> AtCapacity:
    """Evaluate what the reps would have met had each as_of's list held its top `capacity` leads.

    Raises
    ------
    ValueError
        `capacity` is not positive, or no cohort holds a conversion.
    """
    if capacity < 1:
        raise ValueError(f"capacity must be at least 1; found {capacity}.")
    s, ones = scorer(y, p, cohort=cohort)
    total, caught, conversions = s.caught(ones, count=capacity)
    called = np.minimum(total, capacity)
    held = conversions > 0
    if not held.any():
        raise ValueError("Lift at capacity is undefined: no cohort holds a conversion.")
    lift = caught[held] / (conversions[held] * called[held] / total[held])
    return AtCapacity(capacity, float((caught / called).mean()), float(caught.mean()), float(lift.mean()))


def json_safe(value: Any) -> Any:
    """Return `value` with tuples as lists and every NaN or infinity as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): json_safe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(v) for v in value]
    return value
