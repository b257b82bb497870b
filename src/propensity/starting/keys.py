"""The columns that name rows of their own table or of another: by the values they share, then by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from propensity.schema import TableName
from propensity.starting.kinds import Column
from propensity.starting.links import Link, loosely_unique
from propensity.starting.look import File
from propensity.starting.names import COLUMNS, is_personal, later_word, nearness
from propensity.starting.plan import ROW_NUMBER, Lookup, Mapped, TablePlan

if TYPE_CHECKING:
    from propensity.engines import Engine

_SURE = 0.5
_DIRTY = 0.005
Found = Mapping[TableName, tuple[File, ...]]


def keys_of(name: TableName, file: File, found: Found, links: Sequence[Link]) -> dict[str, Mapped]:
    """The keys of one file that feeds a table, by canonical name."""
    leads = found["leads"][0]
    if name == "leads":
        keys = {"lead_id": lead_key(file, found, links)}
        return keys | _names(links, file, found, {"account_id": "accounts", "product": "products"})
    if name in ("accounts", "products"):
        canonical = "account_id" if name == "accounts" else "product"
        link = best_link(links, leads, file, "leads", canonical)
        if link is not None:
            return {canonical: Mapped(link.key, f"{leads.name} names {name} by it")}
        own = own_key(file, name, canonical)
        doubt = "no column of the leads shares its values"
        return {} if own is None else {canonical: Mapped(own.name, "unique in every row", doubt)}
    if name == "rates":
        return {}
    key = lead_key(leads, found, links).source
    link = best_link(links, file, leads, name, "lead_id", key=key)
    keys = {} if link is None else {"lead_id": _by(link)}
    if name == "budgets":
        others = _names(links, file, found, {"account_id": "accounts"})
        keys |= {
            other: mapped for other, mapped in others.items() if link is None or mapped.source != link.column
        }
    return keys


def _names(
    links: Sequence[Link], file: File, found: Found, wanted: Mapping[str, TableName]
) -> dict[str, Mapped]:
    keys: dict[str, Mapped] = {}
    for canonical, table in wanted.items():
        for parent in found.get(table, ()):
            link = best_link(links, file, parent, "leads" if file in found["leads"] else "budgets", canonical)
            if link is not None:
                keys[canonical] = _by(link)
    return keys


def best_link(
    links: Sequence[Link], child: File, parent: File, table: TableName, canonical: str, key: str | None = None
) -> Link | None:
    """The link from a file to another that shares most values, the better name first among equals; none that is late."""
    words = COLUMNS[table].get(canonical, ())
    fit = [
        link
        for link in links
        if (link.child, link.parent) == (child.name, parent.name)
        and (key is None or link.key == key)
        and not (table == "leads" and later_word(link.column))
        and not (canonical == "product" and nearness(link.column, words) < _SURE)
    ]
    return max(
        fit,
        default=None,
        key=lambda link: (round(link.loose, 1), nearness(link.column, words), link.exact, link.column),
    )


def _by(link: Link) -> Mapped:
    if link.loose - link.exact > _DIRTY:
        doubt = f"{link.loose:.0%} would be, but for case, spaces and signs"
    else:
        doubt = "" if link.exact >= 1 else "the others name rows that are not there"
    return Mapped(
        link.column, f"{link.exact:.0%} of its values are in {link.parent}, column {link.key}", doubt
    )


def lead_key(file: File, found: Found, links: Sequence[Link]) -> Mapped:
    """The column that names a lead; the row's number where none does."""
    used = {each.name for files in found.values() for each in files}
    asked = {link.key for link in links if link.parent == file.name and link.child in used}
    own = own_key(file, "leads", "lead_id", prefer=asked)
    if own is None:
        return Mapped(
            ROW_NUMBER,
            "no column is unique: the row's number serves",
            "ids then change when rows are added or sorted",
        )
    if own.counts.unique >= 1:
        return Mapped(own.name, "unique in every row")
    return Mapped(
        own.name,
        f"unique in {own.counts.unique:.1%} of rows",
        "rows with an id that was there before are set aside",
    )


def own_key(
    file: File, table: TableName, canonical: str, prefer: set[str] | frozenset[str] = frozenset()
) -> Column | None:
    """The column that names a file's own rows: unique, and referred to by others (`prefer`), or called so, or an id."""
    words = COLUMNS[table][canonical]
    fit = [
        column
        for column in file.columns
        if column.key
        and column.name
        and column.kind in ("id", "number", "free text", "category")
        and (column.counts.whole == column.counts.known or column.kind != "number")
        and (nearness(column.name, words) >= _SURE or column.kind == "id" or column.name in prefer)
        and not (is_personal(column.name) and table == "leads")
    ]
    return max(
        fit,
        default=None,
        key=lambda c: (c.name in prefer, nearness(c.name, words), c.counts.unique, -c.place),
    )


def mend_keys(engine: Engine, plan: TablePlan, found: Found, links: Sequence[Link]) -> None:
    """Keys that are typed by hand are looked up by letters and digits alone; what finds nothing stays as it is."""
    parents: dict[str, TableName] = {"account_id": "accounts", "product": "products", "lead_id": "leads"}
    for canonical, table in parents.items():
        mapped = plan.columns.get(canonical)
        if mapped is None or table == plan.name:
            continue
        for parent in found.get(table, ()):
            key = lead_key(parent, found, links).source if table == "leads" else None
            link = best_link(links, plan.file, parent, plan.name, canonical, key=key)
            if link is None or link.column != mapped.source or link.loose - link.exact <= _DIRTY:
                continue
            if not loosely_unique(engine, parent, parent.column(link.key)):
                continue
            name = {"account_id": "account", "product": "item", "lead_id": "lead"}[canonical]
            plan.lookups.append(Lookup(name, parent, link.column, link.key))
            options = {"column": f"{name}.{link.key}", "fallback": link.column}
            plan.columns[canonical] = Mapped(mapped.source, mapped.guess, mapped.doubt, options)
