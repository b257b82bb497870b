"""How far two samples differ, bin by bin: the population stability index, what chance makes of it, and a test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from propensity.stats.arrays import Floats

_SPARSE = 5.0
"""Rows that a bin is to hold in the smaller sample, were both alike: fewer make neither an index nor a test."""
_HALF = 0.5
"""Added to each bin: a bin that one sample does not have would else make the index infinite."""


@dataclass(frozen=True)
class Divergence:
    """How far two samples of counts differ.

    Attributes
    ----------
    psi : population stability index, from 0.
    noise : what it is on average where both samples follow one law.
    beyond : `psi` less `noise`, 0 at the least.
    distance : the most by which the shares in a bin differ, or, where the bins are in order, the cumulative shares
        (Kolmogorov and Smirnov's distance over the bins); 0 to 1.
    p_value : of a difference as large where both follow one law; 1 where it cannot be told.
    """

    psi: float
    noise: float
    beyond: float
    distance: float
    p_value: float


def psi(expected: npt.ArrayLike, found: npt.ArrayLike) -> float:
    """Population stability index of two samples' counts in the same bins, (k,) each.

    The sum over the bins of (q - p) ln(q / p), where p and q are the shares, of counts that are half a row higher in each
    bin: Jeffreys' prior, so that an empty bin gives a number. Source: Siddiqi (2006), Credit Risk Scorecards.

    Raises
    ------
    ValueError
        Unequal lengths, no bin, a negative count, or a sample without a row.

    Examples
    --------
    >>> psi([50, 50], [50, 50])
    0.0
    >>> round(psi([500, 500], [700, 300]), 3)
    0.169
    """
    p, q = (_shares(counts) for counts in _checked(expected, found))
    return float(((q - p) * np.log(q / p)).sum())


def divergence(
    expected: npt.ArrayLike,
    found: npt.ArrayLike,
    *,
    design_effect: float = 1.0,
    ordered: bool = False,
) -> Divergence:
    """Compare two samples' counts in the same bins.

    Parameters
    ----------
    expected, found
        Counts by bin, (k,) each.
    design_effect
        By how much rows of one account are alike: the factor by which they shrink each sample; 1 for independent rows.
    ordered
        Whether the bins, but for the last one (nulls), are in the order of a number.

    Returns
    -------
    Bins that are to hold fewer than five rows of the smaller sample count as one. The noise is (bins - 1)(1/n + 1/m), the first order of the index under one law (Yurdakul, 2018), with rows over the design
    effect for n and m. The test is chi-squared for two samples, divided by the design effect (Rao and Scott, 1984).
    """
    p, q = _merged(*_checked(expected, found))
    freedom = p.size - 1
    if freedom < 1:
        return Divergence(0.0, 0.0, 0.0, 0.0, 1.0)
    n, m = p.sum() / design_effect, q.sum() / design_effect
    index, noise = psi(p, q), float(freedom * (1 / n + 1 / m))
    chance = float(chdtrc(freedom, _chi_squared(p, q) / design_effect))
    return Divergence(index, noise, max(index - noise, 0.0), _distance(expected, found, ordered), chance)


def design_effect(which: npt.ArrayLike, bins: int, cluster: npt.ArrayLike) -> float:
    """By how much the variance of the bins' shares exceeds that of independent rows, at least 1.

    Parameters
    ----------
    which
        The bin of each row, (n,) from 0.
    bins
        How many there are.
    cluster
        Who belongs together, (n,) codes from 0.

    Returns
    -------
    The mean over the bins that are held of the between-cluster variance of the share over the binomial one, each weighed by
    1 - share: Rao and Scott's first-order correction.
    """
    bin_of, group = np.asarray(which, dtype=np.int64), np.asarray(cluster, dtype=np.int64)
    rows = bin_of.size
    if rows == 0:
        return 1.0
    groups = int(group.max()) + 1
    sizes = np.bincount(group, minlength=groups).astype(np.float64)
    effects, weights = [], []
    for number in range(bins):
        inside = bin_of == number
        share = inside.mean()
        if not 0 < share < 1:
            continue
        total = np.bincount(group[inside], minlength=groups)
        variance = ((total - sizes * share) ** 2).sum() / rows
        effects.append(variance / (share * (1 - share)))
        weights.append(1 - share)
    return max(float(np.average(effects, weights=weights)), 1.0) if effects else 1.0


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Return (m,) p-values adjusted so that of what is called different the share that is not stays below the level.

    Source: Benjamini and Hochberg (1995).

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p_values, dtype=np.float64).ravel()
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def _merged(p: Floats, q: Floats) -> tuple[Floats, Floats]:
    """The bins with the sparse ones as one, without those that both lack: neither noise nor test holds for a few rows a bin."""
    together = (p + q) / (p.sum() + q.sum())
    sparse = together * min(p.sum(), q.sum()) < _SPARSE
    rest = [side[sparse].sum() for side in (p, q)]
    p, q = (np.append(side[~sparse], more) for side, more in zip((p, q), rest, strict=True))
    held = (p + q) > 0
    return p[held], q[held]


def _distance(expected: npt.ArrayLike, found: npt.ArrayLike, ordered: bool) -> float:  # noqa: FBT001
    p, q = _checked(expected, found)
    difference = q / q.sum() - p / p.sum()
    steps = np.cumsum(difference[:-1]) if ordered else difference
    return max(float(np.abs(steps).max(initial=0.0)), float(abs(difference[-1])))


def _chi_squared(p: Floats, q: Floats) -> float:
    n, m = p.sum(), q.sum()
    share = (p + q) / (n + m)
    return float(((p - n * share) ** 2 / (n * share)).sum() + ((q - m * share) ** 2 / (m * share)).sum())


def _shares(counts: Floats) -> Floats:
    return (counts + _HALF) / (counts.sum() + _HALF * counts.size)


def _checked(expected: npt.ArrayLike, found: npt.ArrayLike) -> tuple[Floats, Floats]:
    p, q = (np.asarray(counts, dtype=np.float64).ravel() for counts in (expected, found))
    if p.size != q.size or p.size == 0:
        raise ValueError(
            f"Both samples need a count for each of the same bins; found {p.size} and {q.size} bins."
        )
    if min(p.min(), q.min()) < 0 or not p.sum() or not q.sum():
        raise ValueError("Counts must not be negative, and each sample must hold a row.")
    return p, q
