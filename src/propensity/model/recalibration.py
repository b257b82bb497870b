"""Move a calibrated map to where the newest rows say that it is, and no further than they can say.

The map keeps its shape: log odds are shifted, or shifted and stretched (Cox, 1958). A normal prior holds the move near
none, so that few conversions move it little and many move it as far as they tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from propensity.model.calibration import Beta, Isotonic, Platt

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.model.calibration import Calibrator, Floats

Kind = Literal["intercept", "slope"]
LEVEL_DEVIATION: Final = 1.0
"""Prior standard deviation of the shift, in log odds: it weighs as much as one row at even odds weighs four times, or
about one conversion of a rare event; a base rate that moves by the factor e is no surprise."""
EDGE: Final = 1e-6
"""Moved probabilities keep this far from 0 and 1, as calibrated ones do."""
SLOPE_DEVIATION: Final = 0.5
"""Prior standard deviation of the slope around 1: halved or half as large again is no surprise."""


@dataclass(frozen=True)
class Shift:
    """`log odds -> slope * log odds + intercept`, slope >= 0; the default changes nothing."""

    slope: float = 1.0
    intercept: float = 0.0


def fit_shift(probability: npt.ArrayLike, y: npt.ArrayLike, *, kind: Kind) -> Shift:
    """Fit the move by maximum a posteriori.

    Parameters
    ----------
    probability : (n,) what the present map says of the newest rows, in (0, 1).
    y : (n,) their labels, 0 or 1; one class only is allowed, and so are no rows: then nothing moves.
    kind : "intercept" moves the level; "slope" also stretches around the rows' mean log odds.
    """
    x, labels = logit(np.asarray(probability, dtype=np.float64)), np.asarray(y, dtype=np.float64)
    if not x.size:
        return Shift()
    # Around the mean, so that the two parts of the move do not hang on each other.
    centre = float(x.mean())
    free = kind == "slope"

    def loss(theta: Floats) -> tuple[float, Floats]:
        level, stretch = float(theta[0]), float(theta[1]) if free else 0.0
        eta = x + level + stretch * (x - centre)
        residual = expit(eta) - labels
        fit = float((np.logaddexp(0, eta) - labels * eta).sum())
        prior = (level / LEVEL_DEVIATION) ** 2 / 2 + (stretch / SLOPE_DEVIATION) ** 2 / 2
        slopes = [residual.sum() + level / LEVEL_DEVIATION**2]
        if free:
            slopes.append((residual * (x - centre)).sum() + stretch / SLOPE_DEVIATION**2)
        return (fit + prior) / x.size, np.array(slopes) / x.size

    bounds = [(None, None), (-1.0, None)] if free else [(None, None)]
    options = {"maxiter": 200, "ftol": 1e-14, "gtol": 1e-10}
    found = minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    level, stretch = float(found.x[0]), float(found.x[1]) if free else 0.0
    return Shift(1.0 + stretch, level - stretch * centre)


def applied(shift: Shift, probability: Floats) -> Floats:
    """Move probabilities (n,) in (0, 1) as `shifted` moves a map."""
    return np.clip(expit(shift.slope * logit(probability) + shift.intercept), EDGE, 1 - EDGE)


def shifted(calibrator: Calibrator, shift: Shift) -> Calibrator:
    """Return the moved map, which is one of the same kind: an older propensity reads it.

    Platt and beta are moved exactly; an isotonic map at its knots, with straight lines between them as before.

    Raises
    ------
    TypeError
        A map that is none of the three.
    """
    if isinstance(calibrator, Platt):
        return Platt(calibrator.slope * shift.slope, calibrator.intercept * shift.slope + shift.intercept)
    if isinstance(calibrator, Beta):
        s = shift.slope
        return Beta(calibrator.a * s, calibrator.b * s, calibrator.c * s + shift.intercept)
    if isinstance(calibrator, Isotonic):
        moved = applied(shift, np.array(calibrator.probabilities))
        return Isotonic(calibrator.margins, tuple(moved.tolist()))
    raise TypeError(f"No way to move a {type(calibrator).__name__}.")
