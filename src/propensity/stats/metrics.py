"""How good a ranking and its probabilities are: six metrics, each over weighted rows.

Shapes: labels `y` (n,) of 0 and 1, predictions `p` (n,) float, `weights` (n,) float or int, None for 1
each. A weight of k equals k copies of the row; that is what lets a bootstrap sort once. Nulls are refused.
A metric that is not defined (one class only, no weight at all) raises ValueError rather than returning a
stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from propensity.stats.arrays import Floats, Ints, Presorted, checked, checked_probabilities, codes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BINS: Final = 10
TOP_SHARE: Final = 0.1
# scikit-learn's clip, so that the two log losses agree.
_EPS: Final = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class CohortLift:
    """Lift in the top share, averaged over the cohorts that hold a conversion.

    Attributes
    ----------
    value : mean over cohorts of (conversion rate at the top / conversion rate of the cohort); 1 is chance.
    cohorts : how many cohorts the mean is over.
    left_out : cohorts without a conversion (lift is 0/0 there), not in the mean.
    """

    value: float
    cohorts: int
    left_out: int


@dataclass(frozen=True)
class BrierDecomposition:
    """`brier = reliability - resolution + uncertainty`, exactly; each part is at least 0."""

    brier: float
    reliability: float
    resolution: float
    uncertainty: float


@dataclass(frozen=True)
class Scorer:
    """One set of predictions, sorted once, to be scored under many weightings.

    The public functions of this module are this class under a single weighting; a bootstrap keeps the
    instance.
    """

    y: Floats
    p: Floats
    cohort: Ints

    @cached_property
    def _overall(self) -> Presorted:
        return Presorted.of(self.p)

    @cached_property
    def _by_cohort(self) -> Presorted:
        return Presorted.of(self.p, self.cohort)

    @cached_property
    def _row_loss(self) -> Floats:
        return row_log_loss(self.y, self.p)

    @cached_property
    def _row_squared(self) -> Floats:
        return (checked_probabilities(self.p) - self.y) ** 2

    def roc_auc(self, w: Floats) -> float:
        """Area under the ROC curve; see the function of that name."""
        all_, positive = self._groups(w)
        negative = all_ - positive
        above = np.cumsum(positive) - positive
        return float(((above + 0.5 * positive) * negative).sum() / (positive.sum() * negative.sum()))

    def average_precision(self, w: Floats) -> float:
        """Average precision; see the function of that name."""
        all_, positive = self._groups(w)
        reached = np.cumsum(all_)
        precision = np.divide(np.cumsum(positive), reached, out=np.zeros_like(reached), where=reached > 0)
        return float((precision * positive).sum() / positive.sum())

    def log_loss(self, w: Floats) -> float:
        """Mean negative log likelihood, in nats."""
        return float((w * self._row_loss).sum() / _mass(w))

    def brier(self, w: Floats) -> float:
        """Mean squared error of the probabilities."""
        return float((w * self._row_squared).sum() / _mass(w))

    def calibration_error(self, w: Floats) -> float:
        """Return the expected calibration error; see the function of that name."""
        checked_probabilities(self.p)
        all_, positive = self._overall.sums(w), self._overall.sums(w * self.y)
        bins = equal_mass_bins(all_)
        gap = np.bincount(bins, weights=all_ * self._overall.score - positive, minlength=BINS)
        return float(np.abs(gap).sum() / _mass(w))

    def lift_top_decile(self, w: Floats) -> float:
        """Mean lift of the cohorts; see the function of that name."""
        return self.cohort_lift(w, TOP_SHARE).value

    def cohort_lift(self, w: Floats, share: float) -> CohortLift:
        """Lift among the top `share` of each cohort, with the count of cohorts left out."""
        total, caught, conversions = self.caught(w, share=share)
        held = conversions > 0
        if not held.any():
            raise ValueError("Lift is undefined: no cohort holds a conversion.")
        lift = (caught[held] / (share * total[held])) / (conversions[held] / total[held])
        return CohortLift(float(lift.mean()), int(held.sum()), int((~held).sum()))

    def caught(
        self, w: Floats, *, share: float | None = None, count: float | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Return (k,) cohort masses, expected conversions at the top, and conversions in all.

        The top is `share` of each cohort's mass, or `count` rows of it. Of the tied group that the border
        cuts, each row is in with equal probability: the expectation under random tie-breaking, computed
        and not drawn.
        """
        s = self._by_cohort
        all_, positive = s.sums(w), s.sums(w * self.y)
        total = np.add.reduceat(all_, s.part_starts)
        conversions = np.add.reduceat(positive, s.part_starts)
        target = total * share if share is not None else np.minimum(total, np.float64(count or 0))
        before = np.cumsum(all_) - all_
        before = before - np.repeat(before[s.part_starts], s.part_sizes)
        room = np.clip(np.repeat(target, s.part_sizes) - before, 0, all_)
        taken = np.divide(room, all_, out=np.zeros_like(all_), where=all_ > 0)
        return total, np.add.reduceat(taken * positive, s.part_starts), conversions

    def _groups(self, w: Floats) -> tuple[Floats, Floats]:
        all_, positive = self._overall.sums(w), self._overall.sums(w * self.y)
        conversions, mass = positive.sum(), all_.sum()
        if not 0 < conversions < mass:
            raise ValueError(
                f"Only one class is present ({conversions:g} conversions in {mass:g} rows); "
                "a ranking metric needs both."
            )
        return all_, positive


METRICS: Final[Mapping[str, Callable[[Scorer, Floats], float]]] = {
    "roc_auc": Scorer.roc_auc,
    "average_precision": Scorer.average_precision,
    "log_loss": Scorer.log_loss,
    "brier": Scorer.brier,
    "calibration_error": Scorer.calibration_error,
    "lift_top_decile": Scorer.lift_top_decile,
}
HIGHER_IS_BETTER: Final[Mapping[str, bool]] = {
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "brier": False,
    "calibration_error": False,
    "lift_top_decile": True,
}


def scorer(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    cohort: npt.ArrayLike | None = None,
) -> tuple[Scorer, Floats]:
    """Check the arrays; return a Scorer and its weights (n,); without `cohort` all rows are one."""
    labels, scores, mass = checked(y, p, weights)
    cohorts = (
        np.zeros(labels.size, dtype=np.int64) if cohort is None else codes(cohort, labels.size, "cohort")
    )
    _mass(mass)
    return Scorer(labels, scores, cohorts), mass


def roc_auc(y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Probability that a random conversion is ranked above a random non-conversion, ties counted half.

    Source: the Mann-Whitney form (Hanley and McNeil, 1982). `p` may be any score, not only a probability.

    Raises
    ------
    ValueError
        Only one class is present.

    Examples
    --------
    >>> roc_auc([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    s, w = scorer(y, p, weights)
    return s.roc_auc(w)


def average_precision(y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Sum over thresholds of precision times the gain in recall, without interpolation.

    Source: the definition of scikit-learn's `average_precision_score`.

    Raises
    ------
    ValueError
        Only one class is present.
    """
    s, w = scorer(y, p, weights)
    return s.average_precision(w)


def log_loss(y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Mean negative log likelihood in nats.

    Probabilities are clipped to float64's epsilon, as scikit-learn does.

    Raises
    ------
    ValueError
        A probability lies outside [0, 1].
    """
    s, w = scorer(y, p, weights)
    return s.log_loss(w)


def row_log_loss(y: Floats, p: Floats) -> Floats:
    """Return (n,) negative log likelihoods in nats, one a row; `log_loss` is their mean."""
    clipped = np.clip(checked_probabilities(p), _EPS, 1 - _EPS)
    return -np.where(y == 1, np.log(clipped), np.log1p(-clipped))


def brier(y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Mean squared difference between probability and label (Brier, 1950); 0 is perfect.

    Raises
    ------
    ValueError
        A probability lies outside [0, 1].
    """
    s, w = scorer(y, p, weights)
    return s.brier(w)


def brier_decomposition(
    y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> BrierDecomposition:
    """Split the Brier score into reliability (miscalibration), resolution (discrimination) and uncertainty.

    Murphy's (1973) three parts, taken over the isotonic recalibration instead of bins, so that they add up
    exactly and hang on no number of bins: Dimitriadis, Gneiting and Jordan (2021), "Stable reliability
    diagrams for probabilistic classifiers", PNAS. The recalibration is fitted on the same rows: on few
    rows both reliability and resolution are somewhat too large.
    """
    s, w = scorer(y, p, weights)
    score = s.brier(w)
    order = Presorted.of(s.p)
    all_, positive = order.sums(w)[::-1], order.sums(w * s.y)[::-1]
    held = all_ > 0
    all_, positive = all_[held], positive[held]
    rate = positive / all_
    fitted = np.asarray(isotonic_regression(rate, weights=all_).x, dtype=np.float64)
    base = positive.sum() / all_.sum()
    uncertainty = float(base * (1 - base))
    # The mean of (f - y)^2 over a tie group whose rate is r is (f - r)^2 + r (1 - r).
    recalibrated = float((all_ * ((fitted - rate) ** 2 + rate * (1 - rate))).sum() / all_.sum())
    return BrierDecomposition(
        score, max(score - recalibrated, 0.0), max(uncertainty - recalibrated, 0.0), uncertainty
    )


def calibration_error(y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the expected calibration error.

    The mean over 10 equal-mass bins of |mean probability - conversion rate|, weighted by mass.
    Rows with one probability always share a bin (see `equal_mass_bins`), so the order of tied rows cannot
    matter. Even perfect probabilities give more than 0 on finite data: compare with
    `calibration.perfect_calibration_error_quantile`. Source: Naeini, Cooper and Hauskrecht (2015), with
    equal-mass bins as in Nguyen and O'Connor (2015).
    """
    s, w = scorer(y, p, weights)
    return s.calibration_error(w)


def lift_top_decile(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    cohort: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Conversion rate among the best-ranked tenth over the rate of all.

    Averaged over cohorts (as_of dates), each counting once.
    The tenth is exact: of 25 leads it is 2.5, and of the tied group that the border cuts each row counts
    in part, which is the expected value under random tie-breaking. Cohorts without a conversion are left
    out; `cohort_lift` counts them.

    Raises
    ------
    ValueError
        No cohort holds a conversion.
    """
    return cohort_lift(y, p, cohort, weights).value


def cohort_lift(
    y: npt.ArrayLike,
    p: npt.ArrayLike,
    cohort: npt.ArrayLike | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    share: float = TOP_SHARE,
) -> CohortLift:
    """As `lift_top_decile` for any share in (0, 1], with the count of cohorts in and left out."""
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1]; found {share}.")
    s, w = scorer(y, p, weights, cohort)
    return s.cohort_lift(w, share)


def equal_mass_bins(mass: Floats, bins: int = BINS) -> npt.NDArray[np.intp]:
    """Return (g,) bin numbers 0..bins-1 for sorted tie groups of mass (g,), in the order given.

    A group goes whole into the bin that holds the middle of its mass: ties are never split, and without
    ties the bins differ by one row at most. A large tie leaves bins empty.
    """
    middle = np.cumsum(mass) - 0.5 * mass
    # Rounding keeps a middle that lies on a border by arithmetic from falling to either side by rounding
    # error.
    return np.minimum(np.floor(np.round(bins * middle / mass.sum(), 9)), bins - 1).astype(np.intp)


def known_metrics(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the metric names, all six for None; ValueError names one that does not exist."""
    if names is None:
        return tuple(METRICS)
    unknown = [n for n in names if n not in METRICS]
    if unknown:
        raise ValueError(f"No such metric: {', '.join(unknown)}. There are: {', '.join(METRICS)}.")
    return tuple(names)


def _mass(w: Floats) -> float:
    total = float(w.sum())
    if total <= 0:
        raise ValueError("All weights are 0: there are no rows to evaluate.")
    return total
