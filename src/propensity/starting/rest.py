"""Columns that no canonical one is: late, extra, or of no use, each with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from propensity.engines.untyped import Table
from propensity.starting.kinds import Column
from propensity.starting.later import why_later
from propensity.starting.names import is_personal
from propensity.starting.plan import Left, TablePlan

if TYPE_CHECKING:
    from propensity.engines import Engine

_WITH_EXTRAS = ("leads", "accounts")
_REASONS = {
    "time": "a time: it may serve as `known_at` of another column",
    "id": "an id, or a word of its own in almost every row",
    "free text": "free text",
    "e-mail": "may name a person",
    "phone": "may name a person",
    "empty": "is empty",
}


def sort_rest(engine: Engine, plan: TablePlan, known: Table | None) -> None:
    """Sort what is not mapped; `known` says how leads ended (`later.outcomes`)."""
    taken = {mapped.source for mapped in plan.columns.values()}
    for mapped in plan.columns.values():
        taken.update(mapped.options.get("join", ()))
    rest = [column for column in plan.file.columns if column.name not in taken]
    if plan.parts:
        return
    late = why_later(engine, plan.file, rest, known) if plan.name in _WITH_EXTRAS else {}
    for column in rest:
        why = _no_extra(column)
        if column.name in late:
            plan.late.append(Left(column, late[column.name]))
        elif why is None and plan.name in _WITH_EXTRAS:
            plan.extras.append(Left(column, "since when its value is known is not said"))
        else:
            plan.unused.append(Left(column, why or "no canonical column is called so"))


def _no_extra(column: Column) -> str | None:
    if not column.name:
        return "has no name"
    few = column.kind in ("category", "band")
    if column.kind in ("category", "free text", "id") and is_personal(column.name, words=few):
        return "may name a person"
    if column.kind in _REASONS:
        return _REASONS[column.kind]
    if column.counts.unique >= 1 and column.kind == "category":
        return _REASONS["id"]
    return "has one value only" if column.counts.distinct == 1 and column.counts.filled >= 1 else None
