"""The classifier where scikit-learn's users will put it."""

from __future__ import annotations

from datetime import timedelta

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, GroupKFold, TimeSeriesSplit, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from propensity.model.classifier import PropensityClassifier
from propensity.model.inputs import group_codes

ROWS = 240
START = pd.Timestamp("2025-01-01", tz="UTC")


def small(**params):
    return PropensityClassifier(**{"max_trees": 20, "n_folds": 2, **params})


@pytest.fixture(scope="module")
def leads():
    """X with numbers, nulls and text; y; a day for each row; a group for two rows in three."""
    rng = np.random.default_rng(0)
    visits = rng.poisson(3, ROWS).astype(float)
    X = pd.DataFrame(
        {
            "visits": np.where(rng.random(ROWS) < 0.2, np.nan, visits),
            "size": rng.normal(size=ROWS),
            "source": pd.Series(rng.choice(["web", "fair"], ROWS), dtype="str"),
        }
    )
    y = (rng.random(ROWS) < 1 / (1 + np.exp(1.5 - visits / 2))).astype(int)
    as_of = pd.Series(START + pd.to_timedelta(np.arange(ROWS), unit="D"))
    groups = pd.Series([None if n % 3 == 0 else f"A{n % 20}" for n in range(ROWS)], dtype="str")
    return X, y, as_of, groups


def test_a_dumped_classifier_gives_the_same_probabilities(leads, tmp_path):
    X, y, as_of, _ = leads
    model = small().fit(X, y, as_of=as_of)
    joblib.dump(model, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert repr(loaded) == repr(model)


def test_pandas_and_arrow_give_the_same_probabilities(leads):
    X, y, as_of, groups = leads
    table = pa.Table.from_pandas(X, preserve_index=False)
    from_pandas = small().fit(X, y, as_of=as_of, groups=groups)
    from_arrow = small().fit(
        table, pa.array(y).to_numpy(), as_of=pa.array(as_of.to_list()), groups=pa.array(groups, pa.string())
    )
    assert np.array_equal(from_pandas.predict_proba(X), from_arrow.predict_proba(table))


@pytest.mark.parametrize(
    "kind",
    [
        lambda s: s,
        lambda s: s.dt.tz_convert("Europe/Vienna"),
        lambda s: s.dt.tz_localize(None),
        pd.DatetimeIndex,
        lambda s: s.to_list(),
        lambda s: s.dt.tz_localize(None).to_numpy(),
        lambda s: pa.array(s.to_list(), pa.timestamp("ns", tz="UTC")),
        lambda s: pa.chunked_array([pa.array(s.to_list(), pa.timestamp("us", tz="UTC"))]),
        lambda s: s.dt.date.to_list(),
    ],
    ids=["utc", "zone", "naive", "index", "list", "numpy", "arrow", "chunked", "dates"],
)
def test_times_of_any_kind_are_one_and_the_same(leads, kind):
    X, y, as_of, _ = leads
    gap = timedelta(days=30)
    model = small(max_trees=3).fit(X, y, as_of=kind(as_of), gap=gap)
    known = small(max_trees=3).fit(X, y, as_of=as_of, gap=gap)
    assert model.recipe_ == "forward"
    assert model.as_of_range_ == (START, START + pd.Timedelta(days=ROWS - 1))
    assert np.array_equal(model.oof_.margin, known.oof_.margin)


def test_times_may_be_whole_numbers(leads):
    X, y, as_of, _ = leads
    days = small(max_trees=3).fit(X, y, as_of=np.arange(ROWS), gap=30)
    times = small(max_trees=3).fit(X, y, as_of=as_of, gap=timedelta(days=30))
    assert np.array_equal(days.oof_.margin, times.oof_.margin)
    assert days.as_of_range_ == (0, ROWS - 1)


def test_a_null_group_is_a_group_of_its_own(leads):
    X, y, _, groups = leads
    model = small().fit(X, y, groups=groups)
    named = groups.where(groups.notna(), [f"lead {n}" for n in range(ROWS)])
    assert np.array_equal(model.oof_.margin, small().fit(X, y, groups=named).oof_.margin)
    fold = pd.Series(model.oof_.fold, index=model.oof_.index)
    assert fold[groups.isna()].nunique() == 2
    assert fold.groupby(groups).nunique().max() == 1


@pytest.mark.parametrize(
    "groups",
    [
        ["a", None, "a", None],
        np.array([1.0, np.nan, 1.0, np.nan]),
        pd.Series([1, None, 1, None], dtype="Int64"),
        pa.array(["a", None, "a", None]),
        pd.Categorical(["a", None, "a", None]),
    ],
    ids=["list", "numpy", "nullable", "arrow", "category"],
)
def test_groups_of_any_kind(groups):
    assert group_codes(groups, 4).tolist() == [0, 1, 0, 2]


def test_groups_that_are_all_null():
    assert group_codes([None, None, None], 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["as_of", "groups"])
@pytest.mark.parametrize("rows", [ROWS - 1, ROWS + 1])
def test_a_value_too_few_or_too_many_is_refused(leads, name, rows):
    X, y, _, _ = leads
    with pytest.raises(ValueError, match=f"{name} has {rows} values, X has {ROWS} rows"):
        small().fit(X, y, **{name: np.arange(rows)})


@pytest.mark.parametrize("unknown", [np.nan, None, pd.NA], ids=["nan", "none", "na"])
def test_a_label_that_is_not_known_is_refused_in_words(leads, unknown):
    X, y, _, _ = leads
    labels = pd.Series(y, dtype=object)
    labels[0] = unknown
    with pytest.raises(ValueError, match=rf"1 of {ROWS} rows without a label"):
        small().fit(X, labels)


def pipeline():
    return make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["visits", "size"]),
            (FunctionTransformer(), ["source"]),
            verbose_feature_names_out=False,
        ),
        small(),
    ).set_output(transform="pandas")


def test_a_pipeline_keeps_the_columns_names_and_takes_time_and_groups(leads):
    X, y, as_of, groups = leads
    steps = pipeline().fit(X, y, propensityclassifier__as_of=as_of, propensityclassifier__groups=groups)
    assert steps[-1].feature_names_in_.tolist() == ["visits", "size", "source"]
    assert steps[-1].encoder_.kinds == ("number", "number", "category")
    assert steps[-1].recipe_ == "forward"


def test_cross_validation_passes_each_fold_its_own_times_and_the_gap_they_bring(leads):
    X, y, as_of, groups = leads
    as_of = as_of.copy()
    as_of.attrs["gap"] = timedelta(days=30)
    name = "propensityclassifier__"
    found = cross_validate(
        pipeline(),
        X,
        y,
        params={f"{name}as_of": as_of, f"{name}groups": groups},
        cv=TimeSeriesSplit(2),
        scoring="roc_auc",
        return_estimator=True,
    )
    last = [steps[-1].as_of_range_[1] for steps in found["estimator"]]
    assert last == [START + pd.Timedelta(days=79), START + pd.Timedelta(days=159)]
    assert {steps[-1].gap_ for steps in found["estimator"]} == {timedelta(days=30)}
    assert np.isfinite(found["test_score"]).all()


def test_metadata_routing_brings_what_was_asked_for(leads):
    X, y, as_of, groups = leads
    with sklearn.config_context(enable_metadata_routing=True):
        asked = small().set_fit_request(as_of=True, groups=True, gap=True)
        params = {
            "as_of": as_of,
            "groups": groups.fillna("none"),
            "gap": timedelta(days=10),
        }
        scores = cross_val_score(
            make_pipeline(asked), X, y, params=params, cv=GroupKFold(2), scoring="roc_auc"
        )
        search = GridSearchCV(make_pipeline(asked), {"propensityclassifier__num_leaves": [4, 8]}, cv=2)
        search.fit(X, y, **params)
    fitted = search.best_estimator_[-1]
    assert (fitted.recipe_, fitted.gap_) == ("forward", timedelta(days=10))
    assert np.isfinite(scores).all()


def test_a_clone_is_unfitted_and_equal(leads):
    X, y, _, _ = leads
    model = small(monotone_constraints={"visits": 1}, num_leaves=5).fit(X, y)
    copy = clone(model)
    assert not hasattr(copy, "booster_")
    assert copy.get_params() == model.get_params()
    assert repr(model).startswith(repr(copy) + ": ")
