"""What a lead did lately, as its page tells it: acts that are alike on one day are one."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import worlds
from propensity.scoring.recent import recent_acts
from scoring.conftest import AS_OF, company

KINDS = (("web_visit", "inbound", "web"), ("email_sent", "outbound", "email"), ("web_visit", "inbound", None))
acts = st.lists(st.tuples(st.integers(-30, 200), st.sampled_from(KINDS)), max_size=30)


@given(acts)
@settings(max_examples=15, deadline=None)
def test_alike_acts_of_a_day_are_counted_and_the_newest_days_kept(desk, drawn):
    def at(hours):
        return AS_OF - timedelta(hours=hours)

    rows = [
        {"occurred_at": at(hours), "recorded_at": at(hours), "type": kind, "direction": way, "channel": by}
        for hours, (kind, way, by) in drawn
    ]
    desk.bench.put(worlds.side_by_side([company(activities=rows)]))
    canonical = desk.canonical
    found = recent_acts(canonical, canonical.tables["leads"].select("lead_id"), AS_OF).to_pylist()
    zone, told = canonical.config.data.zone, {}
    for row in rows:
        if row["occurred_at"] < AS_OF:
            key = (row["occurred_at"].astimezone(zone).date(), row["type"], row["direction"], row["channel"])
            told.setdefault(key, []).append(row["occurred_at"])
    # What is not told comes last.
    order = sorted(
        told.items(),
        key=lambda one: (-max(one[1]).timestamp(), *one[0][1:3], one[0][3] is None, one[0][3] or ""),
    )
    wanted = [
        (max(times).astimezone(ZoneInfo("UTC")), way, by, len(times)) for (_, _, way, by), times in order
    ]
    assert [(row["occurred_at"], row["direction"], row["channel"], row["times"]) for row in found] == wanted[
        : canonical.config.lists.recent_acts
    ]
