"""Which snapshots count and what became of them, at the very edges."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from oracles import spine
from oracles.bench import open_world
from oracles.canonical import Crm, World
from propensity.errors import HistoryError
from propensity.timeline.history import data_through
from propensity.timeline.snapshots import scoring_spine, training_spine

US, DAY = timedelta(microseconds=1), timedelta(days=1)
JAN, FEB, MAR, APR = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4))
START = JAN - timedelta(days=10)
LATE = datetime(2027, 1, 1, tzinfo=UTC)
TREE: dict[str, Any] = {"outcome": {"horizon_days": 10}}


def history(leads: dict[str, datetime], *stages: tuple[Any, ...]) -> World:
    """Leads with the time of their creation; stages as lead, stage, entered, and perhaps recorded."""
    names = ("lead_id", "stage", "entered_at", "recorded_at")
    return World(
        {
            "leads": [{"lead_id": name, "created_at": at} for name, at in leads.items()],
            "stages": [dict(zip(names, (*stage, None)[:4], strict=True)) for stage in stages],
        },
        {"leads": ("lead_id", "created_at"), "stages": names},
    )


def flat(*rows: dict[str, Any], dated: bool = True) -> World:
    columns = ("lead_id", "outcome", *(["created_at"] if dated else ["weight"]))
    return World({"leads": list(rows)}, {"leads": columns})


@contextmanager
def opened(world: World, **tree: Any):
    with TemporaryDirectory() as folder:
        canonical = open_world(world, {**TREE, **tree}, Path(folder))
        try:
            yield canonical
        finally:
            canonical.engine.close()


def spine_rows(canonical, table) -> list[dict[str, Any]]:
    return canonical.engine.collect(table.order_by("snapshot_id")).to_pylist()


def trained(world: World, through: datetime | None, **tree: Any) -> list[tuple[str, datetime | None, int]]:
    """Lead, as_of and label of each snapshot, in order."""
    with opened(world, **tree) as canonical:
        rows = spine_rows(canonical, training_spine(canonical, through))
        return [(row["lead_id"], row["as_of"], row["label"]) for row in rows]


def test_eligibility_and_labels_at_equalities():
    """Seen from 1 February with a horizon of 10 days, which ends on the 11th."""
    end = FEB + 10 * DAY
    cases = {
        "created just before": (FEB - US, [], 0),
        "created at as_of": (FEB, [], None),
        "converted just before": (START, [("prospect", FEB - US)], None),
        "converted at as_of": (START, [("prospect", FEB)], 1),
        "converted just within": (START, [("prospect", end - US)], 1),
        "converted at the end": (START, [("prospect", end)], 0),
        "later stage alone": (START, [("customer", FEB + DAY)], 1),
        "later stage before": (START, [("customer", FEB - DAY), ("prospect", FEB + DAY)], None),
        "disqualified just before": (START, [("disqualified", FEB - US)], None),
        "disqualified at as_of": (START, [("disqualified", FEB)], 0),
        "disqualified first": (START, [("disqualified", FEB), ("prospect", FEB + US)], 0),
        "both at once": (START, [("disqualified", FEB + DAY), ("prospect", FEB + DAY)], 1),
        "disqualified after": (START, [("prospect", FEB + DAY), ("disqualified", FEB + 2 * DAY)], 1),
        "recorded late": (START, [("prospect", FEB - US, FEB + 99 * DAY)], None),
        "recorded late but within": (START, [("prospect", FEB + DAY, FEB + 99 * DAY)], 1),
        "another stage before": (START, [("working", FEB - DAY)], 0),
    }
    world = history(
        {name: created for name, (created, _, _) in cases.items()},
        *((name, *stage) for name, (_, stages, _) in cases.items() for stage in stages),
    )
    found = {lead: label for lead, as_of, label in trained(world, LATE) if as_of == FEB}
    assert found == {name: label for name, (_, _, label) in cases.items() if label is not None}


@pytest.mark.parametrize(("through", "last"), [(APR, MAR), (APR - US, FEB)])
def test_a_snapshot_is_matured_when_horizon_and_lag_have_just_passed(through, last):
    outcome = {"horizon_days": 21, "recording_lag_days": 10}
    rows = trained(history({"a": START}, ("a", "working", START)), through, outcome=outcome)
    assert max(as_of for _, as_of, _ in rows) == last


@pytest.mark.parametrize(("age_days", "moment"), [(10, JAN), (0.5, START + DAY / 2)])
def test_a_fixed_age_gives_each_lead_one_snapshot(age_days, moment):
    world = history(
        {"a": START, "b": START + DAY}, ("a", "prospect", moment), ("b", "prospect", moment + DAY - US)
    )
    rows = trained(world, LATE, snapshots={"age_days": age_days})
    assert rows == [("a", moment, 1)]


def test_a_fixed_age_obeys_start_and_maturity_at_equality():
    world = history({"a": START - US, "b": START, "c": START + US}, ("a", "working", START))
    snapshots = {"age_days": 10, "start": JAN.isoformat()}
    assert [row[0] for row in trained(world, JAN + 10 * DAY, snapshots=snapshots)] == ["b"]


@pytest.mark.parametrize(("start", "first"), [(FEB, FEB), (FEB + US, MAR)])
def test_no_snapshot_lies_before_start(start, first):
    world = history({"a": START}, ("a", "working", START))
    rows = trained(world, LATE, snapshots={"start": start.isoformat()})
    assert min(as_of for _, as_of, _ in rows) == first


@pytest.mark.parametrize(
    "snapshots",
    [
        {"every": "1 week"},
        {"every": "10 days"},
        {"age_days": 3.25},
        {"age_days": 20, "start": JAN.isoformat()},
    ],
)
def test_spines_of_any_kind_are_what_the_oracle_says(snapshots):
    leads = {f"L{number}": START + number * 3.7 * DAY for number in range(12)}
    stages = [
        (f"L{number}", ("prospect", "disqualified", "working")[number % 3], START + number * 9 * DAY)
        for number in range(12)
    ]
    world, data = history(leads, *stages), {"timezone": "America/New_York"}
    with opened(world, snapshots=snapshots, data=data) as canonical:
        rows = spine_rows(canonical, training_spine(canonical, APR))
        expected = spine.training(Crm(world, canonical.config), APR)
    assert [(row["as_of"], row["lead_id"], row["label"]) for row in rows] == [
        (snapshot.as_of, snapshot.lead_id, snapshot.label) for snapshot in expected
    ]
    assert [row["snapshot_id"] for row in rows] == list(range(len(rows)))


def test_time_order_is_the_microsecond_of_as_of():
    with opened(history({"a": START}, ("a", "working", START))) as canonical:
        row = spine_rows(canonical, training_spine(canonical, LATE))[0]
    assert row["time_order"] == (row["as_of"] - datetime(1970, 1, 1, tzinfo=UTC)) // US


def test_flat_data_are_looked_at_when_each_lead_was_created():
    rows = [
        {"lead_id": name, "created_at": at, "outcome": outcome}
        for name, at, outcome in [
            ("won", JAN, True),
            ("lost", JAN - DAY, False),
            ("unknown", JAN, None),
            ("just old enough", APR - 10 * DAY, True),
            ("too young", APR - 10 * DAY + US, True),
        ]
    ]
    assert trained(flat(*rows), APR) == [
        ("lost", JAN - DAY, 0),
        ("won", JAN, 1),
        ("just old enough", APR - 10 * DAY, 1),
    ]
    with opened(flat(*rows)) as canonical:
        scored = spine_rows(canonical, scoring_spine(canonical, APR - 10 * DAY))
    assert {row["lead_id"]: row["as_of"] for row in scored} == {
        row["lead_id"]: row["created_at"] for row in rows if row["lead_id"] != "too young"
    }


@pytest.mark.parametrize(
    ("order", "expected"), [("ascending", ["a", "b", "c", "d"]), ("descending", ["d", "c", "b", "a"])]
)
def test_flat_data_without_dates_go_in_the_declared_order(order, expected):
    """9 comes before 10: numbers go by their value, not by their letters."""
    weights = {"b": "9", "a": "-1.5", "d": "10.5", "c": "10"}
    rows = [{"lead_id": name, "outcome": True, "weight": weight} for name, weight in weights.items()]
    tree = {
        "tables": {
            "leads": {
                "order_by": "weight",
                "order": order,
                "extra": {"weight": {"static": True, "type": "category"}},
            }
        }
    }
    with opened(flat(*rows, dated=False), **tree) as canonical:
        found = spine_rows(canonical, training_spine(canonical, None))
        assert data_through(canonical, not_after=LATE) is None
    assert [row["lead_id"] for row in found] == expected
    assert [row["time_order"] for row in found] == sorted(row["time_order"] for row in found)
    assert {row["as_of"] for row in found} == {None}


def test_flat_data_without_any_order_have_no_time():
    rows = [{"lead_id": name, "outcome": name == "a", "weight": "1"} for name in "ba"]
    with opened(flat(*rows, dated=False)) as canonical:
        for table in (training_spine(canonical, None), scoring_spine(canonical, None)):
            found = spine_rows(canonical, table)
            assert [(row["lead_id"], row["as_of"], row["time_order"]) for row in found] == [
                ("a", None, None),
                ("b", None, None),
            ]


def test_scoring_looks_at_every_lead_created_before_as_of():
    leads = {"before": FEB - US, "at": FEB, "after": FEB + US, "converted": START}
    with opened(history(leads, ("converted", "prospect", JAN))) as canonical:
        rows = spine_rows(canonical, scoring_spine(canonical, FEB))
    assert [row["lead_id"] for row in rows] == ["before", "converted"]


def test_data_reach_as_far_as_configured():
    with opened(history({"a": START}, ("a", "working", START)), data={"through": "2026-02-01"}) as canonical:
        assert data_through(canonical, not_after=JAN) == FEB


@pytest.mark.parametrize(
    ("clock", "reach"), [(LATE, APR), (APR, APR), (APR - US, MAR), (MAR - US, JAN), (START, START)]
)
def test_data_reach_to_the_newest_record_that_is_not_in_the_future(clock, reach):
    world = history({"a": START, "b": JAN}, ("a", "working", START, APR), ("a", "meeting", MAR))
    with opened(world) as canonical:
        assert data_through(canonical, not_after=clock) == reach


def test_data_that_all_lie_in_the_future_are_refused():
    with (
        opened(history({"a": START}, ("a", "working", START))) as canonical,
        pytest.raises(HistoryError, match="all times lie in the future"),
    ):
        data_through(canonical, not_after=START - US)


def refused(world: World, through: datetime | None, **tree: Any) -> str:
    with pytest.raises(HistoryError) as caught:
        trained(world, through, **tree)
    return str(caught.value)


def test_a_history_that_is_too_short_is_refused_with_its_dates():
    message = refused(history({"a": JAN}, ("a", "working", JAN)), FEB)
    assert "no snapshot is matured" in message
    assert "2026-01-01 00:00 UTC" in message
    assert "2026-02-01 00:00 UTC" in message


def test_a_start_after_the_data_is_refused_and_named():
    message = refused(history({"a": JAN}, ("a", "working", JAN)), APR, snapshots={"start": "2026-06-01"})
    assert "created 2026-01-01 00:00 UTC" in message
    assert "snapshots.start" in message


def test_a_horizon_longer_than_the_history_is_refused():
    message = refused(history({"a": JAN}, ("a", "working", JAN)), APR, outcome={"horizon_days": 36_500})
    assert "no snapshot is matured" in message


def test_leads_that_are_all_settled_are_refused():
    message = refused(history({"a": START}, ("a", "prospect", START + DAY)), LATE)
    assert "no snapshot is left" in message


def test_data_that_say_nothing_of_outcomes_are_refused():
    world = World({"leads": [{"lead_id": "a", "created_at": JAN}]}, {"leads": ("lead_id", "created_at")})
    assert "which leads converted" in refused(world, APR)


def test_scoring_before_any_data_is_refused():
    with (
        opened(history({"a": JAN}, ("a", "working", JAN))) as canonical,
        pytest.raises(HistoryError, match="before any data: the first lead was created 2026-01-01"),
    ):
        scoring_spine(canonical, JAN)
