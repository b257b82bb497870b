"""The threshold in its three ways, and the funnel's sums."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from propensity.config.file import parse_config
from propensity.config.qualify import QualificationConfig
from propensity.errors import ConfigError
from propensity.scoring.funnel import funnel
from propensity.scoring.qualify import threshold_of

PROBABILITIES = np.array([0.1, 0.4, 0.3, 0.3, 0.2])


def config(qualification=None):
    tree = {"tables": {"leads": {"path": "leads.csv"}}, "qualification": qualification or {}}
    return parse_config(tree, base=Path())


@pytest.mark.parametrize(
    ("capacity", "expected"), [(1, 0.4), (2, 0.3), (4, 0.2), (5, 0.0), (9, 0.0), (None, 0.0)]
)
def test_by_capacity_it_is_where_the_list_is_full(capacity, expected):
    found = threshold_of(config(), PROBABILITIES, capacity)
    assert (found.probability, found.by) == (expected, "capacity")


def test_by_cost_it_is_the_call_over_the_prospect():
    found = threshold_of(
        config({"threshold": {"by": "cost", "call_cost": 20, "prospect_value": 400}}), PROBABILITIES, 1
    )
    assert found.probability == 0.05
    assert found.why == "a call costs 20, a prospect is worth 400"


def test_a_fixed_one_is_what_it_says():
    assert (
        threshold_of(
            config({"threshold": {"by": "fixed", "probability": 0.25}}), PROBABILITIES, 1
        ).probability
        == 0.25
    )


MISTAKES = {
    "fixed without a probability": ({"threshold": {"by": "fixed"}}, "needs `probability`"),
    "cost without a value": ({"threshold": {"by": "cost", "call_cost": 3}}, "`prospect_value`"),
    "a call dearer than a prospect": (
        {"threshold": {"by": "cost", "call_cost": 30, "prospect_value": 3}}, "no call pays",
    ),
    "a table without an end": (
        {"actions": [{"action": "call", "when": {"need": ["met"]}, "because": "x"}]}, "must always apply",
    ),
    "a cause that speaks of nothing known": ({"actions": [{"action": "call", "because": "{email}"}]}, "speaks of"),
    "a cause with a hidden look-up": (
        {"actions": [{"action": "call", "because": "{met:{failed}}"}]}, "speaks of",
    ),
    "a brace left open": ({"actions": [{"action": "call", "because": "{met"}]}, "write a brace twice"),
    "an unknown action": ({"actions": [{"action": "wait", "because": "x"}]}, "action"),
    "an arm twice": ({"nurture": {"arms": ["A", "A"]}}, "named once"),
    "bounds upside down": ({"follow_up": {"least_days": 9, "most_days": 3}}, "above most_days"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_configuration_is_explained(name):
    tree, message = MISTAKES[name]
    with pytest.raises(ConfigError, match=message):
        config(tree)


def test_the_page_shows_the_default_table():
    page = (Path(__file__).parents[2] / "docs" / "qualification.md").read_text(encoding="utf-8")
    block = re.search(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[1]
    assert config(yaml.safe_load(block)["qualification"]).qualification == QualificationConfig()


def count(leads, position="lead", **more):
    given = {"origin": "online", "verdict": "prospect", "next_action": "call", "removed": None}
    return {"position": position, **given, **more, "leads": leads}


COUNTS = [
    count(5),
    count(3, verdict="no prospect", next_action="nurture", removed="nurtured", origin="offline"),
    count(2, next_action=None, removed="do_not_contact"),
    count(4, "customer", next_action=None, removed="already_converted"),
    count(1, "disqualified", next_action=None, removed="disqualified", origin="unknown"),
]


def test_every_level_of_the_funnel_adds_up_to_the_leads():
    found = funnel(COUNTS, stages=("prospect", "opportunity", "customer"), suspects=7)
    assert found.leads == sum(found.origin.values()) == sum(found.position.values()) == 15
    assert sum(found.verdict.values()) == sum(found.next_action.values()) == found.position["lead"] == 10
    assert (found.listed, found.suspects) == (5, 7)


def test_the_funnel_keeps_the_order_of_the_stages_and_names_empty_ones():
    found = funnel(COUNTS, stages=("prospect", "opportunity", "customer"), suspects=None)
    assert list(found.position.items()) == [
        ("lead", 10), ("prospect", 0), ("opportunity", 0), ("customer", 4), ("disqualified", 1),
    ]  # fmt: skip
    assert found.to_dict()["suspects"] is None
