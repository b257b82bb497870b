"""The as-of cut: the one module that decides what was known. Features get tables that are already cut.

A fact counts at as_of only when it happened and was recorded strictly before as_of. `age_us` is the time from a fact
to as_of in microseconds (int64, at least 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import ibis

from propensity.errors import HistoryError
from propensity.schema import TABLES
from propensity.sources.mapping import KNOWN_AT_SUFFIX

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

SNAPSHOT = "snapshot_id"
CURRENT_STATE = frozenset({"deal_value", "owner", "do_not_contact", "outcome"})
"""Lead columns without a history: they serve the gate and the list, never the features."""
ACCOUNT_PREFIX = "account_"
_CLOCKS = {
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
        One row a snapshot: the spine's columns, the lead's attributes, and its account's prefixed `account_`.
    facts
        `activities`, `stages` and `budgets` where configured: `snapshot_id`, the table's columns, `age_us`.
    account_activities
        One row per act of any lead of the account: `account_id`, `as_of`, and the columns of an activity.
    account_leads
        One row per lead of the account created before as_of: `account_id`, `as_of`, `lead_id`.
    """

    attributes: ir.Table
    facts: Mapping[str, ir.Table]
    account_activities: ir.Table | None
    account_leads: ir.Table | None


def data_through(canonical: Canonical, *, not_after: datetime) -> datetime | None:
    """How far the data are complete: as configured, else the newest recorded time that is not after `not_after`.

    Returns None for data without dates.
    """
    if canonical.config.data.through is not None:
        return canonical.config.data.through
    newest: list[datetime] = []
    for name, clock in _CLOCKS.items():
        table = canonical.tables.get(name)  # type: ignore[call-overload]
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


def cut(canonical: Canonical, spine: ir.Table) -> History:
    """Cut all tables at the as_of of each snapshot in `spine` (snapshot_id, lead_id, account_id, created_at, as_of)."""
    facts: dict[str, ir.Table] = {}
    if "activities" in canonical.tables:
        facts["activities"] = _known(canonical, spine, "activities", "occurred_at", "lead_id")
    if "stages" in canonical.tables:
        known = _known(canonical, spine, "stages", "entered_at", "lead_id")
        ends = [*canonical.config.outcome.converting, *canonical.config.outcome.disqualified_stages]
        facts["stages"] = known.filter(known["stage"].notin(ends))
    if "budgets" in canonical.tables:
        facts["budgets"] = _known_budgets(canonical, spine)
    moments = None
    if "account_id" in canonical.present["leads"] and canonical.dated:
        moments = _account_leads(canonical, spine)
    account_activities = None
    if moments is not None and "activities" in canonical.tables:
        account_activities = _known(
            canonical, moments, "activities", "occurred_at", "lead_id", ("account_id", "as_of")
        )
    return History(_attributes(canonical, spine), facts, account_activities, moments)


def _known(
    canonical: Canonical,
    spine: ir.Table,
    name: str,
    happened: str,
    key: str,
    keep: tuple[str, ...] = (SNAPSHOT,),
) -> ir.Table:
    """Facts of `name` that happened and were recorded strictly before as_of. The cut itself."""
    facts = canonical.tables[name]  # type: ignore[index]
    columns = [column for column in facts.columns if column not in ("lead_id", "account_id")]
    left = spine.select(*dict.fromkeys([*keep, "as_of", key]))
    right = facts.select(key, *columns)
    joined = left.join(right, key)
    known = joined.filter((joined[happened] < joined["as_of"]) & (joined["recorded_at"] < joined["as_of"]))
    epoch = canonical.engine.functions.epoch_us
    aged = known.mutate(age_us=epoch(known["as_of"]) - epoch(known[happened]))
    return aged.select(
        *keep, *(column for column in columns if column not in (happened, "recorded_at")), "age_us"
    )


def _known_budgets(canonical: Canonical, spine: ir.Table) -> ir.Table:
    """Budgets of the lead itself, and those of its account that name no lead."""
    own = _known(canonical, spine, "budgets", "recorded_at", "lead_id")
    if not {"account_id"} <= canonical.present["budgets"]:
        return own
    budgets = canonical.tables["budgets"]
    shared = budgets.filter(budgets["lead_id"].isnull() & budgets["account_id"].notnull())
    narrowed = _with_table(canonical, "budgets", shared)
    return own.union(_known(narrowed, spine, "budgets", "recorded_at", "account_id"))


def _with_table(canonical: Canonical, name: str, table: ir.Table) -> Canonical:
    from dataclasses import replace

    return replace(canonical, tables={**canonical.tables, name: table})


def _account_leads(canonical: Canonical, spine: ir.Table) -> ir.Table:
    """Per (account_id, as_of) of the spine, the account's leads created before as_of."""
    moments = spine.filter(spine["account_id"].notnull()).select("account_id", "as_of").distinct()
    leads = canonical.tables["leads"].select("account_id", "lead_id", "created_at")
    joined = moments.join(leads, "account_id")
    return joined.filter(joined["created_at"] < joined["as_of"]).select("account_id", "as_of", "lead_id")


def _attributes(canonical: Canonical, spine: ir.Table) -> ir.Table:
    """One row a snapshot with what was known of the lead and its account."""
    leads = canonical.tables["leads"]
    own = [
        column
        for column in leads.columns
        if column not in CURRENT_STATE | {"account_id", "created_at", "position"}
    ]
    table = _joined(spine, leads.select(*own), "lead_id")
    table = _hide_unknown(table, tuple(canonical.config.tables["leads"].extra))
    if "accounts" in canonical.tables:
        table = _joined(table, _accounts_at(canonical, spine), SNAPSHOT)
    if "products" in canonical.tables:
        products = canonical.tables["products"].select("product", price="price")
        table = _joined(table, products, "product")
    return table


def _accounts_at(canonical: Canonical, spine: ir.Table) -> ir.Table:
    """Per snapshot, the account's row that is valid at as_of, its columns prefixed `account_`."""
    accounts = canonical.tables["accounts"]
    columns = [name for name in accounts.columns if name not in ("account_id", "currency")]
    joined = spine.select(SNAPSHOT, "as_of", "account_id").join(accounts, "account_id")
    if "valid_from" in canonical.present["accounts"]:
        valid = joined.filter(joined["valid_from"].isnull() | (joined["valid_from"] < joined["as_of"]))
        newest = ibis.row_number().over(
            group_by=SNAPSHOT, order_by=valid["valid_from"].desc(nulls_first=False)
        )
        valid = valid.mutate(_place=newest)
        joined = valid.filter(valid["_place"] == 0)
    extras = tuple(canonical.config.tables["accounts"].extra)
    hidden = _hide_unknown(joined, extras)
    return hidden.select(
        SNAPSHOT, **{ACCOUNT_PREFIX + name: hidden[name] for name in columns if name in hidden.columns}
    )


def _hide_unknown(table: ir.Table, extras: tuple[str, ...]) -> ir.Table:
    """Extras with a time of their own are null until then."""
    for extra in extras:
        clock = extra + KNOWN_AT_SUFFIX
        if clock in table.columns:
            value = table[extra]
            known = ibis.cases((table[clock] < table["as_of"], value), else_=ibis.null(value.type()))
            table = table.mutate(**{extra: known}).drop(clock)
    return table


def _joined(left: ir.Table, right: ir.Table, key: str) -> ir.Table:
    """A left join that leaves no second copy of the key."""
    table = left.left_join(right, key)
    return table.drop(*(column for column in table.columns if column.endswith("_right")))


def columns_of(name: str) -> tuple[str, ...]:
    """The canonical columns of a table, for those who describe it."""
    return TABLES[name].names  # type: ignore[index]
