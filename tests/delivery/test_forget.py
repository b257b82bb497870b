"""A person is gone from everything that is kept, and everything else stays as it was."""

from __future__ import annotations

import csv
import hashlib
import html
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from made_nights import gone, lead, night
from propensity.config import PathsConfig
from propensity.delivery.forget import forget_lead
from propensity.delivery.mentions import csv_without, mentions
from propensity.errors import DeliveryError, UsageError
from propensity.scoring.feedback import Feedback, Report
from propensity.scoring.ledger import Ledger
from propensity.terminal import ledgerscreens

AT = datetime(2026, 6, 2, tzinfo=UTC)
LIST = 'rank,"lead_id","note"\r\n1,"L1","a\r\nb"\r\n2,"L10","L1 is my colleague"\r\n3,"L2","x"\r\n'
HUBSPOT = "\ufeffFirst Name,Propensity Lead Id,Score\nAda,L1,0.2\nBo,L10,0.1\n"


@pytest.fixture
def place(tmp_path) -> PathsConfig:
    paths = PathsConfig(
        out=tmp_path / "out",
        ledger=tmp_path / "ledger",
        quarantine=tmp_path / "out" / "quarantine",
        reports=tmp_path,
        models=tmp_path,
        cache=tmp_path / "cache",
    )
    for day in (1, 2):
        folder = paths.out / f"2026-06-0{day}"
        rows = [
            lead("L1", day / 10),
            lead("L10"),
            gone("L2", "same_person", removed_because="the same person as lead L1"),
        ]
        pages = {
            "list.csv": LIST,
            "page-ada.html": "<p>L1</p>",
            "page-bo.html": "<p>L10, L1x</p>",
            "people.csv": "who\nL1\n",
        }
        night(folder, f"2026-06-0{day}T00:00:00Z", rows, **pages)
        (folder / "crm").mkdir()
        (folder / "crm" / "hubspot.csv").write_text(HUBSPOT, encoding="utf-8", newline="")
        with zipfile.ZipFile(folder / "ada.xlsx", "w") as book:
            book.writestr("xl/sharedStrings.xml", "<t>L1</t>")
        Ledger(paths.ledger).record(folder, json.loads((folder / "manifest.json").read_text()))
    report = {
        "list_as_of": AT,
        "rep": "Ada",
        "reported_on": AT,
        "note": None,
        "source_sha256": "s",
        "source_line": 2,
    }
    Feedback(paths.ledger).add(
        [
            Report(lead_id="L1", outcome="do_not_call", **report),
            Report(lead_id="L10", outcome="reached", **report),
        ]
    )
    paths.quarantine.mkdir()
    (paths.quarantine / "leads.csv").write_text(
        'lead_id,_row,_rule,_found\nL1,3,bad,\nL10,4,bad,\n,,no row,"L1;Ada"\n,,no row,"L10;Bo"\n'
    )
    (paths.out / "mine").mkdir()
    (paths.out / "mine" / "leads.csv").write_text("lead_id\nL1\n")
    return paths


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_person_is_gone_everywhere_and_others_stay(place, tmp_path):
    found = forget_lead("L1", place).to_dict()
    for path in tmp_path.rglob("*"):
        if path.suffix == ".parquet":
            rows = pq.ParquetFile(path).read().to_pylist()
            assert "L1" not in {row["lead_id"] for row in rows}
            assert not any("lead L1" in str(value) for row in rows for value in row.values())
            assert "L10" in {row["lead_id"] for row in rows}
    kept = place.out / "2026-06-01"
    assert (
        kept / "list.csv"
    ).read_bytes() == b'rank,"lead_id","note"\r\n2,"L10","L1 is my colleague"\r\n3,"L2","x"\r\n'
    assert (kept / "crm" / "hubspot.csv").read_bytes() == HUBSPOT.replace("Ada,L1,0.2\n", "").encode()
    assert not (kept / "page-ada.html").exists()
    assert not (kept / "ada.xlsx").exists()
    assert not (kept / "people.csv").exists()
    assert (kept / "page-bo.html").exists()
    assert (
        place.quarantine / "leads.csv"
    ).read_text() == 'lead_id,_row,_rule,_found\nL10,4,bad,\n,,no row,"L10;Bo"\n'
    assert (place.out / "mine" / "leads.csv").read_text() == "lead_id\nL1\n"
    assert found["files"]["2026-06-01/list.parquet"] == 1
    assert found["files"]["quarantine/leads.csv"] == 2
    assert sorted(found["deleted"])[:3] == [
        "2026-06-01/ada.xlsx",
        "2026-06-01/page-ada.html",
        "2026-06-01/people.csv",
    ]
    assert found["altered"] == ["2026-06-01/scores.parquet", "2026-06-02/scores.parquet"]
    assert "do_not_contact" in found["warnings"][0]
    assert "L1" not in json.dumps(found).replace("L10", "")


def test_the_manifests_verify_and_the_ledger_knows_its_nights(place):
    forget_lead("L1", place)
    for folder in (place.out / "2026-06-01", place.out / "2026-06-02"):
        manifest = json.loads((folder / "manifest.json").read_text())
        assert "page-ada.html" not in manifest["files"]
        assert manifest["files"]["scores.parquet"]["rows"] == 2
        for name, entry in manifest["files"].items():
            data = (folder / name).read_bytes()
            assert (entry["bytes"], entry["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        ledger = Ledger(place.ledger)
        assert ledger.holds(manifest)
        assert not ledger.record(folder, manifest)
    assert [row.leads for row in Ledger(place.ledger).nights()] == [2, 2]


def test_a_second_time_changes_nothing(place, tmp_path, capsys):
    forget_lead("L1", place)
    before = everything(tmp_path)
    again = forget_lead("L1", place)
    assert everything(tmp_path) == before
    assert again.to_dict() == {"rows_removed": 0, "files": {}, "altered": [], "deleted": [], "warnings": []}
    ledgerscreens.forget(again)
    assert "Nothing was found" in capsys.readouterr().out


@pytest.mark.parametrize("stops_after", [0, 1, 2, 3, 5, 8, 13])
def test_a_run_that_was_stopped_is_finished_by_the_next(place, tmp_path, monkeypatch, stops_after):
    replace, left = Path.replace, [stops_after]

    def dying(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(DeliveryError, match="run the same command again"):
            forget_lead("L1", place)
    assert not list(tmp_path.rglob(".partial-*"))
    forget_lead("L1", place)
    test_the_manifests_hold(place)


def test_the_manifests_hold(place):
    for path in place.out.glob("*/manifest.json"):
        for name, entry in json.loads(path.read_text())["files"].items():
            assert entry["sha256"] == hashlib.sha256((path.parent / name).read_bytes()).hexdigest()


@pytest.mark.parametrize("lead_id", ["nobody", "../../etc/passwd", "L", "=1+1"])
def test_nobody_else_is_touched(place, tmp_path, lead_id):
    before = everything(tmp_path)
    forget_lead(lead_id, place)
    assert everything(tmp_path) == before


def test_what_is_no_lead_or_no_list_is_refused(place, tmp_path):
    with pytest.raises(UsageError, match="LEAD_ID is empty"):
        forget_lead(" ", place)
    with pytest.raises(UsageError, match="holds no list"):
        forget_lead("L1", place, more=[tmp_path])


@pytest.mark.parametrize("spelled", ["<b>&\"'", "a b", "é😀", "1", "x\\y"])
def test_an_id_is_found_however_it_is_escaped(tmp_path, spelled):
    path = tmp_path / "page.html"
    in_json = json.dumps(spelled)
    for text in (
        spelled,
        html.escape(spelled),
        in_json,
        in_json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
    ):
        path.write_text(f"<p>[{text}]</p>", encoding="utf-8")
        assert mentions(path, spelled), text


def test_a_neutralised_id_and_quotes_over_lines(tmp_path):
    path = tmp_path / "list.csv"
    rows = [["lead_id", "name"], ["'=1+1", 'a "quoted"\nname'], ["L2", "=1+1"]]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    assert (csv_without(path, "=1+1").removed, path.read_bytes()) == (1, b"lead_id,name\r\nL2,=1+1\r\n")


def test_frames_that_hold_the_person_and_lists_that_were_only_kept_are_reached(place):
    place.cache.mkdir()
    for name, leads in (("a", ["L1", "L2"]), ("b", ["L10"])):
        pq.write_table(pa.table({"lead_id": leads}), place.cache / f"{name}.parquet")
        (place.cache / f"{name}.sha256").write_text("hash")
    kept = place.state_folder / "undelivered" / "2026-06-03"
    night(kept, "2026-06-03T00:00:00Z", [lead("L1"), lead("L10")])
    found = forget_lead("L1", place)
    assert sorted(path.name for path in place.cache.iterdir()) == ["b.parquet", "b.sha256"]
    assert "cache/a.parquet" in found.deleted
    assert pq.read_table(kept / "scores.parquet")["lead_id"].to_pylist() == ["L10"]
