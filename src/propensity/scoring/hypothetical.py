"""What-if worlds: copies of a few leads with one fact more each, for the same features and facts as on any night.

A world is a copy of one lead's account: its leads under ids of their own, with all their acts, stages and budgets, so that what is
put into it changes nobody else. Rates of the past are those of the real tables: nothing that is learned now changes what was
known of earlier leads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from propensity.features.frame import features_of
from propensity.scoring.facts import lead_facts
from propensity.sources.acts import underived
from propensity.timeline.history import SNAPSHOT
from propensity.timeline.past import with_past
from propensity.timeline.snapshots import ORDER, SPINE

if TYPE_CHECKING:
    from propensity.engines.untyped import Table
    from propensity.schema import TableName
    from propensity.sources.canonical import Canonical
    from propensity.timeline.history import History

REAL_LEAD, REAL_ACCOUNT = "real_lead_id", "real_account_id"
_BETWEEN = "\x1f"
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Act:
    """An act to insert; it is recorded when it happens."""

    at: datetime
    type: str
    direction: str | None
    channel: str | None


@dataclass(frozen=True)
class World:
    """One lead, and what is put into its world. Whoever fills it keeps every time strictly before as_of.

    Attributes
    ----------
    lead_id, account_id
        Whose world it is; the account is None where the lead has none.
    budgets
        (when it is recorded, amount in the base currency, kind) of the lead's own.
    acts
        Of the lead.
    of_lead, of_account
        Columns of the leads and accounts tables, and what stands there instead.
    """

    lead_id: str
    account_id: str | None
    budgets: tuple[tuple[datetime, float, str | None], ...] = ()
    acts: tuple[Act, ...] = ()
    of_lead: Mapping[str, Any] = field(default_factory=dict[str, Any])
    of_account: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Outcome:
    """What is known in each world, in their order: the model's features, and `scoring.facts.lead_facts`."""

    features: pa.Table
    facts: pa.Table


def look(
    canonical: Canonical, facts: Table, worlds: Sequence[World], *, kept: Mapping[str, Table] = NOTHING
) -> Outcome:
    """Derive features and facts in every world, by the paths that a real night takes.

    Parameters
    ----------
    canonical
        The tables.
    facts
        `scoring.facts.lead_facts` of the night: which leads were scored, and where they stand.
    worlds
        At least one. Its size times the leads of the accounts is what is copied.
    kept
        `features.frame.FeatureQuery.kept` of the night: what was worked out of the past is not worked out again.
    """
    # What is worked out of ids and words is worked out anew: copies have other ids, and what is put in has none of it.
    engine, canonical = canonical.engine, replace(canonical, tables=underived(canonical.tables))
    asked = engine.register("worlds", _asked(worlds))
    members = engine.materialise(_members(facts, asked), "worlds_members")
    copy = replace(canonical, tables={**canonical.tables, **_tables(canonical, members, worlds)})
    spine: Any = engine.materialise(_spine(members), "worlds_spine")
    own: Any = spine.filter(spine["_own"])
    told = lead_facts(copy, spine.select(*SPINE), name="worlds_facts")
    told = told.join(own.select("lead_id", _world="_world"), "lead_id")
    query = features_of(copy, own.select(*SPINE, REAL_LEAD, REAL_ACCOUNT), past=_real_past(canonical, kept))
    features = query.collect().table
    # The snapshots of the worlds' own leads are numbered in the order of the worlds.
    return Outcome(features, engine.collect(told.order_by("_world").drop("_world")))


def _asked(worlds: Sequence[World]) -> pa.Table:
    numbers = range(len(worlds))
    return pa.table(
        {
            "_world": pa.array(numbers, pa.int64()),
            "_lead": pa.array([world.lead_id for world in worlds], pa.string()),
            "_account": pa.array([world.account_id for world in worlds], pa.string()),
        }
    )


def _members(facts: Table, asked: Table) -> Table:
    """The leads of each world: its own, and the others of the account; with their real and their new ids."""
    leads = facts.select("lead_id", "account_id", "created_at", "as_of")
    beside = asked.join(leads, asked["_account"] == leads["account_id"])
    alone = asked.filter(asked["_account"].isnull())
    alone = alone.join(leads, alone["_lead"] == leads["lead_id"])
    table = beside.select("_world", "_lead", *leads.columns).union(
        alone.select("_world", "_lead", *leads.columns)
    )
    return table.select(
        "_world",
        "created_at",
        "as_of",
        _own=table["_lead"] == table["lead_id"],
        lead_id=_within(table["lead_id"], table["_world"]),
        account_id=_within(table["account_id"], table["_world"]),
        **{REAL_LEAD: table["lead_id"], REAL_ACCOUNT: table["account_id"]},
    )


def _within(key: Any, world: Any) -> Any:
    return key + _BETWEEN + world.cast("string")


def _spine(members: Table) -> Table:
    number = ibis.row_number().over(order_by=[~members["_own"], members["_world"], members["lead_id"]])
    return members.mutate(**{SNAPSHOT: number, ORDER: ibis.null("int64")})


def _tables(canonical: Canonical, members: Table, worlds: Sequence[World]) -> dict[TableName, Any]:
    engine, tables = canonical.engine, canonical.tables
    ids = members.select("_world", "_own", REAL_LEAD, REAL_ACCOUNT, _lead="lead_id", _account="account_id")
    found: dict[TableName, Any] = {"leads": _leads(canonical, ids, worlds)}
    accounts = ids.filter(ids["_account"].notnull()).select("_world", "_account", REAL_ACCOUNT).distinct()
    if "accounts" in tables:
        found["accounts"] = _accounts(canonical, accounts, worlds)
    of_leads: tuple[TableName, ...] = ("activities", "stages")
    for name in of_leads:
        if name in tables:
            table: Any = tables[name]
            rows = table.join(ids.select(REAL_LEAD, "_lead"), table["lead_id"] == ids[REAL_LEAD])
            found[name] = rows.mutate(lead_id=rows["_lead"]).select(*table.columns)
    if "budgets" in tables:
        found["budgets"] = _budgets(tables["budgets"], ids, accounts)
    for name, rows in (("activities", _new_acts(worlds)), ("budgets", _new_budgets(worlds))):
        if name in found and rows:
            columns = found[name].schema().to_pyarrow()
            told = engine.register(f"worlds_new_{name}", pa.Table.from_pylist(rows, schema=columns))
            found[name] = found[name].union(told.cast(found[name].schema()))
    return {name: engine.materialise(table, f"worlds_{name}") for name, table in found.items()}


def _leads(canonical: Canonical, ids: Table, worlds: Sequence[World]) -> Table:
    leads: Any = canonical.tables["leads"]
    rows = leads.join(
        ids.select(REAL_LEAD, "_lead", "_account", "_world", "_own"), leads["lead_id"] == ids[REAL_LEAD]
    )
    rows = rows.mutate(lead_id=rows["_lead"], account_id=rows["_account"])
    rows = rows.mutate(_place=ibis.cases((rows["_own"], rows["_world"]), else_=ibis.null("int64")))
    return _put(canonical, rows, leads, [world.of_lead for world in worlds], "leads")


def _accounts(canonical: Canonical, ids: Table, worlds: Sequence[World]) -> Table:
    accounts: Any = canonical.tables["accounts"]
    rows = accounts.join(ids, accounts["account_id"] == ids[REAL_ACCOUNT])
    rows = rows.mutate(account_id=rows["_account"], _place=rows["_world"])
    return _put(canonical, rows, accounts, [world.of_account for world in worlds], "accounts")


def _put(
    canonical: Canonical, rows: Table, like: Table, values: Sequence[Mapping[str, Any]], name: str
) -> Table:
    """Columns of some worlds' rows (`_place`: which world's, null for a row that stays) replaced by what `values` say."""
    changed = sorted({column for value in values for column in value})
    if not changed:
        return rows.select(*like.columns)
    types = like.schema()
    news = pa.table(
        {"_place": pa.array(range(len(values)), pa.int64())}
        | {
            f"_new_{column}": pa.array([value.get(column) for value in values], types[column].to_pyarrow())
            for column in changed
        }
    )
    told = canonical.engine.register(f"worlds_put_{name}", news)
    rows = rows.left_join(told, "_place")
    return rows.mutate(
        **{column: ibis.coalesce(rows[f"_new_{column}"], rows[column]) for column in changed}
    ).select(*like.columns)


def _budgets(budgets: Table, ids: Table, accounts: Table) -> Table:
    """Those of the leads, and those of the accounts that name no lead."""
    own = budgets.join(ids.select(REAL_LEAD, "_lead"), budgets["lead_id"] == ids[REAL_LEAD])
    own = own.mutate(lead_id=own["_lead"], account_id=ibis.null("string")).select(*budgets.columns)
    shared = budgets.filter(budgets["lead_id"].isnull())
    shared = shared.join(accounts, shared["account_id"] == accounts[REAL_ACCOUNT])
    return own.union(shared.mutate(account_id=shared["_account"]).select(*budgets.columns))


def _new_acts(worlds: Sequence[World]) -> list[dict[str, Any]]:
    return [
        {
            "lead_id": f"{world.lead_id}{_BETWEEN}{number}",
            "occurred_at": act.at,
            "recorded_at": act.at,
            "type": act.type,
            "direction": act.direction,
            "channel": act.channel,
        }
        for number, world in enumerate(worlds)
        for act in world.acts
    ]


def _new_budgets(worlds: Sequence[World]) -> list[dict[str, Any]]:
    return [
        {"lead_id": f"{world.lead_id}{_BETWEEN}{number}", "recorded_at": at, "amount": amount, "kind": kind}
        for number, world in enumerate(worlds)
        for at, amount, kind in world.budgets
    ]


def _real_past(real: Canonical, kept: Mapping[str, Table]) -> Any:
    """`with_past` that asks the real tables about the leads and accounts which the copies stand for."""

    def keep(table: Table, name: str) -> Table:
        # What is known of all leads is worked out once, not for each group that it is summed up by.
        return (
            kept[name] if name in kept else real.engine.materialise(table, f"worlds_{name}", compressed=False)
        )

    def past(_: Canonical, history: History) -> History:
        rows: Any = history.attributes
        rows = rows.mutate(
            _lead=rows["lead_id"],
            _account=rows["account_id"],
            lead_id=rows[REAL_LEAD],
            account_id=rows[REAL_ACCOUNT],
        )
        told = with_past(real, replace(history, attributes=rows), keep=keep)
        back: Any = told.attributes
        back = back.mutate(lead_id=back["_lead"], account_id=back["_account"])
        return replace(told, attributes=back.drop("_lead", "_account"))

    return past
