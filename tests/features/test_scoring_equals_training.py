"""A snapshot that is scored gets the features that training gave it, whatever came later and however the files lie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from oracles.bench import by_key
from oracles.demo import CONFIG, demo_settings
from propensity.config.file import load_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.features.frame import features_of
from propensity.sources.canonical import load
from propensity.timeline.snapshots import training_spine

CSV, PARQUET = ("leads", "accounts", "products"), ("activities", "stages", "budgets")
PARTS = 3


@pytest.fixture(scope="module")
def learned(demo, demo_frame):
    """as_of to (lead_id, as_of) to the values of all features."""
    rows = by_key(demo_frame.table.to_pylist(), demo.names)
    moments = {as_of for _, as_of in rows}
    return {moment: {key: row for key, row in rows.items() if key[1] == moment} for moment in sorted(moments)}


def scored(demo, learned, as_of):
    rows = by_key(demo.scoring(as_of), demo.names)
    return {key: rows[key] for key in learned[as_of]}


def test_there_is_more_than_one_as_of(learned):
    assert len(learned) >= 7
    assert sum(len(rows) for rows in learned.values()) > 800


def test_scoring_any_as_of_gives_what_training_gave(demo, learned):
    for as_of, rows in learned.items():
        assert scored(demo, learned, as_of) == rows


def test_scoring_with_what_was_recorded_by_then_gives_what_training_gave(demo, learned):
    whole = demo.tables()
    try:
        for as_of, rows in learned.items():
            demo.put_tables({name: recorded_before(table, as_of) for name, table in whole.items()})
            assert scored(demo, learned, as_of) == rows
    finally:
        demo.put_tables(whole)


def recorded_before(table: pa.Table, as_of) -> pa.Table:
    for clock in ("recorded_at", "created_at"):
        if clock in table.column_names:
            return table.filter(pc.less(table[clock], pa.scalar(as_of)))
    return table


def test_streaming_gives_the_rows_that_collecting_gives(demo, demo_frame):
    batches = list(features_of(demo.canonical, demo.spines["training"]).stream(100))
    assert max(batch.num_rows for batch in batches) <= 100
    streamed = pa.concat_tables(batches).sort_by("snapshot_id")
    assert streamed.cast(demo_frame.table.schema).equals(demo_frame.table)


def retrained(settings: list[str], *, threads: int) -> pa.Table:
    config = load_config(CONFIG, settings)
    canonical = load(DuckDBEngine(memory_gb=1, threads=threads), config)
    try:
        return features_of(canonical, training_spine(canonical, config.data.through)).collect().table
    finally:
        canonical.engine.close()


def test_shuffled_rows_in_several_files_give_the_same_bits(small_world, tmp_path, demo_frame):
    rng = np.random.default_rng(3)
    for name in CSV:
        header, *lines = (small_world / f"{name}.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        for part, places in enumerate(np.array_split(rng.permutation(len(lines)), PARTS)):
            text = "".join([header, *(lines[place] for place in places)])
            (tmp_path / f"{name}-{part}.csv").write_text(text, encoding="utf-8")
    for name in PARQUET:
        table = pq.read_table(small_world / f"{name}.parquet")
        for part, places in enumerate(np.array_split(rng.permutation(table.num_rows), PARTS)):
            pq.write_table(table.take(places), tmp_path / f"{name}-{part}.parquet")
    paths = [
        f"tables.{name}.path={name}-*.{'csv' if name in CSV else 'parquet'}" for name in (*CSV, *PARQUET)
    ]
    table = retrained([*demo_settings(tmp_path, tmp_path / "quarantine"), *paths], threads=1)
    assert table.equals(demo_frame.table)


def test_two_threads_give_the_bits_of_one(small_world, tmp_path, demo_frame):
    table = retrained(demo_settings(small_world, tmp_path / "quarantine"), threads=2)
    assert table.equals(demo_frame.table)
