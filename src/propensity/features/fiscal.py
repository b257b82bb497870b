"""How long until the fiscal year ends: budgets are spent before that day, or lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import ibis

from propensity.errors import ConfigError
from propensity.features.spec import Feature
from propensity.timeline.history import ACCOUNT_PREFIX

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines import Functions
    from propensity.engines.untyped import Table, Value

_FEBRUARY, _LEAP_DAY = 2, 29


def fiscal_features(
    config: Config, lead_columns: Collection[str], account_columns: Collection[str], functions: Functions
) -> list[Feature]:
    """Days to the end of the fiscal year, where the configuration says when that is.

    Raises
    ------
    ConfigError
        Countries have ends of their own, but no country is mapped.
    """
    end, ends = config.features.fiscal_year_end, config.features.fiscal_year_ends
    if end is None and not ends:
        return []
    countries = [ACCOUNT_PREFIX + "country"] if "country" in account_columns else []
    countries += ["country"] if "country" in lead_columns else []
    if ends and not countries:
        raise ConfigError(
            "features.fiscal_year_ends needs accounts.country or leads.country, which is not mapped. Map it under "
            "tables.accounts.columns or tables.leads.columns, or give features.fiscal_year_end alone."
        )

    def days(table: Table) -> Value:
        today = functions.to_local(table["as_of"], config.data.timezone).date()
        known: Value = ibis.coalesce(*(table[name] for name in countries)) if ends else None
        known = known.lower() if ends else None
        month, day = (_part(known, end, ends, place) for place in (0, 1))
        this_year = _end_in(today.year(), month, day)
        next_end: Value = ibis.cases(
            (this_year >= today, this_year), else_=_end_in(today.year() + 1, month, day)
        )
        return next_end.delta(today, unit="day").cast("float64")

    return [
        Feature(
            "budget_days_to_fiscal_year_end", "budget", "fiscal year end", "days",
            "the fiscal year ends in {value} days", "attributes", days,
            null_when="no fiscal year end is configured for the country", zero="the fiscal year ends today", actionable=False,
        )
    ]  # fmt: skip


def _part(country: Value | None, end: str | None, ends: Mapping[str, str], place: int) -> Value:
    """The month (place 0) or the day (place 1) of the fiscal year's end, by country."""
    otherwise = ibis.null("int64") if end is None else ibis.literal(int(end.split("-")[place]), "int64")
    if country is None:
        return otherwise
    known = [
        (country == name.strip().lower(), ibis.literal(int(last.split("-")[place]), "int64"))
        for name, last in ends.items()
    ]
    return ibis.cases(*known, else_=otherwise)


def _end_in(year: Value, month: Value, day: Value) -> Value:
    """That month and day in a year; 29 February is 28 February where there is no leap day."""
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    short = (month == _FEBRUARY) & (day == _LEAP_DAY) & ~leap
    last: Value = ibis.cases((short, _LEAP_DAY - 1), else_=day)
    return ibis.date(year, month, last)
