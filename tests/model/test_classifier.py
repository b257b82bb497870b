import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from propensity import stats
from propensity.model.calibration import Platt
from propensity.model.classifier import FIXED_TREES, PropensityClassifier

DAY = pd.Timedelta(days=1)


def world(n=1500, seed=0, base=-1.5):
    """Snapshots of a year: numbers, nulls, text, categories, booleans; odds that hang on some of them."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "views": rng.poisson(2, n).astype(float),
            "visits": rng.poisson(2, n),
            "size": pd.array(np.where(rng.random(n) < 0.3, -1, rng.poisson(50, n)), dtype="Int64").astype(
                "Int64"
            ),
            "source": pd.Series(rng.choice(["web", "fair", "call"], n), dtype="str"),
            "industry": pd.Categorical(rng.choice(list("abcdefgh"), n)),
            "known": pd.array(rng.choice([True, False, None], n), dtype="boolean"),
        }
    )
    X.loc[X["size"] == -1, "size"] = pd.NA
    odds = base + 0.5 * X["views"] + (X["source"] == "web") * 1.0 + X["size"].isna() * 0.5 - 1
    p = 1 / (1 + np.exp(-odds.to_numpy(dtype=float)))
    as_of = pd.Series(
        pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 12, n)) * 30, unit="D")
    )
    return X, (rng.random(n) < p).astype(int), as_of, p


def small(**params):
    return PropensityClassifier(**{"max_trees": 80, "n_folds": 3, **params})


@pytest.fixture(scope="module")
def fitted():
    X, y, as_of, _ = world()
    return small().fit(X, y, as_of=as_of, gap=30 * DAY), X, y, as_of


def test_it_learns_and_its_probabilities_are_calibrated(fitted):
    clf = fitted[0]
    X, y, _, truth = world(4000, seed=9)
    p = clf.predict_proba(X)[:, 1]
    assert stats.roc_auc(y, p) > 0.9 * stats.roc_auc(y, truth)
    assert stats.calibration_error(y, p) < 0.05
    assert np.abs(p - truth).mean() < 0.1


def test_out_of_fold_rows_lie_after_a_gap_and_carry_both_probabilities(fitted):
    clf, _, y, as_of = fitted
    oof = clf.oof_
    assert clf.recipe_ == "forward"
    assert np.unique(oof.index).size == oof.index.size < y.size
    for k in range(1, oof.fold.max() + 1):
        assert as_of.iloc[oof.index[oof.fold == k]].min() > as_of.iloc[oof.index[oof.fold == k - 1]].max()
    assert oof.before == pytest.approx(1 / (1 + np.exp(-oof.margin)))
    assert np.array_equal(oof.after, clf.calibrator_.transform(oof.margin))
    assert stats.log_loss(y[oof.index], oof.after) <= stats.log_loss(y[oof.index], oof.before) + 1e-3
    assert np.argmin(clf.curve_) + 1 == clf.n_trees_


def test_pandas_and_arrow_and_one_or_two_threads_give_the_same_model(fitted):
    clf, X, y, as_of = fitted
    table = pa.Table.from_pandas(X, preserve_index=False)
    other = small(n_jobs=2).fit(table, y, as_of=as_of, gap=30 * DAY)
    assert np.array_equal(other.predict_margin(table), clf.predict_margin(X))
    assert np.array_equal(other.contributions(table), clf.contributions(X))
    assert other.calibrator_ == clf.calibrator_
    assert other.feature_names_in_.tolist() == clf.feature_names_in_.tolist() == list(X.columns)


def test_numpys_global_generator_is_left_alone(fitted):
    _, X, y, as_of = fitted
    for seed in (0, None, np.random.RandomState(3)):
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        small(max_trees=3, random_state=seed).fit(X, y, as_of=as_of).predict(X)
        assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_the_seed_matters_and_zero_is_a_seed(fitted):
    clf, X, y, as_of = fitted
    other = small(random_state=1).fit(X, y, as_of=as_of, gap=30 * DAY)
    assert not np.array_equal(other.predict_margin(X), clf.predict_margin(X))
    assert np.array_equal(
        clone(clf).fit(X, y, as_of=as_of, gap=30 * DAY).predict_margin(X), clf.predict_margin(X)
    )


def test_contributions_add_up_to_the_margin(fitted):
    clf, X, _, _ = fitted
    parts = clf.contributions(X)
    assert parts.shape == X.shape
    assert np.ptp(clf.predict_margin(X) - parts.sum(axis=1)) < 1e-9


def test_unseen_categories_and_nulls_are_one_and_the_same(fitted):
    clf, X, _, _ = fitted
    unseen, null = X.copy(), X.copy()
    unseen["source"] = "carrier pigeon"
    null["source"] = None
    assert np.array_equal(clf.predict_margin(unseen), clf.predict_margin(null))


def test_a_column_of_nulls_changes_nothing_but_is_kept(fitted):
    _, X, y, as_of = fitted
    clf = small().fit(X.assign(empty=None), y, as_of=as_of)
    assert clf.n_features_in_ == 7
    assert not clf.contributions(X.assign(empty=None))[:, 6].any()


def test_monotone_constraints_hold():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=600), "b": rng.normal(size=600)})
    y = (rng.random(600) < 1 / (1 + np.exp(2 * np.sin(3 * X["a"])))).astype(int)
    clf = small(monotone_constraints={"a": 1}).fit(X, y)
    grid = pd.DataFrame({"a": np.linspace(-3, 3, 200), "b": 0.0})
    assert np.all(np.diff(clf.predict_margin(grid)) >= 0)


@pytest.mark.parametrize(
    ("constraints", "message"), [({"c": 1}, "X lacks"), ({"s": 1}, "text columns"), ({"a": 2}, "-1, 0 or 1")]
)
def test_constraints_that_cannot_be_are_refused(constraints, message):
    X = pd.DataFrame({"a": range(10), "s": list("abababcdcd")})
    with pytest.raises(ValueError, match=message):
        small(monotone_constraints=constraints).fit(X, [0, 1] * 5)


def test_few_conversions_fall_back_to_a_fixed_recipe():
    X, _, as_of, _ = world(300)
    y = np.zeros(300, dtype=int)
    y[[50, 150, 250]] = 1
    clf = small().fit(X, y, as_of=as_of, gap=30 * DAY)
    assert (clf.recipe_, clf.n_trees_, clf.oof_, clf.calibrator_) == ("fixed", FIXED_TREES, None, Platt())
    assert np.all((clf.predict_proba(X) > 0) & (clf.predict_proba(X) < 1))


def test_a_gap_wider_than_the_history_falls_back_to_folds_without_order(fitted):
    _, X, y, as_of = fitted
    clf = small().fit(X, y, as_of=as_of, gap=4000 * DAY)
    assert clf.recipe_ == "shuffled"
    assert np.array_equal(np.sort(clf.oof_.index), np.arange(y.size))


def test_without_as_of_a_group_stays_on_one_side(fitted):
    _, X, y, _ = fitted
    groups = [f"g{i % 40}" for i in range(y.size)]
    clf = small().fit(X, y, groups=groups)
    folds = pd.Series(clf.oof_.fold, index=clf.oof_.index)
    assert clf.recipe_ == "shuffled"
    assert folds.groupby(pd.Series(groups)).nunique().max() == 1


def test_rows_without_weight_count_as_absent(fitted):
    _, X, y, as_of = fitted
    w = np.ones(y.size)
    w[::3] = 0
    kept = w > 0
    a = small().fit(X, y, as_of=as_of, gap=30 * DAY, sample_weight=w)
    b = small().fit(X[kept], y[kept], as_of=as_of[kept], gap=30 * DAY)
    assert a.n_trees_ == b.n_trees_
    assert np.allclose(a.predict_margin(X), b.predict_margin(X))
    assert set(a.oof_.index) <= set(np.flatnonzero(kept))


def test_classes_of_text_and_a_pipeline_and_a_grid_search():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=["a", "b", "c"])
    y = np.where(X["a"] + rng.normal(size=300) > 0, "won", "lost")
    pipeline = make_pipeline(StandardScaler(), small(max_trees=20)).set_output(transform="pandas")
    name = "propensityclassifier"
    search = GridSearchCV(pipeline, {f"{name}__num_leaves": [4, 8]}, cv=2, scoring="roc_auc")
    search.fit(X, y, **{f"{name}__as_of": np.arange(300)})
    best = search.best_estimator_[-1]
    assert best.classes_.tolist() == ["lost", "won"]
    assert best.recipe_ == "forward"
    assert best.feature_names_in_.tolist() == ["a", "b", "c"]
    assert (search.predict(X) == y).mean() > 0.7


@pytest.mark.parametrize(
    ("y", "extra", "message"),
    [
        ([0] * 10, {}, "only one class"),
        ([0, 1, 2, 0, 1, 2, 0, 1, 2, 0], {}, "Only binary classification"),
        ([0, 1] * 5, {"as_of": [1, 2]}, "as_of has 2 values"),
        ([0, 1] * 5, {"groups": [1, 2]}, "groups has 2 values"),
        ([0, 1] * 4, {}, "inconsistent numbers of samples"),
    ],
)
def test_what_does_not_fit_is_refused(y, extra, message):
    with pytest.raises(ValueError, match=message):
        small().fit(pd.DataFrame({"a": range(10)}), y, **extra)


def test_arrow_tables_with_other_columns_are_refused_by_name(fitted):
    clf, X, _, _ = fitted
    with pytest.raises(ValueError, match="feature names"):
        clf.predict(pa.Table.from_pandas(X.rename(columns={"views": "visions"}), preserve_index=False))


def test_a_round_without_a_split_does_not_end_the_folds():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(-1.5, 1, (60, 2)), rng.normal(1.5, 1, (60, 2))])
    clf = PropensityClassifier(max_trees=150, patience=20).fit(X, np.repeat([0, 1], 60))
    assert len(clf.curve_) in {150, clf.n_trees_ + 20}
    assert clf.n_trees_ > 60


def test_folds_shorter_than_a_leaf_can_still_split():
    rng = np.random.default_rng(0)
    x = rng.normal(size=150)
    clf = PropensityClassifier(max_trees=40).fit(
        x[:, None], (x > 0).astype(int), as_of=np.arange(150), gap=10
    )
    assert clf.recipe_ == "forward"
    assert min(clf.oof_.fold.tolist()) == 0
    assert all(np.ptp(clf.oof_.margin[clf.oof_.fold == k]) > 0 for k in range(4))
