"""Every error says what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

import propensity as pp
from propensity.errors import ConfigError, FeatureMismatch, HistoryError, RegistryError, UsageError


def test_a_wrong_path_says_where_it_was_sought_and_how_to_get_the_demo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"crm\.yaml in .*pp\.connect.*propensity demo") as caught:
        pp.connect("crm.yaml")
    assert str(tmp_path) in str(caught.value)


def test_overrides_beside_a_configuration(crm):
    with pytest.raises(UsageError, match="overrides go with a file"):
        pp.connect(crm.config, "outcome.horizon_days=60")


def test_an_unknown_table(crm):
    with pytest.raises(UsageError, match="no table 'lead'; there are leads, accounts"):
        crm.table("lead")


def test_a_horizon_that_leaves_no_matured_snapshot(crm):
    with pytest.raises(HistoryError, match=r"no snapshot is matured.*lower the horizon"):
        pp.snapshots(crm, horizon_days=2000)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"horizon_days": 0}, "horizon_days 0: .*greater than or equal to 1"),
        ({"every": "now and then"}, "is no step; write for example `1 month`"),
        ({"every": "1 month", "age_days": 3}, "not both"),
    ],
)
def test_snapshots_that_cannot_be(crm, wrong, message):
    with pytest.raises(UsageError, match=message):
        pp.snapshots(crm, **wrong)


def test_features_of_another_connection(spine, flat):
    with pytest.raises(UsageError, match=r"another connection.*pp\.snapshots\(crm"):
        pp.features(flat(dated=True), spine)


def test_a_forward_split_without_time(flat):
    crm = flat()
    with pytest.raises(UsageError, match=r"created_at.*order_by.*GroupShuffleSplit"):
        pp.forward_split(pp.features(crm, pp.snapshots(crm)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"test_share": 25}, "such as 0.25; found 25"),
        ({"gap_days": -1}, "must not be negative.*one horizon"),
    ],
)
def test_a_split_that_cannot_be(data, wrong, message):
    with pytest.raises(UsageError, match=message):
        pp.forward_split(data, **wrong)


def test_a_gap_that_leaves_no_past(data):
    with pytest.raises(HistoryError, match="Bring a longer history"):
        pp.forward_split(data, gap_days=2000)


def test_fit_with_an_unknown_label(data):
    y = data.y.astype(float)
    y[:3] = np.nan
    with pytest.raises(ValueError, match=r"3 of .* rows without a label.*Leave out"):
        pp.PropensityClassifier().fit(data.X, y)


def test_fit_with_one_class(data):
    with pytest.raises(ValueError, match=r"only one class.*longer history"):
        pp.PropensityClassifier().fit(data.X, np.zeros(len(data)))


def test_judging_without_labels(model, parts):
    unlabelled = replace(parts[1], table=parts[1].table.drop_columns(["label"]))
    with pytest.raises(UsageError, match=r"no labels.*pp\.forward_split"):
        pp.evaluate(model, unlabelled)


def test_judging_on_one_class(model, parts):
    with pytest.raises(HistoryError, match=r"0 of the .* nothing to tell apart.*test_share"):
        pp.evaluate(model, parts[1].take(parts[1].y == 0))


def test_judging_on_what_was_learned_from(model, parts):
    with pytest.raises(UsageError, match=r"2025.*it would be judged on what it has seen.*judged=True"):
        pp.evaluate(model, parts[0])


def test_judging_or_scoring_with_what_is_no_model(crm, parts):
    with pytest.raises(UsageError, match="a str cannot be judged"):
        pp.evaluate("model", parts[1])
    with pytest.raises(UsageError, match=r"a LogisticRegression cannot score.*pp\.load_model"):
        pp.score(LogisticRegression(), crm)
    with pytest.raises(NotFittedError, match="Call 'fit'"):
        pp.score(pp.PropensityClassifier(), crm)


def test_a_model_of_other_columns_names_them(crm, data, parts):
    X = data.X.rename(columns={"firmographic_country": "country"})
    other = pp.PropensityClassifier(max_trees=5).fit(X, data.y)
    words = r"missing: country\n.*unknown to the model: firmographic_country\n.*features\.exclude"
    with pytest.raises(FeatureMismatch, match=words):
        pp.score(other, crm)
    with pytest.raises(FeatureMismatch, match=words):
        pp.evaluate(other, parts[1])


def test_a_model_of_columns_without_names_is_told_in_a_few_lines(crm, data):
    nameless = pp.PropensityClassifier(max_trees=5).fit(data.X.select_dtypes("number").to_numpy(), data.y)
    with pytest.raises(FeatureMismatch, match=r"and \d+ more") as caught:
        pp.score(nameless, crm)
    assert len(str(caught.value).splitlines()) < 30


def test_scoring_before_the_data_begin(crm, model):
    with pytest.raises(
        HistoryError, match=r"before any data: the first lead was created .* later as_of, or look"
    ):
        pp.score(model, crm, as_of="1999-01-01")


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("tonight", "'tonight' is no date or time, such as 2026-06-01"),
        (datetime(2026, 6, 1), r"no time zone.*datetime\(\.\.\., tzinfo=UTC\), or the text \"2026-06-01\""),  # noqa: DTZ001
        (pd.NaT, "is no date or time"),
        (20260601, "is no date or time"),
        (datetime.min.replace(tzinfo=UTC), "before any data"),
    ],
    ids=["word", "naive", "nat", "number", "first"],
)
def test_an_as_of_that_is_none(crm, model, as_of, message):
    with pytest.raises((UsageError, HistoryError), match=message):
        pp.score(model, crm, as_of=as_of)


def test_an_as_of_where_leads_have_no_dates(flat):
    crm = flat()
    data = pp.features(crm, pp.snapshots(crm))
    model = pp.PropensityClassifier(max_trees=5).fit(data.X, data.y)
    with pytest.raises(UsageError, match=r"these have none. Leave it out"):
        pp.score(model, crm, as_of="2026-06-01")


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "200"])
def test_a_capacity_that_is_none(scored, capacity):
    with pytest.raises(UsageError, match=r"at least 1; found .* Leave it out"):
        pp.rank(scored, capacity=capacity)


def test_an_unknown_metric(report):
    with pytest.raises(UsageError, match="no metric 'auc'; there are roc_auc"):
        report["auc"]


def test_a_model_that_nobody_registered(crm):
    with pytest.raises(RegistryError, match="propensity train"):
        pp.load_model(crm)


def test_a_closed_connection_says_so_everywhere(flat):
    crm = flat(dated=True)
    spine = pp.snapshots(crm)
    data = pp.features(crm, spine)
    model = pp.PropensityClassifier(max_trees=5).fit(data.X, data.y)
    scored = pp.score(model, crm)
    crm.close()
    crm.close()
    for use in (
        lambda: crm.table("leads"),
        lambda: pp.snapshots(crm),
        spine.to_pandas,
        lambda: pp.features(crm, spine),
        lambda: pp.score(model, crm),
        lambda: pp.rank(scored),
    ):
        with pytest.raises(UsageError, match=r"connection is closed.*pp\.connect"):
            use()
    assert "closed" in repr(crm)
    assert len(scored.to_pandas()) == 40
