"""A hand-made world with one lead or fact for each thing that could go wrong, seen from AS_OF and around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from oracles.canonical import World

BASE = datetime(2025, 1, 1, tzinfo=UTC)
AS_OF = datetime(2025, 5, 1, tzinfo=UTC)
THROUGH = datetime(2025, 8, 1, tzinfo=UTC)
DAY = timedelta(days=1)
US = timedelta(microseconds=1)

TREE: dict[str, Any] = {
    "tables": {
        "leads": {
            "extra": {
                # Names that would meet the product's own columns if those were not kept apart.
                "price": {"type": "number", "static": True, "family": "budget"},
                "account_industry": {"type": "category", "static": True},
                "copy_right": {"type": "boolean", "static": True},
                "flats_own": {"type": "number", "static": True},
                "score": {"type": "number", "known_at": "score__known_at", "family": "engagement"},
                "word": {"type": "category", "known_at": "word__known_at"},
            }
        },
        "accounts": {
            "extra": {
                "lead_id": {"type": "category", "static": True},
                "heat": {"type": "number", "known_at": "heat__known_at"},
            }
        },
    },
    "data": {"through": THROUGH.isoformat(), "currency": "EUR"},
    "outcome": {"horizon_days": 30, "recording_lag_days": 1.5},
    "features": {
        "add_activity_types": {"webinar": {"phrase": "joined a webinar"}},
        "free_mail_domains": ["Example.ORG"],
        "half_lives_days": [0.5, 7, 30],
        "exclude": ["budget_latest_amount"],
        "past_rate_pseudo_leads": 3,
        "fiscal_year_end": "02-29",
        "fiscal_year_ends": {"de": "04-30", "Nowhere": "05-01"},
        "ideal_customer": {
            "industry": ["Just in", "steel"],
            "country": ["de"],
            "region": ["south"],
            "employee_count": {"min": 7, "max": 10},
            "annual_revenue": {"max": 900_000},
            "seniority": 3,
            "extra": {
                "score": {"min": 4, "max": 8},
                "word": {"words": ["LATER"]},
                "copy_right": {"min": 1},
                "heat": {"max": 1},
            },
        },
    },
}
TITLES = (
    "Chief Executive Officer", "CTO", "Assistant to the CEO", "Head of Sales", "VP, Data & Analytics",
    "Trainee IT", "Gesch\u00e4ftsf\u00fchrerin", "Directeur G\u00e9n\u00e9ral", "Director General", "Chef de projet", "Ing\u00e9nieur",
    "Eink\u00e4ufer", "Geb\u00fchr", "Avant-vente / Pr\u00e9sales", "Universit\u00e9it", "it", "R&D", "cio-buero", "co_founder",
    "Sekret\u00e4rin", "HR\nManager", "  Owner ", "GMO", "Teamleiterin", "\u7ecf\u7406 IT",
)  # fmt: skip
COLUMNS = {
    "leads": (
        "lead_id", "created_at", "account_id", "email", "title", "source", "country", "region", "product", "deal_value",
        "owner", "do_not_contact", "price", "account_industry", "copy_right", "flats_own", "score",
        "score__known_at", "word", "word__known_at",
    ),
    "accounts": (
        "account_id", "name", "industry", "employee_count", "annual_revenue", "currency", "country", "region",
        "founded_on", "valid_from", "lead_id", "heat", "heat__known_at",
    ),
    "activities": ("lead_id", "occurred_at", "recorded_at", "type", "direction", "channel", "value"),
    "stages": ("lead_id", "stage", "entered_at", "recorded_at"),
    "budgets": ("lead_id", "account_id", "amount", "recorded_at", "kind", "currency"),
    "products": ("product", "price", "currency"),
    "rates": ("currency", "to_base"),
}  # fmt: skip


def nasty_world() -> World:
    tables = {
        "leads": _leads(),
        "accounts": _accounts(),
        "activities": _activities(),
        "stages": _stages(),
        "budgets": _budgets(),
        "products": [
            {"product": "crm", "price": 1000.0, "currency": None},
            {"product": "lower", "price": 50.0, "currency": "usd"},
            {"product": "unclear", "price": 50.0, "currency": "CHF"},
            {"product": "free", "price": 0.0, "currency": "EUR"},
            {"product": "us", "price": 500.0, "currency": "USD"},
            {"product": "far", "price": 500.0, "currency": "ZZZ"},
        ],
        "rates": [
            {"currency": "USD", "to_base": 0.9},
            {"currency": "gbp", "to_base": 1.1},
            {"currency": "CHF", "to_base": 1.0},
            {"currency": "chf", "to_base": 2.0},
        ],
    }
    whole = {
        name: [{column: row.get(column) for column in COLUMNS[name]} for row in rows]
        for name, rows in tables.items()
    }
    return World(whole, COLUMNS)


def _leads() -> list[dict[str, Any]]:
    products = ("crm", "free", "lower", "unclear", "us", "far", "unheard of", None)
    emails = ("a@GMAIL.com", "b@example.org", "c@firm.de", "no address", "@", "x@y@web.de", None)
    rows: list[dict[str, Any]] = [
        {
            "lead_id": f"T{number:02d}",
            "created_at": BASE + number * DAY,
            "account_id": ("A1", "A2", "A3", "nowhere", None)[number % 5],
            "title": title,
            "source": ("Event", "web", None)[number % 3],
            "product": products[number % len(products)],
            "email": emails[number % len(emails)],
            "country": (None, "DE", "nowhere")[number % 3],
            "region": (None, "Deep South", "Southern")[number % 3],
            "price": float(number),
            "account_industry": "the lead's own",
            "copy_right": number % 2 == 0,
            "flats_own": number / 3,
            "score": float(number),
            "score__known_at": (AS_OF - US, AS_OF, AS_OF + US, None)[number % 4],
            "word": "later",
            "word__known_at": (BASE, AS_OF, None)[number % 3],
            "deal_value": 1e6,
            "owner": "rep",
        }
        for number, title in enumerate(TITLES)
    ]
    rows += [
        {
            "lead_id": f"P{number}",
            "created_at": at,
            "account_id": ("A1", "A2", "A3")[number % 3],
            "source": ("Event", "web")[number % 2],
        }
        for number, at in enumerate([*[BASE] * 8, AS_OF - 30 * DAY, AS_OF - 30 * DAY - US, BASE + DAY])
    ]
    edges = {"just_before": AS_OF - US, "exactly": AS_OF, "after": AS_OF + DAY, "idle": BASE, "quiet": BASE}
    return rows + [{"lead_id": name, "created_at": at, "account_id": "A1"} for name, at in edges.items()]


def _accounts() -> list[dict[str, Any]]:
    first = {
        "account_id": "A1",
        "employee_count": 0.0,
        "annual_revenue": 1e6,
        "currency": "USD",
        "industry": "old",
    }
    return [
        {**first, "valid_from": None, "lead_id": "L?", "heat": 1.0, "heat__known_at": BASE},
        {**first, "valid_from": AS_OF - US, "industry": "just in time", "employee_count": 7.0},
        {**first, "valid_from": AS_OF, "industry": "too late", "heat": 3.0, "heat__known_at": BASE},
        {"account_id": "A2", "annual_revenue": 5e6, "currency": "ZZZ", "valid_from": BASE, "founded_on": BASE - 4000 * DAY},
        {"account_id": "A2", "annual_revenue": 6e6, "employee_count": 12.0, "industry": "glass", "valid_from": BASE + 60 * DAY, "heat": 2.0, "heat__known_at": AS_OF},
        {"account_id": "A3", "industry": "not yet", "valid_from": AS_OF + DAY, "founded_on": AS_OF + DAY},
        {"account_id": "nobody's", "industry": "unused", "valid_from": None},
    ]  # fmt: skip


def _act(lead: str, kind: str, at: datetime, recorded: datetime | None = None, **more: Any) -> dict[str, Any]:
    return {"lead_id": lead, "type": kind, "occurred_at": at, "recorded_at": recorded, **more}


def _activities() -> list[dict[str, Any]]:
    ages = (
        7 * DAY,
        7 * DAY + US,
        7 * DAY - US,
        30 * DAY,
        37 * DAY,
        37 * DAY + US,
        90 * DAY,
        91 * DAY,
        DAY,
        US,
    )
    acts = [_act("T00", "web_visit", AS_OF - age, value=0.0005) for age in ages]
    acts += [
        # At as_of on one clock or the other, or on both.
        _act("T01", "call", AS_OF, value=9.0),
        _act("T01", "call", AS_OF - DAY, AS_OF, value=9.0),
        _act("T01", "call", AS_OF, AS_OF - DAY, value=9.0),
        _act("T01", "email_sent", AS_OF - US, AS_OF - US),
        # Same instant in both directions; exact duplicates; recorded long after.
        _act("T02", "email_sent", AS_OF - 5 * DAY),
        _act("T02", "email_reply", AS_OF - 5 * DAY),
        _act("T02", "email_reply", AS_OF - 5 * DAY),
        _act("T02", "call", AS_OF - 5 * DAY, direction="INBOUND", value=1e17),
        _act("T03", "email_sent", AS_OF - 9 * DAY),
        _act("T03", "email_reply", AS_OF - 9 * DAY + US),
        _act("T03", "email_sent", AS_OF - 2 * DAY, AS_OF - DAY),
        _act("T04", "meeting", AS_OF - 3 * DAY, direction="inbound", value=-0.0015),
        _act("T05", "email_reply", AS_OF - 3 * DAY),
        # Two approaches, one reply: the first waits longer. Two replies: the first counts.
        _act("T08", "email_sent", AS_OF - 9 * DAY),
        _act("T08", "email_sent", AS_OF - 8 * DAY),
        _act("T08", "email_reply", AS_OF - 7 * DAY),
        _act("T08", "email_reply", AS_OF - 6 * DAY),
        _act("T08", "email_open", AS_OF - 8 * DAY + US),
        # Unknown type, direction and channel.
        _act("T06", "smoke_signal", AS_OF - DAY, channel="smoke", value=3.0),
        _act(
            "T06",
            "smoke_signal",
            AS_OF - DAY,
            direction="sideways",
            channel="web",
            value=float(2**40) + 0.0005,
        ),
        _act("T06", "webinar", AS_OF - 40 * DAY, direction=None, channel=None),
        _act("T06", "smoke_signal", AS_OF - DAY, direction="Inbound", channel="phone", value=-3e16),
        # Before the lead was created, and long ago.
        _act("just_before", "pricing_view", BASE),
        _act("just_before", "pricing_view", datetime(1970, 1, 3, tzinfo=UTC), value=1.0),
        # Of leads that are not there yet: colleagues must not see them.
        _act("exactly", "demo_request", AS_OF - DAY),
        _act("after", "demo_request", AS_OF - DAY),
        _act("quiet", "call", BASE + DAY, AS_OF + 30 * DAY),
    ]
    return acts


def _stages() -> list[dict[str, Any]]:
    def stage(lead: str, name: str, at: datetime, recorded: datetime | None = None) -> dict[str, Any]:
        return {"lead_id": lead, "stage": name, "entered_at": at, "recorded_at": recorded}

    return [
        stage("T00", "working", AS_OF - DAY),
        stage("T00", "nurturing", AS_OF - DAY),
        stage("T00", "nurturing", AS_OF),
        stage("T01", "prospect", AS_OF),
        stage("T02", "prospect", AS_OF - US),
        stage("T03", "prospect", AS_OF - DAY, AS_OF + 200 * DAY),
        stage("T04", "prospect", AS_OF + 30 * DAY),
        stage("T05", "customer", AS_OF + 30 * DAY - US),
        stage("T06", "disqualified", AS_OF + DAY),
        stage("T06", "prospect", AS_OF + DAY),
        stage("T07", "disqualified", AS_OF + DAY),
        stage("T07", "prospect", AS_OF + DAY + US),
        stage("T08", "prospect", AS_OF + 5 * DAY),
        stage("T08", "disqualified", AS_OF + DAY + DAY),
        stage("T09", "disqualified", AS_OF),
        stage("T10", "opportunity", AS_OF + DAY),
        stage("T10", "prospect", AS_OF + 2 * DAY),
        stage("T11", "working", AS_OF - 9 * DAY, AS_OF),
        stage("T11", "Working", AS_OF - 9 * DAY, AS_OF - US),
        # What became of earlier leads: within the horizon or just not, known in time or just not.
        stage("P0", "prospect", BASE + 5 * DAY),
        stage("P1", "prospect", BASE + 30 * DAY),
        stage("P2", "customer", BASE + 30 * DAY - US),
        stage("P3", "prospect", BASE + 5 * DAY, AS_OF),
        stage("P4", "prospect", BASE + 5 * DAY, AS_OF - US),
        stage("P5", "prospect", BASE + 5 * DAY),
        stage("P5", "disqualified", BASE + 4 * DAY, AS_OF - US),
        stage("P6", "prospect", BASE + 5 * DAY),
        stage("P6", "disqualified", BASE + 5 * DAY, AS_OF - 9 * DAY),
        stage("P7", "disqualified", BASE + 4 * DAY),
        stage("P7", "prospect", BASE + 5 * DAY),
        stage("P8", "prospect", AS_OF - 20 * DAY),
        stage("P9", "prospect", AS_OF - 20 * DAY),
        stage("P10", "customer", BASE - DAY, BASE + 50 * DAY),
    ]


def _budgets() -> list[dict[str, Any]]:
    def budget(amount: float, at: datetime, **more: Any) -> dict[str, Any]:
        return {"amount": amount, "recorded_at": at, **more}

    return [
        budget(100.0, AS_OF - DAY, lead_id="T00", kind="stated"),
        budget(300.0, AS_OF - DAY, lead_id="T00", kind="stated"),
        budget(200.0, AS_OF - DAY, lead_id="T00", kind="quote"),
        budget(900.0, AS_OF, lead_id="T00", kind="stated"),
        budget(50.0, AS_OF - DAY, account_id="A1", kind="funding", currency="USD"),
        budget(70.0, AS_OF - US, account_id="A2", kind="funding", currency="ZZZ"),
        budget(80.0, AS_OF - US, account_id="A2", kind=None, currency="GBP"),
        # Names a lead of another account: it is the lead's, not the account's.
        budget(1e9, AS_OF - DAY, lead_id="T01", account_id="A1", kind="spend"),
        budget(10.0, AS_OF - 2 * DAY, lead_id="T02", kind="stated"),
        budget(20.0, AS_OF - DAY, lead_id="T02", kind="stated", currency="ZZZ"),
        budget(-5.0, AS_OF - DAY, lead_id="T03", kind="rumour"),
        budget(0.0, AS_OF - DAY, account_id="nowhere", kind="stated"),
        budget(1000.0, AS_OF - US, lead_id="T08", kind="quote"),
        budget(5000.0, AS_OF - DAY, lead_id="T08", kind="funding", currency="eur"),
        budget(999.0, AS_OF - 2 * DAY, lead_id="T16", kind="stated", currency="usd"),
        budget(1.0, AS_OF - DAY, account_id="A9", kind="stated"),
    ]
