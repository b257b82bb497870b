"""A wide table in the order of a column: range by range as at once."""

from __future__ import annotations

import pyarrow as pa
import pytest

from propensity.delivery import ordered
from propensity.delivery.ordered import stream_by
from propensity.engines.duckdb import DuckDBEngine


@pytest.fixture(scope="module")
def engine():
    with DuckDBEngine(memory_gb=0.5, threads=1) as opened:
        yield opened


@pytest.mark.parametrize("range_rows", [1, 7, 30, 1_000])
@pytest.mark.parametrize("rows", [0, 1, 2, 61])
@pytest.mark.parametrize("key", ["number", "text"])
def test_each_row_comes_once_and_in_order(engine, monkeypatch, key, rows, range_rows):
    monkeypatch.setattr(ordered, "RANGE_ROWS", range_rows)
    numbers = [number * 7 % 61 for number in range(rows)]
    told = pa.table({
        "number": pa.array(numbers, pa.int64()), "text": pa.array([f"ß{number}" for number in numbers], pa.string()),
    })  # fmt: skip
    batches = list(stream_by(engine, engine.register("unordered", told), key, 10))
    found = [row for batch in batches for row in batch.to_pylist()]
    assert found == sorted(told.to_pylist(), key=lambda row: row[key])
    assert all(batch.num_rows <= 10 for batch in batches)


def test_no_range_is_the_whole_and_they_are_few(engine, monkeypatch):
    monkeypatch.setattr(ordered, "RANGE_ROWS", 2)
    asked: list[int] = []
    stream = engine.stream

    def counting(expression, rows):
        asked.append(engine.collect(expression.count().as_table()).column(0)[0].as_py())
        return stream(expression, rows)

    monkeypatch.setattr(engine, "stream", counting)
    told = engine.register("many", pa.table({"number": list(range(100))}))
    assert sum(batch.num_rows for batch in stream_by(engine, told, "number", 10)) == 100
    assert asked == [100 // ordered.MOST_RANGES] * ordered.MOST_RANGES
