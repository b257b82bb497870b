"""What the statistics share: checked arrays, and rows sorted once for many weightings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def checked(
    y: npt.ArrayLike, p: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return labels, probabilities and weights as float64 of one length.

    Parameters
    ----------
    y : (n,) labels, 0 or 1 (bool allowed).
    p : (n,) predictions, finite, any scale.
    weights : (n,) not negative; None weighs every row 1.

    Raises
    ------
    ValueError
        No rows, unequal lengths, a label other than 0 and 1, a null or infinite prediction, a negative
        weight.
    """
    labels = np.asarray(y, dtype=np.float64).ravel()
    scores = np.asarray(p, dtype=np.float64).ravel()
    mass = np.ones(labels.size) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if labels.size == 0:
        raise ValueError("There are no rows to evaluate; pass at least one label and one prediction.")
    if not labels.size == scores.size == mass.size:
        raise ValueError(
            f"Lengths differ: {labels.size} labels, {scores.size} predictions, {mass.size} weights."
        )
    if not np.isin(labels, (0.0, 1.0)).all():
        raise ValueError("Labels must be 0 or 1; found other values or nulls.")
    if not np.isfinite(scores).all():
        raise ValueError("Predictions must be finite; found nulls or infinities.")
    if not (np.isfinite(mass).all() and (mass >= 0).all()):
        raise ValueError("Weights must be finite and not negative.")
    return labels, scores, mass


def checked_probabilities(p: Floats) -> Floats:
    """Return `p` unchanged if all of it lies in [0, 1], else raise ValueError."""
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"Probabilities must lie in [0, 1]; found {p.min():g} to {p.max():g}.")
    return p


def codes(ids: npt.ArrayLike | Iterable[Any] | None, rows: int, what: str) -> Ints:
    """Return (rows,) int64 codes 0..k-1 in sorted order of the distinct ids; None gives each row its own.

    Raises
    ------
    ValueError
        The length differs from `rows`, or an id is null (a null would silently join strangers).
    """
    if ids is None:
        return np.arange(rows, dtype=np.int64)
    values = np.asarray(ids).ravel()
    if values.size != rows:
        raise ValueError(f"Lengths differ: {rows} rows, {values.size} values of {what}.")
    if _has_null(values):
        raise ValueError(f"{what} holds nulls; give every row one (an account, else its lead).")
    if values.dtype == object:
        distinct = sorted(set(values.tolist()), key=lambda v: (type(v).__name__, v))
        lookup = {value: code for code, value in enumerate(distinct)}
        return np.fromiter((lookup[v] for v in values.tolist()), dtype=np.int64, count=rows)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _has_null(values: npt.NDArray[Any]) -> bool:
    if values.dtype == object:
        # `is` not `==`: pandas' NA answers every comparison with itself; NaN differs from itself.
        return any(v is None or type(v).__name__ in {"NAType", "NaTType"} or v != v for v in values.tolist())  # noqa: PLR0124
    if values.dtype.kind in "mM":
        return bool(np.isnat(values).any())
    return values.dtype.kind == "f" and bool(np.isnan(values).any())


@dataclass(frozen=True)
class Presorted:
    """Rows sorted by falling prediction within one partition, ties grouped.

    Attributes
    ----------
    order : (n,) row numbers, by partition, then falling prediction.
    starts : (g,) position in `order` at which each group of tied predictions begins.
    score : (g,) the groups' predictions.
    part_starts : (k,) the group at which each partition begins.
    part_sizes : (k,) groups in each partition.
    """

    order: Ints
    starts: Ints
    score: Floats
    part_starts: Ints
    part_sizes: Ints

    @classmethod
    def of(cls, p: Floats, parts: Ints | None = None) -> Presorted:
        """Sort `p` (n,), optionally within the partitions 0..k-1 of `parts` (n,)."""
        part = np.zeros(p.size, dtype=np.int64) if parts is None else parts
        order = np.lexsort((-p, part))
        sorted_p, sorted_part = p[order], part[order]
        fresh_part = np.r_[True, sorted_part[1:] != sorted_part[:-1]]
        fresh = fresh_part | np.r_[True, sorted_p[1:] != sorted_p[:-1]]
        starts = np.flatnonzero(fresh)
        part_starts = np.flatnonzero(fresh_part[starts])
        sizes = np.diff(np.r_[part_starts, starts.size])
        return cls(order, starts, sorted_p[starts], part_starts, sizes)

    def sums(self, row_values: Floats) -> Floats:
        """Sum (n,) row values to (g,) tie groups."""
        return np.add.reduceat(row_values[self.order], self.starts)
