"""Monitoring over real nights: quiet where nothing changed, loud where the world was changed, and the same every time."""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from cli.conftest import CONFIG, run
from monitoring.conftest import NIGHTS
from propensity import workflow
from propensity.errors import DeliveryError, UsageError
from propensity.monitoring.history import History, left_nights
from propensity.watch import monitor

DRIFT = datetime.fromisoformat(NIGHTS[0])


def test_nothing_changed_and_nothing_is_alarming(watched):
    assert watched.result.alarms == ()
    assert watched.result.warnings == ()
    assert [night.as_of[:10] for night in watched.result.judged.recent] == ["2026-04-20"]
    assert watched.result.nights == 2


def test_a_night_leaves_counts_of_the_open_leads_and_no_name(watched):
    night = left_nights(watched.config.paths.out)[-1]
    scores = pq.read_table(watched.config.paths.out / "2026-04-27" / "scores.parquet")
    settled = pc.is_in(scores["removed"], value_set=pa.array(["already_converted", "disqualified"]))
    population = night.population("open")
    # Whoever the gate removes for another cause, such as do not contact, may be open or settled.
    assert population["rows"] <= len(scores) - pc.sum(settled).as_py()
    assert all(sum(counts) == population["rows"] for counts in population["counts"].values())
    text = (watched.config.paths.out / "2026-04-27" / "profile.json").read_text()
    leads = csv.read_csv(watched.world / "leads.csv")
    for column in ("lead_id", "email", "contact_name"):
        assert not any(value in text for value in leads[column].to_pylist() if value)


def test_the_probability_that_is_kept_is_the_mean_of_the_open_leads(watched):
    night = left_nights(watched.config.paths.out)[0]
    scores = pq.read_table(watched.config.paths.out / "2026-04-20" / "scores.parquet")
    stages = pq.read_table(watched.world / "stages.parquet").to_pylist()
    ends = {"prospect", "opportunity", "customer", "disqualified"}
    closed = {
        row["lead_id"]
        for row in stages
        if row["stage"] in ends and max(row["entered_at"], row["recorded_at"]) < DRIFT
    }
    held = [row["probability"] for row in scores.to_pylist() if row["lead_id"] not in closed]
    assert night.population("open")["rows"] == len(held)
    assert night.population("open")["probability"] == pytest.approx(np.mean(held), abs=1e-9)


def test_outcomes_are_those_of_the_stages(watched):
    found = watched.result.outcomes["2026-04-20T00:00:00Z"]
    scores = pq.read_table(watched.config.paths.out / "2026-04-20" / "scores.parquet").to_pylist()
    first, lost = {}, {}
    for row in pq.read_table(watched.world / "stages.parquet").to_pylist():
        known = lost if row["stage"] == "disqualified" else first
        if row["stage"] in {"prospect", "opportunity", "customer", "disqualified"}:
            known[row["lead_id"]] = min(row["entered_at"], known.get(row["lead_id"], row["entered_at"]))
    never = datetime.max.replace(tzinfo=UTC)
    held = [
        row
        for row in scores
        if min(first.get(row["lead_id"], never), lost.get(row["lead_id"], never)) >= DRIFT
    ]

    def converted(row):
        at = first.get(row["lead_id"], never)
        return at < DRIFT + timedelta(days=30) and at <= lost.get(row["lead_id"], never)

    assert found["open"]["rows"] == len(held)
    assert found["open"]["conversions"] == sum(map(converted, held)) > 0
    assert found["open"]["expected"] == pytest.approx(sum(row["probability"] for row in held))
    on_list = [row for row in held if row["removed"] is None]
    assert found["listed"]["rows"] == len(on_list)
    assert found["listed"]["conversions"] == sum(map(converted, on_list))
    assert watched.result.pooled.nights == ("2026-04-20T00:00:00Z", "2026-04-27T00:00:00Z")


def test_the_same_again_changes_no_byte_and_adds_nothing(watched):
    files = sorted(watched.config.paths.reports.rglob("*"))
    before = {path: path.read_bytes() for path in files if path.is_file()}
    monitor(watched.config)
    after = {
        path: path.read_bytes() for path in sorted(watched.config.paths.reports.rglob("*")) if path.is_file()
    }
    assert after == before
    assert len(before) == 8


def test_the_history_outlives_the_lists(again, tmp_path):
    config = again(f"paths.ledger={tmp_path / 'no_ledger'}")
    monitor(config)
    shutil.rmtree(config.paths.out / "2026-04-20")
    result = monitor(config)
    assert result.nights == 2
    assert len(result.judged.recent) == 1


@pytest.fixture
def changed_world(watched, tmp_path):
    """The same world, but since the first night reps and leads do a third of what they did, and many leads came by referral."""
    world = tmp_path / "world"
    shutil.copytree(watched.world, world)
    acts, rng = pq.read_table(world / "activities.parquet"), np.random.default_rng(0)
    late = np.array([row >= DRIFT for row in acts["occurred_at"].to_pylist()])
    pq.write_table(
        acts.filter(pa.array(~late | (rng.random(len(acts)) < 0.15))), world / "activities.parquet"
    )
    leads = (world / "leads.csv").read_text().splitlines()
    sources = [re.sub(r'"(web|paid_search|organic|content)[a-z_]*"', '"referral"', line) for line in leads]
    (world / "leads.csv").write_text("\n".join(sources) + "\n")
    return world


def test_planted_drift_is_reported_for_the_right_concepts(again, changed_world):
    config = again(world=changed_world)
    workflow.score(config, as_of=datetime.fromisoformat(NIGHTS[1]))
    result = monitor(config)
    told = {concept for one in result.judged.findings for concept in one.concepts}
    assert {"last contact", "source"} <= told
    assert any(
        one.about == "arrivals" and one.what.startswith("activities") for one in result.judged.findings
    )
    untouched = {"company size", "industry", "seniority", "budget against price", "stage"}
    assert not told & untouched
    assert result.judged.findings[0].severity == "alarm"


def test_the_command_tells_the_same_and_strict_ends_with_6_on_an_alarm(again, tmp_path):
    config = again(f"paths.ledger={tmp_path / 'no_ledger'}")
    path = config.paths.out / "2026-04-27" / "profile.json"
    found = json.loads(path.read_text())
    path.write_text(json.dumps({**found, "surprises": {"empty": ["firmographic_source"], "new": {}}}))
    settings = [
        f"paths.{name}={getattr(config.paths, name)}" for name in ("out", "reports", "ledger", "quarantine")
    ]
    options = [
        part for setting in (*settings, f"data.folder={config.data.folder}") for part in ("-s", setting)
    ]
    told = run("monitor", "-c", CONFIG, *options, "--json")
    assert (told.code, len(told.json["alarms"])) == (0, 1)
    assert "no lead has a value of firmographic_source" in told.json["alarms"][0]
    strict = run("monitor", "-c", CONFIG, *options, "--strict")
    assert strict.code == 6
    assert "alarm: no lead has a value of firmographic_source" in strict.out
    assert "1 alarm(s)" in strict.err


def test_without_a_night_there_is_nothing_to_monitor(again, tmp_path):
    with pytest.raises(UsageError, match="holds no night with a profile"):
        monitor(again(f"paths.out={tmp_path / 'nowhere'}"))


def test_a_damaged_history_stops_the_run(again, tmp_path):
    config = again(f"paths.ledger={tmp_path / 'no_ledger'}")
    monitor(config)
    path = next(History(config.paths.reports).folder.glob("night-*.json"))
    path.write_text("{")
    with pytest.raises(DeliveryError, match="cannot be read"):
        History(config.paths.reports).nights()
