"""The embedded engine: storage that is gone afterwards, batches, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
import pytest

from propensity.config import CsvOptions
from propensity.configfile import parse_config
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
        folder = engine._folder
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
def test_rows_are_numbered_in_the_order_of_a_large_file(tmp_path, threads):
    path = tmp_path / "n.csv"
    path.write_text("n,text\n" + "".join(f'{n},"a\n{n}, b"\n' for n in range(200_000)))
    with DuckDBEngine(threads=threads) as engine:
        source = engine.read_csv(path, CsvOptions())
        wrong = source.table.filter(source.table["_row"] != source.table["c1"].cast("int64") + 1)
        assert engine.collect(wrong).num_rows == 0
        assert engine.collect(source.table.count().as_table()).column(0)[0].as_py() == 200_000


@pytest.mark.parametrize(("threads", "place"), [(2, 10), (2, 150_000), (1, 299_999)])
def test_an_open_quote_anywhere_loses_nothing_in_silence(tmp_path, threads, place):
    path = tmp_path / "n.csv"
    path.write_text(
        "n,t,x\n" + "".join(f'{n},{chr(34) if n == place else ""}text {n},"a, b"\n' for n in range(300_000))
    )
    with DuckDBEngine(threads=threads) as engine:
        source = engine.read_csv(path, CsvOptions())
        kept = engine.collect(source.table.count().as_table()).column(0)[0].as_py()
        lost = engine.collect(source.rejected)["lines"].to_pylist()
        assert lost
        assert kept + sum(lost) == 300_000


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
        assert Path(engine._folder).stat().st_mode & 0o077 == 0
