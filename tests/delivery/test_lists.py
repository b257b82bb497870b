"""Files appear whole, harmless and the same for the same rows."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from propensity.delivery.folders import staged_beside
from propensity.delivery.lists import (
    MANIFEST,
    ROW_GROUP,
    deliver,
    neutral,
    staged,
    stream_csv,
    write_csv,
    write_parquet,
)
from propensity.errors import DeliveryError

ROWS = 2 * ROW_GROUP + 17
TABLE = pa.table({"rank": range(ROWS), "lead_id": [f"L{i}" for i in range(ROWS)]})


@pytest.mark.parametrize("batch", [999, 50_000, 77_777, ROWS])
def test_the_same_rows_give_the_same_bytes_whatever_the_batches(tmp_path, batch):
    write_parquet(tmp_path / "whole.parquet", TABLE.to_batches(), TABLE.schema)
    rows = write_parquet(tmp_path / "parts.parquet", TABLE.to_batches(max_chunksize=batch), TABLE.schema)
    assert rows == ROWS
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "parts.parquet").read_bytes()
    assert pq.read_table(tmp_path / "parts.parquet").equals(TABLE)


def test_no_rows_still_make_a_file_with_its_columns(tmp_path):
    assert write_parquet(tmp_path / "empty.parquet", [], TABLE.schema) == 0
    assert pq.read_table(tmp_path / "empty.parquet").schema.equals(TABLE.schema)


HOSTILE = [
    '=HYPERLINK("http://x")',
    "+1",
    "-1",
    "@SUM(A1)",
    "  =1",
    "\t=1",
    "\r=1",
    '"; DROP TABLE',
    "<script>",
    "a\nb",
    "😀",
    "'ok",
]


def test_formulas_are_text_and_everything_comes_back(tmp_path: Path):
    write_csv(tmp_path / "list.csv", pa.table({"name": HOSTILE, "rank": range(len(HOSTILE))}))
    with (tmp_path / "list.csv").open(newline="", encoding="utf-8") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert all(name[0] not in "=+-@\t\r\n" for name in names)
    assert not any(name.lstrip()[:1] in {"=", "+", "@"} for name in names)
    assert [name.removeprefix("'") if name != "'ok" else name for name in names] == HOSTILE


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_a_streamed_csv_is_the_one_that_is_written_at_once(tmp_path: Path, batch):
    table = pa.table({"name": HOSTILE, "share": [place / 3 for place in range(len(HOSTILE))]})
    write_csv(tmp_path / "whole.csv", table)
    rows = stream_csv(tmp_path / "parts.csv", table.to_batches(max_chunksize=batch), table.schema)
    assert rows == len(HOSTILE)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_streamed_csv_without_rows_has_its_header(tmp_path: Path):
    assert stream_csv(tmp_path / "empty.csv", (), TABLE.schema) == 0
    assert (tmp_path / "empty.csv").read_text() == '"rank","lead_id"\n'


def test_numbers_and_nulls_are_left_alone():
    assert neutral(pa.chunked_array([pa.array([None, "", "a"])])).to_pylist() == [None, "", "a"]
    assert neutral(pa.chunked_array([["\uff1d1+1", " \uff20A"]])).to_pylist() == ["'\uff1d1+1", "' \uff20A"]


def test_signs_that_command_a_terminal_reach_no_csv_but_ids_stay_what_they_are(tmp_path):
    names = pa.array(["\x1b[31mRED", "nul\x00z", "a\tb\nc", None, "\x08=1+1"])
    table = pa.table({"lead_id": names, "contact_name": names})
    write_csv(tmp_path / "whole.csv", table)
    stream_csv(tmp_path / "parts.csv", table.to_batches(), table.schema)
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "parts.csv").read_bytes()
    options = pacsv.ParseOptions(newlines_in_values=True)
    found = pacsv.read_csv(tmp_path / "whole.csv", parse_options=options)
    assert found["contact_name"].to_pylist() == ["[31mRED", "nulz", "a\tb\nc", "", "'=1+1"]
    assert found["lead_id"].to_pylist()[:2] == ["\x1b[31mRED", "nul\x00z"]


def test_the_manifest_names_size_rows_and_hash_of_each_file(tmp_path):
    with staged_beside(tmp_path / "out") as scratch:
        (scratch / "list.csv").write_text("rank\n1\n")
        manifest = deliver(scratch, tmp_path / "out", {"as_of": None}, {"list.csv": 1})
    found = json.loads(manifest.read_text())["files"]["list.csv"]
    content = (tmp_path / "out" / "list.csv").read_bytes()
    assert found == {"bytes": len(content), "rows": 1, "sha256": hashlib.sha256(content).hexdigest()}


def test_a_run_that_dies_leaves_the_earlier_list_as_it_was(tmp_path):
    out = tmp_path / "out"
    with staged_beside(out) as scratch:
        (scratch / "list.csv").write_text("old")
        deliver(scratch, out, {}, {"list.csv": 1})
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(RuntimeError), staged_beside(out) as scratch:
        (scratch / "list.csv").write_text("half")
        raise RuntimeError
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert set(before) == {"list.csv", MANIFEST}


@pytest.mark.parametrize("make", [staged, staged_beside])
@pytest.mark.parametrize("name", ["file/out", "file"])
def test_a_folder_that_cannot_be_is_a_delivery_error(tmp_path, make, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryError, match="--out") as caught, make(tmp_path / name):
        pass
    assert caught.value.exit_code == 5
