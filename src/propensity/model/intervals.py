"""How sure a probability is: an interval that is wide where leads of such a score were few.

It speaks of the conversion rate among leads that score alike, as held-out rows saw it. One lead's own chance may lie
outside: that two leads of one score differ is nothing that labels could show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import logit

from propensity.stats.calibration import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from propensity.model.calibration import Floats

KNOTS: Final = 64
ENOUGH: Final = "enough"
NOT_ENOUGH: Final = "not enough evidence"
LEVEL: Final = 0.95
# Silverman's (1986, equation 3.31) rule of thumb; where scores are all alike, its spread is none.
_RULE: Final = 0.9
_NORMAL_QUARTILES: Final = 1.34
_LEAST_WIDTH: Final = 1e-3
_EDGE: Final = 1e-6


@dataclass(frozen=True)
class Intervals:
    """A table from probability to its 95 % interval.

    Attributes
    ----------
    probabilities : strictly rising knots. low, high : the interval at each; neither falls, and low <= probability <= high.
    margins : the lowest and the highest margin that was seen; beyond them nothing is known.
    rows, conversions : held-out rows behind it.
    """

    probabilities: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    margins: tuple[float, float]
    rows: int
    conversions: int

    @classmethod
    def fit(
        cls,
        margin: npt.ArrayLike,
        probability: npt.ArrayLike,
        y: npt.ArrayLike,
        cluster: npt.NDArray[np.int64],
        period: npt.NDArray[np.int64],
        *,
        knots: int = KNOTS,
    ) -> Intervals:
        """Learn the table from held-out rows (n,), at least one: margins, probabilities, labels, accounts, and months.

        At each knot the rows around it, weighted by how near their log odds are (a normal kernel), say how far the rate
        lies from the map. Wilson's interval around that rate, at the number of rows that the weights and the accounts
        leave, is stretched to hold the map's own probability. To the variance of a sample comes that between months
        (random effects: DerSimonian and Laird, 1986, over all knots together), since the lead is scored in a month of
        its own. Since the truth is taken to rise with the score, a lower end counts for all above it, and an upper end for
        all below.
        """
        m, p = np.asarray(margin, dtype=np.float64), np.asarray(probability, dtype=np.float64)
        labels = np.asarray(y, dtype=np.float64)
        x, residual = logit(p), labels - p
        width = _bandwidth(x, labels)
        sums = np.bincount(cluster, weights=residual - residual.mean())
        effect = max(1.0, float((sums**2).sum()) / float((p * (1 - p)).sum()))
        at, number = _knots(p, knots), np.unique(period, return_inverse=True)[1]
        rates, rows = np.empty(at.size), np.empty(at.size)
        excess = scale = 0.0
        for k, place in enumerate(logit(at)):
            w = np.exp(-(((x - place) / width) ** 2) / 2)
            rates[k] = at[k] + float((w * residual).sum()) / float(w.sum())
            rows[k] = float(w.sum()) ** 2 / float((w * w).sum()) / effect
            more, mass = _between(w, p, residual, number, effect)
            excess, scale = excess + more, scale + mass
        between = max(0.0, excess / scale) if scale > _EDGE else 0.0
        rates = np.clip(rates, 0.0, 1.0)
        rows = 1 / (1 / rows + between * at * (1 - at))
        low, high = wilson(rates * rows, rows, LEVEL)
        low, high = np.minimum(low, at), np.maximum(high, at)
        low = np.maximum.accumulate(low)
        high = np.minimum.accumulate(high[::-1])[::-1]
        return cls(
            tuple(at.tolist()),
            tuple(low.tolist()),
            tuple(high.tolist()),
            (float(m.min()), float(m.max())),
            int(labels.size),
            int(labels.sum()),
        )

    def of(self, probability: Floats) -> tuple[Floats, Floats]:
        """Return (n,) lower and upper ends; equal probabilities have equal ends."""
        low = np.minimum(np.interp(probability, self.probabilities, self.low), probability)
        high = np.maximum(np.interp(probability, self.probabilities, self.high), probability)
        # Below and above all that was seen, one end is open.
        low = np.where(probability < self.probabilities[0], 0.0, low)
        return low, np.where(probability > self.probabilities[-1], 1.0, high)

    def enough(self, margin: Floats, probability: Floats, *, widest: float) -> npt.NDArray[np.bool_]:
        """Return (n,) whether the interval is at most `widest` across, and the margin within what was seen."""
        low, high = self.of(probability)
        first, last = self.margins
        return (high - low <= widest) & (margin >= first) & (margin <= last)

    def to_dict(self) -> dict[str, Any]:
        """JSON types; `from_dict` reads them back."""
        return {
            "probabilities": list(self.probabilities),
            "low": list(self.low),
            "high": list(self.high),
            "margins": list(self.margins),
            "rows": self.rows,
            "conversions": self.conversions,
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Intervals:
        """Read back what `to_dict` wrote.

        Raises
        ------
        ValueError
            Knots that do not rise, ends that fall or cross the probability.
        KeyError, TypeError
            Something is missing, or is no number.
        """
        p, low, high = (np.array(found[key], dtype=np.float64) for key in ("probabilities", "low", "high"))
        first, last = (float(edge) for edge in found["margins"])
        sound = (
            p.size == low.size == high.size > 0
            and bool((np.diff(p) > 0).all() and (np.diff(low) >= 0).all() and (np.diff(high) >= 0).all())
            and bool((low >= 0).all() and (low <= p).all() and (p <= high).all() and (high <= 1).all())
        )
        if not sound:
            raise ValueError("The intervals of the probabilities fall, cross, or are not of one length.")
        ends = tuple(p.tolist()), tuple(low.tolist()), tuple(high.tolist())
        return cls(*ends, (first, last), int(found["rows"]), int(found["conversions"]))


def _between(
    w: Floats, p: Floats, residual: Floats, month: npt.NDArray[np.int64], effect: float
) -> tuple[float, float]:
    """At one knot: the months' spread around the map beyond that of their samples, and its scale; the ratio is a variance.

    In log odds; a month's distance is one Newton step from none.
    """
    information = np.bincount(month, weights=w * p * (1 - p))
    noise = effect * np.bincount(month, weights=w * w * p * (1 - p))
    held = information > _EDGE
    if held.sum() <= 1:
        return 0.0, 0.0
    off = np.bincount(month, weights=w * residual)[held] / information[held]
    weight = information[held] ** 2 / noise[held]
    mass = float(weight.sum())
    mean = float((weight * off).sum()) / mass
    excess = float((weight * (off - mean) ** 2).sum()) - float(held.sum() - 1)
    return excess, mass - float((weight**2).sum()) / mass


def _bandwidth(x: Floats, y: Floats) -> float:
    """Silverman's width in log odds, where the rarer class, and not the rows, is what there is to learn from."""
    rarer = max(1.0, min(float(y.sum()), float(y.size - y.sum())))
    first, third = np.percentile(x, [25, 75])
    spread = min(s for s in (float(x.std()), float(third - first) / _NORMAL_QUARTILES, np.inf) if s > 0)
    return max(_RULE * (1.0 if np.isinf(spread) else spread) * rarer**-0.2, _LEAST_WIDTH)


def _knots(p: Floats, most: int) -> Floats:
    """Probabilities at ranks that lie closer at both ends, where rows are few; both ends are among them."""
    ranked = np.unique(p)
    if ranked.size <= most:
        return ranked
    place = 0.5 - np.cos(np.linspace(0, np.pi, most)) / 2
    return np.unique(np.sort(p)[np.round(place * (p.size - 1)).astype(np.int64)])
