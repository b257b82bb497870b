"""The protocol of a rung, what its makers learn from, and the lowest rung."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from propensity.model.columns import Columns, Matrix, Readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from propensity.model.encoding import Encoder

Floats = npt.NDArray[np.float64]
# Half a conversion and half a non-conversion: Jeffreys' prior of a rate (Brown, Cai and DasGupta, 2001).
_HALF: Final = 0.5


class Core(Protocol):
    """What turns encoded rows into log odds, before calibration; plain numbers, so that it is saved without pickle.

    A matrix is (n, width) as `Encoder.encode` or `Encoder.columns` gives it: numbers, codes of categories, NaN where unknown.
    """

    kind: ClassVar[str]

    @property
    def width(self) -> int:
        """Columns that it reads."""
        ...

    @property
    def base(self) -> float:
        """The margin without any contribution, in log odds."""
        ...

    def margin(self, matrix: Readable, *, threads: int = 0) -> Floats:
        """Return (n,) log odds; a row's does not depend on the other rows, nor on the threads (0: all)."""
        ...

    def contributions(self, matrix: Matrix, *, threads: int = 0) -> Floats:
        """Return (n, width) parts of the margin in log odds; with `base` they add up to it."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types; `core_from_dict` reads them back to the same bits."""
        ...


@dataclass(frozen=True)
class Encoded:
    """Rows to learn from.

    Attributes
    ----------
    matrix : (n, f), NaN unknown.
    y : (n,) int64 labels, 0 and 1.
    levels : per column its number of categories; 0 for a number.
    weights : (n,) how many rows each stands for; None for itself alone.
    """

    matrix: Readable
    y: npt.NDArray[np.int64]
    levels: tuple[int, ...]
    weights: Floats | None = None

    @classmethod
    def of(cls, encoder: Encoder, rows: Any, y: npt.ArrayLike) -> Encoded:
        """Encode a table of the encoder's columns, with its labels (n,)."""
        levels = tuple(len(encoder.categories.get(name, ())) for name in encoder.names)
        return cls(encoder.columns(rows), np.asarray(y, dtype=np.int64), levels)

    @property
    def columns(self) -> Columns:
        """The rows by column."""
        if isinstance(self.matrix, Columns):
            return self.matrix
        found = [pa.chunked_array([column], pa.float64()) for column in self.matrix.T]
        return Columns.of(found, len(self.matrix))

    def take(self, rows: npt.NDArray[np.int64], weights: Floats | None = None) -> Encoded:
        """Return some rows, by number, with their weights (m,) where they stand for more than themselves."""
        return Encoded(self.part(rows), self.y[rows], self.levels, weights)

    def part(self, rows: npt.NDArray[np.int64]) -> Readable:
        """Return the matrix of some rows, by number."""
        return self.matrix.take(rows) if isinstance(self.matrix, Columns) else self.matrix[rows]


def base_log_odds(y: npt.NDArray[Any]) -> float:
    """Return the log odds of the rate of (n,) labels under Jeffreys' prior: finite also with no conversion, or no row.

    >>> round(base_log_odds(np.zeros(30)), 2)
    -4.11
    """
    conversions = float(y.sum())
    return float(np.log((conversions + _HALF) / (y.size - conversions + _HALF)))


def added_up(base: float, contributions: Iterable[Floats], rows: int) -> Floats:
    """Return base + each row's contributions, (rows,), given as (rows,) a column.

    Column by column: numpy's own sum over rows changes its order, and with it the last bit, with the shape.
    """
    total = np.full(rows, base)
    for column in contributions:
        total += column
    return total


@dataclass(frozen=True)
class BaseRate:
    """The same margin for everyone: what is known without looking at the lead."""

    log_odds: float
    columns: int

    kind: ClassVar[str] = "base_rate"

    @classmethod
    def fit(cls, data: Encoded) -> BaseRate:
        """Learn the rate of conversion."""
        return cls(base_log_odds(data.y), data.matrix.shape[1])

    @property
    def width(self) -> int:
        """Columns that it is given."""
        return self.columns

    @property
    def base(self) -> float:
        """The rate's log odds."""
        return self.log_odds

    def margin(self, matrix: Readable, *, threads: int = 0) -> Floats:
        """Return (n,) equal log odds."""
        del threads
        return np.full(matrix.shape[0], self.log_odds)

    def contributions(self, matrix: Matrix, *, threads: int = 0) -> Floats:
        """Return (n, width) zeros."""
        del threads
        return np.zeros((matrix.shape[0], self.columns))

    def to_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"kind": self.kind, "log_odds": self.log_odds, "columns": self.columns}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> BaseRate:
        """Read back what `to_dict` wrote."""
        return cls(float(found["log_odds"]), int(found["columns"]))
