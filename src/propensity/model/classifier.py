"""PropensityClassifier: LightGBM whose number of trees and calibration are learned forward in time.

The recipe: (1) forward folds with a gap of one horizon; (2) grow a booster per fold, all side by side, and
take the number of trees at which their common log loss is lowest; (3) fit one monotone calibrator on the
folds' margins; (4) refit the booster on all rows.

Where the data do not carry that, it steps down rather than fails: without `as_of`, or with one that leaves
no past a gap before any row, the folds are stratified and group-aware instead of forward; with fewer than
20 rows of the rarer class there are no folds: a fixed 20 trees, and the margin itself as log odds (20
shrunken trees stay close to the base rate, and so few conversions cannot correct them). `recipe_` says
which it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import (
    _check_sample_weight,  # pyright: ignore[reportPrivateUsage]
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from propensity.model.boosting import FoldsOutcome, Rows, learn_trees, pinned, suited, train
from propensity.model.calibration import Calibrator, Platt, fit_calibrator
from propensity.model.encoding import Encoder, Matrix
from propensity.model.folds import Fold, forward_folds, shuffled_folds, time_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    import lightgbm as lgb

Floats = npt.NDArray[np.float64]
# Under this many rows of the rarer class a validation curve and a slope are mostly noise.
FOLDS_FROM: Final = 20
LEAST_COVERED: Final = 0.2
"""Share of the rows that forward folds must validate on; what is learned from a handful at the end is chance."""
FIXED_TREES: Final = 20
_CLASSES: Final = 2
# A tree that sees fewer columns than this can hold no interaction worth having.
_COLUMNS: Final = 5


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of rows by boosters that had not seen them; with forward folds the earliest rows have none.

    Attributes
    ----------
    index : (m,) row numbers in the data given to fit.
    fold : (m,) number of the fold, from 0, forward in time.
    margin : (m,) log odds.
    before, after : (m,) probability before and after calibration (the calibrator was fitted on these very
        rows).
    """

    index: npt.NDArray[np.int64]
    fold: npt.NDArray[np.int64]
    margin: Floats
    before: Floats
    after: Floats


class PropensityClassifier(ClassifierMixin, BaseEstimator):
    """Calibrated gradient boosting for snapshots of leads.

    Parameters
    ----------
    learning_rate : shrinkage of each tree.
    num_leaves : leaves of each tree.
    min_child_samples : rows in a leaf, at least; never more than a tenth of the rows trained on.
    max_trees : the folds stop here at the latest.
    patience : the folds stop after this many trees without a better log loss.
    feature_fraction : share of columns that each tree may use; five at least.
    extra_trees : try one random threshold per column and split: smoother, and better on few rows.
    lambda_l2 : ridge on leaf values.
    cat_smooth, cat_l2, max_cat_to_onehot : LightGBM's handling of categories.
    n_folds : folds, at most.
    calibration : "auto", "platt", "beta" or "isotonic"; see `calibration.fit_calibrator`.
    monotone_constraints : column name -> 1 (never falls), -1 (never rises) or 0; names that are absent raise.
    random_state : seed of all randomness; the default is fixed. None draws one from the operating system.
    n_jobs : threads; None is 1, -1 is what OpenMP offers. The model does not depend on it.

    Attributes
    ----------
    booster_ : lightgbm.Booster, trained on all rows. n_trees_ : trees it was allowed.
    calibrator_ : Calibrator. encoder_ : Encoder. categories_ : its categories.
    oof_ : OutOfFold, or None. curve_ : log loss of the folds by number of trees.
    recipe_ : "forward", "shuffled" or "fixed".
    classes_ : (2,). n_features_in_, feature_names_in_ : as everywhere in scikit-learn.
    """

    def __init__(  # noqa: PLR0913 - hyperparameters
        self,
        *,
        learning_rate: float = 0.05,
        num_leaves: int = 10,
        min_child_samples: int = 30,
        max_trees: int = 1000,
        patience: int = 50,
        feature_fraction: float = 0.25,
        extra_trees: bool = True,
        lambda_l2: float = 10.0,
        cat_smooth: float = 10.0,
        cat_l2: float = 10.0,
        max_cat_to_onehot: int = 4,
        n_folds: int = 4,
        calibration: Literal["auto", "platt", "beta", "isotonic"] = "auto",
        monotone_constraints: Mapping[str, int] | None = None,
        random_state: int | np.random.RandomState | None = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.max_trees = max_trees
        self.patience = patience
        self.feature_fraction = feature_fraction
        self.extra_trees = extra_trees
        self.lambda_l2 = lambda_l2
        self.cat_smooth = cat_smooth
        self.cat_l2 = cat_l2
        self.max_cat_to_onehot = max_cat_to_onehot
        self.n_folds = n_folds
        self.calibration = calibration
        self.monotone_constraints = monotone_constraints
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags: two classes, nulls and categories allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.classifier_tags.multi_class = False
        return tags

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        as_of: Any = None,
        groups: Any = None,
        gap: Any = None,
        sample_weight: Any = None,
    ) -> PropensityClassifier:
        """Learn from snapshots.

        Parameters
        ----------
        X : (n, f) DataFrame, pyarrow.Table or array; numbers, booleans, text, categories; nulls of any
            kind, no infinity.
        y : (n,) two classes; the second in sorted order is the conversion.
        as_of : (n,) times or numbers that order the rows; None: no order.
        groups : (n,) account or lead; keeps a group on one side of folds that have no order in time.
        gap : one horizon, in as_of's unit (timedelta for times).
        sample_weight : (n,) not negative; rows of weight 0 count as absent.

        Raises
        ------
        ValueError
            One class only, infinity, a column that is neither number nor text, or arguments that do not
            fit together.
        """
        rows = self._checked_rows(X, reset=True)
        codes, weights = self._checked_labels(rows, y, sample_weight)
        kept = np.flatnonzero(weights > 0) if weights is not None else np.arange(codes.size)
        encoder = Encoder.learn(rows)
        data = Rows(
            matrix=encoder.encode(rows)[kept],
            y=codes[kept],
            weights=None if weights is None else weights[kept],
            categories=encoder.category_positions,
            names=None,
        )
        params = self._params(encoder)
        folds, recipe = self._folds(data, as_of, groups, gap, kept)
        if folds:
            outcome = learn_trees(params, data, folds, max_trees=self.max_trees, patience=self.patience)
            self.oof_, calibrator = self._calibrated(outcome, folds, data, kept)
            self.n_trees_, self.curve_ = outcome.n_trees, outcome.curve
            params = suited(params, data.y.size)
        else:
            self.oof_, calibrator = None, Platt()
            self.n_trees_, self.curve_ = min(FIXED_TREES, self.max_trees), ()
        self.recipe_: Literal["forward", "shuffled", "fixed"] = recipe
        self.calibrator_: Calibrator = calibrator
        self.encoder_ = encoder
        self.categories_ = dict(encoder.categories)
        self.booster_: lgb.Booster = train(params, data, self.n_trees_)
        return self

    def predict_margin(self, X: Any) -> Floats:
        """Return (n,) log odds before calibration; they order ties of the calibrated probability."""
        return np.asarray(
            self.booster_.predict(self._encoded(X), raw_score=True, num_threads=self._threads()),
            dtype=np.float64,
        )

    def predict_proba(self, X: Any) -> Floats:
        """Return (n, 2) calibrated probabilities, columns as `classes_`."""
        check_is_fitted(self)
        p = self.calibrator_.transform(self.predict_margin(X))
        return np.column_stack([1 - p, p])

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return (n,) classes: the conversion where its probability is over one half."""
        check_is_fitted(self)
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(np.int64)]  # noqa: PLR2004

    def contributions(self, X: Any) -> Floats:
        """Return (n, f) parts of the margin by column (TreeSHAP, without the base value)."""
        found = self.booster_.predict(self._encoded(X), pred_contrib=True, num_threads=self._threads())
        return np.asarray(found, dtype=np.float64)[:, :-1]

    def _encoded(self, X: Any) -> Matrix:
        check_is_fitted(self)
        return self.encoder_.encode(self._checked_rows(X, reset=False))

    def _threads(self) -> int:
        return 1 if self.n_jobs is None else max(self.n_jobs, 0)

    def _checked_rows(self, X: Any, *, reset: bool) -> Any:
        if isinstance(X, pa.Table):
            # scikit-learn knows the names of DataFrames only: an empty one stands for the table.
            head: Any = pd.DataFrame({name: pd.Series(dtype="float64") for name in X.column_names})
            validate_data(self, head, reset=reset, skip_check_array=True)
        elif isinstance(X, pd.DataFrame):
            frame: Any = X
            validate_data(self, frame, reset=reset, skip_check_array=True)
        else:
            return validate_data(self, X, reset=reset, dtype=None, ensure_all_finite=False)
        rows, columns = X.shape
        if rows == 0 or columns == 0:
            raise ValueError(f"Found {rows} rows and {columns} columns; a minimum of 1 of each is required.")
        return X

    def _checked_labels(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[npt.NDArray[np.int64], Floats | None]:
        if y is None:
            raise ValueError("This PropensityClassifier requires y to be passed, but the target y is None.")
        labels: npt.NDArray[Any] = column_or_1d(y, warn=True)
        rows = X.shape[0]
        if labels.size != rows:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: [{rows}, {labels.size}]"
            )
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            raise ValueError("Input y contains NaN or infinity; every row needs a label.")
        check_classification_targets(labels)
        kind = type_of_target(labels, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        weights = None
        if sample_weight is not None:
            weights = np.asarray(
                _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            )
        held = codes if weights is None else codes[weights > 0]
        if self.classes_.size < _CLASSES or np.unique(held).size < _CLASSES:
            raise ValueError(
                "There is only one class in y (of the rows with weight); a classifier needs two classes."
            )
        return codes.astype(np.int64), weights

    def _params(self, encoder: Encoder) -> dict[str, Any]:
        # A seed of its own: neither the global generator nor the caller's instance parameter decides twice.
        state = np.random.default_rng().integers(2**31) if self.random_state is None else self.random_state
        seed = (
            int(state)
            if isinstance(state, int | np.integer)
            else int(check_random_state(state).randint(2**31 - 1))
        )
        params: dict[str, Any] = {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_child_samples": self.min_child_samples,
            "feature_fraction": max(self.feature_fraction, min(1.0, _COLUMNS / len(encoder.names))),
            "extra_trees": self.extra_trees,
            "lambda_l2": self.lambda_l2,
            "cat_smooth": self.cat_smooth,
            "cat_l2": self.cat_l2,
            "max_cat_to_onehot": self.max_cat_to_onehot,
        }
        if self.monotone_constraints:
            params["monotone_constraints"] = _directions(self.monotone_constraints, encoder)
        self._seed = seed
        return pinned(params, seed=seed, threads=self._threads())

    def _folds(
        self, data: Rows, as_of: Any, groups: Any, gap: Any, kept: npt.NDArray[np.int64]
    ) -> tuple[tuple[Fold, ...], Literal["forward", "shuffled", "fixed"]]:
        """Return the folds and the name of the recipe; folds that could teach nothing are left out."""
        enough = int(np.bincount(data.y, minlength=_CLASSES).min()) >= FOLDS_FROM
        if as_of is not None:
            axis, width = time_axis(as_of, gap)
            _same_length("as_of", axis.size, kept)
            forward = forward_folds(axis[kept], n_folds=self.n_folds, gap=width)
            # A booster needs both classes to train; a validation part of one class still has a log loss.
            forward = tuple(f for f in forward if np.unique(data.y[f.train]).size == _CLASSES)
            seen = (
                np.concatenate([data.y[f.valid] for f in forward]) if forward else np.empty(0, dtype=np.int64)
            )
            few = np.bincount(seen, minlength=_CLASSES).min() < FOLDS_FROM // 2
            if enough and not few and seen.size >= LEAST_COVERED * data.y.size:
                return forward, "forward"
        ids = None
        if groups is not None:
            ids = pd.factorize(pd.Series(groups), use_na_sentinel=False)[0]
            _same_length("groups", ids.size, kept)
            ids = ids[kept]
        folds = shuffled_folds(data.y, ids, n_folds=self.n_folds, seed=self._seed) if enough else ()
        return (folds, "shuffled") if folds else ((), "fixed")

    def _calibrated(
        self, outcome: FoldsOutcome, folds: tuple[Fold, ...], data: Rows, kept: npt.NDArray[np.int64]
    ) -> tuple[OutOfFold, Calibrator]:
        inside = np.concatenate([f.valid for f in folds])
        number = np.concatenate([np.full(f.valid.size, i, dtype=np.int64) for i, f in enumerate(folds)])
        margin = np.concatenate(outcome.margin)
        calibrator = fit_calibrator(
            margin,
            data.y[inside],
            method=cast('Literal["auto", "platt", "beta", "isotonic"]', self.calibration),
            weights=None if data.weights is None else data.weights[inside],
            fold=number,
        )
        before = Platt().transform(margin)
        return OutOfFold(kept[inside], number, margin, before, calibrator.transform(margin)), calibrator


def _directions(constraints: Mapping[str, int], encoder: Encoder) -> list[int]:
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


def _same_length(what: str, found: int, kept: npt.NDArray[np.int64]) -> None:
    if kept.size and found <= int(kept.max()):
        raise ValueError(f"Lengths differ: {what} has {found} values, X has more rows.")


__all__ = ["FIXED_TREES", "FOLDS_FROM", "OutOfFold", "PropensityClassifier"]
