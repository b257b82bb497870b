"""Fit to the ideal customer, days to the fiscal year's end, amounts in any spelling of a currency."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oracles import worlds
from oracles.bench import open_world, rows_of
from oracles.canonical import World
from propensity.errors import ConfigError
from propensity.features.catalogue import feature_specs
from propensity.features.frame import features_of
from propensity.timeline.snapshots import scoring_spine

BASE, DAY = worlds.BASE, worlds.DAY


def small(leads: dict[str, Any], accounts: dict[str, Any] | None = None, **tables: Any) -> World:
    """One lead, of one account where there is one, with the given columns."""
    lead = {"lead_id": "a", "created_at": BASE - 900 * DAY, **leads}
    rows: dict[str, list[dict[str, Any]]] = {"leads": [lead], "stages": [], **tables}
    if accounts is not None:
        lead["account_id"] = "A"
        rows["accounts"] = [{"account_id": "A", **accounts}]
    columns = {name: tuple(found[0]) for name, found in rows.items() if found}
    return World(rows, {"stages": worlds.COLUMNS["stages"], **columns})


def features(world: World, folder: Path, as_of: datetime = BASE, **tree: Any) -> dict[str, Any]:
    canonical = open_world(world, tree, folder)
    try:
        return rows_of(features_of(canonical, scoring_spine(canonical, as_of)))[0]
    finally:
        canonical.engine.close()


def test_a_share_is_of_the_criteria_that_are_known(tmp_path):
    world = small(
        {"title": "CEO", "country": "fr", "region": None},
        {"industry": "Machine Tools & Steel", "country": None, "employee_count": 50.0},
    )
    ideal = {
        "industry": ["machine tools"],
        "country": ["FR", "DE"],
        "region": ["south"],
        "employee_count": {"min": 51},
        "seniority": 5,
    }
    row = features(world, tmp_path, features={"ideal_customer": ideal})
    fits = {name.removeprefix("firmographic_fits_"): row[name] for name in row if "_fits_" in name}
    assert fits == {"industry": 1.0, "country": 1.0, "region": None, "employee_count": 0.0, "seniority": 1.0}
    assert row["firmographic_ideal_customer_share"] == 0.75


NOT_MAPPED = {
    "industry": ({"industry": ["steel"]}, "features.ideal_customer.industry needs accounts.industry"),
    "country": (
        {"country": ["DE"]},
        "features.ideal_customer.country needs leads.country or accounts.country",
    ),
    "employee_count": ({"employee_count": {"min": 1}}, "needs accounts.employee_count"),
    "seniority": ({"seniority": 3}, "features.ideal_customer.seniority needs leads.title"),
    "extra": (
        {"extra": {"score": {"min": 1}}},
        "features.ideal_customer.extra.score names no column of your own",
    ),
    "kind": ({"extra": {"tag": {"min": 1}}}, "the column is a category, so that the criterion needs `words`"),
}


@pytest.mark.parametrize(("ideal", "says"), NOT_MAPPED.values(), ids=NOT_MAPPED)
def test_a_criterion_over_what_is_not_mapped_is_refused(tmp_path, ideal, says):
    world = small({"tag": "a", "source": "web"})
    extra = {"leads": {"extra": {"tag": {"type": "category", "static": True}}}}
    canonical = open_world(world, {"tables": extra, "features": {"ideal_customer": ideal}}, tmp_path)
    try:
        with pytest.raises(ConfigError) as caught:
            feature_specs(canonical)
    finally:
        canonical.engine.close()
    assert says in str(caught.value)


ENDS = {
    "the day itself": (datetime(2025, 12, 31, 12, tzinfo=UTC), "12-31", "UTC", 0),
    "the day after": (datetime(2026, 1, 1, tzinfo=UTC), "12-31", "UTC", 364),
    "a leap year": (datetime(2024, 2, 1, tzinfo=UTC), "02-29", "UTC", 28),
    "no leap year": (datetime(2025, 2, 1, tzinfo=UTC), "02-29", "UTC", 27),
    "after it, before a leap year": (datetime(2023, 3, 1, tzinfo=UTC), "02-29", "UTC", 365),
    "a century": (datetime(2099, 3, 1, tzinfo=UTC), "02-29", "UTC", 364),
    "already tomorrow there": (datetime(2025, 12, 31, 12, tzinfo=UTC), "12-31", "Pacific/Auckland", 364),
    "still yesterday there": (datetime(2026, 1, 1, 3, tzinfo=UTC), "12-31", "America/New_York", 0),
}


@pytest.mark.parametrize(("as_of", "end", "zone", "days"), ENDS.values(), ids=ENDS)
def test_days_to_the_fiscal_year_end_are_counted_in_local_days(tmp_path, as_of, end, zone, days):
    world = small({"source": "web", "created_at": datetime(2020, 1, 1, tzinfo=UTC)})
    row = features(world, tmp_path, as_of, data={"timezone": zone}, features={"fiscal_year_end": end})
    assert row["budget_days_to_fiscal_year_end"] == days


def test_a_country_may_have_a_fiscal_year_of_its_own(tmp_path):
    ends = {"features": {"fiscal_year_end": "12-31", "fiscal_year_ends": {"Japan": "03-31"}}}
    found = [
        features(small({"country": own}, {"country": company}), tmp_path, **ends)[
            "budget_days_to_fiscal_year_end"
        ]
        for own, company in (("Japan", None), ("Japan", "Italy"), (None, "JAPAN"), (None, None))
    ]
    assert found == [89, 364, 89, 364]


def test_ends_of_countries_need_a_country(tmp_path):
    canonical = open_world(small({}), {"features": {"fiscal_year_ends": {"Japan": "03-31"}}}, tmp_path)
    try:
        with pytest.raises(ConfigError, match=r"needs accounts\.country or leads\.country"):
            feature_specs(canonical)
    finally:
        canonical.engine.close()


def test_codes_of_currencies_are_compared_in_any_case_and_two_rates_are_none(tmp_path):
    amounts = [("usd", 10.0), ("Eur", 20.0), ("chf", 30.0)]
    found = []
    for currency, amount in amounts:
        budget = {"lead_id": "a", "amount": amount, "currency": currency, "recorded_at": BASE - DAY}
        rates = [("USD", 0.5), ("CHF", 1.0), ("chf", 2.0)]
        world = small(
            {}, budgets=[budget], rates=[{"currency": code, "to_base": rate} for code, rate in rates]
        )
        found.append(features(world, tmp_path)["budget_latest_amount"])
    assert found == [5.0, 20.0, None]


@pytest.mark.parametrize(
    ("founded", "age"),
    [(BASE, 0.0), (BASE + timedelta(microseconds=1), None), (BASE - 1461 * DAY, 4.0)],
    ids=["now", "later", "four years ago"],
)
def test_a_company_that_is_not_founded_yet_has_no_age(tmp_path, founded, age):
    assert features(small({}, {"founded_on": founded}), tmp_path)["firmographic_company_age_years"] == age


def test_without_kinds_any_budget_must_cover_the_price(tmp_path):
    budget = {"lead_id": "a", "amount": 10.0, "recorded_at": BASE - DAY}
    products = [{"product": "crm", "price": 10.0}]
    row = features(small({"product": "crm"}, budgets=[budget], products=products), tmp_path)
    assert row["budget_covers_price"] == 1.0
    assert "budget_capacity_amount" not in row
