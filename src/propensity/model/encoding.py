"""Columns of a DataFrame, an Arrow table or an array as the one float matrix that LightGBM reads.

Numbers stay numbers, booleans become 0 and 1, text becomes the position of its value among the sorted
values seen at fit. Nulls of every kind (None, NaN, NaT, pandas.NA, Arrow null) and categories never seen
become NaN, which LightGBM treats as missing. Infinities are refused: they come from a division that went
wrong, and a tree would quietly file them with the largest values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from propensity.model.columns import Columns, any_infinite, as_float64

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["number", "category"]
Matrix = npt.NDArray[np.float64]
_NUMBER_KINDS: Final = "biuf"


@dataclass(frozen=True)
class Encoder:
    """How each column becomes numbers; plain data, so that a saved model can hold it as JSON.

    Attributes
    ----------
    names : columns in the model's order.
    kinds : "number" or "category", one each.
    categories : per category column its values as strings, sorted; the code of a value is its position.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def learn(cls, X: Any) -> Encoder:
        """Learn kinds and categories from a pandas DataFrame, a pyarrow Table or a 2-d array.

        Raises
        ------
        ValueError
            A column holds timestamps or nested values: derive an age or a count first.
        """
        names = column_names(X)
        kinds: list[Kind] = []
        categories: dict[str, tuple[str, ...]] = {}
        for i, name in enumerate(names):
            column = _column(X, i)
            kind = _kind(column, name)
            kinds.append(kind)
            if kind == "category":
                categories[name] = _values(column)
        return cls(names, tuple(kinds), categories)

    @property
    def category_positions(self) -> tuple[int, ...]:
        """Positions of the category columns."""
        return tuple(i for i, kind in enumerate(self.kinds) if kind == "category")

    def encode(self, X: Any) -> Matrix:
        """Return (n, len(names)) float64, column-major; columns are taken by position.

        Raises
        ------
        ValueError
            A column learned as numbers holds text, or a value is infinite.
        """
        rows = X.num_rows if isinstance(X, pa.Table) else len(X)
        out: Matrix = np.empty((rows, len(self.names)), dtype=np.float64, order="F")
        for i, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True)):
            column = _column(X, i)
            out[:, i] = _numbers(column, name) if kind == "number" else _codes(column, self.categories[name])
        return out

    def columns(self, X: Any) -> Columns:
        """Return what `encode` does, by column: an Arrow table's numbers are not copied.

        Raises
        ------
        ValueError
            As `encode`.
        """
        found: list[pa.ChunkedArray] = []
        for i, (name, kind) in enumerate(zip(self.names, self.kinds, strict=True)):
            column = _column(X, i)
            if kind == "number" and isinstance(column, pa.ChunkedArray) and _readable(column.type):
                if pat.is_floating(column.type) and any_infinite(column):
                    raise _infinite(name)
                found.append(column)
            else:
                values = _numbers(column, name) if kind == "number" else _codes(column, self.categories[name])
                found.append(pa.chunked_array([values], pa.float64()))
        return Columns.of(found, X.num_rows if isinstance(X, pa.Table) else len(X))


def column_names(X: Any) -> tuple[str, ...]:
    """Return the column names as strings; an array's are x0, x1, ..."""
    if isinstance(X, pa.Table):
        return tuple(X.column_names)
    if isinstance(X, pd.DataFrame):
        return tuple(str(c) for c in X.columns)
    return tuple(f"x{i}" for i in range(X.shape[1]))


def kind_of(type_: pa.DataType) -> Kind | None:
    """Return the kind an Arrow type is read as; None for one that is refused (timestamps, lists, ...)."""
    if pat.is_dictionary(type_):
        return "category" if _is_text(type_.value_type) else None
    if _is_text(type_):
        return "category"
    numeric = (
        pat.is_integer(type_) or pat.is_floating(type_) or pat.is_decimal(type_) or pat.is_boolean(type_)
    )
    return "number" if numeric or pat.is_null(type_) else None


def _readable(type_: pa.DataType) -> bool:
    """Whether LightGBM reads the column as it is."""
    return pat.is_integer(type_) or pat.is_float32(type_) or pat.is_float64(type_)


def _is_text(type_: pa.DataType) -> bool:
    return pat.is_string(type_) or pat.is_large_string(type_) or pat.is_string_view(type_)


def _column(X: Any, i: int) -> Any:
    if isinstance(X, pa.Table):
        return X.column(i)
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, i]
    return X[:, i]


def _refuse(name: str, found: object) -> ValueError:
    return ValueError(
        f"Column {name!r} holds {found}, which the model cannot read. "
        "Derive a number (an age in days, a count) or text from it."
    )


def _kind(column: Any, name: str) -> Kind:
    if isinstance(column, pa.ChunkedArray):
        kind = kind_of(column.type)
    elif isinstance(column, pd.Series) and isinstance(column.dtype, pd.ArrowDtype):
        kind = kind_of(column.dtype.pyarrow_dtype)
    elif column.dtype.kind == "O" and not isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        kind = _object_kind(np.asarray(column, dtype=object), name)
    elif isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype) or column.dtype.kind == "U":
        kind = "category"
    else:
        kind = "number" if column.dtype.kind in _NUMBER_KINDS else None
    if kind is None:
        raise _refuse(name, column.type if isinstance(column, pa.ChunkedArray) else column.dtype)
    return kind


def _object_kind(values: npt.NDArray[Any], name: str) -> Kind:
    held = values[~pd.isna(values)]
    types = {type(v) for v in held.tolist()}
    if any(issubclass(t, dict | list | tuple | set) for t in types):
        # scikit-learn's own words for it, which its checks look for.
        raise TypeError(
            f"Column {name!r}: argument must be a string or a number, not {sorted(t.__name__ for t in types)}"
        )
    if any(issubclass(t, str) for t in types):
        return "category"
    try:
        held.astype(np.float64)
    except (TypeError, ValueError) as e:
        raise _refuse(name, sorted(t.__name__ for t in types)) from e
    return "number"


def _values(column: Any) -> tuple[str, ...]:
    if isinstance(column, pa.ChunkedArray):
        unique = column.unique()
        return tuple(sorted(str(v) for v in unique.to_pylist() if v is not None))
    series = pd.Series(column)
    return tuple(sorted({str(v) for v in series.dropna().unique().tolist()}))


def _numbers(column: Any, name: str) -> npt.NDArray[np.float64]:
    if isinstance(column, pa.ChunkedArray):
        if kind_of(column.type) != "number":
            raise ValueError(f"Column {name!r} was numbers at fit and is {column.type} now.")
        values = as_float64(column)
    else:
        try:
            values = (
                column.to_numpy(dtype=np.float64, na_value=np.nan)
                if isinstance(column, pd.Series)
                else np.where(pd.isna(column), np.nan, column).astype(np.float64)
                if column.dtype == object
                else np.asarray(column, dtype=np.float64)
            )
        except (TypeError, ValueError) as e:
            raise ValueError(f"Column {name!r} was numbers at fit and holds {column.dtype} now: {e}") from e
    if np.isinf(values).any():
        raise _infinite(name)
    return values


def _infinite(name: str) -> ValueError:
    return ValueError(
        f"Column {name!r} holds infinity. Input may hold NaN for a missing value, never inf: "
        "make it null where it is computed."
    )


def _codes(column: Any, values: Sequence[str]) -> npt.NDArray[np.float64]:
    if isinstance(column, pa.ChunkedArray):
        return _arrow_codes(column, values)
    series = pd.Series(column)
    if isinstance(series.dtype, pd.CategoricalDtype):
        table = _lookup([None if pd.isna(v) else str(v) for v in series.cat.categories.tolist()], values)
        return table[series.cat.codes.to_numpy()]
    codes, distinct = pd.factorize(series, use_na_sentinel=True)
    # The last entry is NaN: code -1, a null, reads it.
    return _lookup([str(v) for v in list(distinct)], values)[codes]


def _arrow_codes(column: pa.ChunkedArray, values: Sequence[str]) -> npt.NDArray[np.float64]:
    if pat.is_null(column.type):
        return np.full(len(column), np.nan)
    if kind_of(column.type) == "number":
        column = pc.cast(column, pa.string())
    elif kind_of(column.type) is None:
        raise ValueError(f"A category column is {column.type} now; it was text at fit.")
    if not pat.is_dictionary(column.type):
        column = column.dictionary_encode()
    parts: list[npt.NDArray[np.float64]] = []
    for chunk in column.chunks:
        table = _lookup(chunk.dictionary.to_pylist(), values)
        parts.append(table[pc.fill_null(chunk.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)])
    return np.concatenate(parts) if parts else np.empty(0)


def _lookup(found: Sequence[str | None], values: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return (len(found) + 1,) codes of the found values; NaN for an unknown one, and last, for a null."""
    position = {value: float(code) for code, value in enumerate(values)}
    return np.array([*(position.get(v, np.nan) if v is not None else np.nan for v in found), np.nan])
