"""Every feature of the catalogue by name, for one lead at one instant, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from oracles.acts import account_values, activity_values
from oracles.canonical import DAY_US, US, Crm, Row, account_at, known
from oracles.fit import fiscal_values, fit_values
from oracles.past import past_values
from oracles.people import person_values


def feature_values(crm: Crm, lead_id: str, as_of: datetime | None) -> dict[str, Any]:
    """Name to value: float, text or None (unknown). A name that is not here is a feature the oracle does not know."""
    lead = crm.leads[lead_id]
    account = account_at(crm, lead, as_of)
    values = person_values(crm, lead)
    if crm.world.has("leads", "created_at"):
        values["firmographic_lead_age_days"] = (as_of - lead["created_at"]) // US / DAY_US
    if crm.world.has("leads", "account_id"):
        values["firmographic_has_account"] = float(lead["account_id"] is not None)
        values |= _company_values(crm, account, as_of)
    values |= _budget_values(crm, lead, account, as_of)
    if "activities" in crm.world.tables:
        values |= activity_values(crm, lead_id, as_of)
    if "stages" in crm.world.tables:
        values |= _stage_values(crm, lead_id, as_of)
    flat = "stages" not in crm.world.tables and crm.world.has("leads", "outcome")
    if crm.world.has("leads", "account_id", "created_at") and not flat:
        values |= account_values(crm, lead, as_of)
    extras = _extra_values(crm, "leads", lead, as_of)
    if crm.world.has("leads", "account_id"):
        extras |= _extra_values(crm, "accounts", account, as_of)
    values |= {f"{family}_{name}": value for (family, name), value in extras.items()}
    by_name = {name: value for (_, name), value in extras.items()}
    values |= fit_values(crm, lead, account, by_name) | fiscal_values(crm, lead, account, as_of)
    values |= past_values(crm, lead, account, as_of)
    excluded = crm.config.features.exclude
    return {name: value for name, value in values.items() if name not in excluded}


def _company_values(crm: Crm, account: Row, as_of: datetime | None) -> dict[str, Any]:
    has, values = crm.world.has, dict[str, Any]()
    revenue, people, founded = (
        account.get(name) for name in ("annual_revenue", "employee_count", "founded_on")
    )
    for column, name in (
        ("industry", "industry"),
        ("country", "account_country"),
        ("region", "account_region"),
    ):
        if has("accounts", column):
            values[f"firmographic_{name}"] = account.get(column)
    if has("accounts", "employee_count"):
        values["firmographic_employee_count"] = people
    if has("accounts", "annual_revenue"):
        values["firmographic_annual_revenue"] = revenue
    if has("accounts", "annual_revenue", "employee_count"):
        values["firmographic_revenue_per_employee"] = _ratio(revenue, people)
    if has("accounts", "founded_on"):
        unknown = founded is None or as_of is None or founded > as_of
        values["firmographic_company_age_years"] = (
            None if unknown else (as_of - founded) / timedelta(days=365.25)
        )
    return values


def _budget_values(crm: Crm, lead: Row, account: Row, as_of: datetime | None) -> dict[str, Any]:
    """Own budgets, and those of the account that name no lead."""
    values: dict[str, Any] = {}
    latest = capacity = price = None
    budgeted = crm.world.has("budgets", "lead_id") or (
        crm.world.has("leads", "account_id") and "budgets" in crm.world.tables
    )
    if budgeted:
        facts = [
            *crm.own_budgets.get(lead["lead_id"], []),
            *crm.shared_budgets.get(lead.get("account_id"), []),
        ]
        budgets = known(facts, "recorded_at", as_of)
        latest = capacity = _amount_recorded_last(budgets)
        amounts = [row["amount"] for row in budgets if row["amount"] is not None]
        values["budget_fact_count"] = float(len(budgets))
        values["budget_is_known"] = float(bool(budgets))
        values["budget_latest_amount"] = latest
        values["budget_largest_amount"] = max(amounts, default=None)
        values["budget_age_days"] = min((row["age"] / DAY_US for row in budgets), default=None)
        if crm.world.has("budgets", "kind"):
            for kind in crm.config.features.budget_kinds:
                of_kind = [row for row in budgets if row["kind"] == kind]
                values[f"budget_{kind}_amount"] = _amount_recorded_last(of_kind)
            spendable = [row for row in budgets if row["kind"] in crm.config.features.capacity_kinds]
            values["budget_capacity_amount"] = capacity = _amount_recorded_last(spendable)
    if "products" in crm.world.tables and crm.world.has("leads", "product"):
        price = crm.prices.get(lead["product"])
        values["budget_product_price"] = price
        if budgeted:
            values["budget_to_price_ratio"] = _ratio(latest, price)
            unknown = capacity is None or price is None
            values["budget_covers_price"] = None if unknown else float(capacity >= price)
        if crm.world.has("leads", "account_id") and crm.world.has("accounts", "annual_revenue"):
            values["budget_revenue_to_price_ratio"] = _ratio(account.get("annual_revenue"), price)
    return values


def _amount_recorded_last(budgets: Sequence[Row]) -> float | None:
    """Of several at the same instant the largest that is known."""
    youngest = min((row["age"] for row in budgets), default=None)
    amounts = [row["amount"] for row in budgets if row["age"] == youngest and row["amount"] is not None]
    return max(amounts, default=None)


def _stage_values(crm: Crm, lead_id: str, as_of: datetime | None) -> dict[str, Any]:
    """Stages on the way; those that end a lead are no features."""
    outcome = crm.config.outcome
    ends = {*outcome.converting, *outcome.disqualified_stages}
    facts = [row for row in crm.stages.get(lead_id, []) if row["stage"] not in ends]
    stages = known(facts, "entered_at", as_of)
    youngest = min((row["age"] for row in stages), default=None)
    return {
        "engagement_stage_count": float(len(stages)),
        "engagement_days_in_stage": None if youngest is None else youngest / DAY_US,
        "engagement_stage": max((row["stage"] for row in stages if row["age"] == youngest), default=None),
    }


def _extra_values(crm: Crm, table: str, row: Row, as_of: datetime | None) -> dict[tuple[str, str], Any]:
    values: dict[tuple[str, str], Any] = {}
    if table not in crm.world.tables:
        return values
    for name, extra in crm.config.tables[table].extra.items():
        value = row.get(name)
        if extra.known_at is not None:
            clock = row.get(f"{name}__known_at")
            if clock is None or as_of is None or not clock < as_of:
                value = None
        if extra.type != "category" and value is not None:
            value = float(value)
        values[extra.family, name] = value
    return values


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if over is None or under is None or under == 0 else over / under
