"""Leads in ranges: what is to be held at once does not grow with the number of leads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from propensity.timeline.history import SNAPSHOT

if TYPE_CHECKING:
    from propensity.engines import Engine
    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

LEADS_A_RANGE = 200_000
"""So many leads, with the usual number of acts, take some 400 MB while their features are computed."""
ACTS_A_LEAD = 25
"""The usual number: of leads with more, fewer go into a range."""
_PART = "spine_part"


@dataclass(frozen=True)
class Ranges:
    """A spine in ranges of its snapshots, each of which becomes `part` in turn.

    Attributes
    ----------
    spine
        The snapshots, numbered from 0.
    part
        The table that holds one range at a time.
    size
        How many snapshots a range has at most.
    count
        How many ranges there are.
    """

    spine: Table
    part: Table
    size: int
    count: int

    def in_turn(self, engine: Engine) -> Iterator[int]:
        """Put range after range into `part`."""
        for number in range(self.count):
            engine.materialise(_range_of(self.spine, number, self.size), _PART, compressed=False)
            yield number


def ranges_of(canonical: Canonical, spine: Table, leads_a_range: int) -> Ranges | None:
    """Divide a spine that has a row a lead; None where one range holds it.

    Nothing is stored by range. The snapshots of one as_of are numbered in the order of their leads, so that a range is an
    interval of leads, which DuckDB finds out by itself and looks for in what it reads.

    Parameters
    ----------
    canonical
        The tables.
    spine
        The snapshots, numbered from 0.
    leads_a_range
        At most so many in a range; fewer where leads have more than ACTS_A_LEAD acts on average.
    """
    engine = canonical.engine
    leads: int = engine.collect(spine.count().as_table()).column(0)[0].as_py()
    acts = canonical.report.tables["activities"].kept if "activities" in canonical.tables else 0
    count = max(math.ceil(leads / leads_a_range), math.ceil(acts / (leads_a_range * ACTS_A_LEAD)))
    if count <= 1:
        return None
    size = math.ceil(leads / count)
    part = engine.materialise(_range_of(spine, 0, size), _PART, compressed=False)
    return Ranges(spine, part, size, count)


def _range_of(spine: Table, number: int, size: int) -> Table:
    return spine.filter((spine[SNAPSHOT] >= number * size) & (spine[SNAPSHOT] < (number + 1) * size))
