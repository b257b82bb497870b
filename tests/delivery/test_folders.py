"""A folder takes the place of another whole or not at all; what is not ours stays, what is left over goes."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from propensity.delivery import folders
from propensity.delivery.folders import MANIFEST, exchange, held, recover, staged_beside, swap
from propensity.delivery.lists import deliver, staged
from propensity.errors import DeliveryError


def tree(folder: Path):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path):
    return sorted(path.name for path in folder.iterdir())


def night(out: Path, **files: str) -> Path:
    with staged_beside(out) as scratch:
        for name, text in files.items():
            path = scratch / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        names = [str(path.relative_to(scratch)) for path in scratch.rglob("*") if path.is_file()]
        return deliver(scratch, out, {}, dict.fromkeys(names, 1))


def no_exchange(*_):
    raise OSError(errno.ENOSYS, "not here")


def test_a_folder_of_somebody_else_keeps_its_files_of_our_names(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "list.csv").write_text("mine")
    (own / "other.csv").write_text("mine")
    told = r"own holds list\.csv, but no manifest\.json: that is no list of ours"
    with pytest.raises(DeliveryError, match=told), staged_beside(own, taking=("list.csv", "scores.parquet")):
        pytest.fail("it was opened")
    assert names(own) == ["list.csv", "other.csv"]
    assert names(tmp_path) == ["own"]
    (own / "list.csv").unlink()
    with staged_beside(own, taking=("list.csv", "scores.parquet")):
        pass


@pytest.mark.parametrize("trade", [exchange, no_exchange])
def test_the_old_folder_goes_and_what_is_not_ours_stays(tmp_path, monkeypatch, trade):
    monkeypatch.setattr(swap, "__kwdefaults__", {"trade": trade})
    out = tmp_path / "2026-06-01"
    night(out, list_csv="old", reps__aa_html="old", gone_csv="old")
    (out / "reps" / "feedback.csv").write_text("mine")
    (out / "notes").mkdir()
    (out / "notes" / "deep.txt").write_text("mine")
    (out / "empty").mkdir()
    (out / "link").symlink_to("list.csv")
    night(out, list_csv="new", reps__bb_html="new")
    found = tree(out)
    assert found.pop(MANIFEST)
    assert found == {
        "link": "new", "list.csv": "new", "reps/bb.html": "new", "reps/feedback.csv": "mine", "notes/deep.txt": "mine",
    }  # fmt: skip
    assert (out / "empty").is_dir()
    assert (out / "link").is_symlink()
    assert names(tmp_path) == ["2026-06-01"]


def test_files_are_for_the_owner_alone(tmp_path):
    night(tmp_path / "out", list_csv="x", reps__aa_html="x")
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("out", "out/reps")} == {0o700}


def test_a_run_that_fails_leaves_the_old_folder_and_no_scratch(tmp_path):
    out = tmp_path / "out"
    night(out, list_csv="old")
    before = tree(out)
    with pytest.raises(RuntimeError), staged_beside(out) as scratch:
        (scratch / "list.csv").write_text("half")
        raise RuntimeError
    assert tree(out) == before
    assert names(tmp_path) == ["out"]


def test_an_exchange_that_breaks_is_told_and_changes_nothing(tmp_path, monkeypatch):
    out = tmp_path / "out"
    night(out, list_csv="old")

    def broken(*_):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(swap, "__kwdefaults__", {"trade": broken})
    with pytest.raises(DeliveryError, match="could not be moved"):
        night(out, list_csv="new")
    assert tree(out)["list.csv"] == "old"


def test_a_swap_that_was_killed_between_its_two_steps_is_undone(tmp_path):
    out = tmp_path / "out"
    night(out, list_csv="old")
    out.rename(tmp_path / ".out.old-abc")
    recover(out)
    assert tree(out)["list.csv"] == "old"
    (tmp_path / ".out.old-abc").mkdir()
    recover(out)
    assert names(tmp_path) == ["out"]


DIES = """
import os, signal, sys
from pathlib import Path
from propensity.delivery import folders, lists
out, where = Path(sys.argv[1]), sys.argv[2]
def dies(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if where == "before":
    folders.swap = lists.swap = dies
elif where == "carrying":
    folders._link = dies
elif where == "after":
    folders._sync = lambda path: dies() if path == out.parent else None
with folders.staged_beside(out) as scratch:
    (scratch / "list.csv").write_text("new")
    lists.deliver(scratch, out, {}, {"list.csv": 1})
"""


@pytest.mark.parametrize(("where", "now"), [("before", "old"), ("carrying", "old"), ("after", "new")])
def test_a_kill_leaves_the_old_or_the_new_list_and_the_next_run_clears_up(tmp_path, where, now):
    out = tmp_path / "out"
    night(out, list_csv="old")
    (out / "feedback.csv").write_text("mine")
    done = subprocess.run([sys.executable, "-c", DIES, str(out), where], check=False)
    assert done.returncode == -signal.SIGKILL
    assert tree(out)["list.csv"] == now
    assert tree(out)["feedback.csv"] == "mine"
    assert json.loads((out / MANIFEST).read_text())["files"]["list.csv"]["rows"] == 1
    assert len(names(tmp_path)) == 2
    night(out, list_csv="later")
    assert tree(out)["list.csv"] == "later"
    assert names(tmp_path) == ["out"]


def test_the_scratch_of_a_run_that_is_alive_is_left_alone(tmp_path):
    out = tmp_path / "out"
    with staged_beside(out) as first:
        (first / "list.csv").write_text("first")
        with staged_beside(out) as second:
            assert first.exists()
            (second / "list.csv").write_text("second")
            deliver(second, out, {}, {"list.csv": 1})
        deliver(first, out, {}, {"list.csv": 1})
    assert tree(out)["list.csv"] == "first"
    assert names(tmp_path) == ["out"]


def test_partial_folders_of_killed_runs_inside_a_folder_of_reports_are_cleared(tmp_path):
    (tmp_path / ".partial-dead").mkdir()
    (tmp_path / ".partial-alive").mkdir()
    with held(tmp_path / ".partial-alive"), staged(tmp_path) as scratch:
        assert sorted(names(tmp_path)) == sorted([".partial-alive", scratch.name])


def test_a_file_written_while_the_folders_traded_places_is_not_lost(tmp_path, monkeypatch):
    out = tmp_path / "out"
    night(out, list_csv="old")
    (out / "feedback.csv").write_text("early")

    def writes_first(one, other):
        (tmp_path / "draft").write_text("late")
        (tmp_path / "draft").replace(out / "feedback.csv")
        (out / "another.csv").write_text("late")
        exchange(one, other)

    monkeypatch.setattr(swap, "__kwdefaults__", {"trade": writes_first})
    night(out, list_csv="new")
    assert {**tree(out), MANIFEST: ""} == {
        MANIFEST: "", "list.csv": "new", "feedback.csv": "late", "another.csv": "late",
    }  # fmt: skip


def test_a_file_of_ours_goes_before_one_of_the_same_name(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "list.csv").write_text("somebody's")
    night(out, list_csv="new")
    assert tree(out)["list.csv"] == "new"


def test_the_folder_we_are_in_cannot_be_replaced(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for folder in (Path(), tmp_path):
        with pytest.raises(DeliveryError, match="the folder that you are in"), staged_beside(folder):
            pass


def test_a_link_to_a_folder_keeps_leading_there(tmp_path):
    night(tmp_path / "real", list_csv="old")
    (tmp_path / "latest").symlink_to("real")
    night(tmp_path / "latest", list_csv="new")
    assert (tmp_path / "latest").is_symlink()
    assert tree(tmp_path / "real")["list.csv"] == "new"


def test_without_hard_links_files_are_copied(tmp_path, monkeypatch):
    out = tmp_path / "out"
    night(out, list_csv="old")
    (out / "feedback.csv").write_text("mine")

    def no_links(*_, **__):
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(folders.os, "link", no_links)
    night(out, list_csv="new")
    assert tree(out)["feedback.csv"] == "mine"
