"""The main job on a small world: what leaves it, and that it is the same every time."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from conftest import UNASKED, small_config
from propensity import workflow
from propensity.config.file import load_config
from propensity.errors import FeatureMismatch, RegistryError
from propensity.features.frame import features_of
from propensity.recording import left_evidence
from propensity.scoring.gate import CAUSES
from propensity.scoring.score import score_parts
from propensity.session import Progress, opened
from propensity.stats.evaluation import Evaluation
from propensity.timeline.snapshots import scoring_spine
from propensity.tour import true_probabilities
from propensity.tracking import Registry, Store

FILES = {
    "scores.parquet", "list.parquet", "list.csv", "manifest.json",
    "qualification.parquet", "nurture.csv", "referrals.csv", "suspects.csv", "overview.html", "profile.json",
    "crm/salesforce.csv", "crm/salesforce-left.csv", "crm/hubspot.csv", "crm/hubspot-left.csv",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    world: Path
    place: Path
    train: workflow.TrainResult
    score: workflow.ScoreResult


@pytest.fixture(scope="module")
def run(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("run")
    train = workflow.train(small_config(small_world, place, "engine.threads=1"))
    config = small_config(small_world, place, "engine.threads=2")
    workflow.promote(config)
    return Run(small_world, place, train, workflow.score(config))


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_list_is_files_that_agree_with_the_manifest(run):
    found = set(digests(run.score.out))
    assert found > FILES
    assert all(name.startswith("reps/") for name in found - FILES)
    manifest = json.loads(run.score.manifest.read_text())
    for name, found in manifest["files"].items():
        assert found["sha256"] == digests(run.score.out)[name]
    assert manifest["counts"] == {
        "scored": run.score.scored, "later": 0, "listed": run.score.listed, "removed": run.score.removed,
    }  # fmt: skip
    assert set(manifest["inputs"]) == {"leads", "accounts", "activities", "stages", "budgets", "products"}


def test_every_lead_is_listed_or_removed_for_one_cause(run):
    scores = pq.read_table(run.score.out / "scores.parquet").to_pylist()
    assert len(scores) == len({row["lead_id"] for row in scores}) == run.score.scored
    removed = [row["removed"] for row in scores if row["removed"] is not None]
    assert {cause: removed.count(cause) for cause in CAUSES} == run.score.removed
    assert run.score.listed == len(scores) - len(removed)
    assert run.score.removed["already_converted"] > 0
    assert run.score.removed["do_not_contact"] > 0


def test_the_list_is_the_ranked_part_of_the_scores_with_reasons(run):
    scores = pq.read_table(run.score.out / "scores.parquet").to_pylist()
    listed = pq.read_table(run.score.out / "list.parquet").to_pylist()
    assert [row["lead_id"] for row in listed] == [row["lead_id"] for row in scores if row["removed"] is None]
    assert [row["rank"] for row in listed] == list(range(1, len(listed) + 1))
    probabilities = [row["probability"] for row in listed]
    assert probabilities == sorted(probabilities, reverse=True)
    # A scorecard has nothing to say for a lead without points.
    assert all(row["reason_1"] for row in listed[:10])
    with (run.score.out / "list.csv").open(newline="", encoding="utf-8") as file:
        assert [row["lead_id"] for row in csv.DictReader(file)] == [row["lead_id"] for row in listed]


def test_every_score_says_how_sure_it_is(run):
    scores = pq.read_table(run.score.out / "scores.parquet").to_pylist()
    listed = pq.read_table(run.score.out / "list.parquet").to_pylist()
    for row in (*scores, *listed):
        assert 0 <= row["probability_low"] <= row["probability"] <= row["probability_high"] <= 1
        if row["probability_high"] - row["probability_low"] > 0.2:
            assert row["evidence"] == "not enough evidence"
    ends: dict[float, set[tuple[float, float]]] = {}
    for row in scores:
        ends.setdefault(row["probability"], set()).add((row["probability_low"], row["probability_high"]))
    assert all(len(tied) == 1 for tied in ends.values())


def test_a_model_without_intervals_scores_and_says_that_it_has_no_evidence(run, tmp_path):
    config = small_config(run.world, run.place)
    bundle = replace(run.train.trained.final, intervals=None)
    with opened(config, Progress()) as session:
        query = features_of(session.canonical, scoring_spine(session.canonical, session.through))
        parts = score_parts(query, bundle, tmp_path, batch_rows=1_000, threads=1)
    table = pq.read_table(parts.scores)
    assert table["probability_low"].null_count == table["probability_high"].null_count == len(table)
    assert set(table["evidence"].to_pylist()) == {"not enough evidence"}


def test_stability_is_of_the_rows_that_were_judged(run):
    found = run.train.trained.stability
    assert found.overall.rows == len(run.train.trained.test) == sum(month.rows for month in found.months)
    assert found.overall.conversions == run.train.trained.evaluations["model"].conversions
    assert {"firmographic_source", "firmographic_industry", "size band"} <= set(found.segments)
    assert {one.name for one in found.novelty} >= {"new leads", "leads seen before"}
    assert run.train.to_dict()["stability"]["looked"] == found.looked


def test_every_lead_is_qualified_once_and_the_funnel_adds_up(run):
    rows = pq.read_table(run.score.out / "qualification.parquet").to_pylist()
    scores = {row["lead_id"]: row for row in pq.read_table(run.score.out / "scores.parquet").to_pylist()}
    assert [row["lead_id"] for row in rows] == sorted(scores)
    assert all(scores[row["lead_id"]]["verdict"] == row["verdict"] for row in rows)
    found = json.loads(run.score.manifest.read_text())["qualification"]
    funnel = found["funnel"]
    assert (
        funnel["leads"] == sum(funnel["origin"].values()) == sum(funnel["position"].values()) == len(scores)
    )
    assert funnel["listed"] == run.score.listed
    assert all(sum(states.values()) == len(scores) for states in found["criteria"].values())
    assert found["why_unknown"] == {"fit": "features.ideal_customer names none of its parts"}
    assert funnel["suspects"] is None
    assert len((run.score.out / "suspects.csv").read_text().splitlines()) == 1


def test_the_verdict_is_the_threshold_and_the_hard_criteria(run, tmp_path):
    config = small_config(
        run.world, run.place, "qualification.threshold={by: fixed, probability: 0.05}", UNASKED
    )
    again = workflow.score(config, out=tmp_path)
    for row in pq.read_table(again.out / "scores.parquet").to_pylist():
        failed = "not met" in (row["criterion_fit"], row["criterion_budget"])
        assert (row["verdict"] == "prospect") == (row["probability"] >= 0.05 and not failed)
    assert again.qualification["threshold"]["probability"] == 0.05


def test_a_full_list_sets_the_threshold_and_leaves_the_rest_to_nurture(run, tmp_path):
    again = workflow.score(small_config(run.world, run.place, "lists.capacity=20", UNASKED), out=tmp_path)
    rows = pq.read_table(again.out / "scores.parquet").to_pylist()
    at = again.qualification["threshold"]["probability"]
    called = [row for row in rows if row["removed"] is None]
    beyond = [row for row in rows if row["removed"] == "over_capacity"]
    assert len(called) == 20
    assert min(row["probability"] for row in called) >= at
    assert beyond
    assert all(row["next_action"] in ("nurture", "reply") for row in beyond if row["probability"] < at)
    with (again.out / "nurture.csv").open(newline="", encoding="utf-8") as file:
        nurtured = {row["lead_id"] for row in csv.DictReader(file)}
    by_lead = {row["lead_id"]: row for row in rows}
    wanted = {row["lead_id"] for row in rows if row["next_action"] == "nurture"}
    assert nurtured == wanted
    assert not nurtured & {row["lead_id"] for row in called}
    assert not {by_lead[lead]["removed"] for lead in nurtured} & {
        "do_not_contact",
        "already_converted",
        "disqualified",
    }


def test_every_listed_lead_has_something_to_do_and_something_to_say(run):
    listed = pq.read_table(run.score.out / "list.parquet").to_pylist()
    calls = {"call", "reply", "find the decision maker", "ask about budget"}
    assert {row["next_action"] for row in listed} <= calls
    assert all(row["action_because"] and row["opening"] for row in listed)
    assert all(row["follow_up_on"] >= run.score.as_of.date() for row in listed)


def test_one_and_two_threads_give_the_same_bytes(run, tmp_path):
    config = small_config(run.world, run.place, "engine.threads=1", "lists.batch_rows=1000")
    again = workflow.score(config, out=tmp_path / "again")
    assert digests(again.out) == digests(run.score.out)


def test_training_elsewhere_gives_the_same_model_and_evidence(run, champion_place, tmp_path):
    """The champion was trained with another number of threads, in another folder, and maybe by another process."""
    (evidence,) = (champion_place / "reports").iterdir()
    assert evidence.name == run.train.evidence.name
    assert evidence.read_bytes() == run.train.evidence.read_bytes()
    tracking = small_config(run.world, champion_place).tracking
    registry = Registry(Store.from_config(tracking), tmp_path / "models")
    champion = registry.champion()
    assert registry.bundle(champion).digest == run.train.trained.final.digest
    assert registry.judged(champion).digest == run.train.trained.judged.digest


def test_the_evidence_pack_lies_in_the_reports_folder_and_with_the_run(run, tmp_path):
    assert list((run.place / "reports").iterdir()) == [run.train.evidence]
    assert run.train.to_dict()["evidence"] == str(run.train.evidence)
    client = MlflowClient(tracking_uri=f"sqlite:///{run.place / 'mlflow.db'}")
    kept = client.download_artifacts(run.train.registered.run_id, "evidence.html", str(tmp_path))
    assert Path(kept).read_bytes() == run.train.evidence.read_bytes()


def test_a_folder_that_takes_no_page_costs_a_warning_and_not_the_training(run, tmp_path):
    (tmp_path / "file").touch()
    config = small_config(run.world, tmp_path, f"paths.reports={tmp_path / 'file' / 'reports'}")
    found, warnings = left_evidence(config, run.train.trained, "<p>")
    assert found is None
    assert len(warnings) == 1
    assert "Set paths.reports to another folder" in warnings[0]


def test_the_forward_test_is_newer_than_the_past_by_a_horizon(run):
    split = run.train.trained.final.metadata["split"]
    past_end = datetime.fromisoformat(split["past_as_of"][1])
    test_start = datetime.fromisoformat(split["test_as_of"][0])
    assert (test_start - past_end).days >= 30
    assert (
        split["past_rows"] + split["gap_rows"] + split["test_rows"]
        == run.train.trained.final.metadata["rows"]
    )


def test_true_probabilities_meet_every_test_snapshot(run):
    truth = true_probabilities(run.train.trained.test, run.world / "truth" / "truth.parquet")
    assert np.isfinite(truth).all()
    assert len(truth) == len(run.train.trained.test)


def test_an_earlier_as_of_knows_less(run, tmp_path):
    config = small_config(run.world, run.place, f"paths.ledger={tmp_path / 'ledger'}", UNASKED)
    earlier = workflow.score(config, out=tmp_path, as_of=datetime(2025, 12, 1, tzinfo=UTC))
    assert earlier.scored < run.score.scored
    assert earlier.removed["already_converted"] < run.score.removed["already_converted"]


def test_an_as_of_far_beyond_the_data_is_said(run, tmp_path):
    config = small_config(run.world, run.place, UNASKED)
    late = workflow.score(config, out=tmp_path, as_of=datetime(2026, 7, 1, tzinfo=UTC))
    assert any("30 days beyond the data" in warning for warning in late.warnings)


def test_a_model_of_other_features_is_refused_with_the_difference(run, tmp_path):
    fewer = small_config(run.world, run.place, "features.exclude=[firmographic_country]")
    with pytest.raises(FeatureMismatch, match=r"missing: firmographic_country \(category\)"):
        workflow.score(fewer, out=tmp_path / "list")
    more = small_config(run.world, run.place, "features.windows_days=[7, 30, 60, 90, 365]")
    with pytest.raises(FeatureMismatch, match=r"extra: +engagement_inbound_count_60d \(number\)"):
        workflow.score(more, out=tmp_path / "list")
    other = small_config(run.world, run.place, "data.currency=USD")
    with pytest.raises(FeatureMismatch, match="currency: was EUR, is USD"):
        workflow.score(other, out=tmp_path / "list")
    assert not (tmp_path / "list").exists()


def test_a_night_loads_nothing_of_what_training_needs():
    program = "import propensity.serving, sys; print([m for m in ('sklearn', 'scipy.stats', 'optuna') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_scoring_without_a_champion_says_what_to_run(small_world, tmp_path):
    with pytest.raises(RegistryError, match="propensity train"):
        workflow.score(small_config(small_world, tmp_path))
    with pytest.raises(RegistryError, match="propensity train"):
        workflow.score(small_config(small_world, tmp_path, f"data.folder={tmp_path / 'nowhere'}"))


def test_no_personal_data_reaches_the_tracking_store_or_the_models(run):
    with (run.world / "leads.csv").open(newline="", encoding="utf-8") as file:
        leads = list(csv.DictReader(file))
    planted = {row[key] for row in leads for key in ("contact_name", "email", "phone") if row[key]}
    searched = 0
    for path in run.place.rglob("*"):
        if (
            path.is_file()
            and "out" not in path.relative_to(run.place).parts[:1]
            and "quarantine" not in path.parts
        ):
            content = path.read_bytes()
            searched += 1
            assert not any(word.encode() in content for word in planted if len(word) > 8), path
    assert searched > 5


def test_the_evaluation_beside_the_model(run):
    found = run.train.trained.evaluations
    assert set(found) == {"model", "base_rate", "scorecard", "naive_bayes", "logistic", "lightgbm"}
    assert found["model"] is found[run.train.trained.ladder.chosen]
    assert all(isinstance(evaluation, Evaluation) for evaluation in found.values())
    assert found["base_rate"].metrics["roc_auc"].value == 0.5
    for metric in found["model"].metrics.values():
        assert metric.low <= metric.value <= metric.high


def test_rows_in_the_future_are_said_and_do_not_move_how_far_the_data_reach(tmp_path):
    (tmp_path / "leads.csv").write_text("lead_id,created_at,outcome\nA,9000-01-01,yes\nB,2024-01-01,no\n")
    (tmp_path / "crm.yaml").write_text("tables: {leads: {path: leads.csv}}\n")
    found = workflow.check(load_config(tmp_path / "crm.yaml"))
    assert [w.message for w in found.report.warnings if "1 rows have a created_at in the future" in w.message]
    assert found.through.year == 2024
