"""Files that are not what they seem, change while they are read, or hold what an engine misreads."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from propensity.errors import SchemaError, SourceError
from propensity.sources import canonical

WHEN = datetime(2024, 1, 5, 10, tzinfo=UTC)
LEADS = "lead_id,created_at,title\n1,2024-01-05 10:00,a\n"
PARQUET = {"leads": {"path": "leads.parquet"}}


def parquet(**columns) -> pa.Table:
    return pa.table({"lead_id": ["1"], "created_at": [WHEN], **columns})


def test_a_mark_before_a_quoted_header_of_two_lines(load_tables):
    found = load_tables({"leads.csv": b'\xef\xbb\xbf"a\nb",lead_id,created_at\nx,1,2024-01-05\n'})
    assert found.rows("leads", "lead_id") == ["1"]
    assert found.report.tables["leads"].rows == 1


def test_a_header_wider_than_a_field_may_be(load_tables):
    names = ",".join(f"{'column' * 10}{n}" for n in range(3_000))
    found = load_tables({"leads.csv": f"lead_id,created_at,{names}\n1,2024-01-05{',' * 3_000}\n"})
    assert found.rows("leads", "lead_id") == ["1"]


def test_more_than_a_thousand_columns_with_a_quote(load_tables):
    names = ",".join(f"c{n}" for n in range(1_200))
    found = load_tables({"leads.csv": f'lead_id,created_at,{names}\n1,2024-01-05,"a\nb"{"," * 1_199}\n'})
    assert found.report.tables["leads"].rows == 1


def test_signs_that_look_like_ends_of_lines(load_tables):
    text = 'lead_id,created_at,title\n1,2024-01-05,"a\u2028b\x0bc\x85d"\n2,2024-01-05,a\u2029b\x0cc\x1cd\n'
    assert load_tables({"leads.csv": text}).rows("leads", "title") == [
        "a\u2028b\x0bc\x85d",
        "a\u2029b\x0cc\x1cd",
    ]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (os.mkfifo, "is no file but a pipe, socket or device"),
        (lambda path: path.symlink_to(path), "is a link to .*odd.csv, where there is no file"),
        (lambda path: path.symlink_to("gone.csv"), r"is a link to gone\.csv, where there is no file"),
    ],
)
def test_what_stands_in_a_files_place_is_named(load_tables, tmp_path, make, says):
    make(tmp_path / "odd.csv")
    with pytest.raises(SourceError, match=says + r"\. Set the table's `path`"):
        load_tables({}, {"leads": {"path": "odd.csv"}})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone who may not read the file")
@pytest.mark.parametrize("name", ["leads.csv", "leads.parquet", "leads.csv.gz"])
def test_a_file_that_may_not_be_read(load_tables, name):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        (folder / name).write_text(LEADS)
        (folder / name).chmod(0)
        os.seteuid(65534)
        try:
            with pytest.raises(SourceError, match=rf"{name} cannot be read.*Permission denied"):
                load_tables({}, {"leads": {"path": str(folder / name)}})
        finally:
            os.seteuid(0)


def test_a_file_that_grows_while_it_is_read_is_refused(load_tables, tmp_path, monkeypatch):
    map_table = canonical.map_table

    def meanwhile(*given):
        mapped = map_table(*given)
        with (tmp_path / "leads.csv").open("a") as file:
            file.write("9,2024-01-05 10:00,late\n")
        return mapped

    monkeypatch.setattr(canonical, "map_table", meanwhile)
    with pytest.raises(
        SourceError, match=r"leads\.csv changed while it was read.*Wait until the export is done"
    ):
        load_tables({"leads.csv": LEADS})


@pytest.mark.parametrize(("wanted", "value"), [("title", "b"), ("Title", "a")])
def test_parquet_columns_that_differ_in_case_alone_are_told_apart(load_tables, wanted, value):
    tables = {"leads": {"path": "leads.parquet", "columns": {"title": wanted}}}
    found = load_tables({"leads.parquet": parquet(Title=["a"], title=["b"])}, tables)
    assert found.rows("leads", "title") == [value]


def test_a_parquet_column_that_is_there_twice_is_refused_where_it_is_read(load_tables):
    names = ["lead_id", "created_at", "t", "t"]
    twice = pa.Table.from_arrays(
        [pa.array(["1"]), pa.array([WHEN]), pa.array(["a"]), pa.array(["b"])], names=names
    )
    assert load_tables({"leads.parquet": twice}, PARQUET).rows("leads", "lead_id") == ["1"]
    for name, says in (("t", "has 2 columns called 't'"), ("t_1", "has no column 't_1'")):
        with pytest.raises(SchemaError, match=says):
            load_tables({}, {"leads": {"path": "leads.parquet", "columns": {"title": name}}})


def test_decimals_that_would_be_misread_are_refused(load_tables):
    wide = pa.array([Decimal("1.00")], pa.decimal256(50, 2))
    with pytest.raises(SchemaError, match=r"decimals of more than 38 digits.*: deal_value\. Write them"):
        load_tables({"leads.parquet": parquet(deal_value=wide)}, PARQUET)


def test_times_beyond_the_engines_reach_are_set_aside(load_tables, tmp_path):
    with duckdb.connect(tmp_path / "c.duckdb") as connection:
        connection.execute(
            "CREATE TABLE l AS SELECT * FROM (VALUES ('1', DATE '5881580-07-10', TIMESTAMP '294247-01-10 04:00:54.775806'), "
            "('2', DATE '2024-01-05', TIMESTAMP '2024-01-05')) t(lead_id, day, moment)"
        )
    for column in ("day", "moment"):
        leads = {"table": "l", "columns": {"created_at": column}}
        found = load_tables({}, {"leads": leads}, data={"database": str(tmp_path / "c.duckdb")})
        assert found.rows("leads", "lead_id") == ["2"]
        assert found.broken("leads") == {f"{column} is not a date or time": 1}


WRITER = """
import duckdb, sys
with duckdb.connect(sys.argv[1]) as connection:
    connection.execute("CREATE TABLE l AS SELECT 1 AS lead_id")
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_database_that_another_program_writes(load_tables, tmp_path):
    path = tmp_path / "c.duckdb"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with pytest.raises(
            SourceError, match=r"table 'l' of .*lock.*Close the program that writes it, or give a copy"
        ):
            load_tables({}, {"leads": {"table": "l"}}, data={"database": str(path)})
        writer.communicate("")


def test_a_database_of_another_kind_is_refused_without_a_look_at_the_network(load_tables, tmp_path):
    import sqlite3  # noqa: PLC0415

    connection = sqlite3.connect(tmp_path / "c.db")
    connection.execute("CREATE TABLE l(lead_id)")
    connection.close()
    with pytest.raises(
        SourceError, match=r"not a valid DuckDB database file.*It must be a whole file that DuckDB"
    ):
        load_tables({}, {"leads": {"table": "l"}}, data={"database": str(tmp_path / "c.db")})


@pytest.mark.parametrize(
    "name", ["n" * 10_000, "a\n\x1b[31mb", '"; DROP TABLE x; --'], ids=["long", "escape", "sql"]
)
def test_a_columns_name_cannot_flood_or_colour_a_message(load_tables, name):
    quoted = '"' + name.replace('"', '""') + '"'
    tables = {"leads": {"path": "leads.csv", "columns": {"deal_value": name}}}
    found = load_tables({"leads.csv": f"lead_id,created_at,{quoted}\n1,2024-01-05,zz\n"}, tables)
    (rule,) = found.broken("leads")
    assert rule.isprintable()
    assert len(rule) < 100
