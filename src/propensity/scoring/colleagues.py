"""Who else at a lead's account may decide, and who of them answered last; never who asked not to be contacted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

from propensity.timeline.history import joined_left

if TYPE_CHECKING:
    from propensity.engines import Engine
    from propensity.engines.untyped import Table, Value
    from propensity.sources.canonical import Canonical

PEOPLE = ("colleague", "talker")
_PERSON = {"id": "lead_id", "name": "contact_name", "title": "title"}
_ANSWER = {"answer_us": "last_answer_us", "answer_kind": "last_answer_kind"}
_DECIDERS = "_deciders"


def accounts_of(canonical: Canonical, facts: Table, name: str) -> Table | None:
    """What there is to say of colleagues, kept in the engine under `name`, a row an account of which anything is known.

    None where the tables tie nobody to an account. Two people of a kind are kept, since the first may be the lead itself; all
    that is ordered is narrow, and names come afterwards.
    """
    if "account_id" not in canonical.present["leads"] or not canonical.dated or canonical.flat:
        return None
    engine = canonical.engine
    members = facts.filter(facts["account_id"].notnull())
    members = members.mutate(_decides=_decides(members))
    counts = members.filter(members["_decides"]).group_by("account_id").agg(**{_DECIDERS: ibis._.count()})
    open_to_us = members.filter(~members["silent"])
    deciders = open_to_us.filter(open_to_us["_decides"])
    order = [deciders["seniority_rank"].desc(), deciders["lead_id"]]
    colleagues = _first_two(engine, deciders, order, f"{name}_colleagues")
    talkers = open_to_us.filter(open_to_us["last_answer_us"].notnull())
    order = [talkers["last_answer_us"], talkers["lead_id"]]
    talkers = _first_two(engine, talkers, order, f"{name}_talkers")
    every = engine.materialise(counts, f"{name}_counts")
    every = every.union(
        *(table.select("account_id", **{_DECIDERS: ibis.null("int64")}) for table in (colleagues, talkers))
    )
    table = every.group_by("account_id").agg(**{_DECIDERS: every[_DECIDERS].max()})
    for who, two, more in (("colleague", colleagues, {}), ("talker", talkers, _ANSWER)):
        table = joined_left(table, _told(two, facts, who, {**_PERSON, **more}), "account_id")
        table = engine.materialise(table, f"{name}_{who}")
    return table


def with_colleagues(facts: Table, accounts: Table | None) -> Table:
    """Add `others_decide` (int64), `colleague_*` and `talker_*` to facts of leads; `accounts` as `accounts_of` gives them."""
    texts = {f"{who}_{part}": ibis.null("string") for who in PEOPLE for part in _PERSON}
    if accounts is None:
        nobody = {**texts, "talker_answer_us": ibis.null("int64"), "talker_answer_kind": ibis.null("string")}
        return facts.mutate(others_decide=ibis.literal(0, "int64"), **nobody)
    table = joined_left(facts, accounts, "account_id")
    own = (_decides(table) & table["account_id"].notnull()).cast("int64")
    chosen: dict[str, Value] = {"others_decide": table[_DECIDERS].fill_null(0) - own}
    for who, more in zip(PEOPLE, ({}, _ANSWER), strict=True):
        itself = (table[f"_{who}_id0"] == table["lead_id"]).fill_null(ibis.literal(False))
        for part in (*_PERSON, *more):
            chosen[f"{who}_{part}"] = ibis.cases(
                (itself, table[f"_{who}_{part}1"]), else_=table[f"_{who}_{part}0"]
            )
    return table.mutate(**chosen).drop(*(column for column in accounts.columns if column != "account_id"))


def _decides(table: Table) -> Value:
    return (table["has_authority"] == 1).fill_null(ibis.literal(False))


def _first_two(engine: Engine, candidates: Table, order: Sequence[Value], name: str) -> Table:
    """`account_id`, `lead_id` and `_place` (0 or 1) of the first two of each account."""
    place = ibis.row_number().over(group_by="account_id", order_by=list(order))
    table = candidates.select("account_id", "lead_id", _place=place)
    return engine.materialise(table.filter(table["_place"] <= 1), name)


def _told(two: Table, facts: Table, who: str, parts: dict[str, str]) -> Table:
    """A row an account: what is to be said of both, each under a name of its own."""
    known = facts.select("lead_id", **{f"_{part}": facts[column] for part, column in parts.items()})
    told = two.join(known, "lead_id")
    return told.group_by("account_id").agg(**{
        f"_{who}_{part}{place}": told[f"_{part}"].max(where=told["_place"] == place) for part in parts for place in (0, 1)
    })  # fmt: skip
