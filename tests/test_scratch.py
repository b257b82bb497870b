"""Working folders go with their process, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from propensity.scratch import PREFIX, Scratch, sweep

HOLD = """
import sys
from propensity.scratch import Scratch
scratch = Scratch()
(scratch.path / "leads.parquet").write_text("Ada")
print(scratch.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_its_owners_and_goes_once(temporary):
    with Scratch() as scratch:
        assert scratch.path.parent == temporary
        assert scratch.path.stat().st_mode & 0o777 == 0o700
        (scratch.path / "work").mkdir()
        assert sweep() == 0
    assert list(temporary.iterdir()) == []
    scratch.remove()


def test_what_a_killed_process_left_is_swept_and_nothing_else(temporary):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout is not None
        path = process.stdout.readline().strip()
        others = [temporary / "other", temporary / f"{PREFIX}link", temporary / f"{PREFIX}file"]
        others[0].mkdir()
        others[1].symlink_to(others[0])
        others[2].write_text("no folder")
        with Scratch() as ours:
            assert sweep() == 0
            assert (Path(path) / "leads.parquet").exists()
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert sweep() == 1
            assert sorted(temporary.iterdir()) == sorted([*others, ours.path])
