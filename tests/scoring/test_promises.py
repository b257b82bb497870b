"""What matured lists promised and what came, on nights and stages made by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest

from made_nights import gone, lead, night
from propensity.aftermath import ResultsResult
from propensity.config import OutcomeConfig
from propensity.engines.duckdb import DuckDBEngine
from propensity.errors import HistoryError
from propensity.scoring.ledger import Ledger
from propensity.scoring.promises import results
from propensity.terminal import ledgerscreens

DAY = timedelta(days=1)
FIRST = datetime(2026, 6, 1, tzinfo=UTC)
STAGES = {
    "in time": [("prospect", 3)],
    "on the last microsecond": [("customer", 10 - 1e-6 / 86_400)],
    "too late": [("prospect", 10)],
    "before": [("prospect", -1), ("customer", 2)],
    "lost first": [("disqualified", 1), ("prospect", 3)],
    "lost after": [("prospect", 3), ("disqualified", 4)],
    "at as_of": [("opportunity", 0)],
    "never": [("contacted", 1)],
}
CAME = {"in time", "on the last microsecond", "lost after", "at as_of"}


@pytest.fixture(scope="module")
def crm():
    engine = DuckDBEngine()
    rows = [
        {"lead_id": name, "stage": stage, "entered_at": FIRST + days * DAY}
        for name, stages in STAGES.items()
        for stage, days in stages
    ]
    schema = pa.schema(
        [("lead_id", pa.string()), ("stage", pa.string()), ("entered_at", pa.timestamp("us", tz="UTC"))]
    )
    config = SimpleNamespace(outcome=OutcomeConfig(recording_lag_days=2))
    stages = engine.register("stages", pa.Table.from_pylist(rows, schema=schema))
    yield SimpleNamespace(engine=engine, config=config, tables={"stages": stages})
    engine.close()


def ledger_of(tmp_path, **nights) -> Ledger:
    ledger = Ledger(tmp_path / "ledger")
    for name, (at, rows) in nights.items():
        night(tmp_path / name, f"{at:%Y-%m-%dT%H:%M:%SZ}", rows)
        ledger.record(tmp_path / name, json.loads((tmp_path / name / "manifest.json").read_text()))
    return ledger


def test_a_lead_came_within_the_horizon_and_not_after_it_was_lost(crm, tmp_path):
    rows = [
        lead(name, 0.1, tier="A" if name in CAME else "B", rep="Ada" if name != "never" else None)
        for name in STAGES
    ]
    found = results(
        crm, ledger_of(tmp_path, a=(FIRST, [*rows, gone("in time 2", "nurtured")])), FIRST + 12 * DAY
    )
    assert (found.every.leads, found.every.came) == (len(STAGES), len(CAME))
    assert found.every.promised == pytest.approx(0.1 * len(STAGES))
    assert {tier: came.came for tier, came in found.by_tier.items()} == {"A": len(CAME), "B": 0}
    assert {rep: came.leads for rep, came in found.by_rep.items()} == {"": 1, "Ada": len(STAGES) - 1}
    assert list(found.by_list) == ["2026-06-01T00:00:00Z"]
    assert found.holdout is None
    assert found.exploration is None


def test_a_list_matures_with_horizon_and_recording_lag(crm, tmp_path, capsys):
    ledger = ledger_of(tmp_path, a=(FIRST, [lead("in time")]), b=(FIRST + DAY, [lead("in time")]))
    early = results(crm, ledger, FIRST + 12 * DAY - timedelta(microseconds=1))
    assert (early.nights, early.matured, early.every, early.next_on) == (2, 0, None, FIRST + 12 * DAY)
    ledgerscreens.results(ResultsResult(early))
    assert "can be judged once they reach 2026-06-13" in capsys.readouterr().out.replace("\n", " ")
    ripe = results(crm, ledger, FIRST + 12 * DAY)
    assert (ripe.matured, ripe.every.leads, ripe.next_on) == (1, 1, FIRST + 13 * DAY)


def test_called_against_held_out_counts_only_what_came_by_rank(crm, tmp_path, capsys):
    rows = [
        lead("in time", account_id="A", selection_probability=0.5),
        lead("never", account_id="B", selection_probability=0.5),
        lead("lost after", account_id="C", selection="explored", selection_probability=0.1),
        lead("too late", account_id="F", selection="explored", selection_probability=0.4),
        gone("at as_of", "held_out", selection="held_out", selection_probability=0.5, account_id="D"),
        gone("before", "held_out", selection="held_out", selection_probability=0.5, account_id="D"),
        gone("on the last microsecond", "over_capacity"),
    ]
    found = results(crm, ledger_of(tmp_path, a=(FIRST, rows)), FIRST + 90 * DAY)
    assert found.every.leads == 4
    assert found.holdout["called"] == {"leads": 2, "came": 1, "share": 0.5}
    assert found.holdout["held_out"] == {"leads": 2, "came": 1, "share": 0.5}
    assert found.holdout["low"] < found.holdout["difference"] == 0 < found.holdout["high"]
    assert (found.exploration["leads"], found.exploration["came"]) == (2, 1)
    assert found.exploration["of_all_left_out"] == pytest.approx(10 / (10 + 2.5))
    told = ResultsResult(found)
    assert json.loads(json.dumps(told.to_dict(), allow_nan=False))["matured"] == 1
    ledgerscreens.results(told)
    screen = capsys.readouterr().out
    for words in (
        "whoever called them",
        "only a holdout shows",
        "not beyond chance",
        "Drawn at random: 1 of 2",
    ):
        assert words in screen


def test_a_night_that_was_superseded_counts_once(crm, tmp_path):
    ledger = ledger_of(tmp_path, a=(FIRST, [lead("in time")]), b=(FIRST, [lead("never"), lead("too late")]))
    found = results(crm, ledger, FIRST + 90 * DAY)
    assert (found.nights, found.every.leads, found.every.came) == (1, 2, 0)


def test_without_a_night_or_a_history_it_is_said(crm, tmp_path, capsys):
    ledgerscreens.results(ResultsResult(results(crm, Ledger(tmp_path), FIRST)))
    assert "Run `propensity score` first" in capsys.readouterr().out
    with pytest.raises(HistoryError, match=r"tables\.stages"):
        results(SimpleNamespace(tables={}), Ledger(tmp_path), FIRST)
