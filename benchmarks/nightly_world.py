"""The CRM of the thirty nights: one world, simulated once; each night's export holds what was recorded before that night."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from propensity.demo.world import World, simulate, write

TRACKED = ("web_visit", "pricing_view", "content_download", "email_open", "email_click")
KEPT = 0.25
"""Share of the tracked acts that are still seen once visitors must consent."""
RENAMED, NEW_SOURCE = "social_ads", "partner_portal"


@dataclass(frozen=True)
class Span:
    """The nights: their number, when each begins (UTC midnight), and from which on the inputs have drifted (first is 1)."""

    nights: int
    first: datetime
    drift: int

    def midnight(self, night: int) -> datetime:
        """The instant at which a night's export is taken."""
        return self.first + timedelta(days=night - 1)


class Crm:
    """A world that goes on past the last night, so that what became of every list is known.

    Parameters
    ----------
    span : of the nights.
    leads, months, after_days, seed : size of the world; `after_days` lie beyond the last night.
    """

    def __init__(self, span: Span, *, leads: int, months: int, after_days: int, seed: int) -> None:
        self.span = span
        end = span.midnight(span.nights) + timedelta(days=after_days)
        world = simulate(leads=leads, months=months, seed=seed, end=end, truth_instants=[end])
        self._before = replace(world, truth=world.truth.slice(0, 0))
        self._after = self._drifted(self._before, np.random.default_rng(seed))

    def _drifted(self, world: World, rng: np.random.Generator) -> World:
        """The same company after it let visitors decide on tracking, and deleted what it had tracked of those who declined.

        Most tracked acts are gone, those of the past too, so that all leads look colder at once; one source is called otherwise for
        leads that come from then on. What becomes of the leads stays as it was: a model of before expects too little.
        """
        acts = world.activities
        tracked = pc.is_in(acts["type"], value_set=pa.array(TRACKED)).to_numpy(zero_copy_only=False)
        drifted = acts.filter(pa.array(~tracked | (rng.random(len(acts)) < KEPT)))
        since = pa.scalar(self.span.midnight(self.span.drift), pa.timestamp("us", "UTC"))
        leads = world.leads
        moved = pc.and_(pc.greater_equal(leads["created_at"], since), pc.equal(leads["source"], RENAMED))
        place = leads.schema.get_field_index("source")
        sources = pc.if_else(moved.fill_null(False), NEW_SOURCE, leads["source"])
        return replace(world, activities=drifted, leads=leads.set_column(place, "source", sources))

    def export(self, night: int, folder: Path) -> None:
        """Write what the CRM would export at this night's midnight: rows recorded before it, and no later ones."""
        at = self.span.midnight(night)
        world = self._after if night >= self.span.drift else self._before
        write(
            replace(
                world,
                leads=_before(world.leads, "created_at", at),
                activities=_before(world.activities, "recorded_at", at),
                stages=_before(world.stages, "recorded_at", at),
                budgets=_before(world.budgets, "recorded_at", at),
            ),
            folder,
        )

    def leads_before(self, instant: datetime) -> set[str]:
        """Every lead that was created before an instant."""
        return set(_before(self._before.leads, "created_at", instant)["lead_id"].to_pylist())

    def converted(self, start: datetime, days: int) -> set[str]:
        """Leads whose first entry into the outcome, or beyond, lies in [start, start + days), whenever it was recorded."""
        stages = self._before.stages
        won = stages.filter(
            pc.is_in(stages["stage"], value_set=pa.array(["prospect", "opportunity", "customer"]))
        )
        first = won.group_by("lead_id").aggregate([("entered_at", "min")])
        inside = pc.and_(
            pc.greater_equal(first["entered_at_min"], _instant(start)),
            pc.less(first["entered_at_min"], _instant(start + timedelta(days=days))),
        )
        return set(first.filter(inside)["lead_id"].to_pylist())


def first_night(nights: int, drift: int) -> Span:
    """Nights in spring 2026, one of them without the hour that summer time takes."""
    return Span(nights, datetime(2026, 3, 16, tzinfo=UTC), drift)


def _instant(at: datetime) -> pa.Scalar:
    return pa.scalar(at, pa.timestamp("us", "UTC"))


def _before(table: pa.Table, column: str, at: datetime) -> pa.Table:
    return table.filter(pc.less(table[column], _instant(at)))
