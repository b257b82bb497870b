"""Today's practices call by what was known at as_of, and by nothing later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.test_no_leak import AS_OF, another_future
from oracles import worlds
from oracles.bench import open_world
from oracles.canonical import World
from propensity.features.frame import FeatureFrame
from propensity.selection.orders import lists_of, todays_orders
from propensity.stats.tops import NOBODY, Order
from propensity.timeline.snapshots import scoring_spine, training_spine

DAY = timedelta(days=1)
JAN, FEB = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def bare(canonical, spine) -> FeatureFrame:
    """The rows without features: the scorecard's points are made of features alone, and these cannot leak."""
    return FeatureFrame(canonical.engine.collect(spine.order_by("snapshot_id")), (), "none")


def ranks(bench, parts) -> dict[tuple[str, str], Any]:
    """Per practice and lead, its place among the leads of its own world, from 0 at the last."""
    bench.put(worlds.side_by_side(parts))
    frame = bare(bench.canonical, scoring_spine(bench.canonical, AS_OF))
    orders = todays_orders(bench.canonical, frame).by
    leads = frame.lead_id.tolist()
    home = np.array([lead.split("-")[0] for lead in leads])
    found: dict[tuple[str, str], Any] = {}
    for name in ("newest", "owner"):
        key = orders[name].key if name in orders else np.zeros(len(leads))
        for world in np.unique(home):
            rows = np.flatnonzero(home == world)
            places = np.unique(key[rows], return_inverse=True)[1]
            found |= {(name, leads[row]): int(place) for row, place in zip(rows, places, strict=True)}
    return found


def owned(world: World) -> World:
    """One owner for all: who owns a lead is of today and may differ."""
    return world.with_rows(leads=[{**row, "owner": "Ann"} for row in world.rows("leads")])


pairs = worlds.worlds().flatmap(
    lambda world: st.tuples(st.just(world), another_future(world)).map(lambda two: tuple(map(owned, two)))
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.lists(pairs, min_size=8, max_size=12))
def test_another_future_changes_no_order(bench, drawn):
    here, there = (ranks(bench, side) for side in zip(*drawn, strict=True))
    known = {
        f"{number}-{row['lead_id']}"
        for number, (world, _) in enumerate(drawn)
        for row in world.rows("leads")
        if row["created_at"] < AS_OF
    }
    assert {lead for _, lead in here} == known
    assert here == there


LEADS = {
    "old": {"created_at": JAN, "owner": "Ann"},
    "young": {"created_at": FEB, "owner": "Ann"},
    "idle": {"created_at": JAN + DAY, "owner": "Ben"},
    "alone": {"created_at": JAN + 2 * DAY, "owner": None},
}
LATE = FEB + 20 * DAY
ACTS = [("old", LATE, LATE), ("young", FEB + DAY, FEB + DAY), ("idle", LATE - DAY, LATE + 30 * DAY)]


def small(tmp_path, *, acts: bool = True, owners: bool = True, **tree: Any):
    columns = ("lead_id", "created_at", *(["owner"] if owners else []))
    tables: dict[str, Any] = {
        "leads": [{"lead_id": name, **{c: row[c] for c in columns[1:]}} for name, row in LEADS.items()],
        "stages": [{"lead_id": "old", "stage": "new", "entered_at": JAN, "recorded_at": JAN}],
    }
    names = {"leads": columns, "stages": ("lead_id", "stage", "entered_at", "recorded_at")}
    if acts:
        names["activities"] = ("lead_id", "occurred_at", "recorded_at", "type")
        tables["activities"] = [dict(zip(names["activities"], (*act, "call"), strict=True)) for act in ACTS]
    return open_world(World(tables, names), {"outcome": {"horizon_days": 10}, **tree}, tmp_path)


def ordered(order: Order, leads: list[str]) -> list[str]:
    return [leads[place] for place in np.argsort(-order.key)]


@pytest.fixture
def scored(tmp_path):
    def score(**more: Any):
        canonical = small(tmp_path, **more)
        frame = bare(canonical, scoring_spine(canonical, LATE + DAY))
        return canonical, frame, todays_orders(canonical, frame)

    return score


def test_owners_call_the_newest_act_first_and_the_newest_lead_among_those_without_one(scored):
    canonical, frame, found = scored()
    leads = frame.lead_id.tolist()
    assert ordered(found.by["newest"], leads) == ["young", "alone", "idle", "old"]
    # The act of `idle` was recorded after as_of.
    assert ordered(found.by["owner"], leads) == ["old", "young", "alone", "idle"]
    worker = dict(zip(leads, found.by["owner"].worker.tolist(), strict=True))
    assert worker == {"old": 0, "young": 0, "idle": 1, "alone": NOBODY}
    assert any("1 of 4 rows on the lists have no owner" in note for note in found.notes)
    assert found.skipped == {"scorecard": "none of its features is here"}
    canonical.engine.close()


def test_without_owners_or_activities_or_its_features_a_practice_is_skipped_with_the_reason(scored):
    canonical, _, found = scored(owners=False, acts=False)
    assert set(found.by) == {"newest"}
    assert found.skipped == {
        "owner": "the leads have no owner (tables.leads.columns.owner)",
        "scorecard": "none of its features is here",
    }
    assert found.notes == ()
    canonical.engine.close()


def test_owners_without_activities_have_no_order(scored):
    canonical, _, found = scored(acts=False)
    assert found.skipped["owner"] == "there are no activities (tables.activities)"
    canonical.engine.close()


def test_snapshots_of_a_fixed_age_are_listed_by_step_of_the_calendar(tmp_path):
    canonical = small(tmp_path, snapshots={"age_days": 1})
    frame = bare(canonical, training_spine(canonical, LATE + 90 * DAY))
    lists = lists_of(frame, canonical.config)
    assert lists.number.tolist() == [0, 0, 0, 1]
    assert lists.months == ("2026-01", "2026-02")
    canonical.engine.close()
