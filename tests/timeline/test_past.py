"""What is known of earlier leads: strictly before as_of, by both clocks, without the lead itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from oracles import worlds
from oracles.bench import Bench, open_world
from oracles.canonical import World
from propensity.features import frame
from propensity.features.frame import features_of
from propensity.timeline import past
from propensity.timeline.snapshots import scoring_spine, training_spine

AS_OF = worlds.BASE + 31 * worlds.DAY
HORIZON = worlds.TREE["outcome"]["horizon_days"] * worlds.DAY
US = worlds.US
RATES = [f"firmographic_{group}_past_rate" for group in ("source", "industry", "account")]
TREE = {**worlds.TREE, "features": {"past_rate_pseudo_leads": 1, "activity_types": {}, "channels": []}}


@pytest.fixture(scope="module", params=["one as_of", "several"])
def past_bench(request, tmp_path_factory):
    """Both ways to answer: group by group where all snapshots share an as_of, and in one order of time."""
    canonical = open_world(worlds.seed_world(), TREE, tmp_path_factory.mktemp("past"))
    bench = Bench(canonical, worlds.THROUGH)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "several":
            patch.setattr(frame, "_shared_as_of", lambda *_: None)
            bench.sql["scoring"] = bench.compiled("scoring")
        yield bench
    canonical.engine.close()


def world(*stages: tuple[str, str, Any, Any], created: Any = worlds.BASE, **tables: Any) -> World:
    """The lead `me` and five others of its source and account; `she` was created at `created`. No one has converted."""
    leads = [
        {"lead_id": name, "created_at": worlds.BASE, "account_id": "A0", "source": "web"}
        for name in ("me", "a", "b", "c", "d")
    ]
    leads.append({**leads[0], "lead_id": "she", "created_at": created})
    rows = {
        "leads": leads,
        "accounts": [{"account_id": "A0", "industry": "steel", "valid_from": None}],
        "stages": [
            dict(zip(("lead_id", "stage", "entered_at", "recorded_at"), stage, strict=True))
            for stage in stages
        ],
        **tables,
    }
    whole = {
        name: [{column: row.get(column) for column in columns} for row in rows.get(name, [])]
        for name, columns in worlds.COLUMNS.items()
    }
    return World({**whole, **worlds.STILL}, worlds.COLUMNS)


def rates(bench: Bench, it: World, *, as_of: Any = AS_OF, lead: str = "me") -> list[float | None]:
    bench.put(it)
    return next([row[name] for name in RATES] for row in bench.scoring(as_of) if row["lead_id"] == lead)


def rate(conversions: int, leads: int) -> float:
    """All leads are of one group, so that the base rate is the group's own."""
    return pytest.approx(100 * conversions / leads)


IN_TIME = worlds.BASE + HORIZON - US
CASES = {
    "in the horizon and known": (("she", "prospect", IN_TIME, AS_OF - US), 1),
    "known at as_of": (("she", "prospect", IN_TIME, AS_OF), 0),
    "entered when the horizon ended": (("she", "prospect", worlds.BASE + HORIZON, AS_OF - US), 0),
    "a later stage": (("she", "customer", IN_TIME, IN_TIME), 1),
    "a stage on the way": (("she", "working", IN_TIME, IN_TIME), 0),
    "before she was created": (("she", "prospect", worlds.BASE - worlds.DAY, worlds.BASE), 1),
    "the lead itself": (("me", "prospect", IN_TIME, IN_TIME), 0),
}


@pytest.mark.parametrize(("stage", "conversions"), CASES.values(), ids=CASES)
def test_a_conversion_counts_when_it_was_within_the_horizon_and_known(past_bench, stage, conversions):
    assert rates(past_bench, world(stage)) == [rate(conversions, 5)] * 3


def test_a_disqualification_that_becomes_known_takes_the_conversion_back(past_bench):
    told = AS_OF - 5 * worlds.DAY
    it = world(("she", "prospect", IN_TIME, IN_TIME), ("she", "disqualified", worlds.BASE + US, told))
    assert rates(past_bench, it, as_of=told) == [rate(1, 5)] * 3
    assert rates(past_bench, it, as_of=told + US) == [rate(0, 5)] * 3


@pytest.mark.parametrize(("shift", "leads"), [(-US, 5), (0 * US, 4)], ids=["just old enough", "not yet"])
def test_a_lead_counts_once_its_horizon_ended_before_as_of(past_bench, shift, leads):
    it = world(("a", "prospect", IN_TIME, IN_TIME), created=AS_OF - HORIZON + shift)
    assert rates(past_bench, it) == [rate(1, leads)] * 3


def test_the_rate_is_drawn_to_the_base_rate_of_all_leads(past_bench):
    others = [
        {"lead_id": f"o{number}", "created_at": worlds.BASE, "account_id": "A1", "source": "event"}
        for number in range(3)
    ]
    one = world(("o0", "prospect", IN_TIME, IN_TIME), ("a", "prospect", IN_TIME, IN_TIME))
    it = one.with_rows(
        leads=[*one.rows("leads"), *({**dict.fromkeys(worlds.COLUMNS["leads"]), **other} for other in others)]
    )
    base = 2 / 8
    assert rates(past_bench, it)[0] == pytest.approx(100 * (1 + base) / (5 + 1))


def test_nothing_is_known_where_no_lead_is_old_enough(past_bench):
    assert rates(past_bench, world(), as_of=worlds.BASE + HORIZON) == [None] * 3


def test_a_past_lead_is_of_the_industry_that_its_account_had_when_its_horizon_ended(past_bench):
    ended = worlds.BASE + HORIZON
    rows = [
        {"account_id": "A0", "industry": "steel", "valid_from": None},
        {"account_id": "A0", "industry": "glass", "valid_from": ended},
        {"account_id": "A1", "industry": "glass", "valid_from": None},
    ]
    one = world(("a", "prospect", IN_TIME, IN_TIME))
    other = {**one.rows("leads")[0], "lead_id": "o", "account_id": "A1"}
    blank = dict.fromkeys(worlds.COLUMNS["accounts"])
    it = one.with_rows(leads=[*one.rows("leads"), other], accounts=[{**blank, **row} for row in rows])
    # `me` works in glass by now; only `o` did when its horizon ended, and it has not converted.
    assert rates(past_bench, it)[1] == pytest.approx(100 * (0 + 1 / 6) / (1 + 1))


@pytest.mark.parametrize("past_bench", ["several"], indirect=True)
def test_a_cut_that_puts_changes_before_questions_is_caught(past_bench, monkeypatch):
    monkeypatch.setattr(past, "QUESTION", 2)
    monkeypatch.setitem(past_bench.sql, "scoring", past_bench.compiled("scoring"))
    stage, _ = CASES["known at as_of"]
    assert rates(past_bench, world(stage))[:1] == [rate(1, 5)]


FLAT = ("lead_id", "created_at", "source", "outcome")


@pytest.mark.parametrize("lag", [0, 2], ids=["no lag", "a lag of two days"])
def test_flat_outcomes_are_known_a_horizon_and_the_lag_after_creation(tmp_path, lag):
    old = timedelta(days=10 + lag)
    rows = [(0 * US, True), (US, False), (old, None), (old + US, None), (2 * old, True)]
    leads = [
        {"lead_id": str(number), "created_at": worlds.BASE + age, "source": "web", "outcome": outcome}
        for number, (age, outcome) in enumerate(rows)
    ]
    tree = {"outcome": {"horizon_days": 10, "recording_lag_days": lag}}
    canonical = open_world(World({"leads": leads}, {"leads": FLAT}), tree, tmp_path)
    try:
        table = features_of(canonical, scoring_spine(canonical, None)).collect().table
        found = {row["lead_id"]: row["firmographic_source_past_rate"] for row in table.to_pylist()}
        frame = features_of(canonical, training_spine(canonical, worlds.BASE + 100 * worlds.DAY)).collect()
        learned = {row["lead_id"]: row["firmographic_source_past_rate"] for row in frame.table.to_pylist()}
    finally:
        canonical.engine.close()
    assert found == {"0": None, "1": None, "2": None, "3": rate(1, 1), "4": rate(1, 2)}
    assert learned == {name: value for name, value in found.items() if name in ("0", "1", "4")}


def test_flat_data_without_dates_have_no_past_rate(tmp_path):
    leads = [{"lead_id": str(number), "source": "web", "outcome": number > 1} for number in range(4)]
    columns = ("lead_id", "source", "outcome")
    canonical = open_world(World({"leads": leads}, {"leads": columns}), {}, tmp_path)
    try:
        assert not [
            name
            for name in features_of(canonical, training_spine(canonical, None)).features
            if "past" in name.name
        ]
    finally:
        canonical.engine.close()
