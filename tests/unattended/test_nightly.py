"""The night's job as one run: what a good night leaves, and how a bad one ends."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from cli.conftest import run
from conftest import UNASKED
from propensity.errors import SourceUnavailable
from propensity.stopping import stoppable
from propensity.tracking.registry import Registry
from propensity.tracking.store import Store
from propensity.unattended.champion import champion_in_use, last_seen
from propensity.unattended.events import Log
from propensity.unattended.nightly import nightly
from propensity.unattended.past import past_nights
from propensity.unattended.retry import persisted
from propensity.unattended.run import Run, unattended
from propensity.unattended.summary import LAST_RUN
from unattended.conftest import FORBID, NOW, begun

LATER = datetime(2026, 6, 1, 3, tzinfo=UTC)


def test_a_night_ends_with_a_whole_list_and_says_so(night):
    (found,) = past_nights(night.place.folder / "out")
    assert found.folder == night.list
    assert found.whole()
    assert night.told["exit_code"] == 0
    assert night.told["as_of"] == "2026-06-01T00:00:00Z"
    assert night.told["listed"] + sum(night.told["removed"].values()) == night.told["scored"] == 500
    assert [step["step"] for step in night.told["steps"]] == [
        "model",
        "check",
        "list",
        "record",
        "publish",
        "monitor",
        "retention",
    ]


def test_no_pickle_is_loaded_by_the_night(night, tmp_path):
    # The process of this night could not have: it began with `FORBID`. That this bites is shown here.
    (tmp_path / "sitecustomize.py").write_text(FORBID)
    for way in (
        "import pickle; pickle.loads(b'N.')",
        "import io, cloudpickle; cloudpickle.load(io.BytesIO(b'N.'))",
    ):
        ended = subprocess.run(
            [sys.executable, "-c", way],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Forbidden: unpickled" in ended.stderr
    assert night.code == 0


def test_each_step_is_one_line_with_its_seconds_in_the_log_and_on_stderr(night):
    (log,) = (night.place.folder / "logs").iterdir()
    assert [json.loads(line) for line in log.read_text().splitlines()] == night.events
    steps = [event for event in night.events if event["event"] == "step"]
    assert all(event["seconds"] >= 0 and event["run"] == night.told["run"] for event in steps)
    assert [event["event"] for event in (night.events[0], night.events[-1])] == ["begin", "end"]
    assert sorted(event["at"] for event in night.events) == [event["at"] for event in night.events]


def test_the_summary_is_kept_and_nothing_else_of_the_run_reaches_the_list(night):
    kept = json.loads((night.place.folder / "state" / LAST_RUN).read_text())
    assert kept == night.told
    assert night.told["run"] not in (night.list / "manifest.json").read_text()


def test_log_and_summary_hold_no_personal_data(night):
    with (night.place.world / "leads.csv").open(newline="", encoding="utf-8") as file:
        planted = {
            row[key] for row in csv.DictReader(file) for key in ("contact_name", "email", "phone") if row[key]
        }
    for folder in ("logs", "state"):
        for path in (night.place.folder / folder).iterdir():
            assert not [word for word in planted if len(word) > 8 and word in path.read_text()]


def test_files_of_the_run_are_for_its_user_alone(night):
    for folder in ("logs", "state"):
        assert stat.S_IMODE((night.place.folder / folder).stat().st_mode) == 0o700
    (log,) = (night.place.folder / "logs").iterdir()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_data_that_reach_too_short_are_refused_and_the_last_list_is_named(night, tmp_path):
    config = night.place.config(*(f"paths.{name}={tmp_path / name}" for name in ("state", "logs")))
    told = nightly(config, now=datetime(2026, 6, 2, 13, tzinfo=UTC))
    assert (told.exit_code, told.standing.folder) == (3, night.list)
    assert "37.0 hours before 2026-06-02T13:00:00Z" in told.why
    assert json.loads((tmp_path / "state" / LAST_RUN).read_text())["exit_code"] == 3
    assert [step.status for step in told.steps] == ["done", "failed"]


def test_a_refusal_shows_no_values_of_the_data(place, tmp_path):
    world = tmp_path / "world"
    shutil.copytree(place.world, world)
    rows = (world / "leads.csv").read_text(encoding="utf-8").splitlines()
    number = rows[0].replace('"', "").split(",").index("created_at")
    broken = [row.split(",") for row in rows[1:60]]
    for row in broken:
        row[number] = "ada.planted@example.com"
    (world / "leads.csv").write_text(
        "\n".join([rows[0], *(",".join(row) for row in broken), *rows[60:]]), encoding="utf-8"
    )
    ended = run("nightly", *place.settings(f"data.folder={world}"), "--now", NOW)
    assert ended.code == 3
    assert "created_at is not a date or time" in ended.out + ended.err
    written = [path.read_text() for name in ("logs", "state") for path in (place.folder / name).iterdir()]
    assert not [text for text in (ended.out, ended.err, *written) if "planted" in text]


@pytest.fixture
def own_models(place):
    """The champion's cache, to be spoiled."""
    return place.folder / "models"


def test_a_damaged_cached_model_ends_the_night_with_4(place, own_models):
    (folder,) = own_models.glob("*/*-*/")
    path = min(folder.glob("*.json"))
    path.write_bytes(path.read_bytes().replace(b"1", b"2", 1))
    ended = run("nightly", *place.settings(f"paths.models={own_models}"), "--now", NOW)
    assert ended.code == 4
    assert "is damaged" in ended.err
    assert "exit code 4" in ended.out
    # A person reads once why; the log's lines are for machines.
    assert ended.out.count("is damaged") == 0
    assert [line for line in ended.err.splitlines() if "is damaged" in line and line[0] != "{"] == [
        ended.err.splitlines()[-1]
    ]
    assert not (place.folder / "out").exists()


def test_where_the_registry_does_not_answer_its_last_champion_is_used_and_named(
    place, champion_place, own_models
):
    database = place.folder / "mlflow.db"
    shutil.copy(champion_place / "mlflow.db", database)
    config = place.config(
        f"tracking.uri=sqlite:///{database}", f"paths.models={own_models}", "nightly.retry.attempts=1"
    )
    first = champion_in_use(config, Log("run", LATER))
    assert first.warnings == ()
    database.write_bytes(b"no database at all" * 100)
    broken = champion_in_use(config, Log("run", datetime(2026, 6, 3, 15, tzinfo=UTC)))
    database.unlink()
    gone = champion_in_use(config, Log("run", datetime(2026, 6, 3, 15, tzinfo=UTC)))
    for found in (broken, gone):
        assert found.version == first.version
        assert found.bundle.digest == first.bundle.digest
        assert "does not answer; scored with version 1 of 'demo'" in found.warnings[0]
        assert "2.5 days ago" in found.warnings[0]


def test_a_champion_of_another_registry_is_never_taken(place, own_models):
    config = place.config(f"paths.models={own_models}")
    champion_in_use(config, Log("run", LATER))
    other = Registry(Store(f"sqlite:///{place.folder}/other.db", None, "none", "demo"), own_models)
    assert last_seen(other) is None
    told = nightly(
        place.config(f"tracking.uri=sqlite:///{place.folder}/other.db", f"paths.models={own_models}")
    )
    assert (told.exit_code, told.warnings) == (4, ())


def test_a_list_that_has_no_place_is_kept_elsewhere_and_the_code_is_5(place):
    (place.folder / "out").mkdir()
    (place.folder / "out" / "2026-06-01").write_text("in the way")
    told = nightly(place.config(UNASKED), now=LATER)
    assert told.exit_code == 5
    (kept,) = past_nights(place.folder / "state" / "undelivered")
    assert kept.whole()
    assert str(kept.folder) in told.why
    assert told.facts["kept"] == str(kept.folder)


def test_a_full_disk_is_5_and_leaves_no_file_under_a_final_name(place):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    config = place.config()
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, hard))
    try:
        told = nightly(config, now=LATER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert told.exit_code == 5
    assert "there is no room to work" in told.why or "Nor could the scores be kept" in told.why
    assert not [path for path in (place.folder / "out").rglob("*") if path.is_file()]


def test_killed_while_scoring_nothing_has_a_final_name_and_the_next_run_is_not_blocked(place):
    process = begun(["nightly", *place.settings(), "--now", NOW])
    assert process.stderr is not None
    for line in process.stderr:
        if "Scoring" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    out = place.folder / "out"
    assert not [path for path in out.rglob("*") if path.is_file() and ".partial" not in str(path)]
    # What the dead run wrote into the lock is still there, and holds nobody back.
    lock = place.folder / "state" / "nightly.lock"
    assert str(process.pid) in lock.read_text()
    told = nightly(place.config("tracking.model_name=nobody"), now=LATER)
    assert told.exit_code == 4


def test_a_stop_that_comes_up_as_a_failure_is_not_tried_again_and_not_survived(place):
    tries: list[int] = []

    def lost() -> None:
        tries.append(1)
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise SourceUnavailable("the server does not answer")

    def work(run: Run) -> None:
        # As a step after delivery, which the night survives.
        with suppress(SourceUnavailable), run.step("monitor"):
            persisted(lost, run.config.nightly.retry, run.log, what="monitor")
        tries.append(2)

    with pytest.raises(SystemExit) as ended, stoppable():
        unattended("nightly", place.config(), work, now=LATER)
    assert (ended.value.code, tries) == (130, [1])
    told = json.loads((place.folder / "state" / LAST_RUN).read_text())
    assert (told["exit_code"], told["why"]) == (130, "stopped by SIGINT")
