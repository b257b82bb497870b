"""The court's statistics: how well a score separates, and which values of a column decide. Arrays in, numbers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri
from scipy.stats import rankdata

if TYPE_CHECKING:
    from propensity.audit.exhibits import Column

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_FEWEST_ROWS = 10
_NEARLY_ALL = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Separation:
    """An area under the ROC curve, and what each row adds to it.

    Attributes
    ----------
    auc
        In [0, 1], ties half.
    influence
        (rows,) float64: the jackknife's first-order parts of DeLong, DeLong and Clarke-Pearson (1988); their sums by
        cluster give the variance (Obuchowski 1997).
    """

    auc: float
    influence: Floats

    def error(self, cluster: Ints) -> float:
        """The standard error with rows of one cluster (codes from 0, shape (rows,)) taken together."""
        return float(np.sqrt((np.bincount(cluster, self.influence) ** 2).sum()))

    @property
    def squared_distance(self) -> float:
        """d', squared: how far apart two normal classes of equal spread would be for this AUC.

        AUC = Phi(d' / sqrt(2)) (Green and Swets 1966). Squared distances of independent scores add up. 0 below an
        AUC of one half.
        """
        return squared_distance(self.auc)


def squared_distance(auc: float) -> float:
    """As `Separation.squared_distance`, for an AUC in [0, 1].

    >>> round(squared_distance(0.76), 3)
    0.998
    """
    return 2.0 * float(ndtri(min(max(auc, 0.5), _NEARLY_ALL))) ** 2


def separation(y: Ints, score: Floats) -> Separation:
    """How well `score` (rows,) separates the labels `y` (rows,) 0 and 1; both classes must be there."""
    yes = y == 1
    ones, zeros = int(yes.sum()), int((~yes).sum())
    place = rankdata(score)
    below = np.empty(len(score))
    below[yes] = (place[yes] - rankdata(score[yes])) / zeros
    below[~yes] = 1.0 - (place[~yes] - rankdata(score[~yes])) / ones
    auc = float(below[yes].mean())
    influence = np.where(yes, (below - auc) / ones, (below - auc) / zeros)
    return Separation(auc, influence)


def gain_error(first: Separation, second: Separation, cluster: Ints) -> float:
    """The standard error of the difference of two AUCs on the same rows."""
    return Separation(0.0, second.influence - first.influence).error(cluster)


def critical(false_alarms: float, tests: int) -> float:
    """The one-sided normal quantile that holds the chance of any false alarm among `tests` below `false_alarms`.

    Bonferroni's: the tests of one court are many, and each column is one.
    """
    return -float(ndtri(false_alarms / max(1, tests)))


@dataclass(frozen=True, slots=True)
class Decider:
    """A value of a column whose leads end otherwise than expected.

    Attributes
    ----------
    level
        The value, as a person reads it; `blank` where it is unknown.
    rows, conversions, expected
        Leads with it, those that converted, and how many the other columns expected (float).
    odds
        The bound, away from what chance may do, on the odds ratio of observed to expected; at least 1. Above 1 it may
        mean more conversions or fewer: `more` says which.
    """

    level: str
    rows: int
    conversions: int
    expected: float
    odds: float
    more: bool


def strongest_decider(
    column: Column, y: Ints, expected: Floats, cluster: Ints, chance: float
) -> Decider | None:
    """The value that goes furthest beyond what was expected of its rows, or None where none has enough rows.

    The rate's bound is Clopper and Pearson's (1934) at the one-sided level `chance`, over the rows that clustering
    leaves (Kish 1965: rows over the mean cluster's size, weighted).

    Parameters
    ----------
    column
        Its levels are tried one by one.
    y, expected, cluster
        (rows,) labels, probabilities by the other columns, cluster codes.
    chance
        How often one level may go too far by chance, in (0, 1).
    """
    best: Decider | None = None
    for code, level in enumerate(column.levels):
        rows = np.flatnonzero(column.codes == code)
        if len(rows) < _FEWEST_ROWS:
            continue
        found = _tried(level, rows, y, expected, cluster, chance)
        if best is None or found.odds > best.odds:
            best = found
    return best


def _tried(level: str, rows: Ints, y: Ints, expected: Floats, cluster: Ints, chance: float) -> Decider:
    sizes = np.unique(cluster[rows], return_counts=True)[1]
    shrink = float(len(rows)) / float((sizes.astype(np.float64) ** 2).sum())
    n = len(rows) * shrink
    k = float(y[rows].sum()) * shrink
    mean = float(np.clip(expected[rows].mean(), 1e-6, 1 - 1e-6))
    low = float(betaincinv(k, n - k + 1, chance)) if k > 0 else 0.0
    high = float(betaincinv(k + 1, n - k, 1 - chance)) if k < n else 1.0
    usual = mean / (1 - mean)
    above = low / (1 - low) / usual if low < 1 else np.inf
    below = usual / (high / (1 - high)) if high < 1 else 0.0
    return Decider(
        level,
        len(rows),
        int(y[rows].sum()),
        float(expected[rows].sum()),
        float(max(1.0, above, below)),
        bool(above >= below),
    )
