"""Worlds through the real entry: Parquet files, configuration, engine, checks, spine, features; and back as plain rows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from oracles.canonical import Crm, Row, World
from oracles.features import feature_values
from propensity.config.file import parse_config
from propensity.engines import Engine
from propensity.engines.duckdb import DuckDBEngine
from propensity.features.catalogue import feature_specs
from propensity.features.frame import FeatureQuery, features_of
from propensity.schema import TABLES
from propensity.sources.canonical import Canonical, load
from propensity.sources.mapping import KNOWN_AT_SUFFIX
from propensity.timeline.snapshots import scoring_spine, training_spine

TYPES = {
    "id": pa.string(),
    "text": pa.string(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
KEYS = ("lead_id", "as_of")
EXACT = re.compile(r"count|active_days|other_leads|rank|_is_|_has_|_fits_|_covers_|fiscal")
TOLERANCE = 1e-9


def arrow(world: World, table: str, extras: Mapping[str, Any]) -> pa.Table:
    """One table of a world with the types of its canonical columns."""
    kinds = {column.name: column.type for column in TABLES[table].columns}
    for name, extra in extras.items():
        kinds[name] = {"category": "text"}.get(extra["type"], extra["type"])
        kinds[name + KNOWN_AT_SUFFIX] = "timestamp"
    schema = pa.schema([(name, TYPES[kinds.get(name, "text")]) for name in world.columns[table]])
    return pa.Table.from_pylist(list(world.rows(table)), schema=schema)


def open_world(
    world: World, tree: Mapping[str, Any], folder: Path, *, threads: int = 1, engine: Engine | None = None
) -> Canonical:
    """Write a world as Parquet and load it as a company's data would be; the caller closes the engine."""
    tables: dict[str, Any] = {}
    for name in world.tables:
        options = dict(tree.get("tables", {}).get(name, {}))
        pq.write_table(arrow(world, name, options.get("extra", {})), folder / f"{name}.parquet")
        tables[name] = {"path": f"{name}.parquet", **options}
    whole = {**tree, "tables": tables, "data": {"folder": str(folder), **tree.get("data", {})}}
    whole["paths"] = {"quarantine": str(folder / "quarantine")}
    opened = DuckDBEngine(memory_gb=1, threads=threads) if engine is None else engine
    return load(opened, parse_config(whole, base=folder))


def rows_of(query: FeatureQuery) -> list[dict[str, Any]]:
    return query.collect().table.to_pylist()


def by_key(rows: Iterable[Row], names: Iterable[str]) -> dict[tuple[str, datetime | None], tuple[Any, ...]]:
    """(lead_id, as_of) to the values of all features, to be compared bit by bit."""
    names = list(names)
    return {(row["lead_id"], row["as_of"]): tuple(row[name] for name in names) for row in rows}


def differences(crm: Crm, rows: Iterable[Row], names: Iterable[str]) -> list[str]:
    """Where the features are not what the oracle says; empty where all is well."""
    wrong: list[str] = []
    names = set(names)
    for row in rows:
        expected = feature_values(crm, row["lead_id"], row["as_of"])
        if unknown := names ^ set(expected):
            return [f"features that the oracle or the catalogue does not know: {sorted(unknown)}"]
        wrong += [
            f"{row['lead_id']} at {row['as_of']}: {name} is {row[name]!r}, the oracle says {value!r}"
            for name, value in expected.items()
            if not same_value(name, row[name], value)
        ]
    return wrong


def same_value(name: str, found: Any, expected: Any) -> bool:
    if found is None or expected is None or isinstance(expected, str) or EXACT.search(name):
        return found == expected
    return math.isclose(found, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def worked_out(world: World, table: str, canonical: Canonical) -> list[tuple[Row, Row]]:
    """The rows of a table, each with what the check works out beside it, see `sources.acts`."""
    rows = world.rows(table)
    numbers = {
        lead: place for place, lead in enumerate(sorted(row["lead_id"] for row in world.rows("leads")))
    }
    if table == "leads":
        return [(row, {"_lead_number": numbers[row["lead_id"]]}) for row in rows]
    if table != "activities":
        return [(row, {}) for row in rows]
    settings = canonical.config.features
    found: list[tuple[Row, Row]] = []
    for row in rows:
        act = settings.types.get(row["type"])
        direction, channel = row.get("direction"), row.get("channel")
        direction = direction.lower() if direction else act and act.direction
        more = {
            "_lead_number": numbers.get(row["lead_id"]),
            "_kind": _place(row["type"], settings.types),
            "_way": _place(direction, ("inbound", "outbound")),
            "_via": _place(channel or (act and act.channel), settings.channels),
        }
        found.append((row, more))
    return found


def _place(word: str | None, known: Iterable[str]) -> int:
    return {each: place for place, each in enumerate(known, 1)}.get(word or "", 0)


class Bench:
    """One loaded world whose rows are exchanged: the expression is built once, so that a case costs milliseconds."""

    def __init__(self, canonical: Canonical, through: datetime) -> None:
        self.canonical, self.through = canonical, through
        self.engine: Any = canonical.engine
        self.schemas = {
            name: self.engine.collect(self.engine._backend.table(f"checked_{name}").limit(0)).schema
            for name in canonical.tables
        }
        self.spines = {
            "training": training_spine(canonical, through),
            "scoring": scoring_spine(canonical, through),
        }
        self.sql: dict[str, str] = {}
        self.scored_at: datetime | None = None
        self.names = [feature.name for feature in feature_specs(canonical)]
        self.held: dict[str, Any] = {}

    def compiled(self, kind: str) -> str:
        """The features of a spine as the engine is asked for them."""
        expression = features_of(self.canonical, self.spines[kind]).expression
        return str(ibis.to_sql(expression, dialect="duckdb", pretty=False))

    def put(self, world: World) -> Crm:
        """Exchange the rows. Columns that the world lacks are null, as the mapping makes them."""
        for name, schema in self.schemas.items():
            if self.held.get(name) == world.rows(name):
                continue
            self.held[name] = world.rows(name)
            derived = worked_out(world, name, self.canonical)
            rows = [{**row, **more, "_row": n} for n, (row, more) in enumerate(derived, 1)]
            self.engine.register(f"checked_{name}", pa.Table.from_pylist(rows, schema=schema))
        return Crm(world, self.canonical.config)

    def put_tables(self, tables: Mapping[str, pa.Table]) -> None:
        """Exchange the rows for others of checked tables."""
        for name, table in tables.items():
            self.engine.register(f"checked_{name}", table)
        self.held.clear()

    def tables(self) -> dict[str, pa.Table]:
        """The checked tables, those rows in them that were set aside too."""
        return {name: self.engine._backend.table(f"checked_{name}").to_pyarrow() for name in self.schemas}

    def training(self) -> list[dict[str, Any]]:
        training_spine(self.canonical, self.through)
        return self._rows("training")

    def scoring(self, as_of: datetime) -> list[dict[str, Any]]:
        scoring_spine(self.canonical, as_of)
        if self.scored_at is None:
            self.scored_at = as_of
        # The expression names the as_of that all snapshots share.
        first, now = (_instant(one) for one in (self.scored_at, as_of))
        return self._rows("scoring", lambda sql: sql.replace(first, now))

    def _rows(self, kind: str, changed: Callable[[str], str] = str) -> list[dict[str, Any]]:
        if kind not in self.sql:
            self.sql[kind] = self.compiled(kind)
        return self.engine._backend.con.execute(changed(self.sql[kind])).to_arrow_table().to_pylist()


def _instant(as_of: datetime) -> str:
    """An as_of as the compiled expression writes it."""
    literal = ibis.literal(as_of, type="timestamp('UTC', 6)")
    return (
        str(ibis.to_sql(literal, dialect="duckdb", pretty=False))
        .removeprefix("SELECT ")
        .rpartition(" AS ")[0]
    )
