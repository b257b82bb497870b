"""What became of earlier leads, as it was known at each as_of: the cut behind past conversion rates.

A past lead of a snapshot was created before as_of - H (H: the horizon). It converted when, by what was known strictly
before as_of, it entered the outcome stage or a later one within H of its creation and was not disqualified first; an entry
from before its creation counts. For flat data the outcome column says so, known H plus the recording lag after creation.

No lead is joined with instants. What is known of a lead changes a few times: those changes and the questions (a group
and an as_of) are put into one order of time, and running sums of integers answer every question. Where all questions are of
one as_of, what changed before it is summed up group by group.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import ibis

from propensity.timeline.history import ACCOUNT_PREFIX, SNAPSHOT, History, accounts_at, joined_left

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value
    from propensity.sources.canonical import Canonical

EVERY = "every"
"""The group of all leads, which the base rate is of."""
PAST_PREFIX = "past_"
QUESTION, CHANGE = 0, 1
"""At equal times a question goes first: what becomes known at as_of is not known at as_of."""
COUNTS = ("leads", "conversions")
_DAY_US = 86_400_000_000
Keep = Callable[["Table", str], "Table"]
"""Computes a table once and keeps it under a name, or leaves it an expression."""


def unkept(table: Table, _: str) -> Table:
    """Leave a table an expression."""
    return table


def past_groups(canonical: Canonical) -> dict[str, str]:
    """What past leads are grouped by, and the column of the attributes that says it; empty for data without dates."""
    present = canonical.present
    if not canonical.dated or ("stages" not in canonical.tables and not canonical.flat):
        return {}
    groups = {"source": "source"} if "source" in present["leads"] else {}
    if "account_id" in present["leads"]:
        if "industry" in present.get("accounts", ()):
            groups["industry"] = ACCOUNT_PREFIX + "industry"
        groups["account"] = "account_id"
    return groups


def past_column(group: str, count: str) -> str:
    """The attribute that counts a group's past `leads` or `conversions`."""
    return f"{PAST_PREFIX}{group}_{count}"


def with_past(
    canonical: Canonical, history: History, *, asked: Table | None = None, keep: Keep = unkept
) -> History:
    """Add to the attributes, per group and for `every` lead, `past_<group>_leads` and `past_<group>_conversions`.

    They count the past leads of the snapshot's own source, industry (as of then) or account, without the lead itself
    (int64; 0 where there is none, and where the group is unknown). A past lead is of the industry that its account had
    when its horizon ended: what the company became later is not counted against that.

    Where `history` is of a range of snapshots, `asked` holds the attributes of all; `keep` then computes once, under a name,
    what no range changes.
    """
    groups = past_groups(canonical)
    if not groups:
        return history
    attributes, changes = history.attributes, keep(_changes(canonical, groups, keep), "past_changes")
    asked = attributes if asked is None else asked
    epoch_us = canonical.engine.functions.epoch_us
    own = _own(attributes, changes, groups, epoch_us)
    joined = attributes.left_join(own, attributes[SNAPSHOT] == own["_own_snapshot"])
    for group, column in {**groups, EVERY: None}.items():
        if history.as_of is None:
            answers = _answers(asked, changes, group, column, epoch_us)
        else:
            answers = _answers_at(history.as_of, changes, group, column, epoch_us)
        answers = keep(answers, f"past_{group}")
        same = [attributes["as_of"] == answers[f"_{group}_as_of"]]
        same += [] if column is None else [attributes[column] == answers[f"_{group}_key"]]
        joined = joined.left_join(answers, same)
    counts = {
        past_column(group, count): joined[past_column(group, count)].fill_null(0)
        - joined[_own_column(group, count)].fill_null(0)
        for group in (*groups, EVERY)
        for count in COUNTS
    }
    return replace(history, attributes=joined.select(*attributes.columns, **counts))


def _changes(canonical: Canonical, groups: dict[str, str], keep: Keep = unkept) -> Table:
    """`lead_id`, `at_us`, the groups' names, `leads` and `conversions`: by how much what is known changes then (int64)."""
    epoch, outcome = canonical.engine.functions.epoch_us, canonical.config.outcome
    horizon_us = outcome.horizon_days * _DAY_US
    leads: Table = canonical.tables["leads"]
    leads = leads.mutate(
        snapshot_id=leads["lead_id"],
        as_of=leads["created_at"] + ibis.interval(days=outcome.horizon_days),
        at_us=epoch(leads["created_at"]) + horizon_us,
        leads=ibis.literal(1, "int64"),
    )
    if "industry" in groups:
        then = accounts_at(canonical, leads.select(SNAPSHOT, "account_id", "as_of"))
        leads = joined_left(leads, then.select(SNAPSHOT, industry=ACCOUNT_PREFIX + "industry"), SNAPSHOT)
    known = {group: leads["industry" if group == "industry" else column] for group, column in groups.items()}
    leads = leads.mutate(**{f"_{group}": value.cast("string") for group, value in known.items()})
    keys = ["lead_id", *(f"_{group}" for group in groups)]
    if canonical.flat:
        told = leads.filter(leads["outcome"].notnull())
        lag_us = round(outcome.recording_lag_days * _DAY_US)
        return told.select(
            *keys, "leads", at_us=told["at_us"] + lag_us, conversions=told["outcome"].cast("int64")
        )
    # Kept, the joins that lead here hold no memory while those that follow run.
    leads = keep(leads.select(*keys, "leads", "at_us"), "past_leads")
    created = leads.select(*keys, "leads", "at_us", conversions=ibis.literal(0, "int64"))
    turned = keep(_turns(canonical, leads.select(*keys, ended_us="at_us")), "past_turns")
    return created.union(
        turned.select(*keys, leads=ibis.literal(0, "int64"), at_us="at_us", conversions="conversions").select(
            *created.columns
        )
    )


def _turns(canonical: Canonical, leads: Table) -> Table:
    """When a lead whose horizon ended becomes known as converted (1), or no longer so (-1)."""
    epoch, outcome = canonical.engine.functions.epoch_us, canonical.config.outcome
    stages: Table = canonical.tables["stages"]
    converting = list(outcome.converting)
    ends = stages.filter(stages["stage"].isin([*converting, *outcome.disqualified_stages]))
    told = ends.join(leads, "lead_id")
    entered = epoch(told["entered_at"])
    known = ibis.greatest(entered, epoch(told["recorded_at"]), told["ended_us"])
    told = told.mutate(at_us=known, entered_us=entered, converts=told["stage"].isin(converting))
    keys = [*leads.columns, "at_us"]
    news = told.group_by(keys).aggregate(
        converted_us=told["entered_us"].min(where=told["converts"]),
        disqualified_us=told["entered_us"].min(where=~told["converts"]),
    )
    so_far = ibis.cumulative_window(group_by="lead_id", order_by="at_us")
    news = news.mutate(
        converted_us=news["converted_us"].min().over(so_far),
        disqualified_us=news["disqualified_us"].min().over(so_far),
    )
    first = news["disqualified_us"].isnull() | (news["disqualified_us"] >= news["converted_us"])
    state = ((news["converted_us"] < news["ended_us"]) & first).fill_null(ibis.literal(False)).cast("int64")
    news = news.mutate(state=state)
    before = news["state"].lag(1).over(ibis.window(group_by="lead_id", order_by="at_us"))
    news = news.mutate(conversions=news["state"] - before.fill_null(0))
    return news.filter(news["conversions"] != 0)


def _answers(
    attributes: Table,
    changes: Table,
    group: str,
    column: str | None,
    epoch_us: Callable[[Value], Value],
) -> Table:
    """Per group and as_of of the snapshots (`_<group>_key`, `_<group>_as_of`): the sums of all changes before as_of."""
    nothing = ibis.literal(0, "int64")
    asked = attributes.select(
        "as_of", at_us=epoch_us(attributes["as_of"]), key=_key(attributes, column)
    ).distinct()
    asked = asked.filter(asked["key"].notnull()).mutate(
        order=ibis.literal(QUESTION, "int8"), leads=nothing, conversions=nothing
    )
    own = None if column is None else f"_{group}"
    told = changes.filter(_key(changes, own).notnull())
    told = told.select(
        "at_us",
        "leads",
        "conversions",
        as_of=ibis.null(asked["as_of"].type()),
        key=_key(told, own),
        order=ibis.literal(CHANGE, "int8"),
    )
    both = asked.union(told.select(*asked.columns))
    so_far = ibis.cumulative_window(group_by="key", order_by=["at_us", "order"])
    sums = both.select(
        "order",
        **{f"_{group}_key": both["key"], f"_{group}_as_of": both["as_of"]},
        **{past_column(group, count): both[count].sum().over(so_far) for count in COUNTS},
    )
    return sums.filter(sums["order"] == QUESTION).drop("order")


def _answers_at(
    as_of: datetime, changes: Table, group: str, column: str | None, epoch_us: Callable[[Value], Value]
) -> Table:
    """The same at one as_of, whatever is asked; no row for a group of which nothing was known."""
    instant: Value = ibis.literal(as_of, type="timestamp('UTC', 6)")
    key = _key(changes, None if column is None else f"_{group}")
    told = changes.filter(key.notnull() & (changes["at_us"] < epoch_us(instant)))
    sums = {past_column(group, count): told[count].sum() for count in COUNTS}
    return told.group_by(**{f"_{group}_key": key}).aggregate(**sums).mutate(**{f"_{group}_as_of": instant})


def _key(table: Table, column: str | None) -> Value:
    return ibis.literal(EVERY) if column is None else table[column]


def _own(
    attributes: Table, changes: Table, groups: dict[str, str], epoch_us: Callable[[Value], Value]
) -> Table:
    """Per snapshot (`_own_snapshot`), what the lead itself adds to each group's sums."""
    keys = {f"own_{group}": column for group, column in groups.items()}
    left = attributes.select(
        "lead_id", _own_snapshot=SNAPSHOT, as_of_us=epoch_us(attributes["as_of"]), **keys
    )
    told = left.join(changes, "lead_id")
    told = told.filter(told["at_us"] < told["as_of_us"])
    sums: dict[str, Value] = {}
    for count in COUNTS:
        sums[_own_column(EVERY, count)] = told[count].sum()
        for group in groups:
            same = told[f"own_{group}"] == told[f"_{group}"]
            sums[_own_column(group, count)] = told[count].sum(where=same)
    return told.group_by("_own_snapshot").aggregate(**sums)


def _own_column(group: str, count: str) -> str:
    return f"_own_{group}_{count}"
