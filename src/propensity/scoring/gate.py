"""Who must not be on a list, and why. Each removal has one cause; the first that applies counts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

DO_NOT_CONTACT = "do_not_contact"
ALREADY_CONVERTED = "already_converted"
DISQUALIFIED = "disqualified"
LEFT_ALONE = "left_alone"
NURTURED = "nurtured"
REFERRAL_SOURCE = "referral_source"
OVER_CAPACITY = "over_capacity"
CAUSES = (
    DO_NOT_CONTACT, ALREADY_CONVERTED, DISQUALIFIED, LEFT_ALONE, NURTURED, REFERRAL_SOURCE, OVER_CAPACITY,
)  # fmt: skip
"""In the order in which they are looked at; those between disqualified and over_capacity are set by the next action."""
LEAD = "lead"
"""The position of a lead that has not entered an outcome or a disqualified stage."""


def gate(canonical: Canonical, as_of: datetime | None) -> ir.Table:
    """Return, per lead, `lead_id` and `removed` (string: the cause; null for leads that may be called).

    Stages count when they were entered and recorded strictly before as_of: what a real night would have known.
    do_not_contact counts as it stands in the data, whenever it was said.
    """
    leads: Any = canonical.tables["leads"].select("lead_id", "do_not_contact", "outcome")
    causes: list[tuple[Any, str]] = []
    if "stages" in canonical.tables and as_of is not None:
        known = _stages_known(canonical, as_of)
        leads = leads.left_join(known, "lead_id")
        leads = leads.drop("lead_id_right")
        causes = [(leads["converted"], ALREADY_CONVERTED), (leads["disqualified"], DISQUALIFIED)]
    elif canonical.flat:
        causes = [(leads["outcome"], ALREADY_CONVERTED)]
    cause = ibis.cases((leads["do_not_contact"], DO_NOT_CONTACT), *causes, else_=ibis.null("string"))
    return leads.select("lead_id", removed=cause)


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


def _stages_known(canonical: Canonical, as_of: datetime) -> ir.Table:
    outcome = canonical.config.outcome
    known = known_stages(canonical, as_of)
    return known.group_by("lead_id").aggregate(
        converted=known["stage"].isin(list(outcome.converting)).any(),
        disqualified=known["stage"].isin(list(outcome.disqualified_stages)).any(),
    )
