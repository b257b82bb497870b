"""LightGBM with everything that could differ between two runs pinned down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from propensity.model.inputs import directions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from propensity.model.encoding import Encoder
    from propensity.model.folds import Fold

Floats = npt.NDArray[np.float64]
_LEAF_SHARE: Final = 10
# A tree that sees fewer columns than this can hold no interaction worth having.
_COLUMNS: Final = 5
_PASSED: Final = (
    "learning_rate",
    "num_leaves",
    "min_child_samples",
    "feature_fraction",
    "extra_trees",
    "lambda_l2",
    "cat_smooth",
    "cat_l2",
    "max_cat_to_onehot",
)


@dataclass(frozen=True)
class Rows:
    """Encoded training data: matrix (n, f), labels (n,) of 0 and 1, weights (n,) or None."""

    matrix: Floats
    y: npt.NDArray[np.int64]
    weights: Floats | None
    categories: tuple[int, ...]
    names: tuple[str, ...] | None

    def dataset(
        self, rows: npt.NDArray[np.int64] | None = None, reference: lgb.Dataset | None = None
    ) -> lgb.Dataset:
        """Return LightGBM's data of some rows, or all."""
        pick: Any = slice(None) if rows is None else rows
        return lgb.Dataset(
            self.matrix[pick],
            label=self.y[pick],
            weight=None if self.weights is None else self.weights[pick],
            reference=reference,
            feature_name="auto" if self.names is None else list(self.names),
            categorical_feature=list(self.categories),
        )


@dataclass(frozen=True)
class FoldsOutcome:
    """What the folds taught.

    Attributes
    ----------
    n_trees : where the average curve is lowest.
    curve : log loss over all validation rows after 1, 2, ... trees.
    margin : per fold the (rows,) margins of its validation part at `n_trees`.
    """

    n_trees: int
    curve: tuple[float, ...]
    margin: tuple[Floats, ...]


def parameters(chosen: Mapping[str, Any], encoder: Encoder, *, seed: int, threads: int) -> dict[str, Any]:
    """Return LightGBM's parameters of a PropensityClassifier's own (`chosen`) on the encoder's columns.

    Raises
    ------
    ValueError
        Monotone constraints that do not fit the columns.
    """
    params: dict[str, Any] = {name: chosen[name] for name in _PASSED}
    params["feature_fraction"] = max(chosen["feature_fraction"], min(1.0, _COLUMNS / len(encoder.names)))
    if chosen["monotone_constraints"]:
        params["monotone_constraints"] = directions(chosen["monotone_constraints"], encoder)
    return pinned(params, seed=seed, threads=threads)


def pinned(params: Mapping[str, Any], *, seed: int, threads: int) -> dict[str, Any]:
    """Return parameters under which the same data give the same trees, whatever the number of threads."""
    return {
        "objective": "binary",
        "metric": "binary_logloss",
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "num_threads": threads,
        **params,
    }


def suited(params: Mapping[str, Any], rows: int) -> dict[str, Any]:
    """Return the parameters with no leaf forced above a tenth of the rows, so that short folds can split."""
    return {**params, "min_child_samples": max(1, min(int(params["min_child_samples"]), rows // _LEAF_SHARE))}


def train(params: Mapping[str, Any], data: Rows, n_trees: int) -> lgb.Booster:
    """Return a booster of at most `n_trees` trees on all rows."""
    return lgb.train(dict(params), data.dataset(), num_boost_round=n_trees)


def learn_trees(
    params: Mapping[str, Any],
    data: Rows,
    folds: Sequence[Fold],
    *,
    max_trees: int,
    patience: int,
    before_tree: Callable[[], None] = lambda: None,
) -> FoldsOutcome:
    """Grow all folds side by side and stop when their common log loss has not fallen for `patience` trees.

    One common number of trees rests on every validation row; a number per fold would be noisier and would
    not say how many trees the refit wants. The curve is weighted by the rows' weights. `before_tree` may raise to end it.
    """
    boosters: list[lgb.Booster] = []
    mass: list[float] = []
    for fold in folds:
        train_set = data.dataset(fold.train)
        booster = lgb.Booster(params=suited(params, fold.train.size), train_set=train_set)
        booster.add_valid(data.dataset(fold.valid, reference=train_set), "valid")
        boosters.append(booster)
        mass.append(float(fold.valid.size if data.weights is None else data.weights[fold.valid].sum()))
    curve: list[float] = []
    grown: list[list[int]] = []
    best = 0
    for tree in range(max_trees):
        before_tree()
        for booster in boosters:
            # A round may find no split among its random columns and thresholds and add no tree; the next may.
            booster.update()
        grown.append([booster.current_iteration() for booster in boosters])
        losses = [float(booster.eval_valid()[0][2]) for booster in boosters]
        curve.append(float(np.average(losses, weights=mass)))
        if curve[tree] < curve[best]:
            best = tree
        if tree - best >= patience:
            break
    n_trees = best + 1
    margins = tuple(
        np.asarray(b.predict(data.matrix[f.valid], raw_score=True, num_iteration=rounds), dtype=np.float64)
        for b, f, rounds in zip(boosters, folds, grown[best], strict=True)
    )
    return FoldsOutcome(n_trees, tuple(curve), margins)
