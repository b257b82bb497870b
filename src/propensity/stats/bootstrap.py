"""Intervals by resampling whole clusters: accounts, else leads, whose rows are not independent.

Each resample draws as many clusters as there are, with replacement, and weighs each row by how often its
cluster came up; the rows are sorted once. Resample r has a generator of its own, seeded by (seed, r), so
the result does not hang on how the work is divided. Source: Davison and Hinkley (1997), section 3.8,
resampling of groups; percentile intervals, Efron (1979).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from propensity.stats.arrays import Floats, Ints, codes
from propensity.stats.measures import Measure, measures
from propensity.stats.metrics import Scorer, scorer

if TYPE_CHECKING:
    from collections.abc import Sequence

LEVEL: Final = 0.95
# Below this share of resamples that gave a value an interval would describe the easy ones only.
_ENOUGH: Final = 0.5
INFLATED: Final = frozenset({"calibration_error"})
"""Metrics that resampling noise moves one way."""


@dataclass(frozen=True)
class Metric:
    """A value with its percentile interval; both ends NaN where too few resamples held both classes.

    The calibration error of a resample is inflated by resampling noise: its draws are moved down by their mean
    excess over the value (the bootstrap's estimate of bias, Davison and Hinkley, section 2.2), and not below 0.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Challenger minus champion on the same rows and the same resamples.

    Attributes
    ----------
    champion, challenger, value : the metric of each, and challenger - champion.
    low, high : percentile interval of the difference.
    share_worse : share of resamples in which the challenger was worse, ties counted half.
    worse, better : the whole interval lies on the worse (better) side of 0: beyond noise.
    """

    metric: str
    champion: float
    challenger: float
    value: float
    low: float
    high: float
    share_worse: float
    worse: bool
    better: bool


def bootstrap(  # noqa: PLR0913 - each is a decision of the caller's
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    *,
    seed: int,
    cluster: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
    resamples: int = 400,
    metrics: Sequence[str | Measure] | None = None,
    level: float = LEVEL,
    n_jobs: int = 1,
) -> dict[str, Metric]:
    """Return each metric with its interval.

    Parameters
    ----------
    y, p : (n,) labels 0/1 and probabilities.
    seed : of the resampling; the same seed gives the same intervals.
    cluster : (n,) the unit that is resampled; None: each row by itself.
    cohort : (n,) as_of of each row, for the lift; None: one cohort.
    metrics : names or measures; None for all of METRICS.
    n_jobs : processes; the result does not depend on it.

    Raises
    ------
    ValueError
        A metric is undefined on the whole data, or an argument does not fit.
    """
    wanted = measures(metrics)
    s, ones = scorer(y, p, cohort=cohort)
    point = _row(s, ones, wanted)
    draws = _draws([s], wanted, codes(cluster, s.y.size, "cluster"), seed, resamples, n_jobs)[:, 0, :]
    return {
        each.name: Metric(value, *percentiles(_unbiased(each.name, draws[:, i], value), level))
        for i, (each, value) in enumerate(zip(wanted, point.tolist(), strict=True))
    }


def _unbiased(name: str, draws: Floats, value: float) -> Floats:
    """Take the bias of resampling out of the one metric that has it, see `Metric`."""
    valid = draws[np.isfinite(draws)]
    if name not in INFLATED or not valid.size:
        return draws
    return np.maximum(draws - (valid.mean() - value), 0.0)


def paired(  # noqa: PLR0913
    y: npt.ArrayLike,
    champion: npt.ArrayLike,
    challenger: npt.ArrayLike,
    *,
    seed: int,
    cluster: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
    resamples: int = 400,
    metrics: Sequence[str | Measure] | None = None,
    level: float = LEVEL,
    n_jobs: int = 1,
) -> dict[str, Difference]:
    """Compare two predictions of the same rows on the same resamples, so that what they share cancels.

    Parameters as `bootstrap`; `champion` and `challenger` are (n,) probabilities.

    Raises
    ------
    ValueError
        As `bootstrap`; or a measure has no better direction.
    """
    wanted = measures(metrics)
    (a, ones), (b, _) = scorer(y, champion, cohort=cohort), scorer(y, challenger, cohort=cohort)
    first, second = _row(a, ones, wanted), _row(b, ones, wanted)
    draws = _draws([a, b], wanted, codes(cluster, a.y.size, "cluster"), seed, resamples, n_jobs)
    found: dict[str, Difference] = {}
    for i, each in enumerate(wanted):
        if each.higher_is_better is None:
            raise ValueError(f"{each.name} has no better direction; it cannot be compared.")
        delta = draws[:, 1, i] - draws[:, 0, i]
        low, high = percentiles(delta, level)
        loss = -delta if each.higher_is_better else delta
        valid = loss[np.isfinite(loss)]
        share = float((valid > 0).mean() + 0.5 * (valid == 0).mean()) if valid.size else float("nan")
        falls, rises = high < 0, low > 0
        found[each.name] = Difference(
            metric=each.name,
            champion=float(first[i]),
            challenger=float(second[i]),
            value=float(second[i] - first[i]),
            low=low,
            high=high,
            share_worse=share,
            worse=falls if each.higher_is_better else rises,
            better=rises if each.higher_is_better else falls,
        )
    return found


def _row(s: Scorer, weights: Floats, wanted: Sequence[Measure]) -> Floats:
    return np.array([each.of(s, weights) for each in wanted])


def _draws(
    scorers: Sequence[Scorer],
    wanted: Sequence[Measure],
    cluster: Ints,
    seed: int,
    resamples: int,
    n_jobs: int,
) -> Floats:
    """Return (resamples, scorers, metrics); NaN where a resample left a metric undefined."""
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1; found {resamples}.")
    if n_jobs == 1 or resamples == 1:
        return _chunk(scorers, wanted, cluster, seed, range(resamples))
    from joblib import Parallel, delayed  # noqa: PLC0415 - most callers run one process

    parts = np.array_split(np.arange(resamples), min(resamples, 4 * max(n_jobs, 1) if n_jobs > 0 else 16))
    chunks: Any = Parallel(n_jobs=n_jobs)(
        delayed(_chunk)(scorers, wanted, cluster, seed, range(int(part[0]), int(part[-1]) + 1))
        for part in parts
    )
    return np.concatenate(list(chunks))


def _chunk(
    scorers: Sequence[Scorer], wanted: Sequence[Measure], cluster: Ints, seed: int, which: range
) -> Floats:
    clusters = int(cluster.max()) + 1
    out = np.full((len(which), len(scorers), len(wanted)), np.nan)
    for row, r in enumerate(which):
        weights = times_drawn(clusters, seed, r)[cluster]
        for j, s in enumerate(scorers):
            for k, each in enumerate(wanted):
                out[row, j, k] = _or_nan(s, weights, each)
    return out


def times_drawn(clusters: int, seed: int, r: int) -> Floats:
    """Return how often resample `r` draws each cluster: (clusters,) whole numbers that add up to `clusters`."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(r,))))
    return np.bincount(rng.integers(0, clusters, clusters), minlength=clusters).astype(np.float64)


def _or_nan(s: Scorer, weights: Floats, measure: Measure) -> float:
    try:
        return measure.of(s, weights)
    except ValueError:
        # A resample may hold one class only; the whole data were checked before.
        return float("nan")


def percentiles(draws: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Return the ends of the percentile interval of (resamples,) draws; both NaN where fewer than half gave a value."""
    valid = draws[np.isfinite(draws)]
    if valid.size < _ENOUGH * draws.size:
        return float("nan"), float("nan")
    tail = 100 * (1 - level) / 2
    low, high = np.percentile(valid, [tail, 100 - tail])
    return float(low), float(high)
