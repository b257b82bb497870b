"""A night that is scored by several ranges of leads: the same bytes as in one piece, and no trace when it is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from conftest import scoring_config
from propensity import listing, workflow
from propensity.scratch import PREFIX

LEADS_A_RANGE = 120
KILLED = """
import os, signal, sys
from pathlib import Path
from conftest import scoring_config
from propensity import listing, workflow
from propensity.scoring import score

listing.leads_a_range, left, write = lambda _: int(sys.argv[4]), 3, score.pq.write_table


def counted(*arguments, **more):
    global left
    left -= 1
    if left == 0:
        print("in the second range", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return write(*arguments, **more)


score.pq.write_table = counted
workflow.score(scoring_config(*map(Path, sys.argv[1:4])))
"""


def content(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def whole(small_world, champion_place, tmp_path_factory):
    config = scoring_config(small_world, champion_place, tmp_path_factory.mktemp("whole"), "engine.threads=1")
    return content(workflow.score(config).out)


def test_killed_between_ranges_it_leaves_nothing_and_the_next_one_has_the_bytes_of_one_piece_and_one_thread(
    small_world, champion_place, tmp_path, monkeypatch, whole
):
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(work))
    asked = [str(small_world), str(champion_place), str(tmp_path), str(LEADS_A_RANGE)]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *asked],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(work)},
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ended.stdout == "in the second range\n"
    assert not [path for path in (tmp_path / "out").glob("[!.]*") if path.is_dir()]
    assert [path.name.startswith(PREFIX) for path in work.iterdir()] == [True], (
        "nobody was there to delete it"
    )
    assert not list((tmp_path / "ledger").rglob("*.parquet"))
    monkeypatch.setattr(listing, "leads_a_range", lambda _: LEADS_A_RANGE)
    scored = workflow.score(scoring_config(small_world, champion_place, tmp_path, "engine.threads=2"))
    assert content(scored.out) == whole
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == [scored.out.name]
    assert not list(work.glob(f"{PREFIX}*"))
