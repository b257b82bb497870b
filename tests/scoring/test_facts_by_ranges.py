"""What is known of leads does not depend on how many of them are looked at together, nor on what was derived before."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from oracles import worlds
from propensity.features.frame import features_of
from propensity.features.ranges import ranges_of
from propensity.scoring.facts import facts_by_ranges, lead_facts
from propensity.timeline.snapshots import scoring_spine
from scoring.conftest import AS_OF, company


def test_by_ranges_the_facts_are_those_of_all_at_once(desk, tmp_path):
    people = [{"title": title} for title in ("CFO", "clerk", None, "Head of Sales", "intern")]
    acts = [
        {"occurred_at": at, "recorded_at": at, "type": kind, "direction": way, "channel": "email"}
        for hours, kind, way in ((50, "email_sent", "outbound"), (20, "call", "inbound"))
        for at in [AS_OF - timedelta(hours=hours)]
    ]
    budget = {"amount": 5_000.0, "recorded_at": AS_OF - timedelta(days=3), "currency": "EUR"}
    desk.bench.put(worlds.side_by_side([company(*people, activities=acts, budgets=[budget]), company({})]))
    canonical, engine = desk.canonical, desk.canonical.engine
    spine = scoring_spine(canonical, AS_OF)
    whole = engine.collect(lead_facts(canonical, spine).order_by("lead_id"))
    ranges = ranges_of(canonical, spine, 2)
    features = engine.materialise(features_of(canonical, spine).expression, "known_before")
    parts = facts_by_ranges(canonical, ranges, tmp_path, as_of=AS_OF, known=features, name="by_ranges")
    found = pa.Table.from_batches(list(parts))
    assert found.select(whole.column_names).sort_by("lead_id").to_pylist() == whole.to_pylist()
    assert len(list(tmp_path.iterdir())) == 3
    assert whole["last_answer_us"].null_count == whole.num_rows - 1
    assert whole["talker_id"].null_count < whole.num_rows
    again = lead_facts(canonical, spine, name="known_already", known=features)
    assert engine.collect(again.order_by("lead_id")).to_pylist() == whole.to_pylist()
    # What is given is taken, and not derived anew.
    told = features.mutate(engagement_unanswered_count=features["engagement_unanswered_count"] + 100)
    other = engine.collect(lead_facts(canonical, spine, name="told", known=told))
    assert min(other["unanswered"].to_pylist()) >= 100
