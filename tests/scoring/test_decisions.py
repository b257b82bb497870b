"""Decisions by column against the same rules row by row, over random leads with text from outside and random tables of actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from oracles import byrow_actions
from propensity.config.file import parse_config
from propensity.config.qualify import PLACES
from propensity.scoring.columns import DAY_US
from propensity.scoring.criteria import CRITERIA
from propensity.scoring.facts import Observed
from propensity.scoring.lastacts import ACTS
from propensity.scoring.qualify import DECIDED, Decisions, Threshold

AS_OF = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
"""On the night when Berlin's clocks change."""
ROWS = 120
PARTS = ("industry", "country", "region", "employee_count", "annual_revenue", "seniority")
ODD = [
    "",
    " ",
    "\n",
    "=1+1",
    "Ada\u202e<b>",
    "a  b\tc",
    "x" * 90,
    "Zoë 🙂",
    "{0}{price}",
    "'; DROP",
    "%s",
    "\u00a0",
]
KINDS = ["call", "meeting", "email_reply", "pricing_view", "a_kind_of_theirs", "_", "\u2028"]
CHANNELS = ["", "phone", "in_person", "fax_2"]
AGES = [1, DAY_US, 7 * DAY_US, 14 * DAY_US, 90 * DAY_US, 90 * DAY_US + 1, 3_600_000_000]
AGED = [*(name.removesuffix("_us") for name in ACTS if name.endswith("_us")), "talker_answer", "last_budget"]
TEXTS = [
    "account_id", "account_industry", "account_country", "account_region", "country", "region", "title", "product", "source",
    "stage", "channel", "colleague_name", "colleague_title", "talker_name", "talker_title", "contact_name",
]  # fmt: skip
NUMBERS = {
    "employee_count": [5.0, 12.4, 1e6], "account_annual_revenue": [100.0, 1e3, 99_999.95, 1e5, 2e9], "seniority_rank": [0.0, 4.0],
    "price": [1e3, 999.9, 0.5], "amount": [0.0, 999.9, 1e3, 5e2, 123_456.78], "has_authority": [0.0, 1.0],
    "source_is_offline": [0.0, 1.0], "unanswered": [0.0, 1.0, 6.0, 7.0], "response_hours": [0.1, 2.0, 48.0, 360.0, 1e4],
    **{f"fits_{part}": [0.0, 1.0] for part in PARTS},
}  # fmt: skip


def leads(seed: int, *, dated: bool) -> pa.Table:
    """Random facts: each value is as often unknown as it is one of the few that matter."""
    draw = np.random.default_rng(seed)

    def some(values: list[Any]) -> list[Any]:
        return [values[draw.integers(len(values))] if draw.random() < 0.6 else None for _ in range(ROWS)]

    def acts(name: str) -> dict[str, pa.Array]:
        found: list[tuple[int | None, ...]] = []
        for _ in range(ROWS):
            age = int(draw.choice(AGES)) if draw.random() < 0.8 else int(draw.integers(1, 400 * DAY_US))
            told = (age, draw.choice(KINDS), draw.choice(CHANNELS))
            found.append(told if dated and draw.random() < 0.6 else (None, None, None))
        ages, kinds, channels = zip(*found, strict=True)
        words = {"kind": kinds, "channel": channels}
        return {
            f"{name}_us": pa.array(ages, pa.int64()),
            **{f"{name}_{what}": pa.array(word, pa.string()) for what, word in words.items()},
        }

    columns: dict[str, Any] = {"lead_id": [f"L{place}" for place in range(ROWS)]}
    columns |= {name: pa.array(some([*ODD, "Steel", "CTO"]), pa.string()) for name in TEXTS}
    for name in AGED:
        columns |= acts(name)
    columns |= {name: pa.array(some(values), pa.float64()) for name, values in NUMBERS.items()}
    columns |= {f"{who}_id": pa.array(some(["L1", " "]), pa.string()) for who in ("colleague", "talker")}
    columns["others_decide"] = pa.array(draw.integers(0, 3, ROWS))
    columns["probability"] = draw.choice([0.0, 0.05, 0.2, 0.25, 0.99951, 1.0], ROWS)
    columns["gated"] = pa.array(some(["do_not_contact"]), pa.string())
    columns["position"] = pa.array(some(["lead", "prospect"]), pa.string())
    instants = pa.timestamp("us", "UTC")
    columns["as_of"] = pa.array([AS_OF if dated else None] * ROWS, instants)
    columns["created_at"] = pa.array(some([AS_OF - timedelta(days=40), AS_OF - timedelta(hours=1)]), instants)
    return pa.table(columns)


states = st.none() | st.lists(
    st.sampled_from(["met", "not met", "unknown"]), min_size=1, max_size=2, unique=True
)
days = st.none() | st.sampled_from([0.5, 1.0, 14.0, 90.0])
whens = st.fixed_dictionaries({
    **dict.fromkeys(CRITERIA, states),
    **dict.fromkeys(("hard_failed", "over_threshold", "colleague_decides"), st.none() | st.booleans()),
    **dict.fromkeys(("wrote_last_within_days", "approached_within_days", "called_within_days"), days),
    "unanswered_least": st.none() | st.sampled_from([1, 6]),
})  # fmt: skip
words = st.lists(st.sampled_from([f"{{{place}}}" for place in PLACES] + [" {{a}} ", "; "]), min_size=1).map(
    "".join
)
actions = st.sampled_from(["call", "reply", "nurture", "leave alone", "keep as referral source"])
rules = st.fixed_dictionaries(
    {"action": actions, "when": whens, "because": words, "rest_days": st.sampled_from([0, 0.3, 30])}
)
tables = st.none() | st.tuples(st.lists(rules, max_size=4), words).map(
    lambda drawn: [*drawn[0], {"action": "call", "because": drawn[1]}]
)
sights = st.builds(
    Observed, fit=st.lists(st.sampled_from(PARTS), unique=True).map(tuple),
    **dict.fromkeys(("amounts", "revenue", "priced", "titles", "acts", "intents"), st.booleans()),
)  # fmt: skip
hard = st.fixed_dictionaries({name: st.booleans() for name in CRITERIA})
thresholds = st.builds(
    Threshold, st.sampled_from([0.0, 0.2, 0.25]), st.sampled_from(["capacity", "cost", "fixed"]), st.just("")
)


@settings(max_examples=60, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    seed=st.integers(0, 2**32), dated=st.booleans(), table=tables, seen=sights, hard=hard, threshold=thresholds,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Kiritimati"]),
)  # fmt: skip
def test_decisions_by_column_are_those_row_by_row(seed, dated, table, seen, hard, threshold, zone):
    tree: dict[str, Any] = {name: {"hard": is_hard} for name, is_hard in hard.items()}
    tree |= {} if table is None else {"actions": table}
    config = parse_config(
        {"tables": {"leads": {"path": "leads.csv"}}, "qualification": tree, "data": {"timezone": zone}}, base=Path()
    )  # fmt: skip
    batch = leads(seed, dated=dated)
    ours, theirs, rows = Decisions(config, seen), byrow_actions.Decisions(config, seen), batch.to_pylist()
    assert ours.eligible(batch).tolist() == theirs.eligible(rows)
    expected = pa.Table.from_pylist([theirs.row(row, threshold) for row in rows], schema=DECIDED)
    found = ours.table(batch, threshold)
    assert found.schema.equals(DECIDED)
    for name in DECIDED.names:
        assert found[name].to_pylist() == expected[name].to_pylist(), name
    counted = ours.counts()
    for name in CRITERIA:
        states = expected[f"criterion_{name}"].to_pylist()
        assert counted[name] == {state: states.count(state) for state in ("met", "not met", "unknown")}


@pytest.mark.parametrize("dated", [True, False])
def test_a_batch_without_leads_is_decided_too(dated):
    config = parse_config({"tables": {"leads": {"path": "leads.csv"}}}, base=Path())
    ours = Decisions(config, Observed(PARTS, True, True, True, True, True, True))
    empty = leads(1, dated=dated).slice(0, 0)
    assert ours.eligible(empty).tolist() == []
    assert ours.table(empty, Threshold(0.2, "fixed", "")).equals(DECIDED.empty_table())
