"""A column as the court looks at it: numbers or codes, and levels that are tried one by one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["number", "category", "time"]
BLANK = "blank"
_OTHER = "any other"
_READABLE = 0.95
_FREQUENT = 0.02
_BINS = 10
_FEWEST_OF_A_WORD = 10
_MOST_WORDS = 200
_NEARLY_UNIQUE = 0.5
_TIME_FORMATS = (
    "ISO8601",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y",
    "%d/%m/%Y %H:%M",
)
_LEAST_YEAR = 1990


@dataclass(frozen=True)
class Column:
    """One column on trial.

    Attributes
    ----------
    name
        What a person calls it.
    kind
        number, category or time (as microseconds since 1970 UTC).
    matrix
        (rows, parts) float64, nan unknown: what a model may read. `categorical` are its parts that are codes.
    codes, levels
        (rows,) int64 into `levels`: the values (frequent ones, else bins), `blank` among them where some are unknown.
    known
        (rows,) bool: where there is a value.
    nearly_unique
        Whether most values are there once, as in an id or a name.
    """

    name: str
    kind: Kind
    matrix: Floats
    categorical: tuple[int, ...]
    codes: Ints
    levels: tuple[str, ...]
    known: npt.NDArray[np.bool_]
    nearly_unique: bool

    def take(self, rows: Ints) -> Column:
        """The rows of these numbers."""
        return Column(
            self.name,
            self.kind,
            self.matrix[rows],
            self.categorical,
            self.codes[rows],
            self.levels,
            self.known[rows],
            self.nearly_unique,
        )


def column_of(name: str, values: Any, *, text: bool = False, leads: Any = None) -> Column:
    """A column from an Arrow column of any type.

    `leads` (Arrow, one id a row) says which rows are of one lead, so that an id that comes back with each of its lead's
    snapshots still counts as one.

    Text whose values read as numbers or times (95 in 100 of those known) becomes such when `text` is True, which is how
    columns come that nobody has mapped.
    """
    series: pd.Series = values.to_pandas()
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return _time(name, series)
    if pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        return _number(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    words = series.astype("string")
    words = words.where(words.str.strip() != "")
    known = words.notna().to_numpy()
    if text and known.any():
        numbers = pd.to_numeric(words, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isfinite(numbers[known]).mean() >= _READABLE:
            return _number(name, numbers)
        times = _as_time(words, known)
        if times is not None:
            return _time(name, times)
    units = int(known.sum()) if leads is None else len(leads.filter(pa.array(known)).unique())
    return _category(name, words, known, units)


def _as_time(words: pd.Series, known: npt.NDArray[np.bool_]) -> pd.Series | None:
    for form in _TIME_FORMATS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = pd.to_datetime(words, errors="coerce", utc=True, format=form)
        years = times[known].dt.year
        if (years >= _LEAST_YEAR).mean() >= _READABLE:
            return times
    return None


def _time(name: str, series: pd.Series) -> Column:
    known = series.notna().to_numpy()
    us = np.full(len(series), np.nan)
    us[known] = series[known].dt.as_unit("us").astype("int64").to_numpy(dtype=np.float64)
    return _number(name, us, kind="time")


def _number(name: str, numbers: Floats, kind: Kind = "number") -> Column:
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    known = ~np.isnan(numbers)
    codes, levels = _bins(numbers, known, kind)
    distinct = len(np.unique(numbers[known]))
    return Column(
        name,
        kind,
        numbers[:, None],
        (),
        codes,
        levels,
        known,
        bool(known.any()) and distinct > _NEARLY_UNIQUE * int(known.sum()),
    )


def _bins(numbers: Floats, known: npt.NDArray[np.bool_], kind: Kind) -> tuple[Ints, tuple[str, ...]]:
    """Frequent values are levels of their own; the rest falls into tenths."""
    codes = np.full(len(numbers), -1, dtype=np.int64)
    levels: list[str] = []
    values, counts = np.unique(numbers[known], return_counts=True)
    often = values[counts >= max(_FEWEST_OF_A_WORD, _FREQUENT * len(numbers))]
    for value in often[:_MOST_WORDS]:
        codes[known & (numbers == value)] = len(levels)
        levels.append(_shown(float(value), kind))
    rest = known & (codes < 0)
    if rest.any():
        edges = np.unique(np.quantile(numbers[rest], np.linspace(0, 1, _BINS + 1)))
        place = np.clip(np.searchsorted(edges, numbers[rest], side="right") - 1, 0, max(0, len(edges) - 2))
        codes[rest] = len(levels) + place
        tops = edges[1:] if len(edges) > 1 else edges
        levels += [
            f"{_shown(float(low), kind)} to {_shown(float(high), kind)}"
            for low, high in zip(edges, tops, strict=False)
        ]
    return _with_blank(codes, levels, known)


def _with_blank(codes: Ints, levels: list[str], known: npt.NDArray[np.bool_]) -> tuple[Ints, tuple[str, ...]]:
    if not known.all():
        codes[~known] = len(levels)
        levels.append(BLANK)
    return codes, tuple(levels)


def _category(name: str, words: pd.Series, known: npt.NDArray[np.bool_], units: int) -> Column:
    counts = words.value_counts()
    unique = bool(known.any()) and len(counts) > _NEARLY_UNIQUE * units
    tail: Floats | None = None
    if unique:
        # An id says something by its number and its form, not by itself.
        tail = pd.to_numeric(words.str.extract(r"(\d{1,15})\D*$")[0], errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        words = words.map(_form, na_action="ignore")
        counts = words.value_counts()
    kept = [str(word) for word in counts.index[counts >= _FEWEST_OF_A_WORD][:_MOST_WORDS]]
    place = {word: code for code, word in enumerate(kept)}
    rest = len(kept)
    codes = np.array(
        [place.get(word, rest) if here else -1 for word, here in zip(words, known, strict=True)],
        dtype=np.int64,
    )
    levels = [*kept, _OTHER]
    parts = np.where(known, codes, np.nan).astype(np.float64)[:, None]
    if tail is not None:
        parts = np.column_stack([parts, tail])
    codes, shown = _with_blank(codes, levels, known)
    return Column(name, "category", parts, (0,), codes, shown, known, unique)


def _form(word: str) -> str:
    """The form of an id: `A1-7` is `a9-9`."""
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", word))[:20]


def _shown(value: float, kind: Kind) -> str:
    if kind == "time":
        return f"{pd.Timestamp(round(value), unit='us'):%Y-%m-%d}"
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"


def joined(columns: Sequence[Column], rows: int) -> tuple[Floats, tuple[int, ...]]:
    """All parts side by side, (rows, parts), and which of them are codes."""
    if not columns:
        return np.zeros((rows, 0)), ()
    places, categorical = 0, list[int]()
    for column in columns:
        categorical += [places + part for part in column.categorical]
        places += column.matrix.shape[1]
    return np.column_stack([column.matrix for column in columns]), tuple(categorical)
