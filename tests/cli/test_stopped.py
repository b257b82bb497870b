"""The real command line in a process group of its own, stopped by real signals at one moment after the other."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from conftest import UNASKED
from propensity.unattended.lock import LOCK
from propensity.unattended.past import past_nights
from propensity.unattended.summary import LAST_RUN
from shared import own_copy
from unattended.conftest import NOW, Place

AT_START = "at start"
READING, TRAINING, WRITING = "Reading and checking", "Training on", "Writing the lists"
SIGTERM_BIT = 1 << (signal.SIGTERM - 1)


@pytest.fixture
def place(small_world: Path, champion_place: Path, tmp_path: Path) -> Place:
    """A registry of the test's own, since a stop may come while it is written, and a temporary folder of its own."""
    folder = own_copy(champion_place, tmp_path / "place")
    (folder / "tmp").mkdir()
    return Place(small_world, folder, folder)


def begun(place: Place, command: str) -> subprocess.Popen[str]:
    more = ["--now", NOW] if command == "nightly" else []
    return subprocess.Popen(
        [sys.executable, "-m", "propensity", command, *place.settings(UNASKED), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(place.folder / "tmp")},
        start_new_session=True,
    )


def listens(process: subprocess.Popen[str]) -> bool:
    """Whether it catches SIGTERM by now, which Python does not do by itself."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) & SIGTERM_BIT)


def wait_for(process: subprocess.Popen[str], moment: str, err: IO[str]) -> str:
    """Wait until it is as far as that; what it said so far."""
    if moment == AT_START:
        while not listens(process):
            time.sleep(0.002)
        return ""
    said = ""
    for line in err:
        said += line
        if moment in line:
            return said
    pytest.fail(f"never came to {moment!r}:\n{said}")


def stopped(place: Place, command: str, moment: str, *signals: signal.Signals) -> tuple[int, str]:
    """Begin a command and send its group these signals at that moment; its exit code and all that it said on stderr."""
    process = begun(place, command)
    assert process.stderr is not None
    try:
        said = wait_for(process, moment, process.stderr)
        for number in signals:
            os.killpg(process.pid, number)
        _, rest = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, said + rest


def unharmed(place: Place) -> None:
    """Nothing is half-written or left over: neither beside the results nor in the temporary folder."""
    assert list((place.folder / "tmp").iterdir()) == []
    assert [
        path for path in place.folder.rglob("*") if path.name.startswith(".") or ".partial" in path.name
    ] == []
    out = place.folder / "out"
    nights = past_nights(out) if out.exists() else ()
    assert all(night.whole() for night in nights)
    assert len(nights) == (len(list(out.iterdir())) if out.exists() else 0)


def assert_stopped(ended: tuple[int, str], code: int = 130) -> None:
    assert (ended[0], ended[1].count("stopped\n"), "Traceback" in ended[1]) == (code, 1, False), ended[1][
        -2000:
    ]
    assert ended[1].endswith("propensity: stopped\n")


@pytest.mark.parametrize(
    ("command", "moment"),
    [("check", AT_START), ("check", READING), ("score", READING), ("train", TRAINING)],
)
def test_ctrl_c_ends_with_130_and_one_word_and_leaves_nothing(place, command, moment):
    # Twice, as `timeout` sends it: to the process, and to its group.
    assert_stopped(stopped(place, command, moment, signal.SIGINT, signal.SIGINT))
    unharmed(place)


def test_a_scheduler_s_sigterm_leaves_no_folder_beside_the_lists_and_the_next_run_works(place):
    assert_stopped(stopped(place, "score", WRITING, signal.SIGTERM), 143)
    unharmed(place)
    process = begun(place, "score")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err[-2000:]
    unharmed(place)
    assert len(past_nights(place.folder / "out")) == 1


def test_a_night_that_is_stopped_says_so_and_gives_the_lock_back(place):
    assert_stopped(stopped(place, "nightly", WRITING, signal.SIGINT))
    unharmed(place)
    told = json.loads((place.folder / "state" / LAST_RUN).read_text())
    assert (told["exit_code"], told["outcome"], told["why"]) == (130, "stopped", "stopped by SIGINT")
    with (place.folder / "state" / LOCK).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_command_listens_before_it_loads_the_command_line():
    program = "import sys, propensity.__main__; print('propensity.cli' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
