"""The overview from lists made by hand: when it says that the team's own limit ended them, and how it writes counts."""

from __future__ import annotations

import re

import pytest

from delivery import made
from propensity.config.lists import ListsConfig
from propensity.delivery.overview import render_overview, team_limit
from propensity.delivery.reps import RepList
from propensity.scoring.assign import Reps
from propensity.scoring.funnel import Funnel
from propensity.scoring.lists import Ranking
from propensity.scoring.qualify import Qualified, Threshold


def lists(*capacities, used, named=True):
    rows = made.listed(made.plain(used))
    return [
        RepList(f"{n}", f"rep-{n}" if named else None, capacity, rows)
        for n, capacity in enumerate(capacities)
    ]


@pytest.mark.parametrize(
    ("capacities", "limit", "said"),
    [
        ((25, 25), 6, "may call 6 leads a night (lists.capacity), fewer than the 50 places of the reps together."),
        ((2_500, 2_500), 6, "fewer than the 5,000 places of the reps together."),
        ((25, None), 6, "The team may call 6 leads a night (lists.capacity). That limit ended the lists"),
    ],
)  # fmt: skip
def test_the_teams_limit_is_told_where_it_ended_the_lists(capacities, limit, said):
    found = team_limit(lists(*capacities, used=3), limit, 1_461)
    assert said in found
    assert found.endswith("reps have places left, and 1,461 leads that could be called are on no list.")


@pytest.mark.parametrize(
    ("one_of", "limit", "left_over"),
    [
        (lists(3, 3, used=3), 6, 9),
        (lists(25, 25, used=3), 6, 0),
        (lists(25, 25, used=3), 7, 9),
        (lists(25, None, used=3), None, 9),
        (lists(None, used=6, named=False), 6, 9),
    ],
    ids=["the reps are full", "nobody is left over", "not reached", "no limit", "nobody is named"],
)
def test_it_is_not_told_where_it_did_not(one_of, limit, left_over):
    assert team_limit(one_of, limit, left_over) is None


def ranking(limit, **counts):
    """Of which the overview reads the counts, the funnel, the threshold and who calls; the tables stay unread."""
    rules = ListsConfig.model_validate(
        {
            "capacity": limit,
            "reps": [{"name": "rep-0", "capacity": 5_000}, {"name": "rep-1", "capacity": 5_000}],
        }
    )
    funnel = Funnel(
        None, 12_345, {"online": 12_345}, {"lead": 12_345}, {"prospect": 4_321}, {"call": 4_321}, 4_800
    )
    threshold = Threshold(0.15, "fixed", "as configured")
    qualified = Qualified(None, None, None, threshold, {}, {})
    return Ranking(None, None, None, Reps(rules), counts, None, qualified, None, funnel, {})


def test_whole_numbers_are_written_in_one_style_and_the_cause_names_the_limit_only_where_it_held():
    both = lists(5_000, 5_000, used=4_800)
    page = render_overview(both, ranking(9_600, listed=9_600, over_capacity=5_113), made.NIGHT)
    assert "4,800 of 5,000" in page
    assert re.findall(r"</span> ([\d,]+)</span>", page) == ["1,200"] * 8
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert not re.search(r"(?<![\d,.-])\d{4,}(?![\d-])", shown), "a whole number without a comma"
    assert "beyond the team's limit or the reps' places" in shown.replace("&#39;", "'")
    assert "of 9,600 places, the team's limit" in shown.replace("&#39;", "'")

    page = render_overview(both, ranking(None, listed=9_600, over_capacity=5_113), made.NIGHT).replace(
        "&#39;", "'"
    )
    assert "beyond the reps' capacity" in page
    assert "of 10,000 places<" in page
    assert "the team" not in page.lower()
