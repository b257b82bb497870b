"""From files and links to a plan: which column is which canonical one, and what is doubtful about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from propensity.schema import TABLES, ColumnType, TableName
from propensity.schema import Column as Canonical
from propensity.starting.kinds import Column
from propensity.starting.later import outcomes, why_later
from propensity.starting.links import Link, dirty_values
from propensity.starting.look import File, Folder
from propensity.starting.names import COLUMNS, is_personal, later_word, nearness
from propensity.starting.plan import Left, Mapped, Plan, TablePlan
from propensity.starting.roles import outcome_column, roles
from propensity.starting.serial import serial_column
from propensity.starting.words import add_words

if TYPE_CHECKING:
    from propensity.engines import Engine

_SURE = 0.5
_NEAR = 0.8
_KINDS: Mapping[ColumnType, frozenset[str]] = {
    "id": frozenset({"id", "number", "category", "free text"}),
    "text": frozenset({"category", "free text", "id"}),
    "timestamp": frozenset({"time"}),
    "number": frozenset({"number"}),
    "boolean": frozenset({"yes/no"}),
}
_OTHER_KINDS: Mapping[str, frozenset[str]] = {
    "email": frozenset({"e-mail"}),
    "phone": frozenset({"phone", "number", "id"}),
    "employee_count": frozenset({"number", "band"}),
    "founded_on": frozenset({"time", "number"}),
    "type": frozenset({"category"}),
    "stage": frozenset({"category"}),
    "product": frozenset({"category", "id", "free text"}),
    "currency": frozenset({"category", "id"}),
    "country": frozenset({"category", "id"}),
}
_YEARS = (1500, 2100)
_DATED = ("activities", "stages", "budgets")
_SMALL_REVENUE = 100_000


def make_plan(engine: Engine, folder: Folder, links: Sequence[Link]) -> Plan | None:
    """Guess a plan; None where no file looks like leads."""
    found = roles(folder, links)
    if "leads" not in found:
        return None
    left_out = [(file.name, _why_unused(file, found, links)) for file in folder.files if file not in found.values()]
    plans = {name: _table(name, found, links) for name in TABLES if name in found}
    for name in _DATED:
        if name in plans and "created_at" not in plans["leads"].columns:
            left_out.append((plans.pop(name).file.name, f"looks like {name}, but the leads have no dates to cut it at"))
    for name in [name for name in plans if not _whole(plans[name])]:
        left_out.append((plans.pop(name).file.name, f"looks like {name}, but a required column is missing"))
    leads = plans["leads"]
    if "stages" not in plans:
        _add_outcome(leads)
    for name, plan in plans.items():
        add_words(plan)
        _mend_keys(engine, name, plan, found, links)
    known = outcomes(engine, leads, plans.get("stages"))
    for name, plan in plans.items():
        _sort_rest(engine, plan, known if name == "leads" else None)
    if "created_at" not in leads.columns:
        plans["leads"] = serial_column(engine, leads)
    return Plan(plans, tuple(left_out), _currency(plans), _naive(plans))


def _whole(plan: TablePlan) -> bool:
    """Whether a plan has what its table requires (leads are held to less: see `roles.leads_score`)."""
    if plan.name == "leads":
        return True
    if plan.name == "budgets" and not {"lead_id", "account_id"} & set(plan.columns):
        return False
    return all(column.name in plan.columns for column in TABLES[plan.name].columns if column.required)


def _table(name: TableName, found: Mapping[TableName, File], links: Sequence[Link]) -> TablePlan:
    file = found[name]
    plan = TablePlan(name, file, f"{file.rows:,} rows, {len(file.columns)} columns")
    taken: set[str] = set()
    for canonical, (column, why, doubt) in _keys(name, found, links).items():
        plan.columns[canonical] = Mapped(column, why, doubt)
        taken.add(column)
    wanted = [column for column in TABLES[name].columns if column.name not in {*plan.columns, "outcome"}]
    for required in (True, False):
        _by_name(plan, [column for column in wanted if column.required is required], taken)
    return plan


def _by_name(plan: TablePlan, wanted: Sequence[Canonical], taken: set[str]) -> None:
    """Give each canonical column the source column with the nearest name; the nearest pair first."""
    late = plan.name in ("leads", "accounts")
    pairs = sorted(
        (-nearness(column.name, COLUMNS[plan.name][canonical.name]), place, column.place, canonical, column)
        for place, canonical in enumerate(wanted)
        if canonical.name in COLUMNS[plan.name]
        for column in plan.file.columns
        if _fits(canonical, column) and not (late and later_word(column.name) and column.name != canonical.name)
    ) if wanted else []
    for less, _, _, canonical, column in sorted(pairs, key=lambda pair: pair[:3]):
        if -less < _SURE or canonical.name in plan.columns or column.name in taken:
            continue
        plan.columns[canonical.name] = _mapped(canonical, column, -less, plan.file)
        taken.add(column.name)


def _fits(canonical: Canonical, column: Column) -> bool:
    if not column.name or canonical.name == "lead_id":
        return False
    if column.kind not in _OTHER_KINDS.get(canonical.name, _KINDS[canonical.type]):
        return False
    if canonical.name == "founded_on" and column.kind == "number":
        low, high = column.counts.low, column.counts.high
        return low is not None and high is not None and _YEARS[0] <= low and high <= _YEARS[1]
    return True


def _mapped(canonical: Canonical, column: Column, near: float, file: File) -> Mapped:
    doubts: list[str] = []
    guess = f"{column.kind}, {column.counts.filled:.0%} filled"
    pattern = None
    times = column.times
    if times is not None:
        pattern = times.format
        guess = f"{'dates' if times.dates else 'times'} {times.first:%Y-%m-%d} to {times.last:%Y-%m-%d}, {column.counts.filled:.0%} filled"
        if times.other is not None:
            doubts.append(f"every value also fits {times.other}: day and month may be swapped")
        if not times.dates and not times.zoned:
            doubts.append("no zone is written: data.timezone is taken")
    elif canonical.type == "timestamp":
        pattern, guess = "%Y", f"years {column.counts.low:.0f} to {column.counts.high:.0f}"
    if near < _NEAR:
        doubts.append(f"only part of its name says {canonical.name}")
    if canonical.name == "annual_revenue" and (column.counts.high or 0) < _SMALL_REVENUE:
        doubts.append(f"the largest is {column.counts.high:,.0f}: it may be in thousands or millions")
    if [each.name for each in file.columns].count(column.name) > 1:
        doubts.append("two columns have this name: the file cannot be read until one is renamed")
    return Mapped(column.name, guess, "; ".join(doubts), pattern)


def _keys(
    name: TableName, found: Mapping[TableName, File], links: Sequence[Link]
) -> dict[str, tuple[str, str, str]]:
    """The columns that name rows of this table and of others: canonical name to source column, reason and doubt."""
    file = found[name]
    keys: dict[str, tuple[str, str, str]] = {}
    if name == "leads":
        keys["lead_id"] = _lead_key(file, found, links)
        link = _best(links, file, found.get("accounts"), "leads", "account_id")
        if link is not None:
            keys["account_id"] = (link.column, _shared(link), _dirty(link))
        link = _best(links, file, found.get("products"), "leads", "product")
        if link is not None:
            keys["product"] = (link.column, _shared(link), _dirty(link))
    elif name == "accounts":
        link = _best(links, found["leads"], file, "leads", "account_id")
        if link is not None:
            keys["account_id"] = (link.key, f"{found['leads'].name} names accounts by it", "")
        else:
            key = _own_key(file, "accounts", "account_id")
            if key is not None:
                keys["account_id"] = (key.name, "unique in every row", "no column of the leads shares its values")
    elif name == "products":
        link = _best(links, found["leads"], file, "leads", "product")
        if link is not None:
            keys["product"] = (link.key, f"{found['leads'].name} names products by it", "")
    elif name in _DATED:
        leads = _lead_key(found["leads"], found, links)[0]
        link = _best(links, file, found["leads"], name, "lead_id", key=leads)
        if link is not None:
            keys["lead_id"] = (link.column, _shared(link), _dirty(link))
        accounts = _best(links, file, found.get("accounts"), name, "account_id")
        if name == "budgets" and accounts is not None and (link is None or accounts.column != link.column):
            keys["account_id"] = (accounts.column, _shared(accounts), _dirty(accounts))
    return keys


def _best(
    links: Sequence[Link],
    child: File,
    parent: File | None,
    table: TableName,
    canonical: str,
    key: str | None = None,
) -> Link | None:
    """The link from a file to another that shares most values, the better name first among equals; none that is late."""
    words = COLUMNS[table].get(canonical, ())
    fit = [
        link
        for link in links
        if parent is not None
        and (link.child, link.parent) == (child.name, parent.name)
        and (key is None or link.key == key)
        and not (table == "leads" and later_word(link.column))
        and not (canonical == "product" and nearness(link.column, words) < _SURE)
    ]
    return max(
        fit,
        default=None,
        key=lambda link: (round(link.loose, 1), nearness(link.column, words), link.exact, link.column),
    )


def _shared(link: Link) -> str:
    return f"{link.exact:.0%} of its values are in {link.parent}, column {link.key}"


def _dirty(link: Link) -> str:
    if link.loose - link.exact > 0.005:  # noqa: PLR2004 - half a percent
        return f"{link.loose:.0%} would be, but for case, spaces and signs"
    return "" if link.exact >= 1 else "the others name rows that are not there"


def _lead_key(file: File, found: Mapping[TableName, File], links: Sequence[Link]) -> tuple[str, str, str]:
    asked = {link.key for link in links if link.parent == file.name and link.child in {f.name for f in found.values()}}
    own = _own_key(file, "leads", "lead_id", prefer=asked)
    if own is None:
        return "_row", "no column is unique: the row's number serves", "ids then change when rows are added or sorted"
    exact = "unique in every row" if own.counts.unique >= 1 else f"unique in {own.counts.unique:.1%} of rows"
    return own.name, exact, "" if own.counts.unique >= 1 else "rows with an id that was there before are set aside"


def _own_key(file: File, table: TableName, canonical: str, prefer: frozenset[str] | set[str] = frozenset()) -> Column | None:
    fit = [
        column
        for column in file.columns
        if column.key
        and column.name
        and column.kind in ("id", "number", "free text", "category")
        and (column.counts.whole == column.counts.known or column.kind != "number")
        and (nearness(column.name, COLUMNS[table][canonical]) >= _SURE or column.kind == "id" or column.name in prefer)
        and not (is_personal(column.name) and table == "leads")
    ]
    words = COLUMNS[table][canonical]
    return max(
        fit, default=None, key=lambda c: (c.name in prefer, nearness(c.name, words), c.counts.unique, -c.place)
    )


def _add_outcome(leads: TablePlan) -> None:
    column = outcome_column(leads.file)
    if column is None:
        return
    for canonical, mapped in list(leads.columns.items()):
        if mapped.source == column.name:
            del leads.columns[canonical]
    doubt = "" if column.kind == "yes/no" else "which words mean converted is a guess: see values below"
    leads.columns["outcome"] = Mapped(column.name, f"{column.kind}: how each lead ended", doubt)


def _mend_keys(
    engine: Engine, name: TableName, plan: TablePlan, found: Mapping[TableName, File], links: Sequence[Link]
) -> None:
    """Keys that differ from the other file's by case, spaces or signs alone are mapped value by value, if they are few."""
    for canonical in ("account_id", "product", "lead_id"):
        mapped = plan.columns.get(canonical)
        if mapped is None or is_personal(mapped.source):
            continue
        for link in links:
            others = {"account_id": "accounts", "product": "products", "lead_id": "leads"}
            parent = next((f for t, f in found.items() if t == others[canonical]), None)
            if parent is None or (link.child, link.column, link.parent) != (plan.file.name, mapped.source, parent.name):
                continue
            if link.loose > link.exact and (name, canonical) != ("leads", "lead_id"):
                pairs = dirty_values(
                    engine, plan.file, plan.file.column(link.column), parent, parent.column(link.key)
                )
                if pairs:
                    plan.values.setdefault(canonical, {}).update(pairs)
                    return


def _sort_rest(engine: Engine, plan: TablePlan, known: object) -> None:
    """Columns that are not mapped: late, extra, or of no use, each with the reason."""
    taken = {mapped.source for mapped in plan.columns.values()}
    rest = [column for column in plan.file.columns if column.name not in taken]
    late = why_later(engine, plan.file, rest, known) if plan.name in ("leads", "accounts") else {}
    for column in rest:
        why = _no_extra(column)
        if column.name in late:
            plan.late.append(Left(column, late[column.name]))
        elif why is None and plan.name in ("leads", "accounts"):
            plan.extras.append(Left(column, "since when its value is known is not said"))
        else:
            plan.unused.append(Left(column, why or "no canonical column is called so"))


def _no_extra(column: Column) -> str | None:
    if not column.name:
        return "has no name"
    if column.kind == "empty":
        return "is empty"
    if is_personal(column.name) or column.kind in ("e-mail", "phone"):
        return "may name a person"
    if column.counts.distinct == 1 and column.counts.filled >= 1:
        return "has one value only"
    reasons = {
        "time": "a time: it may serve as `known_at` of another column",
        "id": "an id, or a word of its own in almost every row",
        "free text": "free text",
        "decimal comma": "numbers with a decimal comma, which a column's `decimal` must say",
    }
    return reasons.get(column.kind)


def _currency(plans: Mapping[TableName, TablePlan]) -> str | None:
    counts: dict[str, int] = {}
    for plan in plans.values():
        mapped = plan.columns.get("currency")
        if mapped is not None and plan.name != "rates":
            for value, count in plan.file.column(mapped.source).values:
                counts[value] = counts.get(value, 0) + count
    return max(sorted(counts), key=lambda word: counts[word]) if counts else None


def _naive(plans: Mapping[TableName, TablePlan]) -> tuple[str, ...]:
    return tuple(
        f"{name}.{canonical}"
        for name, plan in plans.items()
        for canonical, mapped in plan.columns.items()
        if mapped.source != "_row"
        and (times := plan.file.column(mapped.source).times) is not None
        and not times.zoned
    )


def _why_unused(file: File, found: Mapping[TableName, File], links: Sequence[Link]) -> str:
    if file.rows == 0:
        return "it has no rows"
    names = {other.name: table for table, other in found.items()}
    shared = sorted({f"{names[link.parent]} (by {link.column})" for link in links if link.child == file.name and link.parent in names})
    shared += sorted({f"{names[link.child]} (by {link.key})" for link in links if link.parent == file.name and link.child in names})
    if shared:
        return f"it looks like none of the tables that are left; it shares keys with {', '.join(shared)}"
    return "it looks like none of the canonical tables, and shares no key with those found"
