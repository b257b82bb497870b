"""Leads in ranges: what is to be held at once does not grow with the number of leads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from propensity.timeline.history import PART, SNAPSHOT

if TYPE_CHECKING:
    from propensity.engines import Engine
    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

LEADS_A_RANGE = 100_000
"""So many leads, with the usual number of acts, take some 400 MB while their features are computed."""
ACTS_A_LEAD = 20
"""The usual number: of leads with more, fewer go into a range."""
_PART = "spine_part"


@dataclass(frozen=True)
class Ranges:
    """A spine in ranges of its snapshots, each of which becomes `part` in turn.

    Attributes
    ----------
    spine
        The snapshots with the number of their range, `timeline.history.PART` (int64, from 0).
    part
        The table that holds one range at a time.
    canonical
        The tables, with the activities stored by range.
    count
        How many ranges there are.
    """

    spine: Table
    part: Table
    canonical: Canonical
    count: int

    def in_turn(self, engine: Engine) -> Iterator[int]:
        """Put range after range into `part`."""
        for number in range(self.count):
            engine.materialise(self.spine.filter(self.spine[PART] == number), _PART)
            yield number


def ranges_of(
    canonical: Canonical, spine: Table, leads_a_range: int, *, left_out: frozenset[str] = frozenset()
) -> Ranges | None:
    """Divide a spine that has a row a lead; None where one range holds it.

    Parameters
    ----------
    canonical
        The tables.
    spine
        The snapshots, numbered from 0.
    leads_a_range
        At most so many in a range; fewer where leads have more than ACTS_A_LEAD acts on average.
    left_out
        Columns of the activities that nobody reads, and that need not be stored by range.
    """
    engine = canonical.engine
    leads: int = engine.collect(spine.count().as_table()).column(0)[0].as_py()
    acts = canonical.report.tables["activities"].kept if "activities" in canonical.tables else 0
    count = max(math.ceil(leads / leads_a_range), math.ceil(acts / (leads_a_range * ACTS_A_LEAD)))
    if count <= 1:
        return None
    number = (spine[SNAPSHOT] / math.ceil(leads / count)).floor().cast("int64")
    spine = engine.materialise(spine.mutate(**{PART: number}), "spine_in_parts")
    part = engine.materialise(spine.filter(spine[PART] == 0), _PART)
    tables = dict(canonical.tables)
    if "activities" in tables:
        activities: Table = tables["activities"]
        activities = activities.drop(*sorted(left_out))
        placed = activities.join(spine.select("lead_id", SNAPSHOT, PART), "lead_id").drop("lead_id")
        tables["activities"] = engine.materialise(placed.order_by(PART), "activities_in_parts")
    return Ranges(spine, part, replace(canonical, tables=tables), count)
