"""What an engine may not bring to this machine whole: leads are drawn, not rows."""

from __future__ import annotations

from typing import Any

from oracles.bench import open_world
from oracles.nasty import THROUGH, TREE, nasty_world
from propensity.timeline.snapshots import training_spine


def test_more_snapshots_than_may_be_brought_here_are_drawn_by_whole_leads(tmp_path):
    canonical = open_world(nasty_world(), TREE, tmp_path)
    engine: Any = canonical.engine

    said: list[str] = []

    def drawn(most: int | None) -> dict[str, set[Any]]:
        engine.training_rows = most
        spine: Any = training_spine(canonical, THROUGH, say=said.append)
        rows = engine.collect(spine.order_by("snapshot_id")).to_pylist()
        assert [row["snapshot_id"] for row in rows] == list(range(len(rows)))
        found: dict[str, set[Any]] = {}
        for row in rows:
            found.setdefault(row["lead_id"], set()).add((row["as_of"], row["label"]))
        return found

    every = drawn(None)
    assert drawn(10_000) == every
    assert said == []
    some = drawn(40)
    assert f"of {sum(map(len, every.values())):,} snapshots about 40 are learned from" in said[0]
    assert drawn(40) == some
    assert 0 < sum(map(len, some.values())) < sum(map(len, every.values())) / 2
    assert all(every[lead] == moments for lead, moments in some.items())
    engine.close()
