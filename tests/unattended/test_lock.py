"""One run at a time, and a dead one blocks nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.conftest import run
from propensity.errors import DeliveryError, LockError
from propensity.unattended.lock import LOCK, held
from unattended.conftest import NOW, Place

STARTED = datetime(2026, 6, 1, 3, tzinfo=UTC)
HOLD = """
import sys
from datetime import datetime
from pathlib import Path
from propensity.unattended.lock import held
with held(Path(sys.argv[1]), run_id="other", started=datetime.fromisoformat(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock of `tmp_path`/state."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "state"), STARTED.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_a_second_run_ends_with_8_and_says_who_holds_the_lock_since_when(small_world, tmp_path, holder):
    # Nothing is read before the lock is held, so there need be no champion.
    place = Place(small_world, tmp_path / "champion", tmp_path)
    state = place.folder / "state"
    state.joinpath("last-run.json").write_text("{}")
    ended = run("nightly", *place.settings(), "--now", NOW, "--json")
    assert ended.code == 8
    assert f"run other (process {holder.pid}) holds it since 2026-06-01T03:00:00+00:00" in ended.err
    assert ended.json["exit_code"] == 8
    assert state.joinpath("last-run.json").read_text() == "{}"
    assert run("retrain", *place.settings(), "--json").code == 8


def test_nobody_is_forgotten_beside_a_run(small_world, tmp_path, holder):
    place = Place(small_world, tmp_path / "champion", tmp_path)
    ended = run("forget", "L1", *place.settings())
    assert (ended.code, "holds it since" in ended.err) == (8, True)
    holder.kill()
    holder.wait()
    assert run("forget", "L1", *place.settings()).code == 0


def test_the_lock_of_a_killed_run_is_free(tmp_path, holder):
    with pytest.raises(LockError), held(tmp_path / "state", run_id="me", started=STARTED):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with held(tmp_path / "state", run_id="me", started=STARTED) as path:
        assert json.loads(path.read_text())["run"] == "me"
    assert json.loads((tmp_path / "state" / LOCK).read_text()) == {}


def test_who_waits_gets_the_lock_when_it_is_given_back(tmp_path, holder):
    def sleep(_: float) -> None:
        holder.terminate()
        holder.wait()

    with held(tmp_path / "state", run_id="me", started=STARTED, wait_seconds=1, sleep=sleep) as path:
        assert json.loads(path.read_text())["run"] == "me"


def test_a_lock_that_has_no_place_is_a_failed_delivery(tmp_path):
    (tmp_path / "state").write_text("a file")
    with (
        pytest.raises(DeliveryError, match=r"paths\.state"),
        held(tmp_path / "state", run_id="me", started=STARTED),
    ):
        pass
