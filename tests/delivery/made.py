"""Listed rows made by hand, for what is written from them: plain ones, and ones with a hostile text in every column."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from propensity.config.lists import ListsConfig
from propensity.delivery.view import Night
from propensity.scoring.assign import Reps
from propensity.scoring.lists import LIST_COLUMNS
from propensity.scoring.recent import ACTS

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
NIGHT = Night(AS_OF, ZoneInfo("UTC"), "EUR", 0.04, "demo version 1")
HOSTILE = [
    '=HYPERLINK("http://evil.example","x")',
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 1</script><!--",
    '"; DROP TABLE leads; --',
    "\u202eelohssa\u202c \u200frtl",
    "x" * 10_000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u00e9",
    "two\nlines\r\nand\ttabs\u2028sep",
    "../../etc/passwd",
    "@SUM(A1)",
    "-2+3+cmd|' /C calc'!A0",
    "<img src=x onerror=window.ran=1>",
    "javascript:window.ran=1",
    "&amp;&lt;b&gt;",
    "\x00\x07bell",
    "{{ 7*7 }} {% raw %}",
]
_WHOLE = ("rank", "rep_rank")
_REAL = (
    "probability", "probability_low", "probability_high", "expected_value", "deal_value", "selection_probability",
    "previous_probability", "change_by_facts", "change_by_time", "change_by_model", "question_probability_if_met",
    "question_probability_if_not",
)  # fmt: skip
_INSTANTS = ("as_of", "previous_as_of")
_KINDS = {name: pa.int64() for name in _WHOLE} | {name: pa.float64() for name in _REAL}
_ACTIONS = ("call", "reply", "find the decision maker", "ask about budget")


def _kind(name):
    if name.endswith("_act"):
        return pa.bool_()
    if name.endswith("_on"):
        return pa.date32()
    return pa.timestamp("us", tz="UTC") if name in _INSTANTS else _KINDS.get(name, pa.string())


SCHEMA = pa.schema([(name, _kind(name)) for name in LIST_COLUMNS])
TEXTS = tuple(name for name in LIST_COLUMNS if SCHEMA.field(name).type == pa.string())
_CLOSED = (
    "tier", "evidence", "verdict", "next_action", "channel", "selection", "rep", "trend", "question_about",
    "question_verdict_if_met", "question_verdict_if_not",
)  # fmt: skip
"""Text that is ours, or a rep's name: not from a lead."""


def row(place, **more):
    state = ("met", "not met", "unknown")
    return {
        "rank": place + 1, "rep": None, "rep_rank": place + 1, "lead_id": f"L{place:04}", "contact_name": f"Ada No {place}",
        "title": "CTO", "company": f"Company {place % 7}", "email": f"ada{place}@example.org", "phone": f"+49 30 1234{place:03}",
        "tier": "ABCD"[place % 4], "probability": 0.5 / (place + 1), "probability_low": 0.2 / (place + 1),
        "probability_high": 0.6 / (place + 1), "evidence": "enough", "reason_1": "acted 4 times in the last 7 days",
        "reason_1_act": True, "reason_2": "the budget covers the price", "reason_2_act": True, "reason_3": "industry Energy",
        "reason_3_act": False, "against": "was sent an e-mail 4 times", "against_act": True, "verdict": "prospect",
        **{f"criterion_{name}": state[n % 3] for n, name in enumerate(("fit", "budget", "authority", "need", "dialogue"))},
        "next_action": _ACTIONS[place % 4], "verdict_because": "probability 31.7 %", "budget_evidence": "stated 7,737",
        "budget_on": date(2026, 3, 12), "action_because": "they wrote last, on 2026-05-30",
        "follow_up_on": date(2026, 6, 1) + timedelta(days=place % 5), "channel": "phone", "opening": f"On 2026-05-15 asked {place}.",
        "expected_value": 2455.42, "deal_value": 7750.0, "owner": "rep", "source": "web", "country": "DE", "product": "Team",
        "account_id": f"A{place}", "selection": "listed", "selection_probability": 1.0, "as_of": AS_OF, **more,
    }  # fmt: skip


def listed(rows, **columns):
    """A table of rows; `columns` are those that are null for most, a list of values each."""
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, SCHEMA.field(name), pa.array(values, SCHEMA.field(name).type))
    return table


def plain(count=5, **more):
    return [row(place, **more) for place in range(count)]


def hostile(**more):
    """A row a hostile text, which is in every column of text that a company's data may fill."""
    rows = []
    for place, text in enumerate(HOSTILE):
        free = {
            name: f"{text}{place}" if name == "lead_id" else text for name in TEXTS if name not in _CLOSED
        }
        free = {name: value for name, value in free.items() if not name.startswith("criterion_")}
        rows.append(row(place, **free, **more))
    return rows


def everybody():
    return Reps(ListsConfig())


def reps(*names, **rules):
    return Reps(ListsConfig.model_validate({"reps": [{"name": name} for name in names], **rules}))


def acts(*rows):
    return pa.Table.from_pylist(list(rows), schema=ACTS)


def act(lead_id, what, days=3, direction="inbound", times=1):
    at = AS_OF - timedelta(days=days)
    return {
        "lead_id": lead_id,
        "occurred_at": at,
        "what": what,
        "direction": direction,
        "channel": "web_chat",
        "times": times,
    }
