"""Promote, force and roll back over a real registry: what is refused, what is kept, and what is said."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from cli.conftest import Ended, run
from conftest import tracked
from propensity.errors import UsageError
from propensity.recording import reason_to_force

pytestmark = pytest.mark.xdist_group("promotion")
LEADS = 1_500
REASON = "moved to \x1b[31mpostgresql://ann:S3CRET@db/crm, token=T0KEN, reps <b>agreed</b>"
CONFIG = """
data: {through: 2025-12-01}
tables:
  leads:
    path: leads.csv
    extra:
      size: {static: true, type: number, known_in_time: the form asks for it}
      need: {static: true, type: number, known_in_time: the form asks for it}
outcome: {horizon_days: 30}
model: {resamples: 50}
"""


@dataclass(frozen=True)
class Story:
    """A good champion, a challenger that sorts nothing, and how each command ended."""

    folder: Path
    refused: Ended
    forced: Ended
    again: Ended
    back: Ended
    further: Ended

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=f"sqlite:///{self.folder}/mlflow.db")


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("story")
    rng = np.random.default_rng(4)
    size, need = rng.normal(size=(2, LEADS))
    converts = rng.random(LEADS) < 1 / (1 + np.exp(1.5 - 1.3 * size - 1.3 * need))
    start = datetime(2024, 1, 1, tzinfo=UTC)
    with (folder / "leads.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("lead_id", "created_at", "size", "need", "outcome"))
        for i in range(LEADS):
            day = (start + timedelta(hours=10 * i)).isoformat()
            writer.writerow(
                (f"L{i}", day, round(size[i], 3), round(need[i], 3), "yes" if converts[i] else "no")
            )
    (folder / "crm.yaml").write_text(CONFIG, encoding="utf-8")

    def ran(*words: str, rung: str = "logistic") -> Ended:
        sets = [tracked(folder), f"paths.models={folder}/models", f"model.rungs=[{rung}]", "engine.threads=1"]
        options = [part for setting in sets for part in ("--set", setting)]
        return run(words[0], "--config", folder / "crm.yaml", *options, *words[1:])

    assert ran("train").code == 0
    first = ran("promote", "--json")
    assert first.code == 0, first.err
    assert ran("train", rung="base_rate").code == 0
    return Story(
        folder,
        ran("promote"),
        ran("promote", "--json", "--force", "--reason", REASON),
        ran("promote", "--model-version", "2"),
        ran("rollback"),
        ran("rollback"),
    )


def test_a_worse_challenger_ends_with_code_7_and_the_table(story):
    assert story.refused.code == 7
    assert "failed  log loss" in story.refused.message
    assert "passed  leakage court" in story.refused.message
    assert "--force --reason" in story.refused.message


def test_a_forced_promotion_says_in_json_what_was_overridden_and_why(story):
    assert story.forced.code == 0
    found = story.forced.json
    assert (found["champion"], found["former"], found["forced"]) == ("2", "1", True)
    assert {"log loss", "conversions at capacity"} <= set(found["overridden"])
    assert {check["name"] for check in found["gate"]["checks"] if not check["passed"]} == set(
        found["overridden"]
    )
    assert "reps <b>agreed</b>" in found["reason"]


def test_version_and_run_keep_the_reason_the_table_and_no_secret(story):
    version = story.client.get_model_version("propensity", "2")
    run_tags = story.client.get_run(version.run_id).data.tags
    for tags in (version.tags, run_tags):
        assert tags["gate_verdict"] == "forced"
        assert tags["gate_against"] == "1"
        assert tags["gate_reason"] == "moved to [31mpostgresql://***@db/crm, token=*** reps <b>agreed</b>"
        assert "log loss" in tags["gate_overridden"]
        assert "failed  log loss" in tags["gate_table"]
        assert len(tags["gate_table"]) < 5_000
    kept = json.loads(Path(story.client.download_artifacts(version.run_id, "gate/gate.json")).read_text())
    assert kept["gate"]["passed"] is False
    assert kept["reason"] == version.tags["gate_reason"]


def test_a_promotion_that_passed_is_kept_too(story):
    tags = story.client.get_model_version("propensity", "1").tags
    assert (tags["gate_verdict"], tags["gate_against"], tags["gate_reason"]) == ("passed", "-", "-")
    assert "passed  base rate" in tags["gate_table"]


def test_promoting_the_champion_is_said_to_change_nothing(story):
    assert story.again.code == 0
    assert "is version 2 already: nothing changed" in story.again.out


def test_a_rollback_says_what_is_back_and_what_went(story):
    said = " ".join(story.back.out.split())
    assert story.back.code == 0
    assert "is version 1 again; version 2 went" in said
    back, gone = said.split("gone: version 2")
    assert "logistic regression, learned from" in back
    assert "as of 2024-01-01 to 2025-" in back
    assert "ROC-AUC 0.8" in back
    assert "it passed the gate as the first champion" in back
    assert "model base rate" in gone
    assert "forced against version 1, overriding log loss" in gone


def test_a_second_rollback_has_nowhere_to_go(story):
    assert story.further.code == 4
    assert "no champion of 'propensity' before version 1 to go back to; it stays" in story.further.message
    assert str(story.client.get_model_version_by_alias("propensity", "champion").version) == "1"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--force"], "found 0 words"),
        (["--force", "--reason", "because - !"], "found 1 words"),
        (["--force", "--reason", "word " * 300], "1,499 letters"),
        (["--reason", "a good reason indeed"], "together with --force"),
    ],
    ids=["none", "too short", "too long", "without force"],
)
def test_force_wants_a_reason_of_a_few_words(story, arguments, says):
    ended = run("promote", "--config", story.folder / "crm.yaml", *arguments)
    assert ended.code == 2
    assert says in ended.message


def test_force_brings_no_model_that_is_not_there(story):
    sets = ["--set", tracked(story.folder), "--model-version", "77"]
    ended = run(
        "promote", "--config", story.folder / "crm.yaml", *sets, "--force", "--reason", "we want that one"
    )
    assert ended.code == 4
    assert "has no version '77'" in ended.message


def test_a_reason_is_one_line():
    assert reason_to_force("old\nmodel is\tblind", force=True) == "old model is blind"
    assert reason_to_force(None, force=False) is None
    with pytest.raises(UsageError):
        reason_to_force(" ", force=True)
