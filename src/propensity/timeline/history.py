"""The as-of cut: the one module that decides what was known. Features get tables that are already cut.

A fact counts at as_of only when it happened and was recorded strictly before as_of. `age_us` is the time from a fact
to as_of in microseconds (int64, at least 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import ibis

from propensity.errors import HistoryError
from propensity.schema import TABLES, TableName
from propensity.sources.acts import LEAD_NUMBER
from propensity.sources.mapping import KNOWN_AT_SUFFIX
from propensity.sources.report import Finding

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value
    from propensity.sources.canonical import Canonical

SNAPSHOT = "snapshot_id"
CURRENT_STATE = frozenset({"deal_value", "owner", "do_not_contact", "outcome"})
"""Lead columns without a history: they serve the gate and the list, never the features."""
ACCOUNT_PREFIX = "account_"
EXTRA_PREFIX = "extra_"
"""Of the company's own columns: whatever a company calls them, they never meet ours."""
_CLOCKS: dict[TableName, str] = {
    "activities": "recorded_at",
    "stages": "recorded_at",
    "budgets": "recorded_at",
    "leads": "created_at",
}


@dataclass(frozen=True)
class History:
    """What was known at each snapshot of a spine.

    Attributes
    ----------
    attributes
        One row a snapshot: the spine's columns, the lead's attributes, its extra columns prefixed `extra_`, and its
        account's prefixed `account_` (`account_extra_`).
    facts
        `activities`, `stages` and `budgets` where configured: `snapshot_id`, the table's columns, `age_us`.
    account_activities
        One row per act of any lead of the account: `account_id`, `as_of`, and the columns of an activity.
    account_leads
        One row per lead of the account created before as_of: `account_id`, `as_of`, `lead_id`.
    as_of
        That of all snapshots, where they are known to share one.
    """

    attributes: Table
    facts: Mapping[str, Table]
    account_activities: Table | None
    account_leads: Table | None
    as_of: datetime | None = None


def data_through(canonical: Canonical, *, not_after: datetime) -> datetime | None:
    """How far the data are complete: as configured, else the newest recorded time that is not after `not_after`.

    Returns None for data without dates.
    """
    if canonical.config.data.through is not None:
        return canonical.config.data.through
    newest: list[datetime] = []
    for name, clock in _CLOCKS.items():
        table: Table | None = canonical.tables.get(name)
        if table is None:
            continue
        last = table.filter(table[clock] <= ibis.literal(not_after, type="timestamp('UTC', 6)"))[clock].max()
        value = canonical.engine.collect(last.as_table()).column(0)[0].as_py()
        if value is not None:
            newest.append(value)
    if not newest and canonical.dated:
        raise HistoryError(
            f"no fact is recorded at or before {not_after:%Y-%m-%d %H:%M} UTC: all times lie in the future. "
            "Check the columns that are mapped to times, and data.timezone."
        )
    return max(newest, default=None)


def future_findings(canonical: Canonical, now: datetime) -> list[Finding]:
    """Say how many rows are recorded after `now`, or after `data.through` where that says how far data reach, per table."""
    through = canonical.config.data.through
    end = now if through is None else through
    findings: list[Finding] = []
    for name, clock in _CLOCKS.items():
        table: Table | None = canonical.tables.get(name)
        if table is None:
            continue
        late = (table[clock] > ibis.literal(end, type="timestamp('UTC', 6)")).sum()
        rows = canonical.engine.collect(late.as_table()).column(0)[0].as_py()
        if rows and through is None:
            message = f"{rows:,} rows have a {clock} in the future: they count from then on, and not for how far the data reach"
            findings.append(Finding("warning", name, message))
        elif rows:
            message = f"{rows:,} rows have a {clock} after data.through: they count from then on"
            findings.append(Finding("info", name, message))
    return findings


def known_before(canonical: Canonical, at: datetime) -> Canonical:
    """The same tables with nothing that happened, was recorded, or began to hold at or after `at`: facts, leads, attributes.

    What the CRM overwrites without a time stays as it is today: nobody knows what it said before. Current-state columns stay too.
    """
    instant = ibis.literal(at, type="timestamp('UTC', 6)")
    tables: dict[TableName, Table] = dict(canonical.tables)
    clocks = {"activities": "occurred_at", "stages": "entered_at", "budgets": "recorded_at"}
    for name, happened in clocks.items():
        if name in tables:
            facts = tables[name]
            tables[name] = facts.filter((facts[happened] < instant) & (facts["recorded_at"] < instant))
    if canonical.dated:
        tables["leads"] = tables["leads"].filter(tables["leads"]["created_at"] < instant)
    if "valid_from" in canonical.present.get("accounts", ()):
        began = tables["accounts"]["valid_from"]
        tables["accounts"] = tables["accounts"].filter(began.isnull() | (began < instant))
    for name in ("leads", "accounts"):
        for extra in canonical.config.tables[name].extra if name in tables else ():
            clock = extra + KNOWN_AT_SUFFIX
            if clock in tables[name].columns:
                later = tables[name][clock] >= instant
                never = ibis.null(tables[name][clock].type())
                hidden = ibis.cases((later, never), else_=tables[name][clock])
                tables[name] = tables[name].mutate(**{clock: hidden})
    return replace(canonical, tables=tables)


def cut(
    canonical: Canonical, spine: Table, *, whole: History | None = None, as_of: datetime | None = None
) -> History:
    """Cut all tables at the as_of of each snapshot in `spine` (snapshot_id, lead_id, account_id, created_at, as_of).

    Where `spine` is a range of a larger one, `whole` is the history of that: what goes by account is taken from it. Where all snapshots have
    the same as_of, `as_of` may say so: the engine then leaves out what came later before it looks for whose facts they are.
    """
    tables = canonical.tables
    clock = _Clock(canonical.engine.functions.epoch_us, as_of)
    facts: dict[str, Table] = {}
    if "activities" in tables:
        acts = tables["activities"]
        facts["activities"] = _known(acts, spine, clock, "occurred_at", key=lead_key(acts, spine))
    if "stages" in tables:
        known = _known(tables["stages"], spine, clock, "entered_at")
        ends = [*canonical.config.outcome.converting, *canonical.config.outcome.disqualified_stages]
        facts["stages"] = known.filter(known["stage"].notin(ends))
    if "budgets" in tables:
        facts["budgets"] = _known_budgets(tables["budgets"], spine, clock)
    moments = account_activities = None
    if whole is not None:
        moments, account_activities = whole.account_leads, whole.account_activities
    elif "account_id" in canonical.present["leads"] and canonical.dated:
        moments = _account_leads(tables["leads"], spine)
        if "activities" in tables:
            keep = ("account_id", "as_of")
            key = lead_key(tables["activities"], moments)
            account_activities = _known(
                tables["activities"], moments, clock, "occurred_at", key=key, keep=keep
            )
    return History(_attributes(canonical, spine), facts, account_activities, moments, as_of)


@dataclass(frozen=True)
class _Clock:
    """Microseconds since the epoch, and the as_of of all snapshots where they share one."""

    epoch_us: Callable[[Value], Value]
    as_of: datetime | None

    def known(self, facts: Table, happened: str, as_of: Value) -> Value:
        """Whether a fact happened and was recorded strictly before. The cut itself."""
        return (facts[happened] < as_of) & (facts["recorded_at"] < as_of)

    def age_us(self, facts: Table, happened: str, as_of: Value) -> Value:
        """The time since a fact."""
        return self.epoch_us(as_of) - self.epoch_us(facts[happened])


def _known(
    facts: Table,
    spine: Table,
    clock: _Clock,
    happened: str,
    *,
    key: str = "lead_id",
    keep: tuple[str, ...] = (SNAPSHOT,),
) -> Table:
    """Facts that happened and were recorded strictly before as_of."""
    columns = [column for column in facts.columns if column not in ("lead_id", "account_id", LEAD_NUMBER)]
    told = [column for column in columns if column not in (happened, "recorded_at")]
    if clock.as_of is not None:
        instant = ibis.literal(clock.as_of, type="timestamp('UTC', 6)")
        facts = facts.filter(clock.known(facts, happened, instant))
        facts = facts.select(key, *told, age_us=clock.age_us(facts, happened, instant))
        return spine.select(*dict.fromkeys([*keep, key])).join(facts, key).select(*keep, *told, "age_us")
    left = spine.select(*dict.fromkeys([*keep, "as_of", key]))
    joined = left.join(facts.select(key, *columns), key)
    known = joined.filter(clock.known(joined, happened, joined["as_of"]))
    aged = known.mutate(age_us=clock.age_us(known, happened, known["as_of"]))
    return aged.select(*keep, *told, "age_us")


def lead_key(*tables: Table) -> str:
    """What leads are joined by: their numbers where all tables have them, which costs less than their ids."""
    return LEAD_NUMBER if all(LEAD_NUMBER in table.columns for table in tables) else "lead_id"


def _known_budgets(budgets: Table, spine: Table, clock: _Clock) -> Table:
    """Budgets of the lead itself, and those of its account that name no lead."""
    shared = budgets.filter(budgets["lead_id"].isnull())
    own = _known(budgets, spine, clock, "recorded_at")
    return own.union(_known(shared, spine, clock, "recorded_at", key="account_id"))


def _account_leads(leads: Table, spine: Table) -> Table:
    """Per (account_id, as_of) of the spine, the account's leads created before as_of."""
    moments = spine.filter(spine["account_id"].notnull()).select("account_id", "as_of").distinct()
    own = dict.fromkeys(["lead_id", lead_key(leads)])
    joined = moments.join(leads.select("account_id", "created_at", *own), "account_id")
    return joined.filter(joined["created_at"] < joined["as_of"]).select("account_id", "as_of", *own)


def _attributes(canonical: Canonical, spine: Table) -> Table:
    """One row a snapshot with what was known of the lead and its account."""
    leads: Table = canonical.tables["leads"]
    extras = tuple(canonical.config.tables["leads"].extra)
    own = [
        name
        for name in TABLES["leads"].names
        if name not in CURRENT_STATE | {"lead_id", "account_id", "created_at"}
    ]
    key = lead_key(leads, spine)
    table = joined_left(spine, leads.select(key, *own, **_extras(leads, extras)), key)
    table = _hide_unknown(table.drop(LEAD_NUMBER) if LEAD_NUMBER in table.columns else table, extras)
    if "accounts" in canonical.tables:
        table = joined_left(table, accounts_at(canonical, spine), SNAPSHOT)
    if "products" in canonical.tables:
        products: Table = canonical.tables["products"]
        table = joined_left(table, products.select("product", "price"), "product")
    return table


def accounts_at(canonical: Canonical, spine: Table) -> Table:
    """Per snapshot, the account's row that is valid at as_of, its columns prefixed `account_`."""
    accounts: Table = canonical.tables["accounts"]
    extras = tuple(canonical.config.tables["accounts"].extra)
    own = [name for name in TABLES["accounts"].names if name != "currency"]
    rows = accounts.select(*own, **_extras(accounts, extras))
    joined = spine.select(SNAPSHOT, "as_of", "account_id").join(rows, "account_id")
    if "valid_from" in canonical.present["accounts"]:
        valid = joined.filter(joined["valid_from"].isnull() | (joined["valid_from"] < joined["as_of"]))
        newest = ibis.row_number().over(
            group_by=SNAPSHOT, order_by=valid["valid_from"].desc(nulls_first=False)
        )
        valid = valid.mutate(_place=newest)
        joined = valid.filter(valid["_place"] == 0)
    hidden = _hide_unknown(joined, extras)
    columns = [*own, *(EXTRA_PREFIX + extra for extra in extras)]
    columns.remove("account_id")
    return hidden.select(SNAPSHOT, **{ACCOUNT_PREFIX + name: hidden[name] for name in columns})


def _extras(table: Table, extras: tuple[str, ...]) -> dict[str, Value]:
    """The company's own columns, and the times of those that have one, under names that are theirs alone."""
    columns = [column for name in extras for column in (name, name + KNOWN_AT_SUFFIX)]
    return {EXTRA_PREFIX + column: table[column] for column in columns if column in table.columns}


def _hide_unknown(table: Table, extras: tuple[str, ...]) -> Table:
    """Extras with a time of their own are null until then."""
    for extra in extras:
        name = EXTRA_PREFIX + extra
        clock = name + KNOWN_AT_SUFFIX
        if clock in table.columns:
            value = table[name]
            known = ibis.cases((table[clock] < table["as_of"], value), else_=ibis.null(value.type()))
            table = table.mutate(**{name: known}).drop(clock)
    return table


def joined_left(left: Table, right: Table, *keys: str) -> Table:
    """A left join that leaves no second copy of the keys. The tables share no other column."""
    table = left.left_join(right, list(keys))
    return table.drop(*(key + "_right" for key in keys))
