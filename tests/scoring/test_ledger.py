"""The ledger: only added to, whole or not at all, the last word counts, and what is damaged is said."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest

from made_nights import gone, lead, night
from propensity.errors import LedgerError
from propensity.scoring.ledger import ROWS, Ledger

DAY = [f"2026-06-0{day}T00:00:00Z" for day in range(1, 5)]
AT = [datetime.fromisoformat(text) for text in DAY]


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def recorded(ledger: Ledger, folder: Path, as_of: str | None, *rows) -> bool:
    night(folder, as_of, list(rows))
    return ledger.record(folder, manifest(folder))


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def test_a_night_comes_back_as_it_was_scored(ledger, tmp_path):
    rows = [
        lead("L1", 0.3, account_id="A"),
        gone("L2", "held_out", selection="held_out", selection_probability=0.9),
    ]
    assert recorded(ledger, tmp_path / "n", DAY[0], *rows)
    (found,) = ledger.nights()
    table = found.rows()
    assert table.schema.equals(ROWS)
    assert (found.as_of, found.leads, found.horizon_days, found.model["version"]) == (AT[0], 2, 10, "3")
    first, second = table.to_pylist()
    assert (first["lead_id"], first["as_of"], first["model_digest"]) == ("L1", AT[0], "d1")
    assert (first["listed"], first["delivered"], second["listed"], second["delivered"]) == (
        True,
        True,
        False,
        False,
    )
    assert (second["removed"], second["selection"], second["selection_probability"]) == (
        "held_out",
        "held_out",
        0.9,
    )


def test_the_same_night_again_changes_no_byte(ledger, tmp_path):
    recorded(ledger, tmp_path / "n", DAY[0], lead("L1"))
    before = files(ledger.folder)
    assert not recorded(ledger, tmp_path / "again", DAY[0], lead("L1"))
    assert files(ledger.folder) == before


def test_a_night_with_another_result_supersedes_and_is_not_counted_twice(ledger, tmp_path):
    for probability in (0.2, 0.4, 0.2):
        assert recorded(ledger, tmp_path / "n", DAY[0], lead("L1", probability))
    recorded(ledger, tmp_path / "m", DAY[1], lead("L1", 0.9))
    assert [found.rows(["probability"])["probability"].to_pylist() for found in ledger.nights()] == [
        [0.2],
        [0.9],
    ]
    assert len(list(ledger.folder.rglob("*.parquet"))) == 4


def test_before_is_strict(ledger, tmp_path):
    for place in (0, 1, 2):
        recorded(ledger, tmp_path / "n", DAY[place], lead("L1", place / 10))
    assert ledger.before(AT[2]).as_of == AT[1]
    assert ledger.before(AT[3]).as_of == AT[2]
    assert ledger.before(AT[0]) is None


def test_a_night_without_dates_is_not_recorded(ledger, tmp_path):
    assert not recorded(ledger, tmp_path / "n", None, lead("L1"))
    assert not ledger.folder.exists()


def test_two_runs_that_record_at_once_both_stay(ledger, tmp_path):
    night(tmp_path / "mine", DAY[0], [lead("L1", 0.7)])
    night(tmp_path / "theirs", DAY[0], [lead("L1", 0.5)])
    link, others = os.link, [tmp_path / "theirs"]

    def meanwhile(source: str, target: str) -> None:
        if others:
            other = others.pop()
            Ledger(ledger.folder).record(other, manifest(other))
        link(source, target)

    with mock.patch("os.link", side_effect=meanwhile):
        ledger.record(tmp_path / "mine", manifest(tmp_path / "mine"))
    (found,) = ledger.nights()
    assert found.rows()["probability"].to_pylist() == [0.7]
    assert sorted(path.name for path in ledger.folder.rglob("*.parquet")) == [
        "000001.parquet",
        "000002.parquet",
    ]


@pytest.mark.parametrize("stops_at", ["os.link", "os.fsync"])
def test_a_run_that_dies_while_recording_leaves_nothing_half(ledger, tmp_path, stops_at):
    recorded(ledger, tmp_path / "n", DAY[0], lead("L1"))
    before = files(ledger.folder)
    with (
        mock.patch(stops_at, side_effect=OSError(28, "No space left on device")),
        pytest.raises(LedgerError, match="the next run records it first"),
    ):
        recorded_only(ledger, tmp_path / "m", DAY[1])
    assert {name: found[0] for name, found in files(ledger.folder).items()} == {
        name: found[0] for name, found in before.items()
    }
    assert len(ledger.nights()) == 1


def recorded_only(ledger: Ledger, folder: Path, as_of: str) -> None:
    with mock.patch("os.fsync"):
        night(folder, as_of, [lead("L1", 0.6)])
    ledger.record(folder, manifest(folder))


def test_a_damaged_file_is_said_and_the_one_before_it_speaks(ledger, tmp_path):
    for probability in (0.2, 0.4):
        recorded(ledger, tmp_path / "n", DAY[0], lead("L1", probability))
    newest = max(ledger.folder.rglob("*.parquet"))
    newest.write_bytes(newest.read_bytes()[:50])
    assert ledger.before(AT[1]).rows(["probability"])["probability"].to_pylist() == [0.2]
    assert any("000002.parquet cannot be read" in said for said in ledger.problems)


def test_a_stray_folder_is_no_night(ledger, tmp_path):
    recorded(ledger, tmp_path / "n", DAY[0], lead("L1"))
    (ledger.folder / "nights" / "as_of=yesterday").mkdir()
    assert len(ledger.nights()) == 1
    assert any("its name is no instant" in said for said in ledger.problems)


def test_who_was_ever_scored_is_known(ledger, tmp_path):
    recorded(ledger, tmp_path / "n", DAY[0], lead("L1"), gone("L2", "nurtured"))
    recorded(ledger, tmp_path / "m", DAY[1], lead("L3"))
    assert ledger.known({"L1", "L2", "L3", "L4", ""}) == {"L1", "L2", "L3"}
    assert ledger.nights()[0].as_of.tzinfo == UTC


def test_a_damaged_night_does_not_hide_the_others(ledger, tmp_path):
    recorded(ledger, tmp_path / "n", DAY[0], lead("L1"))
    recorded(ledger, tmp_path / "m", DAY[1], lead("L2"))
    newest = max(ledger.folder.rglob("*.parquet"))
    whole = newest.read_bytes()
    newest.write_bytes(b"PAR1" + bytes(200) + whole[204:])
    assert ledger.known({"L1", "L2"}) == {"L1"}
    assert len(ledger.problems) == 1


def test_files_and_folders_are_nobody_elses(ledger, tmp_path):
    recorded(ledger, tmp_path / "n", DAY[0], lead("L1"))
    for path in ledger.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
