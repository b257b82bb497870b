"""What is given to fit beside the rows: labels, weights, groups, monotone directions; checked, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,  # pyright: ignore[reportPrivateUsage]
    column_or_1d,
)

from propensity.model.folds import as_series

if TYPE_CHECKING:
    from collections.abc import Mapping

    from propensity.model.encoding import Encoder

CLASSES: Final = 2


def checked_labels(
    X: Any, y: Any, sample_weight: Any
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.float64] | None]:
    """Return the classes (2,) in sorted order, their codes (n,), and the weights (n,) or None.

    Raises
    ------
    ValueError
        A label is missing, there are not just two classes among the rows with weight, or lengths differ.
    """
    if y is None:
        raise ValueError("This PropensityClassifier requires y to be passed, but the target y is None.")
    labels: npt.NDArray[Any] = column_or_1d(y, warn=True)
    rows = X.shape[0]
    if labels.size != rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{rows}, {labels.size}]"
        )
    unknown = int(pd.isna(labels).sum())
    if unknown or (labels.dtype.kind == "f" and not np.isfinite(labels).all()):
        raise ValueError(
            f"Input y contains NaN or infinity ({unknown} of {rows} rows without a label); every row needs a label. "
            "Leave out the rows whose outcome is not known yet."
        )
    check_classification_targets(labels)
    kind = type_of_target(labels, input_name="y", raise_unknown=True)
    if kind != "binary":
        raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
    classes, codes = np.unique(labels, return_inverse=True)
    weights = None
    if sample_weight is not None:
        weights = np.asarray(
            _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        )
    held = codes if weights is None else codes[weights > 0]
    if classes.size < CLASSES or np.unique(held).size < CLASSES:
        raise ValueError(
            "There is only one class in y (of the rows with weight); a classifier needs two classes. Bring a longer "
            "history, or check what counts as conversion."
        )
    return classes, codes.astype(np.int64), weights


def group_codes(groups: Any, rows: int) -> npt.NDArray[np.int64]:
    """Return (rows,) codes of the groups; a null is a group of its own, since strangers without an account are no group.

    >>> group_codes(["a", None, "a", None], 4).tolist()
    [0, 1, 0, 2]

    Raises
    ------
    ValueError
        There are not `rows` of them.
    """
    series = as_series(groups)
    same_length("groups", series.size, rows)
    codes = pd.factorize(series, use_na_sentinel=True)[0].astype(np.int64)
    alone = codes < 0
    codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
    # Numbered as they appear, so that folds do not hang on how a group is called, or whether it is.
    return pd.factorize(codes)[0].astype(np.int64)


def same_length(what: str, found: int, rows: int) -> None:
    """Raise ValueError unless there are as many values as rows."""
    if found != rows:
        raise ValueError(f"Lengths differ: {what} has {found} values, X has {rows} rows.")


def directions(constraints: Mapping[str, int], encoder: Encoder) -> list[int]:
    """Return the monotone direction of each column in the encoder's order.

    Raises
    ------
    ValueError
        A name that X lacks, a text column, or a direction other than -1, 0 and 1.
    """
    unknown = sorted(set(constraints) - set(encoder.names))
    if unknown:
        raise ValueError(
            f"monotone_constraints name columns that X lacks: {unknown}; X has {list(encoder.names)}."
        )
    text = sorted(
        n for n, d in constraints.items() if d and encoder.kinds[encoder.names.index(n)] == "category"
    )
    if text:
        raise ValueError(f"monotone_constraints on text columns have no meaning: {text}.")
    if any(d not in {-1, 0, 1} for d in constraints.values()):
        raise ValueError(f"monotone_constraints must be -1, 0 or 1; found {dict(constraints)}.")
    return [int(constraints.get(name, 0)) for name in encoder.names]
