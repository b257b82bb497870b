"""Logistic regression with a ridge: scikit-learn fits it, plain numbers remain."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from propensity.model.cores.core import Encoded, Floats, added_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from propensity.model.columns import Matrix, Readable

RIDGES: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Prior variances of a standardised column's coefficient, from shy to bold; the folds choose. Scikit-learn's C."""
_RARE_ROWS: Final = 20
_RARE_SHARE: Final = 0.005
_FLAT: Final = 1e-9


@dataclass(frozen=True)
class Slope:
    """A number's part: `slope * asinh((value - centre) / scale) - offset`; `unknown` where there is none.

    asinh is linear near the centre (the median) and logarithmic far from it (in quartile ranges), so that one huge
    revenue does not set the slope. Parts have mean 0 over the rows trained on.
    """

    centre: float
    scale: float
    slope: float
    offset: float
    unknown: float

    def of(self, column: Floats) -> Floats:
        """Return (n,) log odds."""
        part = self.slope * np.arcsinh((column - self.centre) / self.scale) - self.offset
        return np.where(np.isnan(column), self.unknown, part)


@dataclass(frozen=True)
class Offsets:
    """A category's part per code, and `unknown` where there is no value, or one never seen; mean 0 as well."""

    values: tuple[float, ...]
    unknown: float

    def of(self, column: Floats) -> Floats:
        """Return (n,) log odds."""
        return np.array([*self.values, self.unknown])[_codes(column, len(self.values))]


@dataclass(frozen=True)
class Logistic:
    """The intercept and each column's part, in log odds."""

    intercept: float
    columns: tuple[Slope | Offsets, ...]

    kind: ClassVar[str] = "logistic"

    @property
    def width(self) -> int:
        """Columns that it reads."""
        return len(self.columns)

    @property
    def base(self) -> float:
        """The margin of a lead that is average in every column."""
        return self.intercept

    def margin(self, matrix: Readable, *, threads: int = 0) -> Floats:
        """Return (n,) log odds."""
        del threads
        parts = (part.of(matrix[:, i]) for i, part in enumerate(self.columns))
        return added_up(self.base, parts, matrix.shape[0])

    def contributions(self, matrix: Matrix, *, threads: int = 0) -> Floats:
        """Return (n, width) log odds against the average lead."""
        del threads
        found = np.empty(matrix.shape, order="F")
        for i, part in enumerate(self.columns):
            found[:, i] = part.of(matrix[:, i])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"kind": self.kind, "intercept": self.intercept, "columns": [asdict(c) for c in self.columns]}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Logistic:
        """Read back what `to_dict` wrote."""
        columns: list[Slope | Offsets] = []
        for c in found["columns"]:
            if "slope" in c:
                columns.append(
                    Slope(*(float(c[key]) for key in ("centre", "scale", "slope", "offset", "unknown")))
                )
            else:
                columns.append(Offsets(tuple(map(float, c["values"])), float(c["unknown"])))
        return cls(float(found["intercept"]), tuple(columns))


@dataclass(frozen=True)
class _Block:
    """How one column became columns of the design.

    Attributes
    ----------
    centre, scale, spread : of a number.
    levels : of a category, per code, and last for unknown, which of its columns stands for it; None for a number.
    places : its columns: of a number itself and, perhaps, whether it is unknown; of a category one a common value, and
        one for all rare ones.
    """

    centre: float
    scale: float
    spread: float
    levels: npt.NDArray[np.int64] | None
    places: tuple[int, ...]


class Design:
    """The rows as scikit-learn wants them, learned from the very rows that are fitted: (n, k) float64, mean 0.

    Numbers are standardised after asinh, unknown ones lie at the median with an indicator beside them; indicators that
    are alike share one column. A category's value has a column where at least 20 rows and one in 200 hold it; the others
    share one. Columns without spread are left out. Weights count in means, spreads and the fit; the quartiles that a
    number is scaled by are those of the rows as they are.
    """

    def __init__(self, data: Encoded) -> None:
        self._columns: list[Floats | npt.NDArray[np.bool_]] = []
        self._weights = data.weights
        self._indicators: dict[bytes, int] = {}
        self._blocks = [
            self._category(data.matrix[:, i], levels) if levels else self._number(data.matrix[:, i])
            for i, levels in enumerate(data.levels)
        ]
        rows = data.matrix.shape[0]
        self._matrix = np.zeros((rows, max(1, len(self._columns))))
        for place, column in enumerate(self._columns):
            self._matrix[:, place] = column
        self._columns = []
        self._means = _mean(self._matrix, self._weights)
        self._matrix -= self._means
        self._y = data.y

    def path(self, ridges: Iterable[float]) -> Iterable[Logistic]:
        """Fit one after another, each from where the last ended."""
        # A saved model needs no scikit-learn to predict.
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

        model: Any = LogisticRegression(solver="newton-cholesky", warm_start=True, max_iter=200, tol=1e-6)
        for ridge in ridges:
            model.set_params(C=ridge).fit(self._matrix, self._y, sample_weight=self._weights)
            yield self._core(float(model.intercept_[0]), np.asarray(model.coef_[0], dtype=np.float64))

    def _number(self, column: Floats) -> _Block:
        unknown = np.isnan(column)
        known = column[~unknown]
        if not known.size:
            return _Block(0.0, 1.0, 0.0, None, ())
        low, centre, high = np.quantile(known, (0.25, 0.5, 0.75))
        scale = next((s for s in (float(high - low), float(known.std())) if s > _FLAT), 1.0)
        z = np.where(unknown, 0.0, np.arcsinh((np.where(unknown, centre, column) - centre) / scale))
        spread = float(z.std() if self._weights is None else _spread(z, self._weights))
        if spread <= _FLAT:
            return _Block(float(centre), scale, 0.0, None, ())
        place = self._add(z / spread)
        indicator = self._indicator(unknown)
        return _Block(float(centre), scale, spread, None, (place, *indicator))

    def _indicator(self, unknown: npt.NDArray[np.bool_]) -> tuple[int, ...]:
        if not unknown.any():
            return ()
        pattern = np.packbits(unknown).tobytes()
        if pattern in self._indicators:
            return ()
        self._indicators[pattern] = self._add(unknown)
        return (self._indicators[pattern],)

    def _category(self, column: Floats, levels: int) -> _Block:
        codes = _codes(column, levels)
        rows = np.bincount(codes, minlength=levels + 1)
        common = np.flatnonzero(rows >= max(_RARE_ROWS, _RARE_SHARE * codes.size))
        # Each code's column among this category's, the last for the rare ones.
        within = np.full(levels + 1, common.size, dtype=np.int64)
        within[common] = np.arange(common.size)
        of_row = within[codes]
        pooled = bool((of_row == common.size).any())
        places = [self._add(of_row == k) for k in range(common.size + pooled)]
        return _Block(0.0, 1.0, 1.0, within, tuple(places))

    def _add(self, column: Floats | npt.NDArray[np.bool_]) -> int:
        self._columns.append(column)
        return len(self._columns) - 1

    def _core(self, intercept: float, coefficients: Floats) -> Logistic:
        return Logistic(intercept, tuple(self._part(block, coefficients) for block in self._blocks))

    def _part(self, block: _Block, coefficients: Floats) -> Slope | Offsets:
        if block.levels is not None:
            held = [float(coefficients[p]) for p in block.places]
            mean = sum(float(coefficients[p] * self._means[p]) for p in block.places)
            # Where no row was rare, a rare value later is like the average lead.
            parts = [(held[k] if k < len(held) else mean) - mean for k in block.levels.tolist()]
            return Offsets(tuple(parts[:-1]), parts[-1])
        if not block.places:
            return Slope(block.centre, block.scale, 0.0, 0.0, 0.0)
        place, *indicator = block.places
        offset = sum(float(coefficients[p] * self._means[p]) for p in block.places)
        missing = sum(float(coefficients[p]) for p in indicator)
        return Slope(
            block.centre, block.scale, float(coefficients[place]) / block.spread, offset, missing - offset
        )


def _mean(values: Floats, weights: Floats | None) -> Any:
    """Return the mean over rows; by column where there are several."""
    return values.mean(axis=0) if weights is None else np.average(values, axis=0, weights=weights)


def _spread(values: Floats, weights: Floats) -> float:
    """Return the weighted standard deviation of (n,) values."""
    return float(np.sqrt(np.average((values - _mean(values, weights)) ** 2, weights=weights)))


def _codes(column: Floats, levels: int) -> npt.NDArray[np.int64]:
    return np.where(np.isnan(column), levels, column).astype(np.int64)
