"""The table of next actions, the days, the openings, the segments and the arms: pure functions, case by case."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from propensity.config.file import parse_config
from propensity.config.qualify import ActionRule, FollowUpConfig, NurtureConfig, QualificationConfig
from propensity.scoring.actions import Situations, next_actions
from propensity.scoring.columns import DAY_US, Facts
from propensity.scoring.criteria import ALL_STATES, CRITERIA, Judge
from propensity.scoring.facts import Observed
from propensity.scoring.opening import openings
from propensity.scoring.segments import arm, interests, segments

AS_OF = datetime(2026, 6, 1, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
RULES = QualificationConfig()
ALL_MET = dict.fromkeys(CRITERIA, "met")


def ago(days):
    return round(days * DAY_US)


def act(name, days, kind, channel=None):
    return {f"{name}_us": ago(days), f"{name}_kind": kind, f"{name}_channel": channel}


def lead(*, failed=(), askable=CRITERIA, probability=0.3, threshold=0.2, states=None, **facts):
    """One lead; what is not given of it is not known, but that it may decide."""
    return {**ALL_MET, **(states or {})}, failed, askable, probability, threshold, facts


KNOWN = {
    "has_authority": 1.0, "unanswered": None, "price": None, "response_hours": None,
    **dict.fromkeys(("last_message_us", "last_outbound_us", "last_call_us", "colleague_id", "colleague_name", "colleague_title")),
}  # fmt: skip
KINDS = {
    "has_authority": pa.float64(),
    "unanswered": pa.float64(),
    "price": pa.float64(),
    "response_hours": pa.float64(),
    **dict.fromkeys(
        ("last_message_us", "last_outbound_us", "last_call_us", "last_mention_us", "talker_answer_us"),
        pa.int64(),
    ),
}


def decided(
    found, rules=RULES.actions, *, response_hours=None, as_of=AS_OF, zone=ZONE, follow_up=RULES.follow_up
):
    """The action, its cause and its day, of a lead by itself."""
    states, failed, askable, probability, threshold, facts = found
    row = {**KNOWN, "response_hours": response_hours, **facts}
    table = {name: pa.array([value], KINDS.get(name, pa.string())) for name, value in row.items()}
    table["as_of"] = pa.array([as_of], pa.timestamp("us", "UTC"))
    codes = {name: np.array([ALL_STATES.index(state)], np.int8) for name, state in states.items()}
    situation = Situations(
        Facts(pa.table(table), zone), codes, failed, frozenset(askable), np.array([probability]), threshold
    )
    does = next_actions(situation, rules, follow_up)
    return Done(*(column[0].as_py() for column in (does.action, does.because, does.on)))


class Done(NamedTuple):
    action: str
    because: str
    on: date | None


NO_BUDGET = {"failed": ("budget",), "states": {"budget": "not met"}}
CASES = {
    "a prospect is called": (
        lead(), "call", "met: fit, budget, authority, need, dialogue",
    ),
    "what is still unknown is said": (
        lead(states={"authority": "unknown", "need": "not met"}), "call",
        "met: fit, budget, dialogue; still unknown: authority",
    ),
    "but not what has no place to be written down": (
        lead(states={"authority": "unknown"}, askable=("need",)), "call", "met: fit, budget, need, dialogue",
    ),
    "they wrote last": (lead(last_message_us=ago(2), last_outbound_us=ago(5)), "reply", "they wrote last, on 2026-05-30"),
    "they wrote, and nobody ever answered": (lead(last_message_us=ago(2)), "reply", "they wrote last, on 2026-05-30"),
    "we answered since": (lead(last_message_us=ago(5), last_outbound_us=ago(3)), "call", None),
    "we answered at the same instant": (lead(last_message_us=ago(5), last_outbound_us=ago(5)), "call", None),
    "they wrote last, but long ago": (lead(last_message_us=ago(15)), "call", None),
    "a reply is due whatever the budget": (lead(last_message_us=ago(2), **NO_BUDGET), "reply", None),
    "six approaches in vain": (
        lead(unanswered=6, last_outbound_us=ago(10)), "leave alone",
        "6 approaches without an answer; leave alone until 2026-06-21",
    ),
    "five are not enough": (lead(unanswered=5, last_outbound_us=ago(10)), "call", None),
    "the rest is over": (lead(unanswered=6, last_outbound_us=ago(31)), "call", None),
    "talks with us, but has no money": (
        lead(**NO_BUDGET), "keep as referral source", "answers us, but is no buyer: budget not met",
    ),
    "neither talks nor has money": (
        lead(failed=("budget",), states={"budget": "not met", "dialogue": "not met"}), "nurture", "budget not met",
    ),
    "too improbable": (lead(probability=0.19), "nurture", "probability 19.0 % is below 20.0 %"),
    "hardly probable at all": (
        lead(probability=0.0004), "nurture", "probability below 0.1 % is below 20.0 %",
    ),
    "just probable enough": (lead(probability=0.2), "call", None),
    "someone else decides": (
        lead(has_authority=0.0, colleague_id="L2", colleague_name="Jane Doe", colleague_title="CFO"), "find the decision maker", "may not decide alone; Jane Doe (CFO) may",
    ),
    "nobody is known to decide": (
        lead(states={"authority": "not met"}), "find the decision maker",
        "may not decide, and we know of nobody at the company who may: ask for a head or director",
    ),
    "no budget is known": (
        lead(states={"budget": "unknown"}), "ask about budget", "answers us, but no budget is known",
    ),
    "no budget is known, nor any dialogue": (
        lead(states={"budget": "unknown", "dialogue": "not met"}), "call", None,
    ),
    "budgets are nowhere written down": (
        lead(states={"budget": "unknown"}, askable=("fit", "authority", "need", "dialogue")), "call", None,
    ),
    "an unknown criterion is no failure": (lead(states=dict.fromkeys(("fit", "need"), "unknown")), "call", None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_first_rule_that_applies_decides_and_says_why(name):
    found, action, because = CASES[name]
    does = decided(found)
    assert does.action == action
    assert because is None or does.because == because


DAYS = {
    "they wrote last: today": (lead(last_message_us=ago(2), last_outbound_us=ago(5)), None, date(2026, 6, 1)),
    "nobody ever called: today": (lead(), None, date(2026, 6, 1)),
    "who has answered nothing: a week after the approach": (
        lead(last_outbound_us=ago(3)),
        None,
        date(2026, 6, 5),
    ),
    "who answers within two days: after four": (lead(last_outbound_us=ago(3)), 48.0, date(2026, 6, 2)),
    "who answers within the hour: after one day at least": (
        lead(last_outbound_us=ago(0.5)),
        1.0,
        date(2026, 6, 1),
    ),
    "who takes months: after thirty days at most": (lead(last_outbound_us=ago(3)), 5000.0, date(2026, 6, 28)),
    "overdue: today, never in the past": (lead(last_outbound_us=ago(300)), 48.0, date(2026, 6, 1)),
}


@pytest.mark.parametrize("name", DAYS)
def test_the_day_comes_from_the_leads_own_rhythm(name):
    found, response_hours, day = DAYS[name]
    assert decided(found, response_hours=response_hours).on == day


def test_data_without_dates_give_an_action_without_a_day():
    does = decided(lead(), as_of=None)
    assert (does.action, does.on) == ("call", None)


def test_the_end_of_the_calendar_is_no_mistake():
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    found = lead(unanswered=6, last_outbound_us=ago(1))
    zone = ZoneInfo("Pacific/Kiritimati")
    does = decided(found, as_of=last, zone=zone, follow_up=FollowUpConfig())
    assert does.on == date(9999, 12, 31)


def test_a_company_may_write_its_own_table():
    rules = (
        ActionRule(action="leave alone", when={"need": ("not met",)}, rest_days=5, because="no {failed}, {unknown}"),
        ActionRule(action="call", because="price {price}"),
    )  # fmt: skip
    found = lead(states={"need": "not met", "fit": "unknown"}, last_outbound_us=ago(1))
    assert decided(found, rules).because == "no none, fit"
    assert decided(lead(price=1250.0), rules).because == "price 1,250"


CONFIG = parse_config({"tables": {"leads": {"path": "leads.csv"}}}, base=Path())
JUDGE = Judge(CONFIG, Observed((), True, True, True, True, True, True))


def row(**more):
    names = (
        "last_mention_us", "last_mention_kind", "last_mention_channel", "product", "source", "talker_id", "talker_name", "talker_title", "talker_answer_us", "talker_answer_kind", "colleague_id",
        "colleague_name", "colleague_title", "has_authority", "account_industry", "account_country", "account_region",
        "country", "region", "stage",
    )  # fmt: skip
    known = {**dict.fromkeys(names), **more}
    table = {name: pa.array([value], KINDS.get(name, pa.string())) for name, value in known.items()}
    for name, instant in (("as_of", AS_OF), ("created_at", datetime(2026, 5, 1, tzinfo=UTC))):
        table[name] = pa.array([instant], pa.timestamp("us", "UTC"))
    return Facts(pa.table(table), ZONE)


TALKER = {
    "talker_id": "L9", "talker_name": "Jane Doe", "talker_title": "CFO", **act("talker_answer", 20, "email_reply"),
}  # fmt: skip
SENTENCES = {
    "the act, the product and who talks with us": (
        row(**act("last_mention", 4, "demo_request", "chat"), product="Business", source="event", **TALKER),
        "On 2026-05-28 asked for a demo (chat); interested in Business; at the same company Jane Doe (CFO) replied to an e-mail on 2026-05-12.",
    ),
    "no act: how they came": (row(source="trade_show"), "Came in through trade_show on 2026-05-01."),
    "who may decide, where the lead may not": (
        row(product="Team", colleague_id="L2", colleague_title="CEO", has_authority=0.0),
        "Interested in Team; at the same company lead L2 (CEO) may decide.",
    ),
    "nobody else need be known where the lead decides": (
        row(product="Team", colleague_id="L2", has_authority=1.0), "Interested in Team.",
    ),
    "a name from outside stays one line": (
        row(product="Team\n=HYPERLINK(1)\u202e"), "Interested in Team =HYPERLINK(1).",
    ),
    "nothing is known": (row(), None),
}  # fmt: skip


@pytest.mark.parametrize("name", SENTENCES)
def test_an_opening_is_made_of_facts_alone(name):
    known, sentence = SENTENCES[name]
    assert openings(known, JUDGE).to_pylist() == [sentence]


def test_a_segment_names_its_parts_in_the_configured_order():
    told = {
        "account_industry": "Steel", "region": "North", "stage": "contacted", **act("last_mention", 1, "pricing_view"),
    }  # fmt: skip
    known = row(**told)
    assert segments(known, JUDGE, NurtureConfig()).to_pylist() == [
        "Steel / North / viewed pricing / contacted"
    ]
    some = NurtureConfig(segment_by=("stage", "source"))
    assert segments(known, JUDGE, some).to_pylist() == ["contacted / unknown"]
    assert segments(known, JUDGE, NurtureConfig(segment_by=())).to_pylist() == ["everyone"]
    assert interests(row(**told, product="Team"), JUDGE).to_pylist() == ["Team"]


def test_arms_are_the_same_in_every_run_and_nearly_equal_in_size():
    leads = [f"L{number}" for number in range(9000)]
    drawn = [arm(one, ("A", "B", "C"), "spring") for one in leads]
    assert drawn[:6] == ["A", "C", "C", "B", "C", "B"]
    # Four standard deviations of a third of 9,000.
    assert all(abs(count - 3000) < 179 for count in Counter(drawn).values())


def test_another_salt_draws_the_arms_anew():
    leads = [f"L{number}" for number in range(2000)]
    same = sum(arm(one, ("A", "B"), "spring") == arm(one, ("A", "B"), "autumn") for one in leads)
    assert abs(same - 1000) < 90
