"""From files and links to a plan: which column is which canonical one, and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from propensity.schema import TABLES, TableName
from propensity.starting.columns import add_columns
from propensity.starting.ends import add_ends, hide_outcome
from propensity.starting.keys import Found, keys_of, mend_keys
from propensity.starting.later import outcomes
from propensity.starting.links import Link
from propensity.starting.look import File, Folder
from propensity.starting.plan import Mapped, Plan, TablePlan
from propensity.starting.rest import sort_rest
from propensity.starting.roles import leads_score, named_act, role_score, roles
from propensity.starting.serial import with_order
from propensity.starting.words import add_words

if TYPE_CHECKING:
    from propensity.engines import Engine

_DATED: tuple[TableName, ...] = ("activities", "stages", "budgets")
_MOSTLY = 0.99


def make_plan(engine: Engine, folder: Folder, links: Sequence[Link]) -> Plan | None:
    """Guess a plan; None where no file looks like leads."""
    found = roles(folder, links)
    if not found:
        return None
    used = {file.name for files in found.values() for file in files}
    left = [(file.name, _why_unused(file, found, links)) for file in folder.files if file.name not in used]
    plans: dict[TableName, list[TablePlan]] = {
        name: [_source(name, file, found, links) for file in found[name]] for name in TABLES if name in found
    }
    leads = plans["leads"][0]
    for name in list(plans):
        for plan in list(plans[name]):
            why = _unfit(plan, leads)
            if why is not None:
                left.append((plan.file.name, f"looks like {name}, but {why}"))
                plans[name].remove(plan)
        if not plans[name]:
            del plans[name]
    stages = plans.get("stages", [])
    add_ends(leads, stages)
    for plan in (plan for table in plans.values() for plan in table):
        add_words(plan)
        mend_keys(engine, plan, found, links)
    known = outcomes(engine, leads, stages)
    ends = None if stages else hide_outcome(leads, _a_row_a_lead(folder, used, leads, links))
    if ends is not None:
        plans["stages"] = [ends]
        left = [(name, why) for name, why in left if name != ends.file.name]
    for plan in (plan for table in plans.values() for plan in table):
        sort_rest(engine, plan, known if plan is leads else None)
    _date(engine, plans, leads)
    tables: dict[TableName, tuple[TablePlan, ...]] = {
        name: tuple(plans[name]) for name in TABLES if name in plans
    }
    return Plan(tables, tuple(left), _currency(tables), _naive(tables))


def _a_row_a_lead(
    folder: Folder, used: set[str], leads: TablePlan, links: Sequence[Link]
) -> list[tuple[File, Mapped]]:
    """Files that feed nothing yet and name each lead at most once, with the column that does."""
    found: list[tuple[File, Mapped]] = []
    for file in folder.files:
        for link in links:
            if file.name in used or (link.child, link.parent) != (file.name, leads.file.name):
                continue
            if link.key == leads.columns["lead_id"].source and file.column(link.column).key:
                found.append((file, Mapped(link.column, f"{link.exact:.0%} of its values are leads")))
                break
    return found


def _source(name: TableName, file: File, found: Found, links: Sequence[Link]) -> TablePlan:
    plan = TablePlan(name, file, f"{file.rows:,} rows, {len(file.columns)} columns")
    plan.columns.update(keys_of(name, file, found, links))
    add_columns(plan)
    act = named_act(file)
    if name == "activities" and "type" not in plan.columns and act is not None:
        plan.columns["type"] = Mapped(act, "the file's name says so", options={"constant": act})
    return plan


def _unfit(plan: TablePlan, leads: TablePlan) -> str | None:
    """Why a source cannot feed its table; None where it can (leads are held to less: see `roles.leads_score`)."""
    if plan.name == "leads":
        return None
    if plan.name in _DATED and "created_at" not in leads.columns:
        return "the leads have no dates to cut it at"
    if plan.name == "budgets" and not {"lead_id", "account_id"} & set(plan.columns):
        return "none of its columns names leads or accounts"
    missing = [
        column.name
        for column in TABLES[plan.name].columns
        if column.required and column.name not in plan.columns
    ]
    return f"no column could be its {' or '.join(missing)}" if missing else None


def _date(engine: Engine, plans: dict[TableName, list[TablePlan]], leads: TablePlan) -> None:
    """Say what is to become of leads without a date."""
    created = leads.columns.get("created_at")
    if created is None:
        plans["leads"] = [with_order(engine, leads)]
        return
    filled = leads.file.column(created.source).counts.filled
    if filled < _MOSTLY:
        wanted = Mapped(
            created.source,
            f"{1 - filled:.0%} of the rows have none",
            "they are left out, and counted by check",
        )
        plans["leads"] = [replace(leads, when_known=wanted)]
        plans["stages"] = [
            replace(plan, when_known=wanted) if plan.file is leads.file else plan
            for plan in plans.get("stages", [])
        ]
        if not plans["stages"]:
            del plans["stages"]


def _currency(plans: Mapping[TableName, Sequence[TablePlan]]) -> str | None:
    counts: dict[str, int] = {}
    for plan in (plan for name, table in plans.items() if name != "rates" for plan in table):
        column = plan.column("currency")
        for value, count in column.values if column is not None else ():
            counts[value] = counts.get(value, 0) + count
    return max(sorted(counts), key=lambda word: counts[word]) if counts else None


def _naive(plans: Mapping[TableName, Sequence[TablePlan]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name, table in plans.items():
        for plan in table:
            for canonical in plan.columns:
                column = plan.column(canonical)
                if column is not None and column.times is not None and not column.times.zoned:
                    found[f"{name}.{canonical}"] = None
    return tuple(found)


def _why_unused(file: File, found: Found, links: Sequence[Link]) -> str:
    if file.rows == 0:
        return "it has no rows"
    alike: list[TableName] = [
        name for name in found if name != "leads" and role_score(file, name, found, links) > 0
    ]
    names = {each.name: table for table, files in found.items() for each in files}
    shared = {
        f"{names[link.parent]} (by {link.column})"
        for link in links
        if link.child == file.name and link.parent in names
    }
    shared |= {
        f"{names[link.child]} (by {link.key})"
        for link in links
        if link.parent == file.name and link.child in names
    }
    keys = (
        f"; it shares keys with {', '.join(sorted(shared))}, so its columns can be fetched by `lookups`"
        if shared
        else ""
    )
    if leads_score(file) > 0:
        return f"it looks like leads too, but {found['leads'][0].name} does more so{keys}"
    if alike:
        return f"it looks like {alike[0]} too, but {found[alike[0]][0].name} does more so{keys}"
    return f"it looks like none of the canonical tables{keys}"
