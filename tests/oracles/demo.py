"""The demo's files as the oracle reads them: by pyarrow, without the product's own reading."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from oracles.canonical import World

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"
_TYPES = {"created_at": pa.string(), "founded_on": pa.date32(), "employee_count": pa.float64()}


def demo_world(folder: Path) -> World:
    """All tables, without the leads whose time is no time; a company's founding day, which has no time of day, is known at its end."""
    options = csv.ConvertOptions(column_types=_TYPES, strings_can_be_null=True)
    tables = {
        name: csv.read_csv(folder / f"{name}.csv", convert_options=options)
        for name in ("leads", "accounts", "products")
    }
    tables |= {
        name: pq.read_table(folder / f"{name}.parquet") for name in ("activities", "stages", "budgets")
    }
    rows: dict[str, list[dict[str, Any]]] = {name: table.to_pylist() for name, table in tables.items()}
    rows["leads"] = [{**lead, "created_at": _instant(lead["created_at"])} for lead in rows["leads"]]
    rows["leads"] = [lead for lead in rows["leads"] if lead["created_at"] is not None]
    for account in rows["accounts"]:
        if account["founded_on"] is not None:
            midnight = datetime.combine(account["founded_on"], datetime.min.time(), tzinfo=UTC)
            account["founded_on"] = midnight + timedelta(days=1) - timedelta(microseconds=1)
    return World(rows, {name: tuple(table.column_names) for name, table in tables.items()})


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def demo_settings(folder: Path, quarantine: Path) -> list[str]:
    """What differs from the demo's own configuration: where the files are, and fewer snapshots."""
    return [f"data.folder={folder}", f"paths.quarantine={quarantine}", "snapshots.every=3 months"]
