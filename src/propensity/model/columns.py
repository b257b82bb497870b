"""Encoded rows as they lie in Arrow, column by column: what is read from a table is not copied to be learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator

Matrix = npt.NDArray[np.float64]
BLOCK_ROWS: Final = 16_384
"""Rows that are predicted at a time: few enough for their matrix to stay in the processor's cache."""


@dataclass(frozen=True)
class Columns:
    """Rows (n, f) by column.

    Attributes
    ----------
    table : numbers of any width, codes of categories as float64, and nulls or NaN where a value is unknown. Its columns
        are called Column_0, Column_1, ... as LightGBM calls those of an array.
    rows : n, which a table without columns does not know.
    """

    table: pa.Table
    rows: int

    @classmethod
    def of(cls, columns: list[pa.ChunkedArray], rows: int) -> Columns:
        """Put columns of `rows` values each together; there may be none."""
        return cls(pa.table({f"Column_{i}": column for i, column in enumerate(columns)}), rows)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.table.num_columns

    def __getitem__(self, place: tuple[slice, int]) -> Matrix:
        """Return one column, `[:, i]`, as (n,) float64 with NaN where unknown."""
        rows, column = place
        if rows != slice(None):
            raise IndexError("Columns give whole columns: [:, i]; take() gives rows.")
        return as_float64(self.table.column(column))

    def take(self, rows: npt.NDArray[np.int64]) -> Columns:
        """Return some rows, by number; those that lie side by side are not copied."""
        if rows.size and rows[-1] - rows[0] + 1 == rows.size and bool((np.diff(rows) == 1).all()):
            return Columns(self.table.slice(int(rows[0]), rows.size), rows.size)
        return Columns(self.table.take(pa.array(rows, pa.int64())), rows.size)

    def blocks(self, rows: int = BLOCK_ROWS) -> Iterator[tuple[slice, Matrix]]:
        """Go through the rows, so many at a time: where they stand, and their matrix, column-major; the next overwrites it."""
        block = np.empty((0, 0))
        for start in range(0, self.rows, rows):
            part, end = self.table.slice(start, rows), min(start + rows, self.rows)
            if len(block) != end - start:
                block = np.empty((end - start, part.num_columns), order="F")
            for i, column in enumerate(part.columns):
                block[:, i] = as_float64(column)
            yield slice(start, end), block


Readable = Matrix | Columns
"""What a model reads: a matrix (n, f), or rows by column."""


def as_float64(column: pa.ChunkedArray) -> Matrix:
    """Return (n,) numbers of an Arrow column, NaN where null; whole numbers beyond 2^53 are rounded, as LightGBM does."""
    values: Any = pc.cast(column, pa.float64(), safe=False).to_numpy()
    return values


def any_infinite(column: pa.ChunkedArray) -> bool:
    """Whether a value of a column of floats is infinite."""
    width = np.float64 if column.type == pa.float64() else np.float32
    for chunk in column.chunks:
        if not len(chunk):
            continue
        values = np.frombuffer(chunk.buffers()[1], dtype=width)[chunk.offset : chunk.offset + len(chunk)]
        # What lies under a null is anything; only then is it worth to look which values there are.
        if np.isinf(values).any() and np.isinf(chunk.drop_null().to_numpy()).any():
            return True
    return False
