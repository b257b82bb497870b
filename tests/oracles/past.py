"""What became of earlier leads, lead by lead, in plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from oracles.canonical import Crm, Row, account_at

Outcome = Mapping[str, Any]


def past_values(crm: Crm, lead: Row, account: Row, as_of: datetime | None) -> dict[str, Any]:
    """Conversions per 100 earlier leads of the source, the industry and the account, drawn towards those of all leads."""
    has, flat = crm.world.has, "stages" not in crm.world.tables
    if not has("leads", "created_at") or (flat and not has("leads", "outcome")):
        return {}
    mine: dict[str, Any] = {}
    if has("leads", "source"):
        mine["source"] = lead["source"]
    if has("leads", "account_id"):
        if has("accounts", "industry"):
            mine["industry"] = account.get("industry")
        mine["account"] = lead["account_id"]
    others = _past(crm, lead["lead_id"], as_of)
    return {
        f"firmographic_{group}_past_rate": _rate(crm, others, group, value) for group, value in mine.items()
    }


def _rate(crm: Crm, others: list[tuple[Row, bool]], group: str, value: str | None) -> float | None:
    if value is None or not others:
        return None
    base = sum(converted for _, converted in others) / len(others)
    alike = [converted for row, converted in others if _group_of(crm, row, group) == value]
    pseudo = crm.config.features.past_rate_pseudo_leads
    return 100 * (sum(alike) + pseudo * base) / (len(alike) + pseudo)


def _group_of(crm: Crm, lead: Row, group: str) -> str | None:
    """A past lead is of the industry that its account had when its horizon ended."""
    if group == "industry":
        return account_at(crm, lead, lead["created_at"] + _horizon(crm)).get("industry")
    return lead["source"] if group == "source" else lead["account_id"]


def _past(crm: Crm, own: str, as_of: datetime) -> list[tuple[Row, bool]]:
    """The other leads created before as_of - H, and whether they are known to have converted within H."""
    outcome, horizon = crm.config.outcome, _horizon(crm)
    if "stages" not in crm.world.tables:
        lag = timedelta(days=outcome.recording_lag_days)
        return [
            (row, bool(row["outcome"]))
            for row in crm.leads.values()
            if row["lead_id"] != own
            and row["created_at"] + horizon + lag < as_of
            and row["outcome"] is not None
        ]
    old = [row for row in crm.leads.values() if row["lead_id"] != own and row["created_at"] + horizon < as_of]
    return [(row, _converted(crm, row, as_of)) for row in old]


def _converted(crm: Crm, lead: Row, as_of: datetime) -> bool:
    outcome = crm.config.outcome
    known = [
        row
        for row in crm.stages.get(lead["lead_id"], [])
        if row["entered_at"] < as_of and row["recorded_at"] < as_of
    ]
    converted = [row["entered_at"] for row in known if row["stage"] in outcome.converting]
    disqualified = [row["entered_at"] for row in known if row["stage"] in outcome.disqualified_stages]
    if not converted or min(converted) >= lead["created_at"] + _horizon(crm):
        return False
    return not disqualified or min(disqualified) >= min(converted)


def _horizon(crm: Crm) -> timedelta:
    return timedelta(days=crm.config.outcome.horizon_days)
