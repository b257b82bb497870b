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
from sklearn.utils import check_random_state, estimator_html_repr
from sklearn.utils.validation import check_is_fitted, validate_data

from propensity import markup
from propensity.model.boosting import FoldsOutcome, Rows, learn_trees, parameters, suited, train
from propensity.model.calibration import Calibrator, Platt, fit_calibrator
from propensity.model.cores.boosted import margin_of
from propensity.model.encoding import Encoder
from propensity.model.folds import FOLDS_FROM, Fold, Recipe, as_series, learning_folds, time_axis
from propensity.model.inputs import checked_labels, group_codes, same_length

if TYPE_CHECKING:
    from collections.abc import Mapping

    import lightgbm as lgb

    from propensity.model.columns import Columns

Floats = npt.NDArray[np.float64]
FIXED_TREES: Final = 20


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
    """Calibrated gradient boosting for snapshots of leads; an ordinary scikit-learn classifier of two classes.

    Parameters
    ----------
    learning_rate : float, default 0.05
        Shrinkage of each tree: smaller is smoother and needs more trees.
    num_leaves : int, default 10
        Leaves of each tree, at most.
    min_child_samples : int, default 30
        Rows in a leaf, at least; never more than a tenth of the rows trained on.
    max_trees : int, default 1000
        Trees at which the folds stop at the latest.
    patience : int, default 50
        Trees without a better log loss after which the folds stop.
    feature_fraction : float, default 0.25
        Share of the columns, in (0, 1], that each tree may use; five columns at least.
    extra_trees : bool, default True
        Whether to try one random threshold per column and split: smoother, and better on few rows.
    lambda_l2 : float, default 10
        Ridge on leaf values.
    cat_smooth : float, default 10
        LightGBM's smoothing of a category's mean by that of all rows, in rows.
    cat_l2 : float, default 10
        Ridge on leaf values of splits by categories.
    max_cat_to_onehot : int, default 4
        Categories up to which each is split off on its own rather than in groups.
    n_folds : int, default 4
        Folds, at most.
    calibration : {"auto", "platt", "beta", "isotonic"}, default "auto"
        The monotone map from margins to probabilities; see `calibration.fit_calibrator`.
    monotone_constraints : mapping or None, default None
        Column name to 1 (the score never falls as it grows), -1 (never rises) or 0; absent names raise.
    random_state : int, RandomState or None, default 0
        Seed of all randomness; the default is fixed. None draws one from the operating system.
    n_jobs : int or None, default None
        Threads; None is 1, -1 is what OpenMP offers. The model does not depend on it.

    Attributes
    ----------
    classes_ : (2,) the classes in sorted order; the second is the conversion.
    booster_ : lightgbm.Booster, trained on all rows.
    n_trees_ : trees it was allowed.
    calibrator_ : Calibrator, margin to probability.
    encoder_ : Encoder of columns to LightGBM's matrix.
    categories_ : column name to its categories in code order.
    recipe_ : "forward", "shuffled" or "fixed"; how trees and calibration were learned.
    oof_ : OutOfFold, or None for the fixed recipe.
    curve_ : log loss of the folds by number of trees.
    as_of_range_ : first and last as_of (Timestamps in UTC, or numbers), or None where fit was given none.
    gap_ : what fit left between its folds, in as_of's unit (timedelta for times), or None.
    n_features_in_, feature_names_in_ : as everywhere in scikit-learn.

    Notes
    -----
    fit takes `as_of`, `groups`, `gap` and `sample_weight` beside X and y. In a Pipeline they are passed by the step's
    name (`propensityclassifier__as_of=...`), in `cross_val_score` and the searches by `params=` or as arguments of their
    fit; scikit-learn cuts them to the rows of each fold, and a gap in `as_of.attrs` stays. With scikit-learn's metadata
    routing they are asked for as usual: `PropensityClassifier().set_fit_request(as_of=True, groups=True, gap=True)`.
    Cross-validation that is to be honest in time needs a splitter that goes forward, such as TimeSeriesSplit on rows in
    the order of time.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from propensity import PropensityClassifier
    >>> rng = np.random.default_rng(0)
    >>> visits = rng.poisson(2, 400)
    >>> X = pd.DataFrame({"visits": visits, "source": rng.choice(["web", "fair"], 400)})
    >>> y = (rng.random(400) < 0.1 + 0.1 * np.minimum(visits, 5)).astype(int)
    >>> as_of = pd.Series(pd.date_range("2025-01-01", periods=400, tz="UTC"))
    >>> model = PropensityClassifier(max_trees=50).fit(X, y, as_of=as_of, gap=pd.Timedelta(days=30))
    >>> model.recipe_
    'forward'
    >>> few, many = model.predict_proba(pd.DataFrame({"visits": [0, 5], "source": ["web", "web"]}))[:, 1]
    >>> bool(few < many)
    True
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

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        said = super().__repr__(N_CHAR_MAX)
        return f"{said}: {self._learned()}" if hasattr(self, "booster_") else said

    def _html_repr(self) -> str:
        diagram = str(estimator_html_repr(self))
        return diagram + markup.paragraph(self._learned()) if hasattr(self, "booster_") else diagram

    def _learned(self) -> str:
        found = (
            f"{self.n_trees_} trees on {len(self.encoder_.names)} columns, {self.recipe_} recipe, "
            f"{type(self.calibrator_).__name__.lower()} calibration"
        )
        if self.as_of_range_ is not None:
            first, last = (f"{e:%Y-%m-%d}" if isinstance(e, pd.Timestamp) else e for e in self.as_of_range_)
            found += f", learned from as_of {first} to {last}"
        return found

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
        as_of : (n,) times (with or without a zone; pandas, numpy or Arrow) or numbers that order the rows;
            None: no order.
        groups : (n,) account or lead; keeps a group on one side of folds that have no order in time. A null
            is a group of its own; where a lead without an account has several rows, `FeatureFrame.groups`
            keeps these together too.
        gap : one horizon, in as_of's unit (timedelta for times). None: what `as_of.attrs["gap"]` says
            (`FeatureFrame.as_of` brings its horizon), else none.
        sample_weight : (n,) not negative; rows of weight 0 count as absent.

        Raises
        ------
        ValueError
            One class only, infinity, a column that is neither number nor text, or arguments that do not
            fit together.
        """
        return self._learn(X, y, as_of, groups, gap, sample_weight=sample_weight)

    def fit_sample(
        self, X: Any, y: Any, drawn: Floats | None, *, as_of: Any = None, groups: Any = None, gap: Any = None
    ) -> PropensityClassifier:
        """Learn trees from a sample of the rows; number of trees and calibration from all rows that these did not see.

        Parameters
        ----------
        drawn : (n,) how many rows each stands for, 0 for one that no tree sees (`sampling.Sample.weights`); None: all.
        X, y, as_of, groups, gap : as `fit` takes them.

        Raises
        ------
        ValueError
            As `fit`.
        """
        return self._learn(X, y, as_of, groups, gap, drawn=drawn)

    def _learn(
        self,
        X: Any,
        y: Any,
        as_of: Any,
        groups: Any,
        gap: Any,
        *,
        sample_weight: Any = None,
        drawn: Floats | None = None,
    ) -> PropensityClassifier:
        rows = self._checked_rows(X, reset=True)
        self.classes_, codes, weights = checked_labels(rows, y, sample_weight)
        kept = np.flatnonzero(weights > 0) if weights is not None else np.arange(codes.size)
        encoder = Encoder.learn(rows)
        data = Rows(
            columns=encoder.columns(rows).take(kept),
            y=codes[kept],
            weights=None if weights is None else weights[kept],
            categories=encoder.category_positions,
            sampled=None if drawn is None else drawn[kept],
        )
        params = self._params(encoder)
        self.gap_ = gap if gap is not None else getattr(as_of, "attrs", {}).get("gap")
        folds, recipe = self._folds(data, as_of, groups, kept, codes.size)
        if folds:
            outcome = learn_trees(params, data, folds, max_trees=self.max_trees, patience=self.patience)
            self.oof_, calibrator = self._calibrated(outcome, folds, data, kept)
            self.n_trees_, self.curve_ = outcome.n_trees, outcome.curve
            learned = data.drawn()
            params = suited(params, data.y.size if learned is None else learned.size)
        else:
            self.oof_, calibrator = None, Platt()
            self.n_trees_, self.curve_ = min(FIXED_TREES, self.max_trees), ()
        self.recipe_: Recipe = recipe
        self.calibrator_: Calibrator = calibrator
        self.encoder_ = encoder
        self.categories_ = dict(encoder.categories)
        self.booster_: lgb.Booster = train(params, data, self.n_trees_)
        return self

    def predict_margin(self, X: Any) -> Floats:
        """Return (n,) log odds before calibration; they order ties of the calibrated probability."""
        return margin_of(self.booster_, self._by_column(X), num_threads=self._threads())

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
        check_is_fitted(self)
        matrix = self.encoder_.encode(self._checked_rows(X, reset=False))
        found = self.booster_.predict(matrix, pred_contrib=True, num_threads=self._threads())
        return np.asarray(found, dtype=np.float64)[:, :-1]

    def _by_column(self, X: Any) -> Columns:
        check_is_fitted(self)
        return self.encoder_.columns(self._checked_rows(X, reset=False))

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

    def _params(self, encoder: Encoder) -> dict[str, Any]:
        # A seed of its own: neither the global generator nor the caller's instance parameter decides twice.
        state = np.random.default_rng().integers(2**31) if self.random_state is None else self.random_state
        seed = (
            int(state)
            if isinstance(state, int | np.integer)
            else int(check_random_state(state).randint(2**31 - 1))
        )
        self._seed = seed
        return parameters(self.get_params(deep=False), encoder, seed=seed, threads=self._threads())

    def _folds(
        self, data: Rows, as_of: Any, groups: Any, kept: npt.NDArray[np.int64], rows: int
    ) -> tuple[tuple[Fold, ...], Recipe]:
        ids = None if groups is None else group_codes(groups, rows)[kept]
        self.as_of_range_: tuple[Any, Any] | None = None
        axis, width = None, 0.0
        if as_of is not None:
            whole, width = time_axis(as_of, self.gap_)
            same_length("as_of", whole.size, rows)
            axis = whole[kept]
            self.as_of_range_ = _edges(as_of, axis)
        return learning_folds(data.y, axis, ids, n_folds=self.n_folds, gap=width, seed=self._seed)

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


def _edges(as_of: Any, axis: npt.NDArray[Any]) -> tuple[Any, Any]:
    """First and last as_of: instants in UTC where these are times (the axis is then microseconds), else numbers."""
    edges = axis.min().item(), axis.max().item()
    if pd.api.types.is_numeric_dtype(as_series(as_of).dtype):
        return edges
    first, last = (pd.Timestamp(edge, unit="us", tz="UTC") for edge in edges)
    return first, last


__all__ = ["FIXED_TREES", "FOLDS_FROM", "OutOfFold", "PropensityClassifier"]
