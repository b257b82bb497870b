"""Which months a table's facts cover, and where there are none. Months are of UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from propensity.audit.columns import iso
from propensity.schema import TableName

if TYPE_CHECKING:
    from propensity.sources.canonical import Canonical

CLOCKS: dict[TableName, str] = {
    "leads": "created_at",
    "activities": "occurred_at",
    "stages": "entered_at",
    "budgets": "recorded_at",
}
"""When the facts of a table happened."""
_MONTHS_A_YEAR = 12
_MOST_GAPS = 1_200


@dataclass(frozen=True, slots=True)
class Coverage:
    """Rows by month, `2026-05` with its count, of the months that have any; `gaps` are the months between without."""

    table: TableName
    clock: str
    first: datetime
    last: datetime
    months: tuple[tuple[str, int], ...]
    gaps: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "clock": self.clock,
            "first": iso(self.first),
            "last": iso(self.last),
            "months": dict(self.months),
            "gaps": list(self.gaps),
        }


def coverage(canonical: Canonical, name: TableName) -> Coverage | None:
    """What a table covers; None for a table without times, or without rows."""
    clock = CLOCKS.get(name)
    if clock is None or name not in canonical.tables or clock not in canonical.present[name]:
        return None
    table: Any = canonical.tables[name]
    value = table[clock]
    month = (value.year() * _MONTHS_A_YEAR + value.month() - 1).cast("int64")
    groups = table.filter(value.notnull()).group_by(month=month)
    rows = canonical.engine.collect(
        groups.aggregate(
            n=lambda t: t.count(), first=lambda t: t[clock].min(), last=lambda t: t[clock].max()
        ).order_by("month")
    ).to_pylist()
    if not rows:
        return None
    seen = {row["month"] for row in rows}
    gaps = [month for month in range(rows[0]["month"], rows[-1]["month"]) if month not in seen][:_MOST_GAPS]
    return Coverage(
        name,
        clock,
        rows[0]["first"],
        rows[-1]["last"],
        tuple((_shown(row["month"]), row["n"]) for row in rows),
        tuple(_shown(month) for month in gaps),
    )


def months_between(earlier: datetime, later: datetime) -> int:
    """Calendar months from one instant's month to another's."""
    return (later.year - earlier.year) * _MONTHS_A_YEAR + later.month - earlier.month


def _shown(month: int) -> str:
    return f"{month // _MONTHS_A_YEAR:04d}-{month % _MONTHS_A_YEAR + 1:02d}"
