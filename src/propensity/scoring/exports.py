"""What leaves beside the call list: every lead's qualification, and the lists that take no calling capacity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from propensity.config.qualify import NURTURE, REFERRAL
from propensity.scoring.qualify import FILE, Qualified
from propensity.scoring.suspects import suspects

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

NURTURE_COLUMNS = (
    "lead_id", "contact_name", "email", "company", "segment", "industry", "region", "topic", "stage", "because", "arm",
    "account_id", "as_of",
)  # fmt: skip
REFERRAL_COLUMNS = (
    "lead_id", "contact_name", "title", "email", "phone", "company", "channel", "because", "opening", "arm", "owner",
    "account_id", "as_of",
)  # fmt: skip


@dataclass(frozen=True)
class Exports:
    """Tables in the engine, each but the first with a total order.

    Attributes
    ----------
    qualification
        Every scored lead: `scoring.qualify.FILE`, to be written by lead_id.
    nurture
        Leads to nurture: NURTURE_COLUMNS, by segment and lead_id.
    referrals
        Leads to keep as referral sources: REFERRAL_COLUMNS, by lead_id.
    suspects
        Companies that fit and have shown nothing yet; None where nothing can tell.
    """

    qualification: ir.Table
    nurture: ir.Table
    referrals: ir.Table
    suspects: ir.Table | None


def exports(canonical: Canonical, qualified: Qualified, as_of: datetime | None) -> Exports:
    """The tables. Whom the gate removed (do not contact, converted, disqualified) is on no list of people."""
    found: Any = qualified.table
    people = found.filter(found["gated"].isnull())
    people = people.select(
        "lead_id", "next_action", "segment", "topic", "channel", "opening", "arm", because="action_because"
    )
    leads: Any = canonical.tables["leads"].select("lead_id", "email", "phone", "owner")
    facts: Any = qualified.facts
    told = facts.select(
        "lead_id", "contact_name", "title", "stage", "account_id", "as_of",
        company="account_name", industry="account_industry",
        region=facts["account_region"].coalesce(facts["region"]),
    )  # fmt: skip
    people = people.join(leads, "lead_id").join(told, "lead_id")
    nurture = people.filter(people["next_action"] == NURTURE).select(*NURTURE_COLUMNS)
    referrals = people.filter(people["next_action"] == REFERRAL).select(*REFERRAL_COLUMNS)
    return Exports(
        found.select(*FILE),
        nurture.order_by("segment", "lead_id"),
        referrals.order_by("lead_id"),
        suspects(canonical, qualified.facts, as_of),
    )
