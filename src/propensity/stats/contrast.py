"""Promised against came, and called against held out: sums of chances, differences of shares, and what a holdout can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from propensity.stats.arrays import Floats, Ints, checked, checked_probabilities, codes
from propensity.stats.bootstrap import LEVEL, percentiles, times_drawn
from propensity.stats.calibration import wilson

_EXACT_UP_TO: Final = 4_000
"""Chances up to which the distribution of their sum is worked out; above, the normal is closer than anybody reads."""
POWER: Final = 0.8
_FEW: Final = 10
"""Successes or failures of an arm below which resampling shows too little of how far the share may be off: none, where there are none."""


@dataclass(frozen=True)
class Promise:
    """How many successes independent chances promise.

    Attributes
    ----------
    expected : the sum of the chances.
    low, high : whole numbers; outside them the count falls with a chance of at most 1 - level, half on each side.
    """

    expected: float
    low: int
    high: int


def promised(p: npt.ArrayLike, *, level: float = LEVEL) -> Promise:
    """Return what chances `p` (n,) promise: a Poisson-binomial count.

    Up to 4,000 chances by convolution, exactly; above by the normal distribution with its continuity correction.
    The chances count as independent: rows of one account are not, so that the interval is then too narrow.

    Raises
    ------
    ValueError
        A chance outside [0, 1] or not finite.

    Examples
    --------
    >>> promised([0.5] * 10)
    Promise(expected=5.0, low=2, high=8)
    """
    chances = np.asarray(p, dtype=np.float64).ravel()
    if chances.size == 0:
        return Promise(0.0, 0, 0)
    if not np.isfinite(chances).all():
        raise ValueError("Chances must be finite; found nulls or infinities.")
    checked_probabilities(chances)
    tail, total = (1 - level) / 2, float(chances.sum())
    if chances.size > _EXACT_UP_TO:
        half = float(-ndtri(tail)) * float(np.sqrt((chances * (1 - chances)).sum())) + 1 / 2
        low, high = np.ceil(total - half), np.floor(total + half)
        return Promise(total, max(0, int(low)), min(chances.size, int(high)))
    mass = np.ones(1)
    for chance in chances.tolist():
        mass = np.convolve(mass, (1 - chance, chance))
    up_to = np.cumsum(mass)
    # Sums of rounded masses end a hair below 1.
    low = int(np.searchsorted(up_to, tail * (1 + 1e-9), side="right"))
    high = int(np.searchsorted(up_to, (1 - tail) * (1 - 1e-12)))
    return Promise(total, low, min(high, chances.size))


@dataclass(frozen=True)
class Contrast:
    """The share of successes among the treated less that among the others.

    Attributes
    ----------
    treated, others : the shares; NaN where an arm is empty.
    value : their difference.
    low, high : its percentile interval over resampled clusters; where an arm has fewer than ten successes or failures, Newcombe's
        (1998, method 10) with the effective number of rows that its clusters are worth. NaN where an arm is empty.
    smallest : the smallest true difference that such data show with a chance of 80 % at the 5 % level, two-sided; NaN where
        it cannot be told.
    """

    treated: float
    others: float
    value: float
    low: float
    high: float
    smallest: float


def contrast(
    y: npt.ArrayLike, treated: npt.ArrayLike, cluster: npt.ArrayLike, *, seed: int, resamples: int = 1000
) -> Contrast:
    """Compare two arms whose rows come in clusters, each cluster wholly in one arm.

    Parameters
    ----------
    y : (n,) successes, 0 or 1.
    treated : (n,) bool.
    cluster : (n,) the unit that was drawn.
    seed : of the resampling. Each arm's clusters are drawn anew as often as there are of them, so that no resample is without one.

    Raises
    ------
    ValueError
        No rows, or lengths differ.
    """
    success, _, _ = checked(y, np.zeros(np.size(y)))
    arm = np.asarray(treated, dtype=bool).ravel()
    of_row = codes(cluster, success.size, "cluster")
    if arm.size != success.size:
        raise ValueError(f"Lengths differ: {success.size} successes, {arm.size} arms.")
    if arm.all() or not arm.any():
        return Contrast(_share(success[arm]), _share(success[~arm]), *[float("nan")] * 4)
    sides = [_Side.of(success[rows], of_row[rows]) for rows in (arm, ~arm)]
    value = sides[0].share - sides[1].share
    if min(side.fewest for side in sides) < _FEW:
        low, high = _newcombe(*sides)
    else:
        low, high = percentiles(np.array([_draw(sides, seed, r) for r in range(resamples)]))
    pooled = float(success.mean())
    smallest = smallest_difference(pooled, sides[0].sizes, sides[1].sizes)
    return Contrast(sides[0].share, sides[1].share, value, low, high, smallest)


def smallest_difference(share: float, treated: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the smallest difference of two shares that 80 % of such experiments show at the 5 % level, two-sided.

    Parameters
    ----------
    share : of successes, about the same in both arms.
    treated, others : rows in each cluster of an arm. Rows of one cluster count as if they all went one way: the number is
        then no better than the clusters allow. NaN where an arm is empty.

    Source: the normal approximation, (z_0.975 + z_0.8) standard errors (Bloom, 1995), with the Kish effective number of rows.

    Examples
    --------
    >>> round(smallest_difference(0.2, [1] * 900, [1] * 100), 3)
    0.118
    """
    numbers = [_effective(np.asarray(sizes, dtype=np.float64).ravel()) for sizes in (treated, others)]
    if min(numbers) == 0:
        return float("nan")
    error = np.sqrt(share * (1 - share) * sum(1 / number for number in numbers))
    return float((ndtri(1 / 2 + LEVEL / 2) + ndtri(POWER)) * error)


def _effective(sizes: Floats) -> float:
    """Kish: how many independent rows clusters of these sizes are worth at least."""
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.sum() > 0 else 0.0


@dataclass(frozen=True)
class _Side:
    """An arm: successes and rows of each of its clusters."""

    successes: Floats
    sizes: Floats

    @staticmethod
    def of(success: Floats, cluster: Ints) -> _Side:
        _, which = np.unique(cluster, return_inverse=True)
        successes = np.bincount(which, weights=success).astype(np.float64)
        return _Side(successes, np.bincount(which).astype(np.float64))

    @property
    def clusters(self) -> int:
        return self.sizes.size

    @property
    def share(self) -> float:
        return float(self.successes.sum() / self.sizes.sum())

    @property
    def fewest(self) -> float:
        """Successes or failures, whichever are fewer; or clusters, where these are."""
        successes = float(self.successes.sum())
        return min(successes, float(self.sizes.sum()) - successes, self.clusters)


def _newcombe(treated: _Side, others: _Side) -> tuple[float, float]:
    ends: list[tuple[float, float]] = []
    for side in (treated, others):
        rows = _effective(side.sizes)
        low, high = wilson(side.share * rows, rows)
        ends.append((float(low), float(high)))
    (low_a, high_a), (low_b, high_b) = ends
    a, b = treated.share, others.share
    return (
        a - b - float(np.hypot(a - low_a, high_b - b)),
        a - b + float(np.hypot(high_a - a, b - low_b)),
    )


def _draw(sides: list[_Side], seed: int, r: int) -> float:
    shares: list[float] = []
    for place, side in enumerate(sides):
        times = times_drawn(side.clusters, seed, 2 * r + place)
        shares.append(float((times * side.successes).sum() / (times * side.sizes).sum()))
    return shares[0] - shares[1]


def _share(success: Floats) -> float:
    return float(success.mean()) if success.size else float("nan")
