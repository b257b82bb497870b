"""The whole job on thirty leads, which are too few for a model: it works, and says what it is."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient

from propensity import workflow
from propensity.config import Config
from propensity.config.file import load_config

START = datetime(2025, 1, 1, tzinfo=UTC)
LEADS = 30
CONFIG = """
data: {through: 2025-07-01}
tables:
  leads: {path: leads.csv}
  activities: {path: activities.csv}
  stages: {path: stages.csv}
outcome: {horizon_days: 30}
model: {resamples: 50}
"""
pytestmark = pytest.mark.xdist_group("few_leads")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty leads, a third of which asked for the price; one in six of these became prospects."""
    folder = tmp_path_factory.mktemp("few")
    made = [(f"L{i:02}", START + timedelta(days=3 * i)) for i in range(LEADS)]
    rows = {
        "leads.csv": [("lead_id", "created_at"), *((lead, day) for lead, day in made)],
        "activities.csv": [
            ("lead_id", "occurred_at", "type"),
            *((lead, day + timedelta(days=1), "pricing_view") for lead, day in made[::3]),
        ],
        "stages.csv": [
            ("lead_id", "stage", "entered_at"),
            *((lead, "lead", day) for lead, day in made),
            *((lead, "prospect", day + timedelta(days=40)) for lead, day in made[:18:6]),
        ],
    }
    for name, lines in rows.items():
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines)
    (folder / "crm.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


def config_of(place: Path, *more: str) -> Config:
    return load_config(
        place / "crm.yaml",
        [
            f"tracking.uri=sqlite:///{place}/mlflow.db",
            f"paths.models={place}/models",
            "engine.threads=1",
            *more,
        ],
    )


@pytest.fixture(scope="module")
def trained(place):
    return workflow.train(config_of(place))


def test_a_scorecard_is_trained_promoted_and_gives_a_list_with_reasons(place, trained, tmp_path):
    config = config_of(place)
    assert trained.trained.ladder.chosen == "scorecard"
    assert any("the scorecard rules" in warning for warning in trained.warnings)
    assert workflow.promote(config).former is None
    scored = workflow.score(config, out=tmp_path / "list", as_of=datetime(2025, 4, 1, tzinfo=UTC))
    listed = pq.read_table(tmp_path / "list" / "list.parquet").to_pylist()
    assert scored.listed == len(listed) > 20
    assert all(0 < row["probability"] < 1 for row in listed)
    # The newest third of them asked for the price within the last 30 days, which the scorecard rewards.
    assert "viewed pricing" in listed[0]["reason_1"]
    assert listed[-1]["reason_1"] is None


def test_without_a_conversion_it_still_gives_a_list_and_says_that_nothing_is_known(place, tmp_path):
    config = config_of(place, "outcome.stage=knighted", "outcome.later_stages=[]", "tracking.model_name=none")
    trained = workflow.train(config)
    said = " ".join(trained.warnings)
    assert "0 conversions" in said
    assert "everyone has the base rate" in said
    assert "there is no forward test" in said
    assert trained.to_dict()["metrics"] == {}
    workflow.promote(config)
    workflow.score(config, out=tmp_path / "list")
    listed = pq.read_table(tmp_path / "list" / "list.parquet").to_pylist()
    assert len({row["probability"] for row in listed}) == 1
    assert {row["tier"] for row in listed} == {"D"}


def test_mlflow_has_a_child_run_for_each_rung(place, trained):
    client = MlflowClient(tracking_uri=f"sqlite:///{place}/mlflow.db")
    parent = client.get_run(trained.registered.run_id)
    children = client.search_runs(
        [parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{trained.registered.run_id}'"
    )
    assert {run.info.run_name for run in children} == {"base_rate", "scorecard"}
    assert parent.data.tags["rung"] == "scorecard"
    assert "the scorecard rules" in parent.data.tags["why"]
