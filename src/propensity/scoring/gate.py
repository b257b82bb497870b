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
OVER_CAPACITY = "over_capacity"
CAUSES = (DO_NOT_CONTACT, ALREADY_CONVERTED, DISQUALIFIED, OVER_CAPACITY)
"""In the order in which they are looked at."""


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


def _stages_known(canonical: Canonical, as_of: datetime) -> ir.Table:
    outcome = canonical.config.outcome
    instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
    stages = canonical.tables["stages"]
    known: Any = stages.filter((stages["entered_at"] < instant) & (stages["recorded_at"] < instant))
    return known.group_by("lead_id").aggregate(
        converted=known["stage"].isin(list(outcome.converting)).any(),
        disqualified=known["stage"].isin(list(outcome.disqualified_stages)).any(),
    )
