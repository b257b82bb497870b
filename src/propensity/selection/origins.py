"""The past dates of a backtest: which leads were on the list then, and which rows a training on that day had.

Everything is as it was known on the day: the training rows are those whose horizon and recording lag had passed, with the
labels that the stages recorded by then give; the list holds who could have been called by the stages recorded by then.
What became of the list is by all that is known today.

With a stage history a date is one as_of of the snapshots' calendar. Where each lead has a time of its own (flat data, a
fixed age), a list holds the leads of one step of that calendar, and the model is the one of the day on which the step
begins. Where a declared order stands for time, the newest half of the rows is cut into lists of equal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np

from propensity.errors import HistoryError
from propensity.scoring.gate import gate
from propensity.scoring.persons import persons
from propensity.timeline.history import SNAPSHOT
from propensity.timeline.snapshots import (
    LABEL,
    ORDER,
    known_at,
    listing,
    matured_instants,
    merged,
    training_spine,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

_INSTANT: Final = "timestamp('UTC', 6)"
_SPINE: Final = "spine_backtest"
_LISTED_OF_POSITIONS: Final = 0.5
"""Where positions stand for time there is no calendar: the older half is there to learn from, at the least."""


@dataclass(frozen=True)
class Origin:
    """One past date.

    Attributes
    ----------
    name : the date, or the list's number where there are no dates.
    at : where the model stands (UTC): nothing at or after it is known; None without dates.
    rows, labels : row numbers (int64, rising) in the frame of the plan's spine, and labels (int8), to learn from.
    listed, outcome : the same of the list, with what became of it.
    """

    name: str
    at: datetime | None
    rows: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int8]
    listed: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Plan:
    """The past dates in the order of time, and every (lead, as_of) that they need (`spine`, each once).

    `asked` is the number of dates that the configuration wants; there are fewer where the history is short.
    """

    spine: Table
    origins: tuple[Origin, ...]
    asked: int


@dataclass(frozen=True)
class _Draft:
    """An origin whose rows are still tables of the engine, with time_order, lead_id and label."""

    name: str
    at: datetime | None
    rows: Table
    listed: Table


def plan_origins(canonical: Canonical, through: datetime | None) -> Plan:
    """Choose the newest past dates whose outcome is known and that have a past to learn from.

    Raises
    ------
    HistoryError
        The leads have no time, nothing says who converted, or the history is too short for one date.
    """
    asked = canonical.config.backtest.origins
    if canonical.flat and not canonical.dated:
        drafts = _by_position(canonical, asked)
    elif through is None:
        raise HistoryError(
            "a backtest needs time, and these leads have no dates: map created_at under tables.leads.columns."
        )
    elif canonical.flat or canonical.config.snapshots.age_days is not None:
        drafts = _by_window(canonical, through, asked)
    else:
        drafts = _by_calendar(canonical, through, asked)
    drafts = [draft for draft in drafts if _rows(canonical, draft.listed)]
    if not drafts:
        raise HistoryError(_too_short(canonical, through))
    spine = merged(
        canonical, [table for draft in drafts for table in (draft.rows, draft.listed)], name=_SPINE
    )
    return Plan(spine, tuple(_placed(canonical, spine, draft) for draft in drafts), asked)


def _by_calendar(canonical: Canonical, through: datetime, asked: int) -> list[_Draft]:
    """A list of everyone who could be called at each date."""
    if "stages" not in canonical.tables:
        raise HistoryError(
            "nothing says which leads converted: map tables.stages, or leads.outcome for flat data."
        )
    drafts: list[_Draft] = []
    for number, at in enumerate(matured_instants(canonical, through)[-asked:]):
        known = known_at(canonical, at)
        rows = _learnable(known, at, number)
        if rows is not None:
            gated = gate(known, at, people=persons(known))
            open_then = gated.filter(gated["removed"].isnull())
            listed = canonical.engine.materialise(listing(canonical, at, open_then), f"listed_{number}")
            drafts.append(_Draft(_day(canonical, at), at, rows, listed))
    return drafts


def _by_window(canonical: Canonical, through: datetime, asked: int) -> list[_Draft]:
    """A list of the leads whose own time lies in one step of the calendar."""
    instants = matured_instants(canonical, through)
    every = training_spine(canonical, through, name="backtest_every")
    drafts: list[_Draft] = []
    for number, (start, end) in enumerate(list(pairwise(instants))[-asked:]):
        rows = _learnable(known_at(canonical, start), start, number)
        if rows is not None:
            edges = [ibis.literal(edge, type=_INSTANT) for edge in (start, end)]
            listed = every.filter((every["as_of"] >= edges[0]) & (every["as_of"] < edges[1]))
            drafts.append(_Draft(_day(canonical, start), start, rows, listed))
    return drafts


def _by_position(canonical: Canonical, asked: int) -> list[_Draft]:
    """Lists of equal size out of the newest rows; each learns from all rows before it."""
    if not canonical.ordered:
        raise HistoryError(
            "a backtest needs time, and these leads have neither dates nor an order: map created_at under "
            "tables.leads.columns, or, where the file's order is that of time, set tables.leads.order_by."
        )
    every = training_spine(canonical, None, name="backtest_every")
    order = np.sort(canonical.engine.collect(every.select(ORDER))[ORDER].to_numpy())
    places = np.linspace(order.size * (1 - _LISTED_OF_POSITIONS), order.size, asked + 1).astype(np.int64)
    edges = [int(order[place]) for place in np.unique(places[:-1])] + [int(order[-1]) + 1]
    drafts: list[_Draft] = []
    for number, (start, end) in enumerate(pairwise(edges), 1):
        rows, listed = every[ORDER] < start, (every[ORDER] >= start) & (every[ORDER] < end)
        if start > int(order[0]):
            drafts.append(_Draft(f"list {number}", None, every.filter(rows), every.filter(listed)))
    return drafts


def _learnable(known: Canonical, at: datetime, number: int) -> Table | None:
    """What a training on that day would have learned from; None where there was nothing yet."""
    try:
        return training_spine(known, at, name=f"learnable_{number}")
    except HistoryError:
        return None


def _placed(canonical: Canonical, spine: Table, draft: _Draft) -> Origin:
    rows, labels = _numbers(canonical, spine, draft.rows)
    return Origin(draft.name, draft.at, rows, labels, *_numbers(canonical, spine, draft.listed))


def _numbers(
    canonical: Canonical, spine: Table, rows: Table
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Row numbers in the frame of `spine`, rising, and the labels."""
    wanted = rows.select("lead_id", ORDER, LABEL)
    joined = spine.select(SNAPSHOT, "lead_id", ORDER).inner_join(wanted, ["lead_id", ORDER])
    found = canonical.engine.collect(joined.select(SNAPSHOT, LABEL).order_by(SNAPSHOT))
    return found[SNAPSHOT].to_numpy(), found[LABEL].to_numpy()


def _rows(canonical: Canonical, table: Table) -> int:
    return int(canonical.engine.collect(table.count().as_table()).column(0)[0].as_py())


def _day(canonical: Canonical, at: datetime) -> str:
    return f"{at.astimezone(canonical.config.data.zone):%Y-%m-%d}"


def _too_short(canonical: Canonical, through: datetime | None) -> str:
    outcome = canonical.config.outcome
    if through is None:
        return "a backtest needs leads to learn from and, after them, leads to list: there are too few rows."
    created = canonical.engine.collect(canonical.tables["leads"]["created_at"].min().as_table())
    first, wait = (
        created.column(0)[0].as_py(),
        timedelta(days=outcome.horizon_days + outcome.recording_lag_days),
    )
    return (
        f"the history is too short for a backtest: a past date needs snapshots whose outcome was known by then, and its own "
        f"outcome must be known now, so that {wait.days:,} days (outcome.horizon_days plus recording_lag_days) lie before it "
        f"and after it; the first lead was created {first:%Y-%m-%d}, and the data reach {through:%Y-%m-%d}. Bring at least "
        f"{2 * wait.days:,} days and two steps of snapshots.every, or lower outcome.horizon_days."
    )
