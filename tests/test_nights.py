"""One night after another: recorded, caught up with, compared, silenced, forgotten. The real job on the small world."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from conftest import UNASKED, scoring_config
from propensity import aftermath, workflow
from propensity.config import Config
from propensity.delivery.explain import explained
from propensity.nights import Nights
from propensity.results import ScoreResult
from propensity.scoring.ledger import Ledger
from propensity.terminal import explain as explainscreen
from propensity.terminal import ledgerscreens, screens

FIRST, SECOND = datetime(2026, 5, 18, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
OUTCOMES = ["do_not_call", "wrong_person", "qualified", "not_now"]
CAUSES = ["do_not_contact", "wrong_person", "reported_qualified", "not_now"]


@dataclass(frozen=True)
class Run:
    """Two nights, and who was reported in between."""

    config: Config
    first: ScoreResult
    second: ScoreResult
    reported: dict[str, str]
    feedback: aftermath.FeedbackResult
    ledger_after_kill: bytes
    ledger_before_kill: bytes


@pytest.fixture(scope="module")
def run(small_world, champion_place, tmp_path_factory) -> Run:
    place = tmp_path_factory.mktemp("nights")
    config = scoring_config(small_world, champion_place, place, "lists.holdout.share=0.2", UNASKED)
    first = workflow.score(config, as_of=FIRST, out=config.paths.out / "a night")
    entry = next(config.paths.ledger.rglob("*.parquet"))
    before = entry.read_bytes()
    # As if the run had been killed after delivery; a restart records the night before it makes another.
    shutil.rmtree(config.paths.ledger)
    Nights(config).catch_up(config.paths.out / "another")
    listed = pq.read_table(first.out / "list.parquet")["lead_id"].to_pylist()
    reported = dict(zip(listed, OUTCOMES, strict=False))
    rows = [
        f"{lead},2026-05-18T00:00:00Z,Ada,{outcome},2026-05-19T09:00:00Z,"
        for lead, outcome in reported.items()
    ]
    (place / "outcomes.csv").write_text(
        "\n".join(["lead_id,list_as_of,rep,outcome,reported_on,note", *rows, "L,,,,,"])
    )
    found = aftermath.feedback(config, [place / "outcomes.csv"])
    second = workflow.score(config)
    return Run(config, first, second, reported, found, entry.read_bytes(), before)


def listed(result: ScoreResult) -> list[dict]:
    return pq.read_table(result.out / "list.parquet").to_pylist()


def test_a_night_that_was_delivered_but_not_recorded_is_caught_up_with(run):
    assert run.ledger_after_kill == run.ledger_before_kill
    nights = Ledger(run.config.paths.ledger).nights()
    assert [night.as_of for night in nights] == [FIRST, SECOND]
    assert not [path for path in run.config.paths.ledger.rglob("*.parquet") if path.stem == "000002"]


def test_nothing_to_catch_up_with_changes_nothing(run):
    before = {path: path.stat().st_mtime_ns for path in run.config.paths.ledger.rglob("*")}
    nights = Nights(run.config)
    nights.catch_up(run.second.out)
    nights.record(run.second.out)
    assert nights.warnings == ()
    assert {path: path.stat().st_mtime_ns for path in run.config.paths.ledger.rglob("*")} == before


def test_another_models_nights_are_left_to_their_own_ledger(run, tmp_path):
    config = run.config.model_copy(
        update={
            "tracking": run.config.tracking.model_copy(update={"model_name": "another"}),
            "paths": run.config.paths.model_copy(update={"ledger": tmp_path / "ledger"}),
        }
    )
    Nights(config).catch_up(tmp_path)
    assert not (tmp_path / "ledger").exists()


def test_the_ledger_says_what_the_scores_say(run):
    scores = {row["lead_id"]: row for row in pq.read_table(run.second.out / "scores.parquet").to_pylist()}
    rows = Ledger(run.config.paths.ledger).nights()[-1].rows().to_pylist()
    assert len(rows) == len(scores) == run.second.scored
    for row in rows:
        assert all(
            row[name] == scores[row["lead_id"]][name]
            for name in ("probability", "tier", "rank", "verdict", "removed", "rep")
        )
    assert sum(row["delivered"] for row in rows) == run.second.listed
    assert sum(row["selection"] == "held_out" for row in rows) == run.second.removed["held_out"] > 0


def test_the_first_night_has_nothing_to_compare_with(run):
    for row in listed(run.first):
        assert all(
            row[name] is None
            for name in ("trend", "previous_probability", "previous_as_of", "changed", "change_by_time")
        )


def test_listed_leads_say_how_they_moved_and_the_parts_add_up(run):
    before = {
        row["lead_id"]: row["probability"]
        for row in pq.read_table(run.first.out / "scores.parquet").to_pylist()
    }
    rows = listed(run.second)
    for row in rows:
        assert row["previous_probability"] == before.get(row["lead_id"])
        assert (row["trend"] is None) == (row["lead_id"] not in before)
        if row["trend"] is None:
            assert row["changed"] is None
            continue
        moved = row["probability"] - row["previous_probability"]
        assert row["change_by_facts"] + row["change_by_time"] + row["change_by_model"] == pytest.approx(
            moved, abs=1e-12
        )
        assert row["change_by_model"] == 0
        assert row["previous_as_of"] == FIRST
        assert row["changed"] is None or row["changed"].startswith("Up from" if moved > 0 else "Down from")
    assert any(row["changed"] and " since 2026-05-18: " in row["changed"] for row in rows)
    assert {row["trend"] for row in rows} >= {"steady"}


def test_what_reps_reported_takes_effect_on_the_next_list(run):
    assert run.feedback.to_dict()["added"] == len(OUTCOMES)
    assert len(run.feedback.warnings) == 1
    scores = {
        row["lead_id"]: row["removed"] for row in pq.read_table(run.second.out / "scores.parquet").to_pylist()
    }
    earlier = {"do_not_contact", "already_converted", "open_deal", "disqualified"}
    for (lead, _), cause in zip(run.reported.items(), CAUSES, strict=True):
        assert scores[lead] == cause or scores[lead] in earlier


def test_nobody_who_asked_a_rep_appears_in_any_output(run):
    asked = next(lead for lead, outcome in run.reported.items() if outcome == "do_not_call")
    name = next(row["contact_name"] for row in listed(run.first) if row["lead_id"] == asked)
    for path in run.second.out.iterdir():
        if path.suffix == ".csv" or path.name == "list.parquet":
            text = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.read_text()
            assert asked not in text
            assert name not in text


def test_the_manifest_and_the_result_say_what_the_holdout_can_show(run, capsys):
    told = json.loads(run.second.manifest.read_text())["holdout"]
    assert told == run.second.to_dict()["holdout"]
    assert told["held_out"]["leads"] == run.second.removed["held_out"]
    assert 0 < told["smallest_difference_shown"] < 1
    screens.score(run.second)
    assert f"Holdout: {told['held_out']['leads']} held out beside" in capsys.readouterr().out


def test_results_say_when_the_first_will_be(run, capsys):
    found = aftermath.results(run.config)
    assert (found.found.nights, found.found.matured) == (2, 0)
    assert found.to_dict()["next_on"] == "2026-06-22T00:00:00Z"
    ledgerscreens.results(found)
    assert "No list has matured yet" in capsys.readouterr().out


def test_explain_tells_trend_and_reports(run, capsys):
    lead = next(lead for lead, outcome in run.reported.items() if outcome == "not_now")
    paths = run.config.paths
    found = explained(lead, paths.out, quarantine=paths.quarantine, ledger=paths.ledger)
    assert found.to_dict()["reports"][0]["outcome"] == "not_now"
    explainscreen.show(found)
    screen = capsys.readouterr().out
    assert "Reported by Ada on 2026-05-19: not now" in screen
    assert "Trend: " in screen


def test_a_bad_ledger_costs_a_warning_and_bad_reports_the_list(run, tmp_path):
    ledger = shutil.copytree(run.config.paths.ledger, tmp_path / "ledger")
    for path in Path(ledger).glob("nights/*/*.parquet"):
        path.write_bytes(b"PAR1 and nothing else")
    config = run.config.model_copy(update={"paths": run.config.paths.model_copy(update={"ledger": ledger})})
    nights = Nights(config)
    before = nights.before(SECOND)
    assert before.night is None
    assert len(before.reported) == len(OUTCOMES)
    assert any("cannot be read" in said for said in nights.warnings)
