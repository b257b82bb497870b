"""What is known of leads does not depend on how many of them are looked at together."""

from __future__ import annotations

from datetime import timedelta

from oracles import worlds
from propensity.scoring import facts
from propensity.timeline.snapshots import scoring_spine
from scoring.conftest import AS_OF, company


def test_by_ranges_the_facts_are_those_of_all_at_once(desk, tmp_path, monkeypatch):
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
    whole = engine.collect(facts.lead_facts(canonical, spine).order_by("lead_id"))
    monkeypatch.setattr(facts, "LEADS_A_RANGE", 2)
    parts = facts.lead_facts(canonical, spine, name="by_ranges", folder=tmp_path)
    assert engine.collect(parts.order_by("lead_id")).to_pylist() == whole.to_pylist()
    assert len(list(tmp_path.iterdir())) == 3
    assert whole["last_answer"].null_count == whole.num_rows - 1
    assert whole["talker_id"].null_count < whole.num_rows
