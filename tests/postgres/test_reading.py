"""Tables of a real server: types, hostile names, one state of all, and what is said when it does not go well."""

# ruff: noqa: S608 - what these tests name, they made

from __future__ import annotations

import threading
from datetime import UTC, date, datetime

import pytest

from propensity.config import Config
from propensity.engines import ROW
from propensity.engines.duckdb import DuckDBEngine
from propensity.errors import SourceError, SourceUnavailable
from propensity.postgres import snapshot
from propensity.postgres.address import parsed
from propensity.postgres.snapshot import Snapshot
from propensity.sources.canonical import load
from propensity.sources.server import read_server

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@pytest.fixture
def engine():
    with DuckDBEngine(memory_gb=1, threads=1) as found:
        yield found


def config(uri, table, **more):
    return Config.model_validate({"data": {"database": uri}, "tables": {"leads": {"table": table}}, **more})


def read(engine, uri, table):
    """The rows under the server's own names, and the hash."""
    found = read_server(engine, config(uri, table))[table]
    rows = engine.collect(found.source.table.order_by(ROW)).to_pylist()
    names = {f"c{place}": name for place, name in enumerate(found.source.columns, 1)}
    return [{names.get(key, key): value for key, value in row.items()} for row in rows], found.sha256


def test_each_type_is_read_as_what_it_is_or_as_the_servers_text(server, database, engine):
    with server.connect(database) as connection:
        connection.execute(
            "CREATE TYPE mood AS ENUM ('keen', 'cold'); CREATE DOMAIN age AS int; "
            "CREATE TABLE t (i int2, l int8, f4 float4, f8 float8, b bool, n numeric, d date, ts timestamp, tz timestamptz, "
            "j jsonb, u uuid, e mood, a text[], dom age, c char(4), x bytea, s text)"
        )
        connection.execute(
            "INSERT INTO t VALUES (1, 9007199254740993, 0.1, 'NaN', true, 123456789012345678901234567890.50, '2024-02-29', "
            "'2024-03-31 02:30:00.123456', '2024-03-31 02:30+02', '{\"a\": 1}', '00000000-0000-0000-0000-000000000001', 'keen', "
            "'{a,\"b,c\"}', 42, 'ab', '\\x00ff', E'a\\nb\"c\\\\.'), "
            "(2, null, null, '-Infinity', false, 'NaN', 'infinity', '-infinity', '0044-03-15 BC', null, null, null, null, null, "
            "null, null, ''), (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)"
        )
    (one, two, three), _ = read(engine, server.uri(database), "t")
    assert {name: one[name] for name in ("i", "l", "f4", "b", "dom")} == {
        "i": 1, "l": 9007199254740993, "f4": 0.1, "b": True, "dom": 42,
    }  # fmt: skip
    assert one["f8"] != one["f8"]
    assert one["n"] == "123456789012345678901234567890.50"
    assert one["d"] == date(2024, 2, 29)
    assert one["ts"] == datetime(2024, 3, 31, 2, 30, 0, 123456)  # noqa: DTZ001 - naive as the server has it
    assert one["tz"] == datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
    texts = {name: one[name] for name in ("j", "u", "e", "a", "c", "x", "s")}
    assert texts == {
        "j": '{"a": 1}', "u": "00000000-0000-0000-0000-000000000001", "e": "keen", "a": '{a,"b,c"}', "c": "ab  ",
        "x": "\\x00ff", "s": 'a\nb"c\\.',
    }  # fmt: skip
    # What no calendar holds is beyond the times that the checks accept, so that it is counted and not lost.
    assert (two["d"], two["ts"], two["tz"]) == (LAST.date(), FIRST.replace(tzinfo=None), FIRST)
    assert (two["f8"], two["n"], two["s"], three["s"]) == (float("-inf"), "NaN", "", None)
    assert {value for name, value in three.items() if name not in ("i", ROW)} == {None}


def test_hostile_names_of_schemas_tables_and_columns_are_names_only(server, database, engine):
    with server.connect(database) as connection:
        connection.execute(
            'CREATE TABLE victim (i int); CREATE SCHEMA "s""; DROP TABLE victim; --"; '
            'CREATE TABLE "s""; DROP TABLE victim; --"."t""%s" ("a"" b" int, "%(x)s" text, "; DROP TABLE victim" int); '
            'INSERT INTO "s""; DROP TABLE victim; --"."t""%s" VALUES (1, \'x\', 2); '
            'CREATE TABLE "dotted.name" (i int); INSERT INTO "dotted.name" VALUES (7)'
        )
    rows, _ = read(engine, server.uri(database), 's"; DROP TABLE victim; --.t"%s')
    assert rows == [{ROW: 1, 'a" b': 1, "%(x)s": "x", "; DROP TABLE victim": 2}]
    assert read(engine, server.uri(database), "dotted.name")[0] == [{ROW: 1, "i": 7}]
    assert read(engine, server.uri(database), "victim")[0] == []


def test_rows_are_numbered_by_key_else_by_all_columns_and_the_hash_is_of_the_values(server, database, engine):
    with server.connect(database) as connection:
        for name, order in (("up", "k"), ("down", "-k")):
            connection.execute(f"CREATE TABLE keyed_{name} (t text, k int PRIMARY KEY)")
            connection.execute(
                f"INSERT INTO keyed_{name} SELECT 'Ä' || k % 7, k FROM generate_series(1, 500) k ORDER BY {order}"
            )
            connection.execute(
                f"CREATE VIEW bare_{name} AS SELECT t, nullif(k, 3) AS k FROM keyed_{name} ORDER BY {order}"
            )
    uri = server.uri(database)
    keyed, digest = read(engine, uri, "keyed_up")
    assert [row["k"] for row in keyed] == [row[ROW] for row in keyed] == list(range(1, 501))
    assert read(engine, uri, "keyed_down") == (keyed, digest)
    bare, other = read(engine, uri, "bare_up")
    assert [(row["t"].encode(), row["k"] or 501) for row in bare] == sorted(
        (row["t"].encode(), row["k"] or 501) for row in bare
    )
    assert read(engine, uri, "bare_down") == (bare, other)
    with server.connect(database) as connection:
        connection.execute("UPDATE keyed_down SET t = 'x' WHERE k = 77")
    assert read(engine, uri, "keyed_down")[1] != digest
    assert digest != other


def test_an_empty_table_has_columns_and_a_table_without_columns_is_refused(server, database, engine):
    with server.connect(database) as connection:
        connection.execute("CREATE TABLE empty (a int, b text); CREATE TABLE nothing ()")
    assert read(engine, server.uri(database), "empty")[0] == []
    with pytest.raises(Exception, match=r"table 'nothing' of postgresql://.* has no column"):
        read(engine, server.uri(database), "nothing")


def test_a_night_sees_one_state_of_all_tables_whatever_is_written_meanwhile(server, database):
    with server.connect(database) as writer:
        writer.execute(
            "CREATE TABLE a AS SELECT 1 AS night FROM generate_series(1, 5); CREATE TABLE b AS TABLE a"
        )
        with Snapshot(parsed(server.uri(database), "here"), ["a", "b"]) as tables:
            first = [row for batch in tables.read("a").batches for row in batch["c1"].to_pylist()]
            writer.execute(
                "BEGIN; UPDATE a SET night = 2; DELETE FROM b; INSERT INTO b VALUES (2), (2); COMMIT"
            )
            # To empty, alter or drop a table waits for us, and gives up here.
            writer.execute("SET lock_timeout = '50ms'")
            for change in ("TRUNCATE b", "DROP TABLE b", "ALTER TABLE b RENAME TO c"):
                with pytest.raises(Exception, match="lock timeout"):
                    writer.execute(change)
            second = [row for batch in tables.read("b").batches for row in batch["c1"].to_pylist()]
        writer.execute("TRUNCATE b")
    assert first == second == [1] * 5


def test_nothing_can_be_written_through_what_is_read(server, database, engine):
    with server.connect(database) as connection:
        connection.execute(
            "CREATE TABLE log (i int); CREATE FUNCTION note() RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES (1) RETURNING i'; "
            "CREATE VIEW sly AS SELECT note() AS i"
        )
    with pytest.raises(SourceError, match="read-only transaction"):
        read(engine, server.uri(database), "sly")


def test_what_is_missing_or_forbidden_is_said_with_the_next_step(server, database, engine):
    with server.connect(database) as connection:
        connection.execute(
            "CREATE TABLE leads (a int); CREATE SCHEMA crm; CREATE TABLE crm.firms (a int); "
            "CREATE VIEW bad AS SELECT 'Ada'::text::int AS n"
        )
        connection.execute("CREATE ROLE guest LOGIN") if not connection.execute(
            "SELECT 1 FROM pg_roles WHERE rolname = 'guest'"
        ).fetchone() else None
    uri = server.uri(database)
    with pytest.raises(
        SourceError, match=r"no table or view 'lead' .*there are: .*crm\.firms, leads.*schema\.name"
    ) as missing:
        read(engine, uri, "lead")
    with pytest.raises(
        SourceError, match=r"table 'leads' cannot be read: permission denied for table leads\. .*GRANT"
    ):
        read(engine, server.uri(database, "guest"), "leads")
    with pytest.raises(SourceError, match=r"cannot be opened.*does not exist") as nowhere:
        read(engine, server.uri("no_such_database"), "leads")
    with pytest.raises(SourceError, match="invalid input syntax for type integer") as quoting:
        read(engine, uri, "bad")
    assert not any(error.value.transient for error in (missing, nowhere, quoting))
    assert "Ada" not in str(quoting.value)
    with pytest.raises(
        SourceUnavailable, match=r"cannot be opened.*Connection refused.*run again"
    ) as refused:
        read(engine, "postgresql://ann@127.0.0.1:1/crm", "leads")
    assert (refused.value.transient, refused.value.exit_code) == (True, 3)


def test_a_server_that_is_killed_in_mid_read_is_transient_and_leaves_no_secret(
    expendable, engine, monkeypatch
):
    with expendable.connect() as connection:
        connection.execute(
            "CREATE TABLE leads AS SELECT i, repeat('x', 500) AS t FROM generate_series(1, 60000) i"
        )
    monkeypatch.setenv("CRM", expendable.uri().replace("postgres@", "postgres:S3CR3T@"))
    settings = config({"url_env": "CRM"}, "leads")
    # Small enough that the server is still sending when the first batch is here.
    monkeypatch.setattr(snapshot, "_BLOCK_BYTES", 1 << 16)
    killed = threading.Event()
    register = engine.register_batches

    def killing(name, schema, batches):
        def some():
            for batch in batches:
                yield batch
                if not killed.is_set():
                    killed.set()
                    expendable.kill()

        return register(name, schema, some())

    monkeypatch.setattr(engine, "register_batches", killing)
    with pytest.raises(SourceUnavailable, match="table 'leads' cannot be read") as lost:
        load(engine, settings)
    assert killed.is_set()
    assert "S3CR3T" not in f"{lost.value!r} {settings!r} {settings.to_dict()}"
    assert lost.value.__cause__ is None
