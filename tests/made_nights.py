"""Delivered nights made by hand, with everything that the ledger and forgetting look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from propensity.delivery.folders import staged_beside
from propensity.delivery.lists import deliver

SCHEMA = pa.schema(
    [
        ("lead_id", pa.string()), ("account_id", pa.string()), ("as_of", pa.timestamp("us", tz="UTC")), ("margin", pa.float64()),
        ("probability", pa.float64()), ("tier", pa.string()), ("rank", pa.int64()), ("verdict", pa.string()), ("removed", pa.string()),
        ("removed_because", pa.string()), ("rep", pa.string()), ("rep_rank", pa.int64()), ("selection", pa.string()),
        ("selection_probability", pa.float64()),
    ]
)  # fmt: skip


def lead(name: str, probability: float = 0.2, **more: Any) -> dict[str, Any]:
    """A listed lead's row of scores.parquet."""
    row: dict[str, Any] = dict.fromkeys(SCHEMA.names)
    listed = {"rank": 1, "rep": "Ada", "rep_rank": 1, "selection": "listed", "selection_probability": 1.0}
    return {**row, "lead_id": name, "margin": 0.0, "probability": probability, "tier": "A", **listed, **more}


def gone(name: str, cause: str, **more: Any) -> dict[str, Any]:
    """A lead that is on no list."""
    off = dict.fromkeys(("rank", "rep", "rep_rank", "selection", "selection_probability"))
    return lead(name, **{**off, "removed": cause, **more})


def night(
    folder: Path, as_of: str | None, rows: list[dict[str, Any]], *, name: str = "crm", **more: str
) -> dict[str, Any]:
    """Deliver a night; `more` are further text files by name. Returns its manifest without the files."""
    listed = [{**row, "contact_name": f"Name {row['lead_id']}"} for row in rows if row["removed"] is None]
    manifest = {
        "propensity": "0",
        "as_of": as_of,
        "model": {"name": name, "version": "3", "digest": "d1", "spec_hash": "s", "horizon_days": 10},
        "counts": {"scored": len(rows)},
    }
    counts = {"scores.parquet": len(rows), "list.parquet": len(listed), **dict.fromkeys(more, 0)}
    with staged_beside(folder) as scratch:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), scratch / "scores.parquet")
        pq.write_table(
            pa.Table.from_pylist(listed, schema=SCHEMA.append(pa.field("contact_name", pa.string()))),
            scratch / "list.parquet",
        )
        for file, text in more.items():
            (scratch / file).write_text(text, encoding="utf-8", newline="")
        deliver(scratch, folder, manifest, counts)
    return manifest
