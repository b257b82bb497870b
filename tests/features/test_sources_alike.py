"""The same rows as CSV, as Parquet and in a database, shuffled and split, give the same features bit by bit."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from oracles.demo import CONFIG, demo_settings
from propensity.config.file import load_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.features.frame import features_of
from propensity.sources.canonical import load
from propensity.timeline.snapshots import training_spine

TABLES = {
    "leads": "csv",
    "accounts": "csv",
    "products": "csv",
    "activities": "parquet",
    "stages": "parquet",
    "budgets": "parquet",
}
PARTS = 3


@pytest.fixture(scope="module")
def rows(small_world):
    """Each table of the small world, its rows in another order."""
    rng = np.random.default_rng(5)
    as_text = pacsv.ConvertOptions(column_types={"created_at": pa.string(), "founded_on": pa.string()})
    found = {
        name: pacsv.read_csv(small_world / f"{name}.csv", convert_options=as_text)
        if kind == "csv"
        else pq.read_table(small_world / f"{name}.parquet")
        for name, kind in TABLES.items()
    }
    return {name: table.take(rng.permutation(table.num_rows)) for name, table in found.items()}


def as_csv(rows, place):
    for name, typed in rows.items():
        # pyarrow writes microseconds, and every float such that it reads as the same.
        table = typed
        times = [column for column in table.column_names if pa.types.is_timestamp(table[column].type)]
        for column in times:
            text = pc.strftime(table[column], format="%Y-%m-%dT%H:%M:%SZ")
            table = table.set_column(table.column_names.index(column), column, text)
        pacsv.write_csv(table, place / f"{name}.csv")
    return [f"tables.{name}.path={name}.csv" for name in rows]


def as_parquet(rows, place):
    for name, table in rows.items():
        for part in range(PARTS):
            pq.write_table(
                table.take(np.arange(part, table.num_rows, PARTS)), place / f"{name}-{part}.parquet"
            )
    return [f"tables.{name}.path={name}-*.parquet" for name in rows]


def as_database(rows, place):
    with duckdb.connect(place / "crm.duckdb") as connection:
        for name, table in rows.items():
            connection.register("arrow", table)
            connection.table("arrow").create(name)
            connection.unregister("arrow")
    return [f"data.database={place / 'crm.duckdb'}", *(f"tables.{name}={{table: {name}}}" for name in rows)]


def as_several_sources(rows, place):
    """Each table in three files of different kinds, listed one after the other."""
    settings = []
    for name, table in rows.items():
        parts = {part: table.take(np.arange(part, table.num_rows, PARTS)) for part in range(PARTS)}
        for part, some in parts.items():
            pq.write_table(some, place / f"{name}-{part}.parquet")
        settings.append(f"tables.{name}=[{', '.join(f'{{path: {name}-{part}.parquet}}' for part in parts)}]")
    return settings


@pytest.mark.parametrize(
    "kind", [as_csv, as_parquet, as_database, as_several_sources], ids=lambda kind: kind.__name__
)
def test_features_do_not_depend_on_how_rows_are_kept(kind, rows, tmp_path, demo_frame):
    settings = kind(rows, tmp_path)
    config = load_config(CONFIG, [*demo_settings(tmp_path, tmp_path / "quarantine"), *settings])
    canonical = load(DuckDBEngine(memory_gb=1, threads=1), config)
    try:
        frame = features_of(canonical, training_spine(canonical, config.data.through)).collect()
    finally:
        canonical.engine.close()
    assert frame.table.equals(demo_frame.table)
    assert frame.table.num_rows > 500
