"""Scores and lists merged into real tables: whole or not at all, and the same night twice changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from propensity.config import TargetConfig
from propensity.delivery.database import Upserted, forget_rows, upsert
from propensity.errors import DeliveryError, DeliveryUnavailable
from propensity.postgres import merge

NIGHT, NEXT = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 2, tzinfo=UTC)
MODEL = ("demo", "3")
HOSTILE = "x'); DROP TABLE scores; --\t\"\\."


def night(folder, as_of, scores, listed):
    """A delivered folder: {lead: (probability, rank)}, and who is listed."""
    folder.mkdir(exist_ok=True)
    time = pa.timestamp("us", tz="UTC")
    rows = [
        {
            "lead_id": lead,
            "as_of": as_of,
            "probability": probability,
            "rank": rank,
            "rep": None if rank is None else "Kim",
            "rep_rank": rank,
        }
        for lead, (probability, rank) in scores.items()
    ]
    kinds = [
        ("lead_id", pa.string()),
        ("as_of", time),
        ("probability", pa.float64()),
        ("rank", pa.int64()),
        ("rep", pa.string()),
        ("rep_rank", pa.int64()),
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(kinds)), folder / "scores.parquet")
    people = [
        {
            "rank": place,
            "lead_id": lead,
            "contact_name": "Ada",
            "email": "a@b.c",
            "phone": "1",
            "reason_1": HOSTILE,
            "as_of": as_of,
        }
        for place, lead in enumerate(listed, 1)
    ]
    kinds = [
        ("rank", pa.int64()),
        *((name, pa.string()) for name in ("lead_id", "contact_name", "email", "phone", "reason_1")),
        ("as_of", time),
    ]
    pq.write_table(pa.Table.from_pylist(people, schema=pa.schema(kinds)), folder / "list.parquet")
    return folder


@pytest.fixture
def target(server, database):
    with server.connect(database) as connection:
        connection.execute('CREATE SCHEMA "my""crm"')
    return TargetConfig(url=server.uri(database), in_schema='my"crm', scores="Scores %s", lists="lists")


def rows(server, database, what, table='"Scores %s"'):
    with server.connect(database) as connection:
        return connection.execute(f'SELECT {what} FROM "my""crm".{table} ORDER BY lead_id').fetchall()  # noqa: S608 - ours


def test_a_night_is_there_with_its_model_and_without_the_person(server, database, target, tmp_path):
    folder = night(
        tmp_path / "n", NIGHT, {"a": (0.5, 1), HOSTILE: (0.1 + 0.2, None), "": (1e-300, 2)}, ["a", HOSTILE]
    )
    assert upsert(target, folder, NIGHT, MODEL) == Upserted(3, 0, 2, 0)
    found = rows(server, database, "lead_id, as_of, probability, rank, model_name, model_version, current")
    assert found == [
        ("", NIGHT, 1e-300, 2, "demo", "3", True),
        ("a", NIGHT, 0.5, 1, "demo", "3", True),
        (HOSTILE, NIGHT, 0.1 + 0.2, None, "demo", "3", True),
    ]
    with server.connect(database) as connection:
        cursor = connection.execute('SELECT * FROM "my""crm".lists ORDER BY rank')
        assert [column.name for column in cursor.description] == [
            "as_of",
            "rank",
            "lead_id",
            "reason_1",
            "model_name",
            "model_version",
        ]
        assert [row[3] for row in cursor] == [HOSTILE, HOSTILE]


def test_the_same_night_twice_writes_no_row(server, database, target, tmp_path):
    folder = night(tmp_path / "n", NIGHT, {f"l{n}": (n / 100, n) for n in range(1, 90)}, ["l1", "l2"])
    upsert(target, folder, NIGHT, MODEL)
    before = rows(server, database, "ctid, xmin, lead_id")
    assert upsert(target, folder, NIGHT, MODEL) == Upserted(0, 0, 0, 0)
    assert rows(server, database, "ctid, xmin, lead_id") == before


def test_who_left_is_marked_and_who_left_the_same_nights_list_is_gone_from_it(
    server, database, target, tmp_path
):
    upsert(target, night(tmp_path / "1", NIGHT, {"a": (0.5, 1), "b": (0.4, 2)}, ["a", "b"]), NIGHT, MODEL)
    later = night(tmp_path / "2", NEXT, {"a": (0.6, None), "c": (0.3, 1)}, ["c"])
    assert upsert(target, later, NEXT, MODEL) == Upserted(2, 1, 1, 0)
    found = rows(server, database, "lead_id, as_of, probability, rank, rep, current")
    assert found == [
        ("a", NEXT, 0.6, None, None, True), ("b", NIGHT, 0.4, None, None, False), ("c", NEXT, 0.3, 1, "Kim", True),
    ]  # fmt: skip
    assert rows(server, database, "as_of, lead_id", "lists") == [(NIGHT, "a"), (NIGHT, "b"), (NEXT, "c")]
    again = night(tmp_path / "3", NEXT, {"a": (0.6, 1), "c": (0.3, None)}, ["a"])
    assert upsert(target, again, NEXT, MODEL) == Upserted(2, 0, 1, 1)
    assert rows(server, database, "as_of, lead_id", "lists") == [(NIGHT, "a"), (NEXT, "a"), (NIGHT, "b")]


def test_an_older_night_does_not_replace_a_newer_score(server, database, target, tmp_path):
    upsert(target, night(tmp_path / "2", NEXT, {"a": (0.6, 1)}, ["a"]), NEXT, MODEL)
    upsert(target, night(tmp_path / "1", NIGHT, {"a": (0.5, 2), "b": (0.4, 1)}, ["b"]), NIGHT, MODEL)
    found = rows(server, database, "lead_id, as_of, probability, current")
    assert found == [("a", NEXT, 0.6, True), ("b", NIGHT, 0.4, False)]


def test_leads_without_dates_have_a_night_of_their_own(server, database, target, tmp_path):
    folder = night(tmp_path / "n", None, {"a": (0.5, 1)}, ["a"])
    assert upsert(target, folder, None, MODEL) == Upserted(1, 0, 1, 0)
    assert upsert(target, folder, None, MODEL) == Upserted(0, 0, 0, 0)
    assert rows(server, database, "as_of::text, current") == [("-infinity", True)]


def test_a_new_column_is_added_and_one_of_another_type_refused(server, database, target, tmp_path):
    folder = night(tmp_path / "n", NIGHT, {"a": (0.5, 1)}, ["a"])
    with server.connect(database) as connection:
        connection.execute(
            'CREATE TABLE "my""crm"."Scores %s" (lead_id text PRIMARY KEY, as_of timestamptz, note text)'
        )
        connection.execute("INSERT INTO \"my\"\"crm\".\"Scores %s\" VALUES ('a', '2026-05-01', 'mine')")
        upsert(target, folder, NIGHT, MODEL)
        assert rows(server, database, "note, probability") == [("mine", 0.5)]
        connection.execute('ALTER TABLE "my""crm"."Scores %s" ALTER probability TYPE text')
    with pytest.raises(DeliveryError, match=r"probability is text, not double precision.*lists\.database"):
        upsert(target, folder, NIGHT, MODEL)


def test_what_the_server_refuses_changes_nothing_and_is_said(server, database, target, tmp_path):
    folder = night(tmp_path / "n", NIGHT, {"a": (0.5, 1)}, ["a"])
    upsert(target, folder, NIGHT, MODEL)
    with server.connect(database) as connection:
        connection.execute('ALTER TABLE "my""crm".lists ADD CHECK (rank < 2)')
    more = night(tmp_path / "m", NEXT, {"a": (0.9, 1), "b": (0.8, 2)}, ["a", "b"])
    with pytest.raises(DeliveryError, match=r"violates check constraint.*holds what it held") as refused:
        upsert(target, more, NEXT, MODEL)
    assert (refused.value.exit_code, refused.value.transient) == (5, False)
    assert rows(server, database, "lead_id, probability") == [("a", 0.5)]
    with pytest.raises(DeliveryError, match=r"schema .nowhere. does not exist|no schema"):
        upsert(target.model_copy(update={"in_schema": "nowhere"}), folder, NIGHT, MODEL)


def test_two_writers_at_once_wait_for_each_other(server, database, target, tmp_path):
    folders = [
        night(tmp_path / str(n), NIGHT, {f"l{i}": (n / 10, i) for i in range(1, 300)}, ["l1"]) for n in (1, 2)
    ]
    with ThreadPoolExecutor(2) as writers:
        list(writers.map(lambda folder: upsert(target, folder, NIGHT, MODEL), folders))
    assert len(set(rows(server, database, "probability, 1 AS lead_id"))) == 1


def test_a_server_killed_in_mid_transaction_holds_the_old_rows_whole(expendable, tmp_path, monkeypatch):
    target = TargetConfig(url=expendable.uri(), scores="scores", lists="lists")
    upsert(target, night(tmp_path / "1", NIGHT, {"a": (0.5, 1), "b": (0.4, 2)}, ["a"]), NIGHT, MODEL)
    change = merge.Writer.change

    def killed_after_the_scores(self, *arguments, **values):
        found = change(self, *arguments, **values)
        expendable.kill()
        return found

    monkeypatch.setattr(merge.Writer, "change", killed_after_the_scores)
    later = night(tmp_path / "2", NEXT, {"a": (0.9, 1), "c": (0.8, 2)}, ["c"])
    with pytest.raises(DeliveryUnavailable, match=r"holds what it held.*run again") as lost:
        upsert(target, later, NEXT, MODEL)
    assert (lost.value.exit_code, lost.value.transient) == (5, True)
    with pytest.raises(DeliveryUnavailable, match="cannot be opened"):
        upsert(target, later, NEXT, MODEL)
    monkeypatch.undo()
    expendable.restart()
    with psycopg.connect(expendable.uri()) as connection:
        assert connection.execute("SELECT lead_id, probability, current FROM scores ORDER BY 1").fetchall() == [
            ("a", 0.5, True), ("b", 0.4, True),
        ]  # fmt: skip
        assert connection.execute("SELECT lead_id FROM lists").fetchall() == [("a",)]
    assert upsert(target, later, NEXT, MODEL) == Upserted(2, 1, 1, 0)


@pytest.mark.parametrize("lead", ["a", HOSTILE])
def test_a_lead_is_forgotten_in_both_tables_and_others_stay(server, database, target, tmp_path, lead):
    scores = {lead: (0.5, 1), "b": (0.4, 2), "c": (0.3, None)}
    for number, moment in enumerate((NIGHT, NEXT)):
        upsert(target, night(tmp_path / str(number), moment, scores, [lead, "b"]), moment, MODEL)
    with server.connect(database) as connection:
        connection.execute('ALTER TABLE "my""crm"."Scores %s" ADD removed_because text')
        connection.execute(
            'UPDATE "my""crm"."Scores %%s" SET removed_because = %s WHERE lead_id = %s',
            [f"the same person as lead {lead}", "c"],
        )
    found = ({'my"crm.Scores %s': 1, 'my"crm.lists': 2}, ['my"crm.Scores %s'])
    assert forget_rows(target, lead) == found
    assert rows(server, database, "lead_id, removed_because") == [
        ("b", None), ("c", "the same person as another lead"),
    ]  # fmt: skip
    assert rows(server, database, "lead_id, as_of", "lists") == [("b", NIGHT), ("b", NEXT)]
    assert forget_rows(target, lead) == ({}, [])


def test_where_no_night_was_written_nobody_is_forgotten(target):
    assert forget_rows(target, "a") == ({}, [])
