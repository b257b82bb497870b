"""Parquet and DuckDB beside CSV: their types, their folders, and that all three say the same."""

# ruff: noqa: S608 - the tests write their own SQL

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from propensity.errors import SchemaError, SourceError

WHEN = datetime(2024, 1, 5, 10, 0, 0, 123456, UTC)


def leads(**columns) -> pa.Table:
    count = len(next(iter(columns.values()))) if columns else 1
    given = {"lead_id": [str(i) for i in range(1, count + 1)], "created_at": [WHEN] * count}
    return pa.table({**given, **columns})


def database(path, **tables) -> None:
    with duckdb.connect(str(path)) as connection:
        for name, query in tables.items():
            connection.execute(f'CREATE TABLE "{name}" AS {query}')


LEADS = {"leads": {"path": "leads.parquet"}}


@pytest.mark.parametrize(
    ("column", "want"),
    [
        (pa.array([WHEN.replace(tzinfo=None)], pa.timestamp("us")), WHEN.replace(hour=15)),
        (pa.array([WHEN], pa.timestamp("us", tz="UTC")), WHEN),
        (pa.array([WHEN], pa.timestamp("ns", tz="Asia/Tokyo")), WHEN),
        (pa.array([WHEN.replace(tzinfo=None)], pa.timestamp("ns")), WHEN.replace(hour=15)),
        (pa.array([1704448800123], pa.timestamp("ms")), WHEN.replace(hour=15, microsecond=123000)),
        (pa.array([1704448800], pa.timestamp("s")), WHEN.replace(hour=15, microsecond=0)),
        (pa.array([date(2024, 1, 5)]), datetime(2024, 1, 6, 4, 59, 59, 999999, UTC)),
        (pa.array([date(2024, 1, 5)], pa.date64()), datetime(2024, 1, 6, 4, 59, 59, 999999, UTC)),
        (pa.array(["2024-01-05T10:00:00.123456"]), WHEN.replace(hour=15)),
    ],
)
def test_every_kind_of_time(load_tables, column, want):
    tables = {"leads": {"path": "leads.parquet", "timezone": "America/New_York"}}
    found = load_tables({"leads.parquet": leads(created_at=column)}, tables)
    assert found.rows("leads", "created_at") == [want]


@pytest.mark.parametrize(
    ("column", "want"),
    [
        (pa.array([7]), "7"),
        (pa.array([7.0, None]), "7"),
        (pa.array([7.0], pa.float32()), "7"),
        (pa.array([Decimal("7.00")]), "7"),
        (pa.array([2**63 + 1], pa.uint64()), str(2**63 + 1)),
        (pa.array([" 7 "]), "7"),
        (pa.array(["7"]).dictionary_encode(), "7"),
        (pa.array(["007"]), "007"),
        (pa.array([-7]), "-7"),
    ],
)
def test_ids_are_text_whatever_they_were(load_tables, column, want):
    found = load_tables({"leads.parquet": leads(account_id=column)}, LEADS)
    assert found.rows("leads", "account_id")[-1] == want


def test_ids_that_went_through_floats_are_the_same_in_text(load_tables):
    numbers = {"leads.csv": "lead_id,created_at,account_id\n1,2024-01-05,7.0\n"}
    assert load_tables(numbers).rows("leads", "account_id") == ["7"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2]]),
        pa.array([{"a": 1}]),
        pa.array([b"x"]),
        pa.array([5], pa.duration("us")),
        pa.nulls(1),
        pa.array([1], pa.time64("us")),
    ],
    ids=str,
)
def test_types_that_no_table_should_have_do_no_harm(load_tables, column):
    found = load_tables({"leads.parquet": leads(title=column, odd=column)}, LEADS)
    assert found.rows("leads", "lead_id") == ["1"]


def test_infinite_and_absurd_numbers_and_times(load_tables):
    table = leads(deal_value=[float("inf"), float("nan"), 1.5, None])
    found = load_tables({"leads.parquet": table}, LEADS)
    assert found.broken("leads") == {"deal_value is not a number from -1e18 to 1e18": 1}
    assert found.rows("leads", "lead_id", "deal_value") == [("2", None), ("3", 1.5), ("4", None)]


def test_a_folder_and_a_pattern_of_parquet_files(load_tables):
    files = {
        "leads/a.parquet": leads(title=pa.nulls(1)),
        "leads/b.parquet": leads(title=["x"]).set_column(0, "lead_id", [["2"]]),
    }
    for path in ("leads", "leads/*.parquet", "leads/[ab].parquet"):
        assert load_tables(files, {"leads": {"path": path}}).rows("leads", "lead_id", "title") == [
            ("1", None),
            ("2", "x"),
        ]


def test_parts_may_order_their_columns_differently(load_tables):
    files = {
        "leads/a.parquet": leads(),
        "leads/b.parquet": pa.table({"created_at": [WHEN], "lead_id": ["2"]}),
    }
    assert load_tables(files, {"leads": {"path": "leads"}}).rows("leads", "lead_id") == ["1", "2"]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"lead_id": ["2"]}, "b.parquet and a.parquet do not both have created_at"),
        ({"lead_id": ["2"], "created_at": [WHEN], "extra": [1]}, "do not both have extra"),
        (
            {"lead_id": ["2"], "created_at": [date(2024, 1, 5)]},
            "column 'created_at' is a date in b.parquet, but a time with a zone",
        ),
        (
            {"lead_id": ["2"], "created_at": [WHEN.replace(tzinfo=None)]},
            "is a time without a zone in b.parquet",
        ),
    ],
)
def test_parts_with_other_columns_are_refused(load_tables, second, says):
    files = {"leads/a.parquet": leads(), "leads/b.parquet": pa.table(second)}
    with pytest.raises(SchemaError, match=says):
        load_tables(files, {"leads": {"path": "leads"}})


def test_names_of_folders_add_no_columns(load_tables):
    files = {"title=x/leads.parquet": leads()}
    assert load_tables(files, {"leads": {"path": "title=x/leads.parquet"}}).rows("leads", "title") == [None]


@pytest.mark.parametrize("content", [b"no parquet", b"", b"PAR1" + b"x" * 50 + b"PAR1"])
def test_what_is_no_parquet(load_tables, content):
    with pytest.raises(SourceError, match=r"leads\.parquet"):
        load_tables({"leads.parquet": content}, LEADS)


def test_a_damaged_page_is_refused_while_it_is_read(load_tables, tmp_path):
    path = tmp_path / "leads.parquet"
    pq.write_table(leads(lead_id=[str(random.random()) for _ in range(5000)]), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[200:4000] = b"\xff" * 3800
    with pytest.raises(SourceError, match="cannot be read"):
        load_tables({"leads.parquet": bytes(data)}, LEADS)


def test_tables_and_views_of_a_database(load_tables, tmp_path):
    database(
        tmp_path / "crm.duckdb",
        **{
            "my leads": "SELECT 1 AS lead_id, TIMESTAMP '2024-01-05 10:00' AS created_at, 'x'::ENUM('x') AS title"
        },
    )
    found = load_tables({}, {"leads": {"table": "my leads"}}, data={"database": str(tmp_path / "crm.duckdb")})
    assert found.rows("leads", "lead_id", "title") == [("1", "x")]
    found = load_tables(
        {}, {"leads": {"table": "main.my leads"}}, data={"database": str(tmp_path / "crm.duckdb")}
    )
    assert found.report.tables["leads"].origin == "main.my leads"


def test_database_types_that_ibis_lacks(load_tables, tmp_path):
    kinds = [
        "'101'::BIT",
        "'10:00:00+01'::TIMETZ",
        "INTERVAL 3 DAY",
        "MAP{'a': 1}",
        "union_value(n := 1)",
        "1::UHUGEINT",
        "uuid()",
        "JSON '{}'",
    ]
    columns = ", ".join(f"{kind} AS k{place}" for place, kind in enumerate(kinds))
    database(
        tmp_path / "c.duckdb",
        l=f"SELECT 1::HUGEINT AS lead_id, TIMESTAMP_NS '2024-01-05 10:00:00' AS created_at, {columns}",
    )
    tables = {
        "leads": {
            "table": "l",
            "extra": {f"kind{i}": {"column": f"k{i}", "static": True} for i in range(len(kinds))},
        }
    }
    found = load_tables({}, tables, data={"database": str(tmp_path / "c.duckdb")})
    assert found.rows("leads", "lead_id", "kind0", "kind5") == [("1", "101", "1")]


def test_infinite_times_of_a_database_are_set_aside(load_tables, tmp_path):
    database(
        tmp_path / "c.duckdb",
        l="SELECT * FROM (VALUES (1, TIMESTAMP 'infinity'), (2, TIMESTAMP '2024-01-05'), (3, TIMESTAMP '0044-03-15 (BC)')) t(lead_id, created_at)",
    )
    found = load_tables({}, {"leads": {"table": "l"}}, data={"database": str(tmp_path / "c.duckdb")})
    assert found.rows("leads", "lead_id") == ["2"]
    assert found.broken("leads") == {"created_at is not a date or time": 2}


@pytest.mark.parametrize("table", ["nothing", "l'; DROP TABLE l; --", 'l"', "", "a.b.c.d"])
def test_a_table_that_is_not_there(load_tables, tmp_path, table):
    database(tmp_path / "c.duckdb", l="SELECT 1 AS lead_id, DATE '2024-01-05' AS day")
    with pytest.raises(SourceError, match=r"c\.duckdb cannot be read"):
        load_tables({}, {"leads": {"table": table}}, data={"database": str(tmp_path / "c.duckdb")})
    tables = {"leads": {"table": "l", "columns": {"created_at": "day"}}}
    assert load_tables({}, tables, data={"database": str(tmp_path / "c.duckdb")}).rows(
        "leads", "lead_id"
    ) == ["1"]


def test_a_database_that_is_none(load_tables, tmp_path):
    (tmp_path / "c.duckdb").write_text("no database" * 2000)
    for path, says in (
        ("c.duckdb", "cannot be read"),
        ("d.duckdb", "does not exist"),
        (".", "does not exist"),
    ):
        with pytest.raises(SourceError, match=says):
            load_tables({}, {"leads": {"table": "l"}}, data={"database": str(tmp_path / path)})


ROWS = [
    {
        "id": i,
        "made": datetime(2024, 1, 1 + i % 28, i % 24, tzinfo=UTC),
        "acc": None if i % 3 else float(i),
        "v": i / 7,
        "no": bool(i % 2),
        "t": None if i % 5 == 0 else f"tïtle, {i}\n",
    }
    for i in range(200)
] + [{"id": 5, "made": datetime(2024, 2, 2, tzinfo=UTC), "acc": 1.0, "v": 0.5, "no": None, "t": "again"}]
COLUMNS = {
    "lead_id": "id",
    "created_at": "made",
    "account_id": "acc",
    "deal_value": "v",
    "do_not_contact": "no",
    "title": "t",
}


def test_csv_parquet_and_duckdb_give_the_same_in_any_order_of_rows(load_tables, tmp_path):
    seen = []
    for turn in range(2):
        random.Random(turn).shuffle(ROWS)
        table = pa.Table.from_pylist(ROWS)
        pq.write_table(table, tmp_path / "s.parquet")
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(
                f"COPY (SELECT * FROM '{tmp_path / 's.parquet'}') TO '{tmp_path / f's{turn}.csv'}' (HEADER, DELIMITER ';')"
            )
        database(tmp_path / f"s{turn}.duckdb", s=f"SELECT * FROM '{tmp_path / 's.parquet'}'")
        for where in ({"path": "s.parquet"}, {"path": f"s{turn}.csv"}, {"table": "s"}):
            data = {"database": str(tmp_path / f"s{turn}.duckdb")}
            found = load_tables({}, {"leads": {**where, "columns": COLUMNS}}, data=data)
            assert found.broken("leads") == {"lead_id is there more than once": 1}
            seen.append(found.rows("leads"))
    assert len(seen[0]) == 200
    assert all(rows == seen[0] for rows in seen)
