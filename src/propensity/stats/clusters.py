"""Whether a mean is above 0 beyond noise, where rows of a cluster are not independent; and where many such are asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from propensity.stats.arrays import Floats, codes


@dataclass(frozen=True)
class MeanTest:
    """A mean over rows with its cluster-robust standard error.

    Attributes
    ----------
    value : the mean, in the unit of the values.
    standard_error : of it; NaN for a single cluster.
    clusters : independent units.
    p_value : one-sided, of a mean this large or larger where the true one is 0; 1 where it cannot be told.
    """

    value: float
    standard_error: float
    clusters: int
    p_value: float


def mean_test(values: npt.ArrayLike, cluster: npt.ArrayLike) -> MeanTest:
    """Test whether the mean of `values` (n,) is above 0; `cluster` (n,) says which rows belong together.

    The mean is a ratio of cluster totals to cluster sizes, its variance that of the linearised ratio (Cochran, 1977,
    section 2.11), the test Student's with clusters - 1 degrees of freedom.

    Raises
    ------
    ValueError
        No values, or lengths differ.
    """
    x = np.asarray(values, dtype=np.float64).ravel()
    if x.size == 0:
        raise ValueError("There are no values to test.")
    which = codes(cluster, x.size, "cluster")
    clusters, mean = int(which.max()) + 1, float(x.mean())
    if clusters == 1:
        return MeanTest(mean, float("nan"), 1, 1.0)
    residual = np.bincount(which, weights=x - mean)
    error = float(np.sqrt(clusters / (clusters - 1) * (residual**2).sum()) / x.size)
    if error == 0:
        return MeanTest(mean, 0.0, clusters, 0.0 if mean > 0 else 1.0)
    return MeanTest(mean, error, clusters, float(stdtr(clusters - 1, -mean / error)))


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return (m,) p-values adjusted so that the chance of any false alarm among all m stays below the level.

    Whatever the dependence between them. Source: Holm (1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64).ravel()
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return adjusted
