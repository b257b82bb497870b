"""Fit to the ideal customer and days to the fiscal year's end, in plain Python."""

from __future__ import annotations

import calendar
from datetime import date, datetime
from typing import Any

from oracles.canonical import Crm, Row
from oracles.people import has_words, seniority


def fit_values(crm: Crm, lead: Row, account: Row, extras: dict[str, Any]) -> dict[str, Any]:
    """1, 0 or None a criterion, and the share of those known that are met. `extras`: the extra columns as of then."""
    ideal, met = crm.config.features.ideal_customer, dict[str, bool | None]()
    if ideal.industry:
        met["industry"] = has_words(account.get("industry"), ideal.industry)
    if ideal.country:
        country = _place(crm, lead, account, "country")
        met["country"] = None if country is None else country.lower() in {c.lower() for c in ideal.country}
    if ideal.region:
        met["region"] = has_words(_place(crm, lead, account, "region"), ideal.region)
    for name in ("employee_count", "annual_revenue"):
        if getattr(ideal, name) is not None:
            met[name] = _within(account.get(name), getattr(ideal, name))
    if ideal.seniority is not None:
        rank = seniority(lead["title"], crm.config.features)
        met["seniority"] = None if rank is None else rank >= ideal.seniority
    for name, criterion in ideal.extra.items():
        value = extras[name]
        met[name] = has_words(value, criterion.words) if criterion.words else _within(value, criterion)
    if not met:
        return {}
    known = [truth for truth in met.values() if truth is not None]
    values = {f"firmographic_fits_{name}": None if t is None else float(t) for name, t in met.items()}
    return {**values, "firmographic_ideal_customer_share": sum(known) / len(known) if known else None}


def fiscal_values(crm: Crm, lead: Row, account: Row, as_of: datetime | None) -> dict[str, Any]:
    """Local days from as_of to the next end of the fiscal year, that day itself being 0."""
    settings = crm.config.features
    if (settings.fiscal_year_end is None and not settings.fiscal_year_ends) or as_of is None:
        return {}
    country = _place(crm, lead, account, "country")
    ends = {name.lower(): end for name, end in settings.fiscal_year_ends.items()}
    end = ends.get(country.lower() if country else None, settings.fiscal_year_end)
    name, days = "budget_days_to_fiscal_year_end", None
    if end is not None:
        today = as_of.astimezone(crm.config.data.zone).date()
        days = float(min((day - today).days for day in _ends(end, today.year) if day >= today))
    return {name: days}


def _ends(end: str, year: int) -> list[date]:
    month, day = (int(part) for part in end.split("-"))
    return [date(y, month, min(day, calendar.monthrange(y, month)[1])) for y in (year, year + 1)]


def _place(crm: Crm, lead: Row, account: Row, column: str) -> str | None:
    own = lead.get(column) if crm.world.has("leads", column) else None
    of_company = account.get(column) if crm.world.has("leads", "account_id") else None
    return own if of_company is None else of_company


def _within(value: float | None, span: Any) -> bool | None:
    if value is None:
        return None
    return (span.min is None or value >= span.min) and (span.max is None or value <= span.max)
