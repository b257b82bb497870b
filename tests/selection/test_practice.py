"""What each practice's top held, beside a count in plain Python."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from propensity.selection.practice import Lists, Practices, compare_practices
from propensity.stats.tops import NOBODY, Order, ordered_by

MAY, JUNE, LATE_JUNE = (datetime(2026, *day, tzinfo=UTC) for day in ((5, 1), (6, 1), (6, 15)))
# On which list, converted, probability, days since creation, owner, days since the newest act (None: none), points.
LEADS: list[tuple[int, int, float, int, str | None, int | None, int]] = [
    (0, 1, 0.9, 30, "ann", 4, 10),
    (0, 0, 0.8, 10, "ann", 2, 10),
    (0, 1, 0.7, 20, "ann", 3, 5),
    (0, 0, 0.3, 5, "ben", None, 0),
    (0, 0, 0.2, 40, "ben", 90, 10),
    (0, 1, 0.1, 1, None, 1, 0),
    (1, 0, 0.9, 9, "ann", 1, 0),
    (1, 1, 0.5, 8, "ben", 7, 20),
    (1, 0, 0.4, 2, "ben", 6, 20),
    (1, 0, 0.4, 3, "ben", 5, 0),
    (2, 1, 0.6, 7, "ben", 3, 5),
    (2, 1, 0.5, 6, "ann", 2, 5),
]
Y = [lead[1] for lead in LEADS]
NUMBER = np.array([lead[0] for lead in LEADS])
LISTS = Lists(
    NUMBER, ("2026-05-01", "2026-06-01", "2026-06-15"), (MAY, JUNE, LATE_JUNE), ("2026-05", "2026-06", "2026-06")
)  # fmt: skip
OWNERS = {"ann": 0, "ben": 1, None: NOBODY}
ORDERS = {
    "model": Order(ordered_by([lead[2] for lead in LEADS])),
    "newest": Order(ordered_by([-lead[3] for lead in LEADS])),
    "owner": Order(
        ordered_by([-999 if lead[5] is None else -lead[5] for lead in LEADS]),
        np.array([OWNERS[lead[4]] for lead in LEADS]),
    ),
    "scorecard": Order(ordered_by([lead[6] for lead in LEADS])),
}


def compared(capacity: int, **more: Any) -> Practices:
    return compare_practices(Y, LISTS, ORDERS, capacity=capacity, seed=0, resamples=50, **more)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def leads_of(number: int) -> list[Any]:
    return [lead for lead in LEADS if lead[0] == number]


def tops(leads: list[Any], key: Any, capacity: int) -> float:
    """Mean conversions over every top that this order allows: ties may fall in any way."""
    size = min(capacity, len(leads))
    falling = sorted((key(lead) for lead in leads), reverse=True)[:size]
    allowed = [
        top for top in combinations(leads, size) if sorted((key(lead) for lead in top), reverse=True) == falling
    ]  # fmt: skip
    return mean([sum(lead[1] for lead in top) for top in allowed])


def owners_top(leads: list[Any], capacity: int) -> float:
    """Owners call in turns, each their next lead; who has the odd call is drawn: both ways are tried."""
    found: list[float] = []
    for turn in (["ann", "ben"], ["ben", "ann"]):
        own = {
            name: sorted((lead for lead in leads if lead[4] == name), key=lambda lead: lead[5] or 999)
            for name in turn
        }
        called: list[Any] = []
        while len(called) < capacity and any(own.values()):
            called += [own[name].pop(0) for name in turn if own[name]]
        found.append(sum(lead[1] for lead in called[:capacity]))
    return mean(found)


ORACLES = {
    "model": lambda leads, capacity: tops(leads, lambda lead: lead[2], capacity),
    "newest": lambda leads, capacity: tops(leads, lambda lead: -lead[3], capacity),
    "owner": owners_top,
    "scorecard": lambda leads, capacity: tops(leads, lambda lead: lead[6], capacity),
    "random": lambda leads, capacity: tops(leads, lambda _: 0, capacity),
}


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", ORACLES)
def test_each_practice_holds_what_a_count_by_hand_finds(name, capacity):
    found = compared(capacity)
    expected = [ORACLES[name](leads_of(number), capacity) for number in range(3)]
    assert [period.conversions[name].value for period in found.by_list] == pytest.approx(expected)
    assert found[name].conversions.value == pytest.approx(mean(expected))
    assert (found[name].least, found[name].most) == pytest.approx((min(expected), max(expected)))


def test_a_capacity_beyond_the_list_calls_everyone_but_those_of_nobody():
    found = compared(1_000)
    assert [period.called for period in found.by_list] == [6, 4, 2]
    held = {name: [p.conversions[name].value for p in found.by_list] for name in ORDERS}
    assert held["model"] == held["newest"] == held["scorecard"] == [3, 1, 2]
    assert held["owner"] == [2, 1, 2]
    assert found["newest"].gain.value == 0


def test_lift_is_over_chance_and_the_gain_and_who_is_ahead_are_of_the_same_lists():
    found = compared(2)
    chance = [2 * 3 / 6, 2 * 1 / 4, 2]
    assert found["random"].conversions.value == pytest.approx(mean(chance))
    assert found["random"].lift.value == pytest.approx(1)
    assert found["model"].lift.value == pytest.approx(mean([1 / chance[0], 1 / chance[1], 2 / chance[2]]))
    assert found["random"].gain.value == pytest.approx(mean([1, 1, 2]) - mean(chance))
    assert (found["random"].ahead, found["model"].ahead, found["model"].gain) == (1, None, None)


def test_lists_of_one_month_are_taken_together():
    found = compared(2)
    assert [(p.name, p.lists, p.as_of) for p in found.by_month] == [("2026-05", 1, MAY), ("2026-06", 2, JUNE)]
    june = found.by_month[1]
    assert june.conversions["model"].value == 1.5
    assert (june.leads, june.called, june.converted) == (3, 2, 1.5)


def many(seed: int, rows: int = 2_000) -> tuple[Any, Lists, dict[str, Order]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    y = rng.random(rows) < 1 / (1 + np.exp(2 - x))
    number = np.arange(rows) % 2
    return y, Lists(number, ("a", "b"), (None, None), (None, None)), {"model": Order(x), "newest": Order(-x)}


def test_an_interval_holds_the_value_and_narrows_with_more_accounts():
    y, lists, orders = many(0)
    alone = compare_practices(y, lists, orders, capacity=200, seed=0)
    pairs = compare_practices(y, lists, orders, capacity=200, seed=0, cluster=np.arange(2_000) // 50)
    for found in (alone, pairs):
        for practice in found.practices:
            assert practice.conversions.low <= practice.conversions.value <= practice.conversions.high
    assert (alone.clusters, pairs.clusters) == (2_000, 40)
    gain = alone["newest"].gain
    assert 0 < gain.low < gain.value < gain.high


def test_of_the_model_against_itself_nothing_is_left():
    y, lists, orders = many(1)
    same = compare_practices(y, lists, {**orders, "newest": orders["model"]}, capacity=50, seed=0)
    assert (same["newest"].gain.low, same["newest"].gain.high) == (0, 0)


def test_the_same_seed_gives_the_same_and_another_other_intervals():
    assert compared(2) == compared(2)
    y, lists, orders = many(2)
    first, second = (compare_practices(y, lists, orders, capacity=99, seed=s, resamples=50) for s in (0, 1))
    assert first["model"].conversions.value == second["model"].conversions.value
    assert first["model"].conversions.low != second["model"].conversions.low


def test_lists_without_a_conversion_have_no_lift_and_json_has_no_nan():
    found = compare_practices(
        [0, 0], Lists(np.array([0, 0]), ("a",), (None,), (None,)), {"model": Order(np.array([1.0, 0.0]))},
        capacity=1, seed=0, skipped={"owner": "no owner"},
    )  # fmt: skip
    assert np.isnan(found["model"].lift.value)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert told["practices"][0]["lift"]["value"] is None
    assert told["skipped"] == {"owner": "no owner"}
    assert told["by_month"] == []


def test_instants_are_text_in_json():
    assert compared(2).to_dict()["by_list"][0]["as_of"] == "2026-05-01T00:00:00Z"


@pytest.mark.parametrize(
    ("change", "said"),
    [({"capacity": 0}, "at least 1"), ({"orders": {}}, "must hold 'model'"), ({"y": [0, 2]}, "0 or 1")],
    ids=["capacity", "orders", "labels"],
)
def test_what_does_not_fit_is_refused(change, said):
    whole = {"y": Y, "orders": ORDERS, "capacity": 1, **change}
    number = NUMBER[: len(whole["y"])]
    with pytest.raises(ValueError, match=said):
        compare_practices(
            whole["y"], Lists(number, ("a", "b", "c"), (None,) * 3, (None,) * 3), whole["orders"],
            capacity=whole["capacity"], seed=0,
        )  # fmt: skip
