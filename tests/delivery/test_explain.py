"""Why a lead is where it is, from the files of a night made by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from propensity.delivery.explain import explained, newest_night
from propensity.errors import UsageError
from propensity.scoring.criteria import CRITERIA
from propensity.terminal import explain as explainscreen

SCORE: dict[str, Any] = {
    "lead_id": "L1", "probability": 0.25, "probability_low": 0.2, "probability_high": 0.3, "evidence": "enough", "tier": "B", "rank": 3,
    "removed": None, "removed_because": None,
}  # fmt: skip
QUALIFIED: dict[str, Any] = {
    "lead_id": "L1", "verdict": "prospect", "verdict_because": "no hard criterion failed", "next_action": "call",
    "action_because": "met: need", "follow_up_on": date(2026, 6, 1),
    **{f"criterion_{name}": "unknown" for name in CRITERIA}, **{f"{name}_evidence": None for name in CRITERIA},
    **{f"{name}_on": None for name in CRITERIA}, "criterion_need": "met", "need_evidence": "viewed pricing",
}  # fmt: skip
LISTED: dict[str, Any] = {
    "lead_id": "L1", "rep": "Ada", "rep_rank": 2, "selection": "listed", "selection_probability": 1.0, "reason_1": "acted twice",
    "reason_1_act": True, "reason_2": None, "reason_2_act": None, "reason_3": None, "reason_3_act": None, "against": "works in Mining",
    "against_act": False,
}  # fmt: skip


def night(folder: Path, as_of: str, *, listed: bool = True, **score: Any) -> Path:
    folder.mkdir(parents=True)
    model = {"name": "crm", "version": "4", "digest": "d"}
    (folder / "manifest.json").write_text(json.dumps({"as_of": as_of, "model": model}))
    pq.write_table(pa.Table.from_pylist([{**SCORE, **score}]), folder / "scores.parquet")
    pq.write_table(pa.Table.from_pylist([QUALIFIED]), folder / "qualification.parquet")
    rows = [LISTED] if listed else [{**LISTED, "lead_id": "another"}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "list.parquet")
    return folder


def told(capsys: pytest.CaptureFixture[str], found: Any) -> str:
    explainscreen.show(found)
    return capsys.readouterr().out


def test_the_newest_night_by_its_as_of_answers(tmp_path):
    night(tmp_path / "a", "2026-06-02T00:00:00Z")
    night(tmp_path / "b", "2026-06-01T00:00:00Z")
    assert newest_night(tmp_path)[0] == tmp_path / "a"
    assert explained("L1", tmp_path, quarantine=tmp_path / "q").to_dict()["as_of"] == "2026-06-02T00:00:00Z"


def test_a_listed_lead_is_told_with_place_criteria_action_and_reasons(tmp_path, capsys):
    night(tmp_path / "a", "2026-06-02T00:00:00Z")
    screen = told(capsys, explained("L1", tmp_path, quarantine=tmp_path / "q"))
    for words in (
        "Number 2 on the list of Ada; rank 3 over all",
        "Probability 25.0 % (tier B), between 20.0 % and 30.0 %",
        "viewed pricing",
        "Next: call, follow up on 2026-06-01: met: need",
        "acted twice (something to act on)",
        "works in Mining (background)",
    ):
        assert words in screen


def test_an_explored_lead_says_its_chance(tmp_path, capsys):
    folder = night(tmp_path / "a", "2026-06-02T00:00:00Z")
    rows = [{**LISTED, "selection": "explored", "selection_probability": 0.125}]
    pq.write_table(pa.Table.from_pylist(rows), folder / "list.parquet")
    screen = told(capsys, explained("L1", tmp_path, quarantine=tmp_path / "q"))
    assert "drawn at random to learn from (chance of being listed 12.5 %)" in screen


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (
            {"removed": "over_capacity", "removed_because": "beyond the reps' capacity"},
            "its rank among those",
        ),
        (
            {"removed": "same_person", "removed_because": "the same person as lead L7", "rank": None},
            "lead L7 (same_person)",
        ),
        ({"removed": "no_rep", "rank": None}, "in no rep's territory (no_rep)"),
    ],
)
def test_a_lead_on_no_list_is_told_why(tmp_path, capsys, score, words):
    folder = night(tmp_path / "a", "2026-06-02T00:00:00Z", listed=False, **score)
    screen = told(capsys, explained("L1", tmp_path, night=folder, quarantine=tmp_path / "q"))
    assert "On no list: " in screen
    assert words in screen
    assert "Reasons are worked out for leads that reach a list" in screen


def test_a_lead_that_was_set_aside_is_told_by_which_rule(tmp_path):
    night(tmp_path / "a", "2026-06-02T00:00:00Z")
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "leads.csv").write_text("lead_id,_row,_rule,_found\nL9,3,created_at is empty,\n")
    with pytest.raises(UsageError, match="set aside when the data were read: created_at is empty"):
        explained("L9", tmp_path, quarantine=tmp_path / "q")


@pytest.mark.parametrize("lead_id", ["L2", "", "../../etc/passwd", "'; DROP TABLE leads", "\u202eL1"])
def test_an_unknown_lead_is_named_with_the_next_step(tmp_path, lead_id):
    night(tmp_path / "a", "2026-06-02T00:00:00Z")
    with pytest.raises(UsageError, match="is not among the 1 that"):
        explained(lead_id, tmp_path, quarantine=tmp_path / "q")


def test_without_a_night_the_message_says_what_to_run(tmp_path):
    with pytest.raises(UsageError, match="Run `propensity score` first"):
        newest_night(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "manifest.json").write_text("{")
    with pytest.raises(UsageError, match="cannot be read"):
        newest_night(tmp_path)
