"""LightGBM with everything that could differ between two runs pinned down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from propensity.model.cores.boosted import margin_of
from propensity.model.inputs import directions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from propensity.model.columns import Columns
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
    """Encoded training data.

    Attributes
    ----------
    columns : (n, f) the rows. y : (n,) labels, 0 and 1. weights : (n,), or None for 1.
    categories : positions of the category columns.
    sampled : (n,) what the trees learn by: the weight of a row that was drawn, 0 of one that was not; None for all rows.
    """

    columns: Columns
    y: npt.NDArray[np.int64]
    weights: Floats | None
    categories: tuple[int, ...]
    sampled: Floats | None = None

    def drawn(self, rows: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64] | None:
        """Return those of some rows, or of all, that trees learn from; None for all."""
        if self.sampled is None:
            return rows
        return np.flatnonzero(self.sampled > 0) if rows is None else rows[self.sampled[rows] > 0]

    def to_learn(self, rows: npt.NDArray[np.int64] | None = None) -> lgb.Dataset:
        """Return LightGBM's data of some rows, or all, as far as they were drawn.

        Bins are those of the very rows: bins shared by all folds would tell a fold how the values lie that it must
        not know yet.
        """
        weights = self.weights
        if self.sampled is not None:
            weights = self.sampled if weights is None else weights * self.sampled
        return self._dataset(self.drawn(rows), weights)

    def to_judge(self, rows: npt.NDArray[np.int64], reference: lgb.Dataset) -> lgb.Dataset:
        """Return LightGBM's data of some rows in the bins of what was learned from."""
        return self._dataset(rows, self.weights, reference)

    def _dataset(
        self,
        rows: npt.NDArray[np.int64] | None,
        weights: Floats | None,
        reference: lgb.Dataset | None = None,
    ) -> lgb.Dataset:
        pick: Any = slice(None) if rows is None else rows
        return lgb.Dataset(
            (self.columns if rows is None else self.columns.take(rows)).table,
            label=self.y[pick],
            weight=None if weights is None else weights[pick],
            reference=reference,
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
    """Return a booster of at most `n_trees` trees on all rows, or all that were drawn."""
    return lgb.train(dict(params), data.to_learn(), num_boost_round=n_trees)


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
        train_set, learned = data.to_learn(fold.train), data.drawn(fold.train)
        rows = fold.train.size if learned is None else learned.size
        booster = lgb.Booster(params=suited(params, rows), train_set=train_set)
        booster.add_valid(data.to_judge(fold.valid, train_set), "valid")
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
        margin_of(b, data.columns.take(f.valid), num_iteration=rounds)
        for b, f, rounds in zip(boosters, folds, grown[best], strict=True)
    )
    return FoldsOutcome(n_trees, tuple(curve), margins)
