"""Which rung is the model, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from propensity.config import Config
from propensity.errors import ConfigError, HistoryError
from propensity.features.frame import FeatureFrame
from propensity.features.spec import Feature
from propensity.selection.ladder import climb
from propensity.selection.training import train_and_judge

DAY = 86_400_000_000
ROWS = 2_400


def config(**model: Any) -> Config:
    small = {"resamples": 100, "params": {"max_trees": 120}, **model}
    return Config.model_validate(
        {"tables": {"leads": {"path": "leads.csv"}}, "model": small, "engine": {"threads": 1}}
    )


def frame_of(columns: dict[str, Any], label: Any) -> FeatureFrame:
    """Snapshots at 12 monthly moments, each lead of its own."""
    rows = len(label)
    order = np.arange(rows) * 12 // rows * 30 * DAY
    keys: dict[str, Any] = {
        "snapshot_id": np.arange(rows),
        "lead_id": [f"L{i}" for i in range(rows)],
        "account_id": pa.nulls(rows, pa.string()),
        "as_of": pa.array(order, pa.timestamp("us", tz="UTC")),
        "time_order": order,
        "label": np.asarray(label).astype(np.int8),
    }
    features = tuple(
        Feature(name, "engagement", name, "", "{value}", "attributes", lambda t, name=name: t[name])
        for name in columns
    )
    return FeatureFrame(pa.table({**keys, **columns}), features, "hash", 30)


def noise(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(4, rows))


def happens(log_odds: np.ndarray, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).random(log_odds.size) < 1 / (1 + np.exp(-log_odds))


def climbed(columns: np.ndarray, log_odds: np.ndarray, **model: Any):
    named = {f"x{i}": column for i, column in enumerate(columns)}
    return climb(frame_of(named, happens(log_odds)), config(**model), dated=True)


def test_where_nothing_tells_the_base_rate_stays_and_each_step_says_why():
    found = climbed(noise(), np.full(ROWS, -1.0))
    assert found.chosen == "base_rate"
    assert {step.rung: step.took for step in found.steps} == {
        "base_rate": True, "scorecard": False, "naive_bayes": False, "logistic": False, "lightgbm": False,
    }  # fmt: skip
    assert found.steps[1].reason == "not tried: none of its features is here"
    for step in found.steps[2:]:
        assert step.against == "base_rate"
        assert step.low <= 0
        assert f"{step.gain:+.4f}" in step.reason
    assert "base rate is the model" in found.reason


def test_a_straight_world_belongs_to_logistic_regression():
    x = noise()
    found = climbed(x, -1 + x[0] + 0.8 * x[1] - 0.6 * x[2])
    assert found.chosen == "logistic"
    boosted = found.steps[-1]
    assert (boosted.rung, boosted.took, boosted.against) == ("lightgbm", False, "logistic")
    assert "logistic regression is the model: better than the" in found.reason
    assert "Tried and left: LightGBM" in found.reason


def test_within_noise_the_simpler_one_stays():
    x = noise(seed=3)
    found = climbed(x, -1 + 1.2 * x[0], rungs=["naive_bayes", "logistic"])
    logistic = found.steps[-1]
    assert logistic.took == (logistic.low > 0)
    twice = climbed(
        np.stack([x[0] > 0]).astype(float), -1 + 1.2 * (x[0] > 0), rungs=["naive_bayes", "logistic"]
    )
    # One yes-or-no column: both rungs know all there is to know.
    assert twice.chosen == "naive_bayes"
    assert twice.steps[-1].low <= 0 <= twice.steps[-1].high


def test_an_interaction_belongs_to_lightgbm():
    x = noise()
    found = climbed(x, -0.5 + 2.5 * np.sign(x[0] * x[1]), params={"max_trees": 150, "feature_fraction": 1.0})
    assert found.chosen == "lightgbm"
    assert found.steps[-1].low > 0
    assert "beyond noise" in found.reason


def test_the_scorecard_of_the_configuration_is_a_rung():
    x = noise()
    card = {"rules": [{"feature": "x0", "op": ">=", "value": 0, "points": 20}]}
    found = climbed(x, -2 + 2.0 * (x[0] >= 0), scorecard=card, rungs=["base_rate", "scorecard", "logistic"])
    assert found.steps[1].took
    assert found.learned["scorecard"].core.scorecard.rules[0].feature == "x0"
    assert found.learned["scorecard"].facts == {"rules": 1, "rules_used": 1}


def test_a_rule_that_does_not_fit_its_column_is_refused():
    card = {"rules": [{"feature": "x0", "op": "==", "value": "web", "points": 1}]}
    with pytest.raises(ConfigError, match=r"model\.scorecard\.rules: Rule on 'x0'"):
        climbed(noise(), np.full(ROWS, -1.0), scorecard=card)


def test_a_scorecard_alone_without_its_features_is_refused():
    with pytest.raises(ConfigError, match="names the scorecard alone"):
        climbed(noise(), np.full(ROWS, -1.0), rungs=["scorecard"])


def test_below_the_least_number_of_conversions_the_scorecard_rules():
    label = np.zeros(ROWS)
    label[:: ROWS // 30] = 1
    views = np.random.default_rng(0).poisson(1, ROWS).astype(float)
    found = climb(frame_of({"engagement_pricing_view_count_30d": views}, label), config(), dated=True)
    assert found.chosen == "scorecard"
    assert found.scarce
    assert f"{int(label.sum())} conversions and" in found.reason
    assert "checks.min_conversions is 40 of each" in found.reason


def test_without_conversions_everyone_has_the_base_rate_and_points_only_order():
    views = np.arange(36.0) % 4
    rows = frame_of({"engagement_pricing_view_count_30d": views}, np.zeros(36))
    trained = train_and_judge(rows, config(), dated=True, lineage={}, parameters={})
    assert trained.evaluations == {}
    margin = trained.final.margin(rows.values)
    probability = trained.final.probability(margin)
    assert np.unique(probability).tolist() == pytest.approx([0.5 / 37])
    assert len(np.unique(margin)) == 3
    assert set(trained.final.tiers.of(probability)) == {"D"}
    assert "points only order the leads" in trained.ladder.reason


def test_as_many_rows_of_one_class_as_would_suffice_are_refused():
    rows = frame_of({"engagement_pricing_view_count_30d": np.arange(60.0) % 4}, np.zeros(60))
    with pytest.raises(HistoryError, match="one class only: 0 conversions in 60 snapshots of 60 leads"):
        train_and_judge(rows, config(), dated=True, lineage={}, parameters={})


def test_one_moment_only_has_no_test_and_still_a_scorecard():
    rows = frame_of({"budget_is_known": np.arange(30.0) % 2}, np.arange(30) % 10 == 0)
    rows = FeatureFrame(
        rows.table.set_column(4, "time_order", pa.array(np.zeros(30, dtype=np.int64))),
        rows.features,
        "hash",
        30,
    )
    trained = train_and_judge(rows, config(), dated=True, lineage={}, parameters={})
    assert (trained.split.kind, len(trained.test), trained.ladder.chosen) == ("none", 0, "scorecard")
    assert trained.final.metadata["split"]["boundary"] is None


def test_enough_to_learn_from_but_one_class_in_the_test_is_refused():
    label = np.random.default_rng(0).random(ROWS) < 0.3
    label[ROWS // 2 :] = False
    with pytest.raises(HistoryError, match="the test holds one class only"):
        train_and_judge(
            frame_of({"x": noise()[0]}, label),
            config(rungs=["base_rate", "naive_bayes"]),
            dated=True,
            lineage={},
            parameters={},
        )


def test_the_decisions_are_in_the_bundle_and_the_chosen_rung_is_relearned_from_all_rows():
    x = noise()
    rows = frame_of({"x0": x[0], "x1": x[1]}, happens(-1 + x[0]))
    trained = train_and_judge(
        rows, config(rungs=["base_rate", "naive_bayes", "logistic"]), dated=True, lineage={}, parameters={}
    )
    assert trained.judged.metadata["ladder"] == trained.final.metadata["ladder"]
    assert trained.final.metadata["rung"] == trained.ladder.chosen == trained.final.core.kind
    assert trained.final.metadata["rows"] == ROWS
    assert trained.judged.metadata["rows"] < ROWS
    assert set(trained.evaluations) == {"model", "base_rate", "naive_bayes", "logistic"}


def test_tuning_is_a_rung_of_its_own_judged_on_the_newest_fold(tmp_path):
    pytest.importorskip("optuna")
    x = noise(1_200)
    rows = frame_of({"x0": x[0], "x1": x[1]}, happens(2 * np.sign(x[0] * x[1])))
    tuning = config(rungs=["lightgbm"], params={"max_trees": 20}, tuning={"seconds": 10_000, "trials": 2})
    found = climb(
        rows,
        tuning.model_copy(update={"paths": tuning.paths.model_copy(update={"models": tmp_path})}),
        dated=True,
    )
    last = found.steps[-1]
    assert (last.rung, last.facts["trials"]) == ("tuned", 2)
    assert "the newest fold, which tuning had not seen" in last.reason
    assert 0 < last.rows < found.steps[0].rows
    assert (tmp_path / "tuning.db").exists()
