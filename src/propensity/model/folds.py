"""Folds that go forward in time: train on the past, leave a gap of one horizon, validate on what follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

Ints = npt.NDArray[np.int64]
# The first fold trains on at least this share of the rows, so that its curve is not that of a toy.
_FIRST_SHARE: Final = 0.3
_TWO = 2
# Under this many rows of the rarer class a validation curve and a slope are mostly noise.
FOLDS_FROM: Final = 20
LEAST_COVERED: Final = 0.2
"""Share of the rows that forward folds must validate on; what is learned from a handful at the end is chance."""
Recipe = Literal["forward", "shuffled", "fixed"]


@dataclass(frozen=True)
class Fold:
    """Row numbers, each sorted, of one fold."""

    train: Ints
    valid: Ints


def time_axis(as_of: Any, gap: Any = None) -> tuple[Ints | npt.NDArray[np.float64], int | float]:
    """Return as_of and gap on one numeric axis: microseconds for times, the numbers themselves otherwise.

    Parameters
    ----------
    as_of : (n,) datetime64, timezone-aware or not, dates, or numbers; a Series, an Arrow array or any
        sequence.
    gap : timedelta, timedelta64 or number in the same unit; None is 0.

    Raises
    ------
    ValueError
        A null as_of, a negative gap, or a gap of the wrong kind (a number for times, a timedelta for
        numbers).
    """
    series = as_series(as_of)
    if series.isna().any():
        raise ValueError(
            f"as_of is null in {int(series.isna().sum())} of {series.size} rows; every snapshot needs one."
        )
    is_time = isinstance(gap, timedelta | np.timedelta64)
    if pd.api.types.is_numeric_dtype(series.dtype):
        if is_time:
            raise ValueError(f"as_of holds numbers, so gap must be a number too; found {gap!r}.")
        axis = series.to_numpy()
        width: int | float = 0 if gap is None else gap
    else:
        if gap is not None and not is_time:
            raise ValueError(f"as_of holds times, so gap must be a timedelta; found {gap!r}.")
        times = pd.DatetimeIndex(pd.to_datetime(series, utc=True))
        axis = times.as_unit("us").asi8
        width = 0 if gap is None else int(pd.Timedelta(gap).as_unit("us")._value)  # pyright: ignore[reportAttributeAccessIssue]  # noqa: SLF001
    if width < 0:
        raise ValueError(f"gap must not be negative; found {gap!r}.")
    return axis, width


def as_series(values: Any) -> pd.Series:
    """One value a row, whatever holds them: pandas, numpy, Arrow, any sequence."""
    if hasattr(values, "to_pandas") and not isinstance(values, pd.Series | np.ndarray):
        values = values.to_pandas()
    return pd.Series(values)


def forward_folds(time: npt.NDArray[Any], *, n_folds: int, gap: float = 0) -> tuple[Fold, ...]:
    """Return up to `n_folds` expanding-window folds.

    Every training row satisfies `time + gap <= v` and `time < v` for the earliest validation time v of its
    fold: with a gap of one horizon no training label window reaches into the validation. Rows of one time
    are never split. Validation parts hold about equally many rows, do not overlap, and together are
    everything after the first start.

    Parameters
    ----------
    time : (n,) numbers.
    n_folds : at least 1; fewer are returned where there are too few distinct times, none where no time
        lies a gap after another.
    """
    order = np.argsort(time, kind="stable")
    ranked = time[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    at = ranked[starts]
    # Training rows available to a validation part that begins at each distinct time.
    trained = np.minimum(np.searchsorted(ranked, at - gap, side="right"), starts)
    usable = np.flatnonzero(trained > 0)
    if usable.size == 0:
        return ()
    enough = usable[trained[usable] >= _FIRST_SHARE * ranked.size]
    # A gap that leaves little: rather a fold with a short past than none.
    first = int(enough[0]) if enough.size else int(usable[usable.size // 2])
    if enough.size < n_folds:
        first = min(first, int(usable[max(0, usable.size - n_folds)]))
    begin = int(starts[first])
    targets = begin + (ranked.size - begin) * np.arange(n_folds) / n_folds
    picks = np.unique(np.searchsorted(starts, targets, side="left"))
    picks = picks[(picks >= first) & (picks < starts.size)]
    edges = np.r_[starts[picks], ranked.size]
    return tuple(
        Fold(np.sort(order[: trained[k]]).astype(np.int64), np.sort(order[a:b]).astype(np.int64))
        for k, a, b in zip(picks, edges[:-1], edges[1:], strict=True)
    )


def shuffled_folds(y: Ints, groups: npt.NDArray[Any] | None, *, n_folds: int, seed: int) -> tuple[Fold, ...]:
    """Return stratified folds without an order in time; a group never lies on both sides.

    Fewer folds where a class has fewer rows (or groups) than `n_folds`; none where that leaves less than two.
    """
    counts = np.bincount(y, minlength=_TWO)
    n = min(n_folds, int(counts.min()))
    if groups is not None:
        n = min(n, *(np.unique(groups[y == c]).size for c in (0, 1)))
    if n < _TWO:
        return ()
    splitter: Any = (
        StratifiedKFold(n, shuffle=True, random_state=seed)
        if groups is None
        else StratifiedGroupKFold(n, shuffle=True, random_state=seed)
    )
    split = splitter.split(np.zeros((y.size, 1)), y, groups)
    folds = tuple(Fold(np.sort(a).astype(np.int64), np.sort(b).astype(np.int64)) for a, b in split)
    # Few groups may hold all of one class: what is left to learn from then has none of it.
    return folds if all(np.unique(y[fold.train]).size == _TWO for fold in folds) else ()


def learning_folds(
    y: Ints,
    time: npt.NDArray[Any] | None,
    groups: npt.NDArray[Any] | None,
    *,
    n_folds: int,
    gap: float,
    seed: int,
) -> tuple[tuple[Fold, ...], Recipe]:
    """Return the folds to learn from and the name of the recipe; folds that could teach nothing are left out.

    "forward" where there is time and the folds hold enough of both classes, else "shuffled" (stratified, groups kept
    whole), else "fixed": none.

    Parameters
    ----------
    y : (n,) labels 0 and 1.
    time : (n,) numbers, or None.
    groups : (n,) codes, or None.
    gap : one horizon, in time's unit.
    """
    enough = int(np.bincount(y, minlength=_TWO).min()) >= FOLDS_FROM
    if time is not None:
        forward = forward_folds(time, n_folds=n_folds, gap=gap)
        # A model needs both classes to train; a validation part of one class still has a log loss.
        forward = tuple(f for f in forward if np.unique(y[f.train]).size == _TWO)
        seen = np.concatenate([y[f.valid] for f in forward]) if forward else np.empty(0, dtype=np.int64)
        few = np.bincount(seen, minlength=_TWO).min() < FOLDS_FROM // 2
        if enough and not few and seen.size >= LEAST_COVERED * y.size:
            return forward, "forward"
    folds = shuffled_folds(y, groups, n_folds=n_folds, seed=seed) if enough else ()
    return (folds, "shuffled") if folds else ((), "fixed")
