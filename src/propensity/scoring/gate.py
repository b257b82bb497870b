"""Who must not be on a list, and why. Each removal has one cause; the first that applies counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import ibis

from propensity.scoring.causes import (
    ALREADY_CONVERTED,
    CAUSES,
    COOL_DOWN,
    DISQUALIFIED,
    DO_NOT_CONTACT,
    NOT_NOW,
    OPEN_DEAL,
    REPORTED_QUALIFIED,
    WRONG_PERSON,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

LEAD = "lead"
"""The position of a lead that has not entered an outcome or a disqualified stage."""
REPORTED = (REPORTED_QUALIFIED, WRONG_PERSON, NOT_NOW, COOL_DOWN)
_OF_THE_PERSON = (DO_NOT_CONTACT, ALREADY_CONVERTED, OPEN_DEAL, *REPORTED)
"""What holds for every lead of a person. A lost lead may come back as a new one, so that disqualified holds for itself alone."""


def gate(
    canonical: Canonical, as_of: datetime | None, *, people: ir.Table, reported: ir.Table | None = None
) -> ir.Table:
    """Return, per lead, `lead_id`, `person`, `removed` (string: the cause; null for leads that may be called) and `by_person`.

    Stages and calls count when they happened and were recorded strictly before as_of: what a real night would have known.
    do_not_contact counts as it stands in the data, whenever it was said. What holds for one lead of a person holds for the
    others, but for disqualified; `by_person` (bool) says that the cause came from another lead.

    Parameters
    ----------
    canonical
        The tables.
    as_of
        Where we stand; None for data without dates.
    people
        `lead_id` and `person` of the leads that are there twice, as `scoring.persons.persons` gives them.
    reported
        What reps reported, `lead_id` and `reported` (one of `do_not_contact`, REPORTED), several rows a lead at most.
    """
    leads: Any = canonical.tables["leads"].select("lead_id", "account_id", "do_not_contact", "outcome")
    found = [leads.filter(leads["do_not_contact"]).select("lead_id", cause=ibis.literal(DO_NOT_CONTACT))]
    if "stages" in canonical.tables and as_of is not None:
        found += _by_stages(canonical, leads, as_of)
    elif canonical.flat:
        found.append(leads.filter(leads["outcome"]).select("lead_id", cause=ibis.literal(ALREADY_CONVERTED)))
    if as_of is not None and "activities" in canonical.tables:
        found.append(_called(canonical, as_of))
    if reported is not None:
        found.append(reported.select("lead_id", cause=reported["reported"]))
    causes = ibis.union(*found) if len(found) > 1 else found[0]
    causes = causes.join(leads.select("lead_id"), "lead_id").mutate(severity=_severity(causes["cause"]))
    causes = causes.left_join(people, "lead_id").drop("lead_id_right")
    own = causes.group_by("lead_id").aggregate(own=causes["severity"].min())
    told: Any = causes["cause"]
    shared = causes.filter(causes["person"].notnull() & told.isin(_OF_THE_PERSON))
    shared = shared.group_by("person").aggregate(shared=shared["severity"].min())
    table = leads.select("lead_id").left_join(people, "lead_id").drop("lead_id_right")
    table = table.left_join(own, "lead_id").drop("lead_id_right")
    table = table.left_join(shared, "person").drop("person_right")
    worst = ibis.least(table["own"].fill_null(len(CAUSES)), table["shared"].fill_null(len(CAUSES)))
    table = table.mutate(worst=worst)
    cause = ibis.cases(
        *((table["worst"] == place, ibis.literal(name)) for place, name in enumerate(CAUSES)),
        else_=ibis.null("string"),
    )
    by_person = table["shared"].notnull() & (table["own"].isnull() | (table["shared"] < table["own"]))
    return table.select("lead_id", "person", removed=cause, by_person=by_person)


def silenced(canonical: Canonical, gated: ir.Table) -> Canonical:
    """The same tables, where everybody whom the gate keeps away as do_not_contact has `do_not_contact`.

    Whoever asked under another lead, or asked a rep, is then named to nobody either.
    """
    leads: Any = canonical.tables["leads"]
    asked = gated.filter(gated["removed"] == DO_NOT_CONTACT).select("lead_id", _asked=ibis.literal(True))
    leads = leads.left_join(asked, "lead_id").drop("lead_id_right")
    leads = leads.mutate(do_not_contact=leads["do_not_contact"] | leads["_asked"].notnull()).drop("_asked")
    return replace(canonical, tables={**canonical.tables, "leads": leads})


def _severity(cause: Any) -> Any:
    """The place of a cause among CAUSES: the least of several counts."""
    return ibis.cases(
        *((cause == name, ibis.literal(place, "int64")) for place, name in enumerate(CAUSES)),
        else_=ibis.null("int64"),
    )


def _by_stages(canonical: Canonical, leads: Any, as_of: datetime) -> list[Any]:
    """Converted, disqualified, and the open deals: a deal stage with neither an end nor a later converting stage."""
    outcome, rules = canonical.config.outcome, canonical.config.lists
    known = known_stages(canonical, as_of)
    deals = [stage for stage in rules.deal_stages if stage not in outcome.disqualified_stages]
    last = max(
        (outcome.converting.index(stage) for stage in deals if stage in outcome.converting), default=-1
    )
    over = (
        [*outcome.converting[last + 1 :], *outcome.disqualified_stages]
        if last >= 0
        else [*outcome.disqualified_stages]
    )
    reached = known.group_by("lead_id").aggregate(
        converted=known["stage"].isin(list(outcome.converting)).any(),
        disqualified=known["stage"].isin(list(outcome.disqualified_stages)).any(),
        deal=known["stage"].isin(deals).any(),
        over=known["stage"].isin(over).any(),
    )
    reached = reached.mutate(deal=reached["deal"] & ~reached["over"])
    found = [
        reached.filter(reached[column]).select("lead_id", cause=ibis.literal(name))
        for column, name in (
            ("deal", OPEN_DEAL),
            ("converted", ALREADY_CONVERTED),
            ("disqualified", DISQUALIFIED),
        )
    ]
    if rules.open_deals == "account":
        dealing = leads.filter(leads["account_id"].notnull()).semi_join(
            reached.filter(reached["deal"]), "lead_id"
        )
        beside = leads.semi_join(dealing, "account_id").select("lead_id", cause=ibis.literal(OPEN_DEAL))
        found.append(beside)
    return found


def _called(canonical: Canonical, as_of: datetime) -> Any:
    """Who was called or met within the cool-down."""
    config, acts = canonical.config, canonical.tables["activities"]
    instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
    since = ibis.literal(back_from(as_of, config.lists.cool_down_days), type="timestamp('UTC', 6)")
    acts: Any = acts.filter(
        (acts["occurred_at"] < instant) & (acts["recorded_at"] < instant) & (acts["occurred_at"] >= since)
    )
    meetings = [kind for kind, act in config.features.types.items() if act.two_way]
    by_voice = (acts["direction"] == "outbound") & acts["channel"].isin(["phone", "in_person"])
    called = acts.filter((by_voice | acts["type"].isin(meetings)).fill_null(ibis.literal(False)))
    return called.select("lead_id", cause=ibis.literal(COOL_DOWN)).distinct()


def back_from(as_of: datetime, days: float) -> datetime:
    """So many days before as_of; the first instant there is where the calendar ends before it.

    >>> from datetime import UTC
    >>> back_from(datetime(2026, 6, 1, tzinfo=UTC), 2).day
    30
    """
    try:
        return as_of - timedelta(days=days)
    except OverflowError:
        return datetime.min.replace(tzinfo=as_of.tzinfo)


def positions(canonical: Canonical, as_of: datetime | None) -> ir.Table:
    """Return, per lead, `lead_id` and `position`: the furthest converting stage it has entered, else `disqualified`, else `lead`.

    Known as the gate knows it. Of flat data, the outcome stage for leads whose outcome is true.
    """
    outcome = canonical.config.outcome
    leads: Any = canonical.tables["leads"].select("lead_id", "outcome")
    if "stages" in canonical.tables and as_of is not None:
        known = known_stages(canonical, as_of)
        places = {stage: place for place, stage in enumerate(outcome.converting, 1)}
        place: Any = ibis.cases(
            *((known["stage"] == stage, ibis.literal(place, "int64")) for stage, place in places.items()),
            else_=ibis.literal(0, "int64"),
        )
        reached = known.group_by("lead_id").aggregate(
            _place=place.max(), _lost=known["stage"].isin(list(outcome.disqualified_stages)).any()
        )
        leads = leads.left_join(reached, "lead_id").drop("lead_id_right")
        cases = [(leads["_place"] == place, ibis.literal(stage)) for stage, place in places.items()]
        cases.append((leads["_lost"], ibis.literal(DISQUALIFIED)))
    elif canonical.flat:
        cases = [(leads["outcome"], ibis.literal(outcome.stage))]
    else:
        return leads.select("lead_id", position=ibis.literal(LEAD))
    return leads.select("lead_id", position=ibis.cases(*cases, else_=ibis.literal(LEAD)))


def known_stages(canonical: Canonical, as_of: datetime) -> Any:
    """The stages that were entered and recorded strictly before as_of."""
    instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
    stages: Any = canonical.tables["stages"]
    return stages.filter((stages["entered_at"] < instant) & (stages["recorded_at"] < instant))
