"""What was known at a past date: which rows a training had, with which labels, and who was on the list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from oracles import spine, worlds
from oracles.bench import open_world
from oracles.canonical import Crm, World
from propensity.errors import HistoryError
from propensity.selection.origins import Plan, plan_origins
from propensity.sources.canonical import Canonical

DAY = timedelta(days=1)
JAN = datetime(2026, 1, 1, tzinfo=UTC)
HORIZON, LAG = timedelta(days=10), DAY


def keys_of(canonical: Canonical, plan: Plan) -> list[tuple[datetime | None, str]]:
    table = canonical.engine.collect(plan.spine.order_by("snapshot_id"))
    return list(zip(table["as_of"].to_pylist(), table["lead_id"].to_pylist(), strict=True))


def rows_of(keys: list[Any], rows: Any, labels: Any) -> list[tuple[Any, ...]]:
    return [(*keys[row], label) for row, label in zip(rows.tolist(), labels.tolist(), strict=True)]


def known_before(world: World, at: datetime) -> World:
    """The leads and stages that both clocks had passed."""
    return world.with_rows(
        leads=[row for row in world.rows("leads") if row["created_at"] < at],
        stages=[
            row for row in world.rows("stages")
            if row["entered_at"] < at and (row["recorded_at"] or row["entered_at"]) < at
        ],
    )  # fmt: skip


COOL_DOWN = 2 * DAY
SWITCHBOARD = 10


def called(crm: Crm, lead: str, at: datetime) -> bool:
    """Called or met within the cool-down, by what was known."""
    for act in crm.activities.get(lead, []):
        seen = act["occurred_at"] < at and (act["recorded_at"] or act["occurred_at"]) < at
        direction = act["direction"] or ("outbound" if act["type"] == "call" else None)
        channel = act["channel"] or ("phone" if act["type"] == "call" else None)
        spoken = direction == "outbound" and channel in ("phone", "in_person")
        if seen and act["occurred_at"] >= at - COOL_DOWN and (spoken or act["type"] == "meeting"):
            return True
    return False


def of_the_same_person(leads: dict[str, Any]) -> dict[str, list[str]]:
    """Each lead's leads: those of its e-mail address, unless so many share it that it is a switchboard's."""
    sharing: dict[str, list[str]] = {}
    for lead, row in leads.items():
        sharing.setdefault(row["email"] or lead, []).append(lead)
    groups = [
        part
        for group in sharing.values()
        for part in ([group] if len(group) <= SWITCHBOARD else [[x] for x in group])
    ]
    return {lead: group for group in groups for lead in group}


def listed_then(crm: Crm, at: datetime) -> list[tuple[datetime, str, int]]:
    """Who could be called by what was known, and what became of each by all that is known today."""
    then = Crm(known_before(crm.world, at), crm.config)
    entered = {lead: {row["stage"] for row in then.stages.get(lead, [])} for lead in then.leads}
    persons = of_the_same_person(then.leads)
    found: list[tuple[datetime, str, int]] = []
    for lead in then.leads:
        taken = any(entered[one] & {"prospect", "customer"} or called(crm, one, at) for one in persons[lead])
        if taken or "disqualified" in entered[lead]:
            continue
        stages = crm.stages.get(lead, [])
        converted = min(
            (r["entered_at"] for r in stages if r["stage"] in ("prospect", "customer")), default=None
        )
        gone = min((r["entered_at"] for r in stages if r["stage"] == "disqualified"), default=None)
        label = converted is not None and at <= converted < at + HORIZON and not (gone and gone < converted)
        found.append((at, lead, int(label)))
    return sorted(found)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=worlds.many_worlds)
def test_rows_labels_and_lists_are_those_that_were_known_at_the_date(bench, drawn):
    world = worlds.side_by_side(drawn)
    crm = bench.put(world)
    plan = plan_origins(bench.canonical, worlds.THROUGH)
    keys = keys_of(bench.canonical, plan)
    assert plan.origins
    assert len(set(keys)) == len(keys)
    for origin in plan.origins:
        assert origin.at + HORIZON + LAG <= worlds.THROUGH
        then = Crm(known_before(world, origin.at), crm.config)
        expected = [(s.as_of, s.lead_id, s.label) for s in spine.training(then, origin.at)]
        assert rows_of(keys, origin.rows, origin.labels) == expected
        assert all(as_of + HORIZON + LAG <= origin.at for as_of, _, _ in expected)
        assert rows_of(keys, origin.listed, origin.outcome) == listed_then(crm, origin.at)


def history(months: int, **stages: tuple[datetime, datetime]) -> World:
    """Ten leads a month; lead `L3` is called so in `stages`: when it became a prospect, and when that was recorded."""
    leads = [{"lead_id": f"L{i}", "created_at": JAN + i * 3 * DAY} for i in range(10 * months)]
    names = ("lead_id", "stage", "entered_at", "recorded_at")
    rows = [dict(zip(names, (lead, "prospect", *times), strict=True)) for lead, times in stages.items()]
    rows.append(dict(zip(names, ("L0", "new", JAN, JAN), strict=True)))
    return World({"leads": leads, "stages": rows}, {"leads": ("lead_id", "created_at"), "stages": names})


TREE: dict[str, Any] = {"outcome": {"horizon_days": 10, "recording_lag_days": 1}}


def planned(world: World, folder: Any, through: datetime | None, **tree: Any) -> tuple[Plan, list[Any]]:
    canonical = open_world(world, {**TREE, **tree}, folder)
    try:
        plan = plan_origins(canonical, through)
        return plan, keys_of(canonical, plan)
    finally:
        canonical.engine.close()


def labels_at(plan: Plan, keys: list[Any], name: str, lead: str) -> list[int]:
    origin = next(origin for origin in plan.origins if origin.name == name)
    return [label for _, found, label in rows_of(keys, origin.rows, origin.labels) if found == lead]


def test_a_conversion_that_was_recorded_later_than_the_lag_is_not_learned_before(tmp_path):
    late = datetime(2026, 4, 15, tzinfo=UTC)
    entered = datetime(2026, 2, 3, tzinfo=UTC)
    plan, keys = planned(history(6, L3=(entered, late)), tmp_path, JAN + 180 * DAY)
    # Snapshots of 1 February and of 1 March: nobody knew, and it counted as open; later it is a conversion of February.
    assert labels_at(plan, keys, "2026-04-01", "L3") == [0, 0]
    assert labels_at(plan, keys, "2026-05-01", "L3") == [1]
    april = next(origin for origin in plan.origins if origin.name == "2026-04-01")
    assert (datetime(2026, 4, 1, tzinfo=UTC), "L3", 0) in rows_of(keys, april.listed, april.outcome)


def test_the_newest_dates_are_taken_and_those_without_a_past_left_out(tmp_path):
    plan, _ = planned(history(6), tmp_path, JAN + 180 * DAY, backtest={"origins": 3})
    assert [origin.name for origin in plan.origins] == ["2026-04-01", "2026-05-01", "2026-06-01"]
    plan, _ = planned(history(6), tmp_path, JAN + 180 * DAY)
    # On 1 February nothing had matured.
    assert plan.origins[0].name == "2026-03-01"
    assert plan.asked == 8


def test_a_history_too_short_for_one_date_is_refused_with_what_it_needs(tmp_path):
    with pytest.raises(HistoryError, match=r"too short for a backtest(.|\n)*11 days(.|\n)*at least 22 days"):
        planned(history(2), tmp_path, JAN + 50 * DAY)


def flat(*, dated: bool) -> World:
    rows = [
        {"lead_id": f"L{i:03}", "outcome": i % 3 == 0, "created_at": JAN + i * DAY, "weight": "x"}
        for i in range(200)
    ]
    columns = ("lead_id", "outcome", "created_at" if dated else "weight")
    return World({"leads": [{c: row[c] for c in columns} for row in rows]}, {"leads": columns})


def test_flat_leads_are_listed_by_the_month_in_which_they_came(tmp_path):
    plan, keys = planned(flat(dated=True), tmp_path, JAN + 200 * DAY, backtest={"origins": 3})
    assert [origin.name for origin in plan.origins] == ["2026-04-01", "2026-05-01", "2026-06-01"]
    for origin in plan.origins:
        assert {f"{keys[row][0]:%Y-%m-01}" for row in origin.listed.tolist()} == {origin.name}
        assert max(keys[row][0] for row in origin.rows.tolist()) + HORIZON + LAG <= origin.at
    assert len(plan.origins[0].listed) == 30


def test_where_positions_are_time_the_newest_half_is_cut_into_lists(tmp_path):
    tree = {"tables": {"leads": {"order_by": "file"}}, "backtest": {"origins": 4}}
    plan, _ = planned(flat(dated=False), tmp_path, None, **tree)
    assert [origin.listed.tolist() for origin in plan.origins] == [
        list(range(start, start + 25)) for start in (100, 125, 150, 175)
    ]
    assert [origin.rows.tolist() for origin in plan.origins] == [list(range(n)) for n in (100, 125, 150, 175)]
    assert plan.origins[0].at is None


def test_without_time_there_is_no_backtest(tmp_path):
    with pytest.raises(HistoryError, match=r"set tables\.leads\.order_by"):
        planned(flat(dated=False), tmp_path, None)
