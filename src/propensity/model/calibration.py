"""From a booster's margin to a probability: one global monotone map, learned on out-of-fold margins.

Margins are log odds, (n,) float64. Every map is non-decreasing, stays strictly between 0 and 1, and is
plain numbers that JSON holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Floats = npt.NDArray[np.float64]
Method = Literal["platt", "beta", "isotonic"]
ISOTONIC_FROM: Final = 1000
# Probabilities keep this far from 0 and 1, so that the log loss stays finite.
_EDGE: Final = 1e-6
# Pseudo-rows at the base rate added to each step of the isotonic fit: the rule of succession, centred on
# the base rate.
_PRIOR_ROWS: Final = 2.0
_CV_FOLDS: Final = 5
_ALIKE: Final = 1e-9


@runtime_checkable
class Calibrator(Protocol):
    """A monotone map from margin to probability."""

    def transform(self, margin: npt.ArrayLike) -> Floats:
        """Return (n,) probabilities in (0, 1)."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the map as JSON types; `calibrator_from_dict` reads it back."""
        ...


@dataclass(frozen=True)
class Platt:
    """`expit(slope * margin + intercept)`, slope >= 0 (Platt, 1999); the default is the margin itself."""

    slope: float = 1.0
    intercept: float = 0.0

    @classmethod
    def fit(cls, margin: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Platt:
        """Fit by maximum a posteriori on Platt's smoothed targets.

        (k+1)/(k+2) and 1/(n-k+2) for k conversions in n rows keep few rows from certainty.
        """
        m, labels, w = _checked(margin, y, weights)
        target = _smoothed(labels, w)
        slope, intercept = _fit_logistic(m[:, None], target, w)
        return cls(slope, intercept)

    def transform(self, margin: npt.ArrayLike) -> Floats:
        """Return (n,) probabilities."""
        return _inside(expit(self.slope * np.asarray(margin, dtype=np.float64) + self.intercept))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True)
class Beta:
    """`expit(a ln s - b ln(1 - s) + c)` with s = expit(margin) and a, b >= 0.

    Source: Kull, Silva Filho and Flach (2017), "Beta calibration". a and b stretch the two ends apart from
    each other, which Platt's single slope cannot.
    """

    a: float
    b: float
    c: float

    @classmethod
    def fit(cls, margin: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Beta:
        """Fit by maximum a posteriori on Platt's smoothed targets."""
        m, labels, w = _checked(margin, y, weights)
        a, b, c = _fit_logistic(_beta_inputs(m), _smoothed(labels, w), w)
        return cls(a, b, c)

    def transform(self, margin: npt.ArrayLike) -> Floats:
        """Return (n,) probabilities."""
        x = _beta_inputs(np.asarray(margin, dtype=np.float64))
        return _inside(expit(x[..., 0] * self.a + x[..., 1] * self.b + self.c))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"method": "beta", "a": self.a, "b": self.b, "c": self.c}


@dataclass(frozen=True)
class Isotonic:
    """Isotonic steps, joined by straight lines between their mean margins, level beyond the outer two.

    The lines (centred isotonic regression: Oron and Flournoy, 2017) leave few ties; each step is shrunken
    towards the base rate by two pseudo-rows, so that none is 0 or 1.

    Attributes
    ----------
    margins : strictly rising knots.
    probabilities : non-decreasing, within (0, 1).
    """

    margins: tuple[float, ...]
    probabilities: tuple[float, ...]

    @classmethod
    def fit(cls, margin: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Isotonic:
        """Fit by pooling adjacent violators over tied margins."""
        m, labels, w = _checked(margin, y, weights)
        at, inverse = np.unique(m, return_inverse=True)
        mass = np.bincount(inverse, weights=w)
        rate = np.bincount(inverse, weights=w * labels) / mass
        base = float((w * labels).sum() / w.sum())
        blocks = isotonic_regression(rate, weights=mass).blocks[:-1]
        rows = np.add.reduceat(mass, blocks)
        middle = np.add.reduceat(mass * at, blocks) / rows
        hits = np.add.reduceat(mass * rate, blocks)
        shrunken = (hits + _PRIOR_ROWS * base) / (rows + _PRIOR_ROWS)
        # Small steps shrink more than large ones, which may undo the order: restore it.
        fitted = np.asarray(isotonic_regression(shrunken, weights=rows).x, dtype=np.float64)
        middle, kept = np.unique(middle, return_index=True)
        return cls(tuple(middle.tolist()), tuple(_inside(fitted[kept]).tolist()))

    def transform(self, margin: npt.ArrayLike) -> Floats:
        """Return (n,) probabilities."""
        m = np.asarray(margin, dtype=np.float64)
        p = np.interp(m, self.margins, self.probabilities)
        # Interpolation may pass the next knot by the last bit, which would break the order just beyond it.
        following = np.minimum(np.searchsorted(self.margins, m, side="right"), len(self.margins) - 1)
        p = np.minimum(p, np.asarray(self.probabilities)[following])
        return _inside(p)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {
            "method": "isotonic",
            "margins": list(self.margins),
            "probabilities": list(self.probabilities),
        }


def fit_calibrator(
    margin: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    method: Method | Literal["auto"] = "auto",
    weights: npt.ArrayLike | None = None,
    fold: npt.ArrayLike | None = None,
) -> Calibrator:
    """Fit the map.

    "auto": Platt, unless beta's cross-validated log loss is lower by more than one standard error of the paired difference;
    and, where the rarer class has at least 1,000 rows, unless isotonic's is lower than the better of these by as much (the
    simpler map wins ties). More rows alone do not make steps the better map: they have more to learn, and tie leads
    that the line keeps apart.

    Parameters
    ----------
    margin : (n,) out-of-fold margins. y : (n,) labels 0/1. weights : (n,) or None.
    fold : (n,) numbers of the folds to cross-validate by; None deals rows in turn.

    Raises
    ------
    ValueError
        One class only, nulls, unequal lengths, or an unknown method.
    """
    m, labels, w = _checked(margin, y, weights)
    if method == "auto":
        rarer = min(float(w[labels == 1].sum()), float(w[labels == 0].sum()))
        method = _choose(m, labels, w, fold, rarer)
    fits: dict[str, Callable[..., Calibrator]] = {
        "platt": Platt.fit,
        "beta": Beta.fit,
        "isotonic": Isotonic.fit,
    }
    if method not in fits:
        raise ValueError(f"No such calibration: {method!r}. There are: auto, {', '.join(fits)}.")
    return fits[method](m, labels, w)


def calibrator_from_dict(found: Mapping[str, Any]) -> Calibrator:
    """Read back what `to_dict` wrote.

    Raises
    ------
    ValueError
        Unknown method, missing or misplaced numbers, or a map that falls.
    """
    try:
        method = found["method"]
        if method == "platt":
            line = Platt(float(found["slope"]), float(found["intercept"]))
            rising = line.slope >= 0
            return _sound(line, rising=rising)
        if method == "beta":
            beta = Beta(float(found["a"]), float(found["b"]), float(found["c"]))
            return _sound(beta, rising=beta.a >= 0 and beta.b >= 0)
        if method == "isotonic":
            steps = Isotonic(tuple(map(float, found["margins"])), tuple(map(float, found["probabilities"])))
            m, p = np.array(steps.margins), np.array(steps.probabilities)
            sound = m.size == p.size > 0 and bool((np.diff(m) > 0).all() and (np.diff(p) >= 0).all())
            return _sound(steps, rising=sound and bool(p[0] > 0 and p[-1] < 1))
    except (KeyError, TypeError) as e:
        raise ValueError(f"The calibrator is incomplete: {e!r} in {dict(found)!r}.") from e
    raise ValueError(f"No such calibration: {method!r}. There are: platt, beta, isotonic.")


def _sound(calibrator: Calibrator, *, rising: bool) -> Calibrator:
    if not rising:
        raise ValueError(f"The calibrator is not a rising map into (0, 1): {calibrator}.")
    return calibrator


def _choose(m: Floats, y: Floats, w: Floats, fold: npt.ArrayLike | None, rarer: float) -> Method:
    """Climb from the simplest map on; each is judged on the folds that it was not fitted on."""
    by = np.arange(m.size) % _CV_FOLDS if fold is None else np.asarray(fold)
    candidates: list[tuple[Method, Callable[..., Calibrator]]] = [("platt", Platt.fit), ("beta", Beta.fit)]
    if rarer >= ISOTONIC_FROM:
        candidates.append(("isotonic", Isotonic.fit))
    losses = {name: _held_out_loss(fit, m, y, w, by) for name, fit in candidates}
    best = candidates[0][0]
    for name, _ in candidates[1:]:
        if _clearly_lower(losses[name] - losses[best], w):
            best = name
    return best


def _held_out_loss(
    fit: Callable[..., Calibrator], m: Floats, y: Floats, w: Floats, by: npt.NDArray[Any]
) -> Floats:
    """Return (n,) losses of each fold under the map that the others give; nan where they hold one class only."""
    loss = np.full(m.size, np.nan)
    for k in np.unique(by):
        inside, outside = by == k, by != k
        if outside.any() and y[outside].min() != y[outside].max():
            loss[inside] = _loss(fit(m[outside], y[outside], w[outside]), m[inside], y[inside])
    return loss


def _clearly_lower(difference: Floats, w: Floats) -> bool:
    """Whether the weighted mean lies below zero by more than its standard error."""
    held = np.isfinite(difference)
    if held.sum() < 2:  # noqa: PLR2004 - a standard error needs two
        return False
    d, v = difference[held], w[held] / w[held].sum()
    mean = float((v * d).sum())
    return mean < -float(np.sqrt((v * v * (d - mean) ** 2).sum()))


def _loss(calibrator: Calibrator, m: Floats, y: Floats) -> Floats:
    p = calibrator.transform(m)
    return -np.where(y == 1, np.log(p), np.log1p(-p))


def _inside(p: Floats) -> Floats:
    return np.clip(p, _EDGE, 1 - _EDGE)


def _beta_inputs(m: Floats) -> Floats:
    # ln s = -softplus(-m) and -ln(1 - s) = softplus(m), without the underflow of s itself.
    return np.stack([-np.logaddexp(0, -m), np.logaddexp(0, m)], axis=-1)


def _checked(
    margin: npt.ArrayLike, y: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    m = np.asarray(margin, dtype=np.float64).ravel()
    labels = np.asarray(y, dtype=np.float64).ravel()
    w = np.ones(m.size) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if not m.size == labels.size == w.size:
        raise ValueError(f"Lengths differ: {m.size} margins, {labels.size} labels, {w.size} weights.")
    if not np.isfinite(m).all():
        raise ValueError("Margins must be finite; found nulls or infinities.")
    held = w > 0
    m, labels, w = m[held], labels[held], w[held]
    if not (np.isin(labels, (0, 1)).all() and (labels == 0).any() and (labels == 1).any()):
        raise ValueError("Calibration needs labels of both classes, 0 and 1.")
    return m, labels, w


def _smoothed(y: Floats, w: Floats) -> Floats:
    positive = float((w * y).sum())
    negative = float(w.sum()) - positive
    return np.where(y == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))


def _fit_logistic(x: Floats, target: Floats, w: Floats) -> tuple[float, ...]:
    """Return non-negative coefficients of x (n, k) and a free intercept, by weighted maximum a posteriori.

    Each coefficient has a normal prior with mean 1 and standard deviation 1 (weakly informative, after Gelman et al.,
    2008): a margin is taken at its word until the rows say otherwise. Thousands of rows drown it; a few rows whose
    margins hardly differ cannot make a cliff of them.
    """
    base = float((w * target).sum() / w.sum())
    spread = x.std(axis=0)
    # Margins that are all alike leave the slope undetermined; it then stays where the search begins.
    scale = np.where(spread > _ALIKE, spread, 1.0)
    centre = x.mean(axis=0)
    z = (x - centre) / scale
    v = w / w.sum()

    def loss(theta: Floats) -> tuple[float, Floats]:
        eta = z @ theta[:-1] + theta[-1]
        residual = v * (expit(eta) - target)
        off = theta[:-1] / scale - 1
        fit = float((v * (np.logaddexp(0, eta) - target * eta)).sum())
        prior = off / scale / w.sum()
        return fit + float((off**2).sum()) / (2 * w.sum()), np.r_[z.T @ residual + prior, residual.sum()]

    start = np.r_[scale, logit(base)]
    bounds = [(0.0, None)] * z.shape[1] + [(None, None)]
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9}
    theta = np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x)
    coefficients = np.maximum(theta[:-1] / scale, 0.0)
    return (*(float(c) for c in coefficients), float(theta[-1] - (coefficients * centre).sum()))
