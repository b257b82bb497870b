"""Columns that may be filled in once a lead's end is known: told by their names, and by what they give away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ibis

from propensity.engines import ROW
from propensity.engines.untyped import Table, Value
from propensity.starting.kinds import Column
from propensity.starting.look import File
from propensity.starting.meanings import stage_of
from propensity.starting.names import later_word
from propensity.starting.plan import TablePlan

if TYPE_CHECKING:
    from propensity.engines import Engine

_TOO_GOOD = 0.85
"""A single honest column rarely orders leads this well (area under the ROC curve)."""
_RARELY, _OFTEN, _TIMES = 0.1, 0.2, 5
_FEW = 20
_BINS = 20
_ENDS = ("prospect", "opportunity", "customer")


def outcomes(engine: Engine, leads: TablePlan, stages: Sequence[TablePlan]) -> Table | None:
    """`_row` of each lead that is known to have ended, and `yes` (boolean); None where nothing says so."""
    rows: Any = leads.file.source.table
    key, outcome = leads.column("lead_id"), leads.column("outcome")
    if stages and key is not None:
        own = rows.select(ROW, lead=leads.file.text(key)).left_join(_won(stages), "lead")
        table = own.select(ROW, yes=own["won"].notnull())
    elif outcome is not None:
        text = leads.file.text(outcome).lower()
        words = {value.lower(): word_of(leads, value) for value, _ in outcome.values}
        yes, no = ([word for word, means in words.items() if means == side] for side in ("true", "false"))
        kept = rows.filter(text.isin(yes) | text.isin(no))
        table = kept.select(ROW, yes=text.isin(yes))
    else:
        return None
    found: Any = engine.materialise(table, "starting_outcomes")
    counts = engine.collect(found.aggregate(n=found.count(), yes=found["yes"].sum())).to_pylist()[0]
    return found if 0 < (counts["yes"] or 0) < counts["n"] else None


def _won(stages: Sequence[TablePlan]) -> Table:
    """The leads that entered a converting stage, once each."""
    parts: list[Table] = []
    for plan in stages:
        word, lead = plan.column("stage"), plan.column("lead_id")
        if word is not None and lead is not None:
            history: Any = plan.file.source.table
            good = [value for value, _ in word.values if stage_of(value) in _ENDS]
            parts.append(history.filter(plan.file.text(word).isin(good)).select(lead=plan.file.text(lead)))
    leads: Any = ibis.union(*parts) if len(parts) > 1 else parts[0]
    return leads.distinct().mutate(won=True)


def word_of(leads: TablePlan, value: str) -> str:
    """`true`, `false` or the empty text for a word of the outcome's column, as the plan maps it."""
    mapped = leads.values.get("outcome", {}).get(value, value).lower()
    return "true" if mapped in ("true", "t", "yes", "y", "1", "1.0") else "" if mapped == "" else "false"


def why_later(engine: Engine, file: File, columns: Sequence[Column], known: Table | None) -> dict[str, str]:
    """Why each suspicious column may be from after the outcome; others are not in the result."""
    reasons: dict[str, str] = {}
    for column in columns:
        word = later_word(column.name)
        if column.kind == "empty" or (column.counts.distinct <= 1 and column.counts.filled >= 1):
            continue
        told = None if known is None else _told(engine, file, column, known)
        if word is not None:
            reasons[column.name] = f"its name says {word!r}" + (f", and {told}" if told else "")
        elif told is not None:
            reasons[column.name] = told
    return reasons


def _told(engine: Engine, file: File, column: Column, known: Table) -> str | None:
    """What a column gives away of the outcome, in words; None where that is what honest columns may know."""
    rows: Any = file.source.table
    table = rows.select(ROW, value=file.text(column)).inner_join(known, ROW)
    filled = table["value"].notnull()
    row = engine.collect(
        table.aggregate(
            yes=table["yes"].sum(),
            no=(~table["yes"]).sum(),
            filled_yes=(filled & table["yes"]).sum(),
            filled_no=(filled & ~table["yes"]).sum(),
        )
    ).to_pylist()[0]
    if not row["yes"] or not row["no"]:
        return None
    yes, no = row["filled_yes"] / row["yes"], row["filled_no"] / row["no"]
    for often, seldom, which in ((yes, no, "converted"), (no, yes, "did not convert")):
        if often >= _OFTEN and seldom <= _RARELY and often >= _TIMES * seldom:
            return f"it is filled for {often:.0%} of the leads that {which} and {seldom:.0%} of the others"
    if column.kind not in ("category", "yes/no", "band", "number", "decimal comma"):
        return None
    area = _area(engine, table, numeric=column.kind == "number")
    if area >= _TOO_GOOD:
        return f"it alone tells the outcome too well (ROC-AUC {area:.2f})"
    return None


def _area(engine: Engine, table: Table, *, numeric: bool) -> float:
    """Area under the ROC curve of the outcome's rate by value (by twentieths for numbers), on the same rows."""
    group: Value = table["value"]
    if numeric:
        number = group.try_cast("float64")
        place = ibis.ntile(_BINS).over(order_by=[number, table[ROW]])
        group = ibis.cases((number.notnull(), place.cast("int64")), else_=ibis.null("int64"))
    grouped = table.mutate(value_group=group).group_by("value_group")
    rows = engine.collect(
        grouped.aggregate(n=lambda t: t.count(), yes=lambda t: t["yes"].sum()).order_by("value_group")
    ).to_pylist()
    few = [row for row in rows if row["n"] < _FEW]
    cells = [(row["yes"] / row["n"], row["yes"], row["n"] - row["yes"]) for row in rows if row["n"] >= _FEW]
    if few:
        n, yes = sum(row["n"] for row in few), sum(row["yes"] for row in few)
        cells.append((yes / n, yes, n - yes))
    area = below = 0.0
    for _, yes, no in sorted(cells):
        area += yes * (below + no / 2)
        below += no
    positives = sum(yes for _, yes, _ in cells)
    return area / (positives * below) if positives and below else 0.5
