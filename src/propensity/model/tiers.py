"""Tiers A to D: fixed probability cut points that are kept with the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Tiers:
    """Fixed probability cut points: from `a` on it is tier A, from `b` on B, from `c` on C, else D."""

    a: float
    b: float
    c: float

    def __post_init__(self) -> None:
        if not 1 >= self.a >= self.b >= self.c >= 0:
            raise ValueError(
                f"Tiers must fall from A to C within [0, 1]; found a={self.a}, b={self.b}, c={self.c}."
            )

    @classmethod
    def from_probabilities(
        cls, probabilities: npt.ArrayLike, *, shares: tuple[float, float, float] = (0.1, 0.3, 0.6)
    ) -> Tiers:
        """Cut so that these cumulative shares of (n,) probabilities reach A, B, C; ties may add to them."""
        p = np.asarray(probabilities, dtype=np.float64)
        a, b, c = np.quantile(p, [1 - share for share in shares], method="inverted_cdf")
        return cls(float(a), float(b), float(c))

    def of(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Return (n,) tiers "A" to "D".

        Examples
        --------
        >>> Tiers(0.5, 0.3, 0.1).of([0.5, 0.31, 0.1, 0.0]).tolist()
        ['A', 'B', 'C', 'D']
        """
        p = np.asarray(probabilities, dtype=np.float64)
        return np.array(["D", "C", "B", "A"])[(p >= self.c).astype(int) + (p >= self.b) + (p >= self.a)]
