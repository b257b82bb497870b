"""The steps of a session, and what each promises."""

from __future__ import annotations

import gc
import re
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

import propensity as pp
from conftest import CONFIG
from propensity.notebook.calls import instant_of

ROOT = Path(__file__).parents[2]


def test_the_readmes_session_runs_as_it_stands(small_world, tmp_path, monkeypatch):
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## In a notebook")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    (tmp_path / "configs").mkdir()
    shutil.copy(CONFIG, tmp_path / "configs" / "demo.yaml")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(small_world)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)  # noqa: S102 - it is our own page
    assert 0 < len(names["calls"]) <= 200
    assert 0 < names["report"]["roc_auc"].low < names["report"]["roc_auc"].high
    names["crm"].close()


def test_every_public_name_is_there_and_features_can_be_called():
    import propensity.features.frame  # noqa: PLC0415 - what takes the name `features`

    assert all(getattr(pp, name) is not None for name in pp.__all__)
    assert callable(pp.features)
    assert pp.features.frame is propensity.features.frame
    assert pp.workflow.score is not pp.score


def test_a_second_spine_leaves_the_first_alone(spine, data, sixty):
    found = spine.to_pandas()
    assert len(sixty) < len(found)
    assert (found["lead_id"].tolist(), found["label"].tolist()) == (data.lead_id.tolist(), data.y.tolist())


def test_what_is_not_given_is_as_the_configuration_says(crm, spine):
    assert pp.snapshots(crm).to_pandas().equals(spine.to_pandas())
    aged = pp.snapshots(crm, age_days=20).to_pandas()
    assert aged["lead_id"].is_unique
    assert len(aged) > 0


def test_a_frame_has_its_keys_in_the_order_of_its_rows(data, spine):
    keys = spine.to_pandas()
    assert data.lead_id.tolist() == keys["lead_id"].tolist()
    assert data.account_id.equals(keys["account_id"])
    assert (data.as_of == keys["as_of"]).all()
    assert data.as_of.attrs == {"gap": timedelta(days=30)}
    assert data.X.shape == (len(keys), len(data.names))
    assert np.array_equal(data.y, keys["label"])
    assert set(data.directions.values()) <= {-1, 1}


def test_past_and_test_lie_a_horizon_apart_by_default(sixty):
    past, test = pp.forward_split(sixty, test_share=0.25)
    assert test.as_of.min() - past.as_of.max() >= timedelta(days=60)
    assert len(past) + len(test) < len(sixty)
    near, test = pp.forward_split(sixty, test_share=0.25, gap_days=0)
    assert len(near) + len(test) == len(sixty)


def test_fit_leaves_the_horizon_that_as_of_brings(sixty):
    def fitted(as_of, gap=None):
        return pp.PropensityClassifier(max_trees=20).fit(sixty.X, sixty.y, as_of=as_of, gap=gap)

    brought = fitted(sixty.as_of).predict_margin(sixty.X)
    told = fitted(sixty.time_order, 60 * 86_400_000_000).predict_margin(sixty.X)
    untold = fitted(sixty.time_order)
    assert np.array_equal(brought, told)
    assert untold.gap_ is None
    assert not np.array_equal(untold.oof_.margin, fitted(sixty.as_of).oof_.margin)


def test_leads_without_an_account_are_independent_in_the_intervals(report, parts):
    _, test = parts
    keys = pd.DataFrame({"account": test.account_id, "lead": test.lead_id})
    alone = keys["account"].isna()
    assert alone.any()
    independent = keys.loc[~alone, "account"].nunique() + keys.loc[alone, "lead"].nunique()
    assert report.evaluation.clusters == independent


def test_any_classifier_of_the_columns_can_be_judged(parts):
    past, test = parts
    base = pp.evaluate(DummyClassifier().fit(past.X, past.y), test, resamples=50)
    assert base["roc_auc"].value == 0.5
    assert list(base.to_pandas().columns) == ["metric", "value", "low", "high"]


def test_scores_come_most_probable_first(scored, calls):
    found, listed = scored.to_pandas(), calls.to_pandas()
    assert found["probability"].is_monotonic_decreasing
    assert listed["lead_id"].isin(found["lead_id"]).all()
    assert listed["rank"].tolist() == list(range(1, 21))


def test_other_scores_leave_the_first_alone_and_say_when_they_lie_beyond_the_data(crm, model, scored, calls):
    late = pp.score(model, crm, as_of="2026-07-01")
    assert "30 days beyond the data" in repr(late)
    assert "30 days beyond the data" in late._repr_html_()
    assert not late.table.equals(scored.table)
    assert pp.rank(scored, capacity=20).table.equals(calls.table)


def test_scores_at_a_time_that_the_model_has_seen_say_so(scored):
    earlier = replace(scored, as_of=datetime(2025, 12, 1, tzinfo=UTC))
    assert scored.warnings == ()
    assert "up to 2025-12-01 00:00 UTC, not before 2025-12-01" in earlier.warnings[0]


@pytest.mark.parametrize(
    "as_of",
    [
        "2026-06-01T02:00+02:00",
        date(2026, 6, 1),
        datetime(2026, 6, 1, tzinfo=UTC),
        datetime(2026, 6, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        pd.Timestamp("2026-06-01", tz="UTC"),
        None,
    ],
    ids=["text", "date", "utc", "zone", "pandas", "none"],
)
def test_one_instant_however_it_is_written(crm, as_of):
    found = instant_of(as_of, crm)
    assert (type(found), found) == (datetime, datetime(2026, 6, 1, tzinfo=UTC))


def test_a_score_speaks_of_the_horizon_that_the_model_learned(crm, sixty):
    model = pp.PropensityClassifier(max_trees=20).fit(sixty.X, sixty.y, as_of=sixty.as_of)
    assert "within 60 days" in repr(pp.score(model, crm))


def test_flat_data_in_a_declared_order_go_all_the_way(flat):
    crm = flat(leads=", order_by: _row")
    data = pp.features(crm, pp.snapshots(crm))
    assert data.as_of.tolist() == list(range(40))
    past, test = pp.forward_split(data)
    model = pp.PropensityClassifier(max_trees=5).fit(past.X, past.y, as_of=past.as_of)
    assert (len(past), len(test), model.as_of_range_) == (30, 10, (0, 29))
    assert pp.evaluate(model, test, resamples=50).evaluation.rows == 10
    assert len(pp.rank(pp.score(model, crm))) == 30


def test_flat_data_with_dates_go_all_the_way(flat):
    crm = flat(dated=True)
    spine = pp.snapshots(crm)
    past, test = pp.forward_split(pp.features(crm, spine))
    model = pp.PropensityClassifier(max_trees=5).fit(past.X, past.y, as_of=past.as_of)
    assert spine.months[0].month == "2024-01"
    assert pp.evaluate(model, test, resamples=50).evaluation.rows == len(test)
    assert len(pp.rank(pp.score(model, crm))) == 30


def test_what_is_no_longer_held_leaves_nothing_on_disk(flat_config):
    crm = pp.connect(flat_config(dated=True))
    data = pp.features(crm, pp.snapshots(crm))
    scored = pp.score(pp.PropensityClassifier(max_trees=5).fit(data.X, data.y), crm)
    folders = [scored.parts.scores.parent, crm.canonical.engine.folder]
    assert all(folder.is_dir() for folder in folders)
    del scored, crm
    gc.collect()
    assert not any(folder.exists() for folder in folders)
