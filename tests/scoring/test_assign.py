"""Who calls whom: capacity, territory, ownership, one rep per account, holdout and exploration, on drawn companies."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from propensity.config.lists import ListsConfig
from propensity.scoring.assign import TERRITORY, Candidate, Place, Reps, assign

COUNTRIES = ("DE", "FR", "ES")
PLACES = (None, None, None, None)


def lead(number: int, *, account: str | None = None, owner: str | None = None, country: str | None = None):
    unit = f"lead {number}" if account is None else f"account {account}"
    return Candidate(f"L{number}", unit, owner, (country, *PLACES))


def placed(candidates: list[Candidate], tree: dict[str, Any], night: str = "") -> tuple[list[Place], Reps]:
    rules = ListsConfig.model_validate(tree)
    reps = Reps(rules, sorted({lead.owner for lead in candidates if lead.owner is not None}))
    return assign(candidates, reps, rules, night=night), reps


def names(candidates: list[Candidate], tree: dict[str, Any]) -> list[str | None]:
    found, reps = placed(candidates, tree)
    return [place.removed if place.rep is None else reps.names[place.rep] for place in found]


def rep(name: str, capacity: int | None = None, **territory: list[str]) -> dict[str, Any]:
    return {"name": name, "capacity": capacity, "territory": territory}


def test_without_reps_there_is_one_nameless_list_up_to_the_capacity():
    assert names([lead(n) for n in range(3)], {"capacity": 2}) == [None, None, "over_capacity"]
    assert names([lead(0)], {}) == [None]


def test_who_may_take_little_is_not_left_idle():
    tree = {"reps": [rep("all", 2), rep("germany", 2, country=["DE"])]}
    leads = [lead(n, country=country) for n, country in enumerate(["DE", "DE", "FR", "FR"])]
    assert names(leads, tree) == ["germany", "germany", "all", "all"]


def test_reps_who_may_take_the_same_share_the_best_evenly():
    tree = {"reps": [rep("ada", 4), rep("bo", 4)]}
    found = names([lead(n) for n in range(8)], tree)
    assert [sorted(found[n : n + 2]) for n in (0, 2, 4, 6)] == [["ada", "bo"]] * 4


def test_a_lead_in_nobodys_territory_is_said_to_be():
    tree = {"reps": [rep("germany", 2, country=["DE"])]}
    assert names([lead(0, country="FR"), lead(1), lead(2, country="DE")], tree) == [
        "no_rep",
        "no_rep",
        "germany",
    ]


@pytest.mark.parametrize(
    ("ownership", "expected"),
    [
        ("keep", ["ada", "over_capacity", "bo"]),
        ("prefer", ["ada", "bo", "over_capacity"]),
    ],
)
def test_owners_keep_their_leads(ownership, expected):
    tree = {"reps": [rep("ada", 1), rep("bo", 1)], "ownership": ownership}
    leads = [lead(0, owner="ada"), lead(1, owner="ada"), lead(2, owner="who left")]
    assert names(leads, tree) == expected


def test_owners_do_not_matter_when_ignored():
    tree = {
        "reps": [rep("ada", 1, country=["FR"]), rep("germany", 1, country=["DE"])],
        "ownership": "ignore",
    }
    assert names([lead(0, owner="ada", country="DE")], tree) == ["germany"]


def test_owners_of_the_data_are_reps_of_what_they_own():
    tree = {"owners_are_reps": True, "rep_capacity": 1}
    leads = [lead(0, owner="ada"), lead(1, owner="ada"), lead(2)]
    assert names(leads, tree) == ["ada", "over_capacity", "no_rep"]


def test_an_account_stays_with_its_rep_even_when_another_has_room():
    tree = {"reps": [rep("ada", 1), rep("bo", 2)]}
    leads = [lead(0, account="A", owner="ada"), lead(1, account="A", owner="bo"), lead(2)]
    assert names(leads, tree) == ["ada", "over_capacity", "bo"]


def test_a_rep_on_holiday_gets_nothing_and_others_take_over():
    tree = {"reps": [rep("ada", 0), rep("bo", 2)]}
    assert names([lead(0, owner="ada")], tree) == ["bo"]


@st.composite
def nights(draw: st.DrawFn) -> tuple[list[Candidate], dict[str, Any]]:
    size = draw(st.integers(0, 40))
    people = [
        lead(
            number,
            account=draw(st.sampled_from([None, "A", "B", "C", "D"])),
            owner=draw(st.sampled_from([None, "rep 0", "rep 1", "gone"])),
            country=draw(st.sampled_from([None, *COUNTRIES])),
        )
        for number in range(size)
    ]
    reps = [
        rep(
            f"rep {number}",
            draw(st.none() | st.integers(0, 6)),
            **({"country": draw(st.lists(st.sampled_from(COUNTRIES)))} if draw(st.booleans()) else {}),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    return people, {
        "reps": reps,
        "capacity": draw(st.none() | st.integers(1, 20)),
        "rep_capacity": draw(st.none() | st.integers(1, 5)),
        "ownership": draw(st.sampled_from(["keep", "prefer", "ignore"])),
        "owners_are_reps": draw(st.booleans()),
        "holdout": {"share": draw(st.sampled_from([0, 0.2]))},
        "exploration": {"share": draw(st.sampled_from([0, 0.3]))},
    }


@given(nights())
def test_nobody_twice_no_list_too_long_one_rep_an_account_and_a_cause_for_the_rest(night):
    people, tree = night
    found, reps = placed(people, tree)
    assert len(found) == len(people)
    assert all((place.rep is None) == (place.removed is not None) for place in found)
    loads = Counter(place.rep for place in found if place.rep is not None)
    assert all(reps.capacities[n] is None or load <= reps.capacities[n] for n, load in loads.items())
    if tree["capacity"] is not None:
        assert loads.total() <= tree["capacity"]
    by_unit: dict[str, set[int]] = {}
    for person, place in zip(people, found, strict=True):
        if place.rep is not None:
            by_unit.setdefault(person.unit, set()).add(place.rep)
            assert 0 < place.probability <= 1
            assert any(place.rep in group for group in reps.choices(person)) or person.unit.startswith(
                "account"
            )
    assert all(len(reps_of) == 1 for reps_of in by_unit.values())
    held = {person.unit for person, place in zip(people, found, strict=True) if place.removed == "held_out"}
    assert not held & by_unit.keys()
    assert found == placed(people, tree)[0]


@given(nights())
def test_what_is_not_looked_at_decides_nothing(night):
    people, tree = night
    reps = Reps(
        ListsConfig.model_validate(tree), sorted({one.owner for one in people if one.owner is not None})
    )
    for one in people:
        places = (
            place if part in reps.looked_at else None
            for part, place in zip(TERRITORY, one.places, strict=True)
        )
        bare = Candidate("", "", one.owner if "owner" in reps.looked_at else None, tuple(places))
        assert reps.choices(bare) == reps.choices(one)


@given(nights())
def test_places_stay_free_only_where_nobody_is_left_who_may_have_them(night):
    people, tree = night
    tree["holdout"] = tree["exploration"] = {"share": 0}
    found, reps = placed(people, tree)
    loads = Counter(place.rep for place in found if place.rep is not None)
    total = reps.total()
    free = {n for n, most in enumerate(reps.capacities) if most is None or loads[n] < most}
    if total is not None and loads.total() >= total:
        return
    of_unit = {p.unit: place.rep for p, place in zip(people, found, strict=True) if place.rep is not None}
    for person, place in zip(people, found, strict=True):
        if place.removed == "over_capacity":
            may = {n for group in reps.choices(person) for n in group}
            known = of_unit.get(person.unit)
            assert not may & free if known is None else known not in may & free


def test_the_holdout_draws_whole_accounts_within_binomial_bounds_and_takes_no_places():
    people = [lead(n, account=str(n // 2)) for n in range(4_000)]
    found, _ = placed(people, {"capacity": 1_000, "holdout": {"share": 0.2}})
    listed = sum(place.removed is None for place in found)
    reached = max(n for n, place in enumerate(found) if place.removed is None) + 1
    units = {person.unit for person in people[:reached]}
    held = {people[n].unit for n in range(reached) if found[n].removed == "held_out"}
    low, high = binom.ppf([0.0005, 0.9995], len(units), 0.2)
    assert listed == 1_000
    assert low <= len(held) <= high
    assert {place.probability for place in found[:reached]} == {0.8}
    again, _ = placed(people, {"capacity": 1_000, "holdout": {"share": 0.2, "salt": "another"}})
    assert {p.unit for p, place in zip(people, again, strict=True) if place.removed == "held_out"} != held


def test_exploration_draws_each_left_over_lead_with_the_chance_it_says():
    people = [lead(n) for n in range(60)]
    tree = {"capacity": 20, "exploration": {"share": 0.25}}
    drawn = Counter[str]()
    nights = 400
    for night in range(nights):
        found, _ = placed(people, tree, str(night))
        explored = [n for n, place in enumerate(found) if place.selection == "explored"]
        assert [place.selection for place in found[:15]] == ["listed"] * 15
        assert len(explored) == 5
        assert {found[n].probability for n in explored} == {5 / 45}
        drawn.update(people[n].lead_id for n in explored)
    low, high = binom.ppf([1e-5, 1 - 1e-5], nights, 5 / 45)
    assert len(drawn) == 45
    assert all(low <= count <= high for count in drawn.values())
