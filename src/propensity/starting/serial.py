"""Leads without dates: a column that stands for time, such as a running number."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from propensity.engines import ROW
from propensity.starting.plan import Mapped, TablePlan

if TYPE_CHECKING:
    from propensity.engines import Engine

_RUNS = 0.95


def with_order(engine: Engine, leads: TablePlan) -> TablePlan:
    """The same plan with `order_by` where whole, unique numbers run with the rows of the file or against them."""
    rows: Any = leads.file.source.table
    for column in leads.file.columns:
        counts = column.counts
        if not (column.key and column.name and counts.whole == counts.known and counts.unique >= 1):
            continue
        number = leads.file.text(column).try_cast("float64")
        found = rows.select(number=number, row=rows[ROW].cast("float64"))
        run = engine.collect(found.aggregate(r=found["number"].corr(found["row"], how="pop")))["r"][0].as_py()
        if run is not None and abs(run) >= _RUNS:
            way = "rise" if run > 0 else "fall"
            return replace(
                leads,
                order_by=Mapped(
                    column.name,
                    f"unique whole numbers that {way} from row to row",
                    "they are taken to grow with time; `order: descending` if they do not",
                ),
            )
    return leads
