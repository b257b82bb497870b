"""The gate between challenger and champion: which question refuses whom, and what it says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from propensity.config import Config
from propensity.errors import BundleError, FeatureMismatch, HistoryError, PromotionRefused
from propensity.features.frame import FeatureFrame
from propensity.features.spec import Feature
from propensity.model.bundle import Bundle, FeatureColumn, Tiers, bundle_from
from propensity.model.calibration import Platt
from propensity.model.classifier import PropensityClassifier
from propensity.selection.checks import capacity_check, loss_check
from propensity.selection.gate import Champion, GateResult, examine
from propensity.selection.promotion import compare, unseen_rows
from propensity.stats.evaluation import json_safe

DAY = 86_400_000_000
MONTH = 30 * DAY
BOUNDARY = 7 * MONTH
SOURCE = "firmographic_source"
ROWS = 4_000
CONFIG = Config.model_validate({"tables": {"leads": {"path": "leads.csv"}}, "model": {"resamples": 200}})


def feature(name: str) -> Feature:
    kind = "category" if name == SOURCE else "number"
    family = "firmographic" if name == SOURCE else "engagement"
    return Feature(name, family, name, "", "{value}", "attributes", lambda t: t[name], kind=kind)


def made(names: tuple[str, ...]) -> FeatureFrame:
    """Two informative numbers and a source that tells nothing, over 10 monthly moments; a third of the rows convert."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS))
    label = (rng.random(ROWS) < 1 / (1 + np.exp(0.8 - 1.5 * a - 1.0 * b))).astype(np.int8)
    order = np.sort(rng.integers(0, 10, ROWS)) * MONTH
    values = {"a": a, "b": b, SOURCE: rng.choice(["web", "event", "partner"], ROWS)}
    columns: dict[str, Any] = {
        "snapshot_id": np.arange(ROWS),
        "lead_id": [f"L{i}" for i in range(ROWS)],
        "account_id": pa.nulls(ROWS, pa.string()),
        "as_of": pa.array(order, pa.timestamp("us", tz="UTC")),
        "time_order": order,
        "label": label,
        **{name: values[name] for name in names},
    }
    return FeatureFrame(pa.table(columns), tuple(feature(name) for name in names), "hash")


def fit(frame: FeatureFrame, y: Any = None) -> Bundle:
    held = frame.time_order < BOUNDARY
    past = frame.take(held)
    model = PropensityClassifier(max_trees=60, n_jobs=1).fit(
        past.values, past.y if y is None else y[held], as_of=past.time_order, gap=MONTH
    )
    return bundle_from(
        model,
        [FeatureColumn(f.name, f.family, kind=f.kind) for f in past.features],
        tiers=Tiers(0.5, 0.3, 0.1),
        horizon_days=30,
        spec_hash="hash",
        metadata={"split": {"boundary": BOUNDARY}, "court": {"verdicts": []}},
    )


@pytest.fixture(scope="module")
def frame() -> FeatureFrame:
    return made(("a", "b", SOURCE))


@pytest.fixture(scope="module")
def good(frame: FeatureFrame) -> Bundle:
    return fit(frame)


@pytest.fixture(scope="module")
def blind(frame: FeatureFrame) -> Bundle:
    """Learned from labels that were dealt out at random."""
    return fit(frame, np.random.default_rng(1).permutation(frame.y))


@pytest.fixture(scope="module")
def wrong_on_events(frame: FeatureFrame) -> Bundle:
    """Learned from labels that are turned round for leads from events."""
    event = np.array(frame.table[SOURCE].to_pylist()) == "event"
    return fit(frame, np.where(event, 1 - frame.y, frame.y))


def ask(
    frame: FeatureFrame, challenger: Bundle, champion: Bundle | None = None, config: Config = CONFIG
) -> GateResult:
    rival = None if champion is None else Champion("1", champion)
    return examine("2", challenger, rival, frame, config, dated=True)


def failed(result: GateResult) -> set[str]:
    return {check.name for check in result.failed}


def test_a_worse_challenger_is_refused_with_every_check_in_the_table(frame, good, blind):
    result = ask(frame, blind, good)
    with pytest.raises(PromotionRefused) as caught:
        result.refuse()
    assert caught.value.exit_code == 7
    said = str(caught.value)
    assert all(f"{check.verdict:7} {check.name}" in said for check in result.checks)
    assert {"log loss", "conversions at capacity", "segments"} <= failed(result)
    assert "roc_auc" in said
    assert "The champion, version 1, stays." in said
    assert "--force --reason" in said


def test_a_better_challenger_passes_every_check(frame, good, blind):
    result = ask(frame, good, blind)
    result.refuse()
    assert {check.verdict for check in result.checks} == {"passed"}
    assert "better beyond noise" in result.checks[0].sentence


def test_a_difference_within_noise_passes(frame, good):
    # One row in fifty is known to the one and not to the other.
    rng = np.random.default_rng(3)
    y = np.where(rng.random(ROWS) < 0.02, 1 - frame.y, frame.y)
    result = ask(frame, fit(frame, y), good)
    assert result.comparison.differences["log_loss"].value != 0
    assert failed(result) == set()


def test_a_segment_that_collapsed_is_refused_and_named(frame, good, wrong_on_events):
    result = ask(frame, wrong_on_events, good)
    assert "segments" in failed(result)
    worst = result.segments[0]
    assert (worst.feature, worst.value, worst.collapsed) == (SOURCE, "event", True)
    assert not any(segment.collapsed for segment in result.segments[1:])
    assert "firmographic_source 'event': log loss" in result.table()
    assert "Holm over 3 segments" in result.table()


def test_segments_that_are_too_small_are_not_looked_at(frame, good, wrong_on_events):
    config = CONFIG.model_copy(update={"gate": CONFIG.gate.model_copy(update={"segment_rows": 100_000})})
    result = ask(frame, wrong_on_events, good, config)
    assert result.segments == ()
    assert next(check for check in result.checks if check.name == "segments").verdict == "unsure"


@pytest.mark.parametrize(
    ("calibrator", "name"),
    [(Platt(1.0, 1.5), "calibration in the large"), (Platt(4.0, 0.0), "calibration slope")],
    ids=["shifted", "too extreme"],
)
def test_a_miscalibrated_challenger_is_refused(frame, good, calibrator, name):
    result = ask(frame, replace(good, calibrator=calibrator), good)
    assert name in failed(result)
    assert "beyond which it is by more than noise" in next(
        check.sentence for check in result.failed if check.name == name
    )


def test_miscalibration_within_the_bound_passes(frame, good):
    config = CONFIG.model_copy(update={"gate": CONFIG.gate.model_copy(update={"calibration_ratio": 3.0})})
    result = ask(frame, replace(good, calibrator=Platt(1.0, 1.5)), good, config)
    assert "calibration in the large" not in failed(result)


def test_few_conversions_do_not_refuse_for_calibration(frame, good):
    config = CONFIG.model_copy(update={"checks": CONFIG.checks.model_copy(update={"min_conversions": ROWS})})
    result = ask(frame, replace(good, calibrator=Platt(1.0, 1.5)), good, config)
    assert "calibration in the large" not in failed(result)
    assert any("too few conversions to refuse by" in warning for warning in result.warnings)


def test_worse_at_capacity_alone_is_refused(frame):
    """The challenger knows all the rest better, but puts the best tenth of each as_of in one pot."""
    rows = frame.take(frame.time_order >= BOUNDARY)
    a, b = (rows.table[name].to_numpy() for name in ("a", "b"))
    truth = 1 / (1 + np.exp(0.8 - 1.5 * a - 1.0 * b))
    top = truth > np.quantile(truth, 0.7)
    champion = np.where(top, truth, truth[~top].mean())
    challenger = np.where(top, truth[top].mean(), truth)
    comparison = compare(rows, challenger, champion, CONFIG)
    assert loss_check(comparison).passed
    check = capacity_check(comparison, CONFIG, rows)
    assert not check.passed
    assert "in the top tenth of each as_of" in check.sentence
    assert check.high < 0


def test_capacity_is_that_of_the_lists(frame, good, blind):
    config = CONFIG.model_copy(update={"lists": CONFIG.lists.model_copy(update={"capacity": 7})})
    rows = unseen_rows(frame, good, blind)
    everything = np.full(len(rows), 0.3)
    comparison = compare(rows, everything, everything, config)
    found = comparison.differences["conversions_at_capacity"]
    each = [rows.y[rows.time_order == moment] for moment in np.unique(rows.time_order)]
    assert found.champion == pytest.approx(np.mean([7 * y.mean() for y in each]))
    assert "the top 7 of each as_of" in capacity_check(comparison, config, rows).sentence


def test_a_column_that_may_know_the_outcome_is_refused_beside_the_other_checks(frame, good):
    verdict = {
        "column": "amount", "table": "leads", "place": "tables.leads.extra.amount", "verdict": "convicted",
        "blocks": True, "reasons": [{"sentence": "it decides the outcome"}],
    }  # fmt: skip
    guilty = replace(good, metadata={**good.metadata, "court": {"verdicts": [verdict]}})
    result = ask(frame, guilty, good)
    assert failed(result) == {"leakage court"}
    assert len(result.checks) == 6
    with pytest.raises(PromotionRefused, match=r"amount: convicted(.|\n)*Take amount out"):
        result.refuse()


def test_the_first_model_is_asked_against_the_base_rate(frame, good):
    result = ask(frame, good)
    result.refuse()
    assert (result.champion, result.comparison) == (None, None)
    assert result.checks[0].name == "base rate"
    turned_round = replace(good, calibrator=Platt(-1.0, 0.0))
    assert "base rate" in failed(ask(frame, turned_round))


def test_the_first_model_is_asked_of_each_segment_whether_it_beats_the_segments_own_rate(
    frame, wrong_on_events
):
    result = ask(frame, wrong_on_events)
    assert "segments" in failed(result)
    assert result.segments[0].value == "event"


def test_a_first_model_of_too_few_conversions_passes_with_a_warning(frame, blind):
    constant = replace(blind, calibrator=Platt(0.0, float(np.log(0.4 / 0.6))))
    assert "base rate" in failed(ask(frame, constant))
    scarce = replace(constant, metadata={**constant.metadata, "ladder": {"too_few_conversions": True}})
    result = ask(frame, scarce)
    assert "base rate" not in failed(result)
    assert any("the past held too few conversions" in warning for warning in result.warnings)


def test_a_first_model_without_rows_to_measure_on_passes_with_a_warning(frame, good):
    undated = replace(good, metadata={**good.metadata, "split": {"boundary": None}})
    result = ask(frame, undated)
    result.refuse()
    assert any("without time" in warning for warning in result.warnings)


def test_only_rows_that_neither_has_learned_from_are_compared(frame, good):
    later = replace(good, metadata={**good.metadata, "split": {"boundary": 9 * MONTH}})
    rows = unseen_rows(frame, later, good)
    assert rows.time_order.min() == 9 * MONTH
    assert len(rows) == (frame.time_order >= 9 * MONTH).sum()


@pytest.mark.parametrize(
    ("boundary", "says"), [(99 * MONTH, "wait for labels to mature"), (None, "without time")]
)
def test_two_models_without_common_unseen_rows_cannot_be_compared(frame, good, boundary, says):
    other = replace(good, metadata={**good.metadata, "split": {"boundary": boundary}})
    result = ask(frame, good, other)
    assert failed(result) == {"comparison"}
    with pytest.raises(HistoryError, match=says):
        result.refuse()


def test_a_champion_that_needs_a_feature_that_is_gone_refuses_the_comparison(good):
    narrow = made(("a", SOURCE))
    with pytest.raises(PromotionRefused, match="missing: b"):
        ask(narrow, fit(narrow), good).refuse()


def test_a_challenger_that_cannot_score_is_no_question_of_the_gate(good):
    with pytest.raises(FeatureMismatch, match="missing: b"):
        ask(made(("a", SOURCE)), good)


def test_a_champion_that_cannot_be_read_is_said_as_it_is(frame, good):
    champion = Champion("1", None, BundleError("model.txt is damaged."))
    result = examine("2", good, champion, frame, CONFIG, dated=True)
    with pytest.raises(BundleError, match=r"model\.txt is damaged"):
        result.refuse()


def test_the_result_is_json(frame, good, blind):
    found = ask(frame, blind, good).to_dict()
    assert found == json_safe(found)
    assert found["passed"] is False
    assert {"name", "passed", "value", "bound", "sentence"} <= set(found["checks"][0])
