"""Import files for a CRM: who is on a list tonight, and who was on one lately and is no longer.

No cell is empty, but for a date where the data have none, since both products leave a field as it was where a cell is empty.
Those who left have a file of their own: it is to update records, and never to make one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from propensity.delivery.folders import MANIFEST
from propensity.delivery.lists import LIST, neutral
from propensity.delivery.view import REASONS

if TYPE_CHECKING:
    from propensity.config.crm import CrmColumns, CrmConfig
    from propensity.delivery.view import Night

pc: Any = pyarrow.compute
FOLDER: Final = "crm"
OFF: Final = "off the list"
_DECIMALS: Final = 2
_NO_REASONS: Final = "none known"


def write_crm(
    scratch: Path, listed: pa.Table, left: pa.Table, night: Night, config: CrmConfig
) -> dict[str, int]:
    """Write the files into `scratch`/crm; return each one's rows.

    Parameters
    ----------
    scratch
        The night's folder.
    listed
        The night's list.
    left
        `lead_id`, `probability`, `tier`, `verdict`, `removed_because` of who left.
    night
        What holds for all of them.
    config
        The headings.
    """
    (scratch / FOLDER).mkdir(exist_ok=True)
    on, off = _on(listed, night), _off(left, night)
    rows: dict[str, int] = {}
    products: dict[str, CrmColumns] = {"salesforce": config.salesforce, "hubspot": config.hubspot}
    for product, columns in products.items():
        for name, table in ((product, on), (f"{product}-left", off)):
            path = f"{FOLDER}/{name}.csv"
            pacsv.write_csv(_named(table, columns), scratch / path)
            rows[path] = table.num_rows
    return rows


def earlier_leads(nights: Path, night: Night, model: str, *, most: int) -> set[str]:
    """The leads on the newest `most` lists of the same model, strictly before this night, below `nights`.

    A folder that cannot be read is no list.
    """
    if night.as_of is None or not most or not nights.is_dir():
        return set()
    found: list[tuple[datetime, str, Path]] = []
    for folder in sorted(nights.iterdir()):
        manifest = {} if folder.name.startswith(".") else _manifest(folder)
        as_of = _instant(manifest.get("as_of"))
        if as_of is not None and as_of < night.as_of and _model(manifest) == model:
            found.append((as_of, folder.name, folder))
    leads: set[str] = set()
    for _, _, folder in sorted(found)[-most:]:
        try:
            leads.update(pq.read_table(folder / LIST, columns=["lead_id"])["lead_id"].to_pylist())
        except (OSError, KeyError, pa.ArrowException):
            continue
    return leads


def _manifest(folder: Path) -> Mapping[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _instant(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return None if found.tzinfo is None else found


def _model(manifest: Mapping[str, Any]) -> str | None:
    model = manifest.get("model")
    return model.get("name") if isinstance(model, dict) else None


def _on(listed: pa.Table, night: Night) -> pa.Table:
    pros = _sentences(listed, REASONS, "For: ")
    cons = _sentences(listed, ("against",), "Against: ")
    reasons = [f"{pro} {con}".strip() or _NO_REASONS for pro, con in zip(pros, cons, strict=True)]
    return _table(
        listed,
        night,
        listed="true",
        reasons=pa.array(reasons, pa.string()),
        next_action=listed["next_action"],
        because=listed["action_because"],
    )


def _off(left: pa.Table, night: Night) -> pa.Table:
    return _table(
        left,
        night,
        listed="false",
        reasons=left["removed_because"],
        next_action=pa.array([OFF] * left.num_rows, pa.string()),
        because=left["removed_because"],
    )


def _table(rows: pa.Table, night: Night, *, listed: str, **more: Any) -> pa.Table:
    """The columns under the names of `config.crm.CrmColumns`."""
    day = None if night.day is None else night.day.isoformat()
    columns = {
        "lead_id": rows["lead_id"],
        "listed": pa.array([listed] * rows.num_rows, pa.string()),
        "score": pc.round(pc.multiply(rows["probability"], 100.0), ndigits=_DECIMALS),
        "tier": rows["tier"],
        "verdict": rows["verdict"],
        "list_date": pa.array([day] * rows.num_rows, pa.string()),
        **more,
    }
    return pa.table(columns)


def _sentences(rows: pa.Table, names: tuple[str, ...], before: str) -> list[str]:
    """What the columns say, in one sentence a row; empty where they say nothing."""
    told = zip(*(rows[name].to_pylist() for name in names), strict=True)
    return [f"{before}{'; '.join(filter(None, words))}." if any(words) else "" for words in told]


def _named(table: pa.Table, columns: CrmColumns) -> pa.Table:
    headings = {key: name for key, name in columns.model_dump().items() if name is not None}
    shown = {
        name: neutral(table[key]) if pa.types.is_string(table[key].type) else table[key]
        for key, name in headings.items()
    }
    return pa.table(shown)
