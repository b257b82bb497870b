"""Small worlds drawn by Hypothesis, on a coarse grid so that ties, and equalities with as_of, are common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from oracles.canonical import World

BASE = datetime(2025, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
US = timedelta(microseconds=1)
THROUGH = BASE + 75 * DAY

TREE: dict[str, Any] = {
    "tables": {
        "leads": {
            "extra": {
                "score": {"type": "number", "known_at": "score__known_at", "family": "engagement"},
                "tag": {"type": "category", "static": True},
            }
        },
        "accounts": {"extra": {"heat": {"type": "number", "known_at": "heat__known_at"}}},
    },
    "data": {"through": THROUGH.isoformat()},
    "checks": {"max_quarantined_share": 1},
    "outcome": {"horizon_days": 10, "later_stages": ["customer"], "recording_lag_days": 1},
    "snapshots": {"every": "10 days"},
    "features": {
        "windows_days": [1, 7, 30],
        "half_lives_days": [2],
        "channels": ["web", "phone"],
        "budget_kinds": ["stated", "quote"],
        "past_rate_pseudo_leads": 0.5,
        "fiscal_year_end": "02-29",
        "fiscal_year_ends": {"at": "01-31"},
        "ideal_customer": {
            "industry": ["Steel"],
            "country": ["de"],
            "employee_count": {"min": 1},
            "annual_revenue": {"min": 0.1, "max": 1000},
            "seniority": 4,
            "extra": {"score": {"min": 2}, "tag": {"words": ["a", "b c"]}},
        },
        "activity_types": {
            "pricing_view": {"phrase": "viewed", "direction": "inbound", "channel": "web", "intent": True},
            "call": {"phrase": "called", "direction": "outbound", "channel": "phone", "reply": True},
            "meeting": {"phrase": "met", "two_way": True},
        },
    },
}
COLUMNS = {
    "leads": (
        "lead_id", "created_at", "account_id", "email", "title", "source", "country", "product", "deal_value", "owner",
        "do_not_contact", "score", "score__known_at", "tag",
    ),
    "accounts": (
        "account_id", "industry", "employee_count", "annual_revenue", "currency", "founded_on", "valid_from", "heat",
        "heat__known_at",
    ),
    "activities": ("lead_id", "occurred_at", "recorded_at", "type", "direction", "channel", "value"),
    "stages": ("lead_id", "stage", "entered_at", "recorded_at"),
    "budgets": ("lead_id", "account_id", "amount", "recorded_at", "kind", "currency"),
    "products": ("product", "price", "currency"),
    "rates": ("currency", "to_base"),
}  # fmt: skip
LEADS = ("L0", "L1", "L2", "L3", "L4", "L5")
ACCOUNTS = ("A0", "A1", "A2")
MONEY = (0.0, 0.1, 250.0, 1000.0, 1e6)
STILL = {
    "products": [
        {"product": "crm", "price": 1000.0, "currency": None},
        {"product": "us", "price": 700.0, "currency": "USD"},
        {"product": "far", "price": 700.0, "currency": "ZZZ"},
    ],
    "rates": [{"currency": "USD", "to_base": 0.9}],
}

# Snapshots lie on days 1, 11, 21, ...: most times are at, or a microsecond around, one of them or a window's edge.
times = st.builds(
    lambda day, shift: BASE + day * DAY + shift,
    st.sampled_from([0, 1, 4, 10, 11, 14, 20, 21, 24, 30, 31, 34, 41, 44, 51, 54, 61, 64, 71, 80]),
    st.sampled_from([0 * US, 0 * US, US, -US, DAY / 2]),
)
later_times = st.builds(
    lambda day, shift: BASE + day * DAY + shift, st.sampled_from([11, 31, 71]), st.sampled_from([0 * US, US])
)
lags = st.sampled_from([None, None, 0 * DAY, US, DAY / 2, 10 * DAY, 90 * DAY, -DAY])
accounts = st.sampled_from([None, *ACCOUNTS])
currencies = st.sampled_from([None, "EUR", "eur", "USD", "Usd", "ZZZ"])


@st.composite
def lead(draw: st.DrawFn, name: str = "L0", created: st.SearchStrategy[datetime] = times) -> dict[str, Any]:
    return {
        "lead_id": name,
        "created_at": draw(created),
        "account_id": draw(accounts),
        "email": draw(st.sampled_from([None, "a@gmail.com", "b@firm.de"])),
        "title": draw(st.sampled_from([None, "CTO", "Geb\u00fchr", "VP Sales", "Eink\u00e4ufer"])),
        "source": draw(st.sampled_from([None, "event", "web"])),
        "country": draw(st.sampled_from([None, "DE", "AT"])),
        "product": draw(st.sampled_from([None, "crm", "us", "far"])),
        "tag": draw(st.sampled_from([None, "a", "B-C", "ab"])),
        **draw(changing_state()),
        "score": draw(st.sampled_from([None, 1.0, 2.0])),
        "score__known_at": draw(st.none() | times),
    }


@st.composite
def changing_state(draw: st.DrawFn) -> dict[str, Any]:
    """What the CRM overwrites without a history."""
    return {
        "deal_value": draw(st.sampled_from([None, 1.0, 1e6])),
        "owner": draw(st.sampled_from([None, "Ann"])),
        "do_not_contact": draw(st.sampled_from([None, True, False])),
    }


@st.composite
def account(draw: st.DrawFn, valid_from: st.SearchStrategy[datetime | None]) -> dict[str, Any]:
    return {
        "account_id": draw(st.sampled_from(ACCOUNTS)),
        "industry": draw(st.sampled_from([None, "steel", "glass"])),
        "employee_count": draw(st.sampled_from([None, 0.0, 30.0])),
        "annual_revenue": draw(st.sampled_from([None, *MONEY])),
        "currency": draw(currencies),
        "founded_on": draw(st.sampled_from([None, BASE - 1000 * DAY, BASE + 30 * DAY, BASE + 31 * DAY])),
        "valid_from": draw(valid_from),
        "heat": draw(st.sampled_from([None, 1.0, 2.0])),
        "heat__known_at": draw(st.none() | times),
    }


@st.composite
def act(draw: st.DrawFn) -> dict[str, Any]:
    at, lag = draw(times), draw(lags)
    return {
        "lead_id": draw(st.sampled_from(LEADS)),
        "occurred_at": at,
        "recorded_at": None if lag is None else at + lag,
        "type": draw(st.sampled_from(["pricing_view", "call", "call", "meeting", "smoke_signal"])),
        "direction": draw(st.sampled_from([None, None, "inbound", "outbound", "sideways"])),
        "channel": draw(st.sampled_from([None, "web", "phone", "smoke"])),
        "value": draw(st.sampled_from([None, 0.0, 0.0005, 7.25, -3.0, 1e17])),
    }


@st.composite
def stage(draw: st.DrawFn) -> dict[str, Any]:
    at, lag = draw(times), draw(lags)
    return {
        "lead_id": draw(st.sampled_from(LEADS)),
        "stage": draw(st.sampled_from(["new", "working", "working", "prospect", "customer", "disqualified"])),
        "entered_at": at,
        "recorded_at": None if lag is None else at + lag,
    }


@st.composite
def budget(draw: st.DrawFn) -> dict[str, Any]:
    own = draw(st.booleans())
    return {
        "lead_id": draw(st.sampled_from(LEADS)) if own else None,
        "account_id": draw(accounts) if own else draw(st.sampled_from(ACCOUNTS)),
        "amount": draw(st.sampled_from(MONEY)),
        "recorded_at": draw(times),
        "kind": draw(st.sampled_from([None, "stated", "quote", "rumour"])),
        "currency": draw(currencies),
    }


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A whole world. Facts only of leads that are there, and one row for each account and valid_from, as checked data have."""
    names = LEADS[: draw(st.integers(1, len(LEADS)))]
    # The first lead begins the calendar, so that most times meet its days.
    created = [st.just(BASE), *[times] * (len(names) - 1)]
    tables = {
        "leads": [draw(lead(name, at)) for name, at in zip(names, created, strict=True)],
        "accounts": draw(
            st.lists(
                account(st.none() | times),
                max_size=6,
                unique_by=lambda row: (row["account_id"], row["valid_from"]),
            )
        ),
        "activities": draw(st.lists(act(), max_size=20)),
        "stages": draw(st.lists(stage(), max_size=6)),
        "budgets": draw(st.lists(budget(), max_size=6)),
    }
    return known_leads_only(World({**tables, **STILL}, COLUMNS))


def known_leads_only(world: World) -> World:
    names = {row["lead_id"] for row in world.rows("leads")} | {None}
    return world.with_rows(
        **{
            table: [row for row in world.rows(table) if row["lead_id"] in names]
            for table in ("activities", "stages", "budgets")
        }
    )


many_worlds = st.lists(worlds(), min_size=12, max_size=16)
"""Enough to be worth a query."""


def side_by_side(parts: Iterable[World]) -> World:
    """Several worlds in one, their leads and accounts told apart by a number in front."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in COLUMNS}
    for number, world in enumerate(parts):
        for name in ("leads", "accounts", "activities", "stages", "budgets"):
            tables[name] += [
                {
                    column: f"{number}-{value}" if column in ("lead_id", "account_id") and value else value
                    for column, value in row.items()
                }
                for row in world.rows(name)
            ]
    return World({**tables, **STILL}, COLUMNS)


def seed_world() -> World:
    """One row a table: what a bench is loaded from before its rows are exchanged."""
    at = {
        "occurred_at": BASE,
        "entered_at": BASE,
        "recorded_at": BASE,
        "created_at": BASE,
        "account_id": "A0",
    }
    known: dict[str, Any] = {**at, "lead_id": "L0", "type": "call", "stage": "new", "amount": 1.0}
    rows = {name: [{column: known.get(column) for column in columns}] for name, columns in COLUMNS.items()}
    return World({**rows, **STILL}, COLUMNS)
