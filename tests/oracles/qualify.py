"""The five criteria, row by row, in plain Python, from raw facts: state, and the day of the fact behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from oracles.canonical import DAY_US, US, Crm, Row, account_at, known
from oracles.fit import fit_values
from oracles.people import authority

MET, NOT_MET, UNKNOWN = "met", "not met", "unknown"
Found = tuple[str, date | None]


def criteria(crm: Crm, lead_id: str, as_of: datetime) -> dict[str, Found]:
    lead = crm.leads[lead_id]
    account = account_at(crm, lead, as_of)
    acts = known(crm.activities.get(lead_id, []), "occurred_at", as_of)
    return {
        "fit": (_fit(crm, lead, account), None),
        "budget": _budget(crm, lead, account, as_of),
        "authority": (_authority(crm, lead, as_of), None),
        "need": _need(crm, acts, as_of),
        "dialogue": _dialogue(crm, acts, as_of),
    }


def _fit(crm: Crm, lead: Row, account: Row) -> str:
    extras = dict.fromkeys(crm.config.features.ideal_customer.extra)
    values = fit_values(crm, lead, account, extras)
    wanted = [values.get(f"firmographic_fits_{part}") for part in crm.config.qualification.fit.parts
              if f"firmographic_fits_{part}" in values]  # fmt: skip
    if 0.0 in wanted:
        return NOT_MET
    return UNKNOWN if None in wanted else MET


def _budget(crm: Crm, lead: Row, account: Row, as_of: datetime) -> Found:
    rule, price = crm.config.qualification.budget, crm.prices.get(lead["product"])
    if price is None:
        return UNKNOWN, None
    facts = [*crm.own_budgets.get(lead["lead_id"], []), *crm.shared_budgets.get(lead["account_id"] or "", [])]
    facts = [fact for fact in facts if fact["recorded_at"] < as_of]
    facts = [fact for fact in facts if fact["kind"] in crm.config.features.capacity_kinds]
    if facts:
        newest = max(fact["recorded_at"] for fact in facts)
        amounts = [fact["amount"] for fact in facts if fact["recorded_at"] == newest]
        amounts = [amount for amount in amounts if amount is not None]
        if not amounts:
            return UNKNOWN, _day(crm, newest)
        return (MET if max(amounts) >= rule.least_share * price else NOT_MET), _day(crm, newest)
    revenue = account.get("annual_revenue")
    if revenue is None:
        return UNKNOWN, None
    if revenue < price:
        return NOT_MET, None
    return (MET if revenue >= rule.revenue_times_price * price else UNKNOWN), None


def _authority(crm: Crm, lead: Row, as_of: datetime) -> str:
    settings = crm.config.features
    own = authority(lead["title"], settings)
    if own == 1.0:
        return MET
    others = crm.leads_of_account.get(lead["account_id"] or "", [])
    for other in others:
        if (
            other["lead_id"] != lead["lead_id"]
            and other["created_at"] < as_of
            and authority(other["title"], settings) == 1.0
        ):
            return MET
    return UNKNOWN if own is None else NOT_MET


def _need(crm: Crm, acts: Sequence[Row], as_of: datetime) -> Found:
    types = crm.config.features.types
    buying = [act for act in acts if act["type"] in types and types[act["type"]].intent]
    own = [act for act in acts if act["direction"] == "inbound"]
    last = _youngest(buying) or _youngest(own)
    if last is None:
        return UNKNOWN, None
    young = last in buying and last["age"] <= crm.config.qualification.need.within_days * DAY_US
    return (MET if young else NOT_MET), _ago(crm, last, as_of)


def _dialogue(crm: Crm, acts: Sequence[Row], as_of: datetime) -> Found:
    types = crm.config.features.types
    outbound = [act for act in acts if act["direction"] == "outbound"]
    first = max((act["age"] for act in outbound), default=None)
    answers: list[Row] = []
    for act in acts:
        kind = types.get(act["type"])
        if kind is None:
            continue
        reply = kind.reply and act["direction"] == "inbound" and first is not None and act["age"] < first
        if reply or kind.two_way:
            answers.append(act)
    last = _youngest(answers)
    if last is not None:
        within = crm.config.qualification.dialogue.within_days
        young = within is None or last["age"] <= within * DAY_US
        return (MET if young else NOT_MET), _ago(crm, last, as_of)
    ours = _youngest(outbound)
    return (UNKNOWN, None) if ours is None else (NOT_MET, _ago(crm, ours, as_of))


def _youngest(acts: Sequence[Row]) -> Row | None:
    return min(acts, key=lambda act: act["age"], default=None)


def _ago(crm: Crm, act: Mapping[str, Any], as_of: datetime) -> date:
    return _day(crm, as_of - act["age"] * US)


def _day(crm: Crm, instant: datetime) -> date:
    return instant.astimezone(crm.config.data.zone).date()
