"""The embedded engine: storage that is gone afterwards, batches, and errors that say what to do."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pytest

from propensity.config import CsvOptions
from propensity.config.file import parse_config
from propensity.engines import open_engine
from propensity.engines.duckdb import DuckDBEngine
from propensity.errors import SourceError, UsageError


@pytest.fixture
def engine():
    with DuckDBEngine(threads=1) as opened:
        yield opened


def numbers(count: int) -> pa.Table:
    return pa.table({"n": range(count)})


def test_the_working_folder_is_gone_when_the_engine_is_closed():
    with DuckDBEngine() as engine:
        folder = engine.folder
        engine.materialise(engine.register("n", numbers(3)), "kept")
        assert folder.is_dir()
    assert not folder.exists()


def test_the_configuration_opens_it(tmp_path):
    config = parse_config(
        {"tables": {"leads": {"path": "x"}}, "engine": {"memory_gb": 0.5, "threads": 1}}, base=tmp_path
    )
    engine = open_engine(config)
    settings = engine.collect(ibis.memtable(pa.table({"a": [1]})).limit(0))
    assert settings.num_rows == 0
    threads = engine._backend.raw_sql(
        "SELECT current_setting('threads'), current_setting('memory_limit')"
    ).fetchone()
    assert threads == (1, "476.8 MiB")
    engine.close()


def test_what_is_materialised_does_not_change_with_its_source(engine):
    source = engine.register("source", numbers(3))
    kept = engine.materialise(source.mutate(m=source["n"] * 2), "kept")
    engine.register("source", numbers(9))
    assert engine.collect(kept.order_by("n"))["m"].to_pylist() == [0, 2, 4]
    kept = engine.materialise(engine.register("other", numbers(1)), "kept")
    assert engine.collect(kept).num_rows == 1


def test_a_stream_comes_in_batches_in_order(engine):
    table = engine.register("n", numbers(10_000))
    batches = list(engine.stream(table.order_by("n"), 3_000))
    assert max(batch.num_rows for batch in batches) <= 3_000
    assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(10_000))
    assert list(engine.stream(table.filter(table["n"] < 0), 10)) == []


def test_a_stream_leaves_the_memory_limit_as_it_was_set():
    with DuckDBEngine(memory_gb=0.5) as engine:
        ask = "SELECT current_setting('memory_limit')"
        before = engine._backend.raw_sql(ask).fetchone()
        batches = engine.stream(engine.register("n", numbers(3)), 2)
        assert sum(batch.num_rows for batch in batches) == 3
        assert engine._backend.raw_sql(ask).fetchone() == before


def test_parts_are_one_table(engine, tmp_path):
    import pyarrow.parquet as pq  # noqa: PLC0415

    for part in range(3):
        pq.write_table(pa.table({"n": [part]}), tmp_path / f"{part}.parquet")
    assert engine.collect(engine.read_parts(tmp_path).order_by("n"))["n"].to_pylist() == [0, 1, 2]


def test_memory_that_does_not_suffice_says_which_setting(engine):
    table = engine.register("n", numbers(1000))
    with pytest.raises(UsageError, match=r"memory does not suffice .*Raise engine\.memory_gb"), _explained():
        raise duckdb.OutOfMemoryException("failed to allocate")
    assert engine.collect(table).num_rows == 1000


def test_our_own_mistakes_are_not_blamed_on_the_data():
    with pytest.raises(duckdb.BinderException), _explained():
        raise duckdb.BinderException("no such column")
    with pytest.raises(SourceError, match="the data cannot be read: torn"), _explained():
        raise duckdb.IOException("torn\nmore")


def _explained():
    from propensity.engines.duckdb import _explained as explained  # noqa: PLC0415

    return explained()


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_are_numbered_over_all_files_of_a_table(tmp_path, threads):
    import pyarrow.parquet as pq  # noqa: PLC0415

    start = 0
    for part, rows in enumerate((70_000, 0, 1, 130_000)):
        # Columns of the names that DuckDB has for its own.
        table = pa.table(
            {"n": range(start, start + rows), "file_row_number": [7] * rows, "file_index": ["x"] * rows}
        )
        pq.write_table(table, tmp_path / f"{part}.parquet", row_group_size=10_000)
        start += rows
    with DuckDBEngine(threads=threads) as engine:
        source = engine.read_parquet(tmp_path / "*.parquet")
        found = engine.collect(engine.materialise(source.table, "kept"))
    assert found["_row"].to_pylist() == [n + 1 for n in found["c1"].to_pylist()] == list(range(1, start + 1))
    assert set(found["c2"].to_pylist()) == {7}
    assert set(found["c3"].to_pylist()) == {"x"}


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_are_numbered_in_the_order_of_a_large_file(tmp_path, threads):
    path = tmp_path / "n.csv"
    path.write_text("n,text\n" + "".join(f'{n},"a\n{n}, b"\n' for n in range(200_000)))
    with DuckDBEngine(threads=threads) as engine:
        source = engine.read_csv(path, CsvOptions())
        wrong = source.table.filter(source.table["_row"] != source.table["c1"].cast("int64") + 1)
        assert engine.collect(wrong).num_rows == 0
        assert engine.collect(source.table.count().as_table()).column(0)[0].as_py() == 200_000


@pytest.mark.parametrize("others", ['"a, b"', "a"])
@pytest.mark.parametrize(("threads", "place"), [(2, 10), (2, 150_000), (1, 199_999)])
def test_an_open_quote_anywhere_loses_nothing_in_silence(tmp_path, threads, place, others):
    path = tmp_path / "n.csv"
    lines = (f"{n},{chr(34) if n == place else ''}text {n},{others}\n" for n in range(200_000))
    path.write_text("n,t,x\n" + "".join(lines))
    with DuckDBEngine(threads=threads) as engine:
        kept, lost = accounted(engine, path)
        assert lost
        assert kept + lost == 200_000


@pytest.mark.parametrize("size", [10_000, 17_000_000, 40_000_000, 70_000_000])
def test_a_line_of_any_length_is_read_or_counted(tmp_path, size):
    path = tmp_path / "n.csv"
    path.write_text("n,t\n1,x\n2," + "y" * size + "\n\n3,z\n\n4,z")
    with DuckDBEngine(threads=2) as engine:
        assert accounted(engine, path) == ((4, 0) if size < 16_000_000 else (3, 1))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_within_a_quote_do_not_hide_a_line_that_is_lost(tmp_path, end):
    path = tmp_path / "n.csv"
    lines = ["n,t", '1,"a', "", "", "", 'b"', "2," + "y" * 40_000_000, '3,"', "", '"', "4,z", ""]
    path.write_text(end.join(lines), newline="")
    with DuckDBEngine(threads=1) as engine:
        assert accounted(engine, path) == (3, 1)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "text",
    ["a,b| 1,2|3,4", 'a,b||1,"x||y"|||2,"|"|', '|a,"b|c"|1,2|3|4,5||', "a|1||2|", 'a|1|"|"|', "a,b", "a,b||"],
)
def test_nothing_is_counted_that_is_not_lost(tmp_path, end, text):
    path = tmp_path / "n.csv"
    path.write_bytes(text.replace("|", end).encode())
    want = {"a,b| 1,2|3,4": (2, 0), 'a,b||1,"x||y"|||2,"|"|': (2, 0), '|a,"b|c"|1,2|3|4,5||': (2, 1)}
    want |= {"a|1||2|": (3, 0), 'a|1|"|"|': (2, 0), "a,b": (0, 0), "a,b||": (0, 0)}
    with DuckDBEngine(threads=1) as engine:
        assert accounted(engine, path) == want[text]


def accounted(engine: DuckDBEngine, path: Path) -> tuple[int, int]:
    """The rows that were read, and the lines that were no rows."""
    source = engine.read_csv(path, CsvOptions())
    kept = engine.collect(source.table.count().as_table()).column(0)[0].as_py()
    return kept, sum(engine.collect(source.rejected)["lines"].to_pylist())


def test_nothing_of_a_name_reaches_the_engine_as_code(engine, tmp_path):
    engine.register("precious", numbers(3))
    path = tmp_path / "x'; DROP TABLE precious; --.csv"
    path.write_text('"a\'; DROP TABLE precious; --","b""; DROP TABLE precious; --"\n1,2\n')
    source = engine.read_csv(path, CsvOptions())
    assert source.columns == ("a'; DROP TABLE precious; --", 'b"; DROP TABLE precious; --')
    assert engine.collect(source.table).to_pylist() == [{"_row": 1, "c1": "1", "c2": "2"}]
    assert engine.collect(engine._backend.table("precious")).num_rows == 3


def test_times_of_zones_do_not_depend_on_where_the_process_runs(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with DuckDBEngine(threads=1) as engine:
        assert engine._backend.raw_sql("SELECT current_setting('TimeZone')").fetchone() == ("UTC",)


def test_the_temporary_folder_is_only_the_owners():
    with DuckDBEngine() as engine:
        assert Path(engine.folder).stat().st_mode & 0o077 == 0


def test_lines_are_counted_alike_wherever_a_chunk_ends(tmp_path, monkeypatch):
    from propensity.engines import delimited  # noqa: PLC0415

    path = tmp_path / "n.csv"
    path.write_bytes(b"a,b\r\n\r\n1,2\r\n\r\n\r\n3,4")
    seen = set()
    for size in range(1, 24):
        monkeypatch.setattr(delimited, "_CHUNK_BYTES", size)
        seen.add(delimited.count_lines(path, '"'))
    assert seen == {delimited.Lines(6, 3, quoted=False, end="\n")}


def test_who_stops_a_query_gets_what_stopped_it_and_the_engine_goes_on(engine):
    rows = ibis.range(3_000_000).unnest().name("a").as_table()
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            engine.materialise(rows.cross_join(rows.view()), "endless")
    finally:
        signal.signal(signal.SIGINT, former)
    assert engine.collect(rows.limit(1)).num_rows == 1


def test_an_engine_that_cannot_be_opened_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(duckdb.Error):
        DuckDBEngine(threads=-1)
    assert list(tmp_path.iterdir()) == []
