"""In which order each practice would call: from what was known at the as_of of each row, and nothing later.

One thing is of today: who owns a lead. A CRM seldom keeps the owners of before, so the owner's order is that of today's
owners on the leads of then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from propensity.errors import ConfigError
from propensity.model.cores.points import Points, knowing
from propensity.model.encoding import Encoder
from propensity.selection.ladder import scorecard_of
from propensity.selection.practice import MODEL, NEWEST, OWNER, SCORECARD, Lists
from propensity.selection.training import cohorts
from propensity.stats.tops import NOBODY, Order, ordered_by
from propensity.timeline.history import SNAPSHOT, cut, joined_left
from propensity.timeline.snapshots import DEFAULT_STEP, calendar

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.sources.canonical import Canonical
    from propensity.stats.arrays import Floats, Ints

_NEVER: Final = np.iinfo(np.int64).min
_ROWS: Final = "practice_rows"


@dataclass(frozen=True)
class Orders:
    """The orders of today's practices over the rows of a frame.

    Attributes
    ----------
    by : practice to its order; without the model's, which `with_model` adds.
    skipped : practice to the reason why it has none.
    notes : what a reader must know of them.
    """

    by: Mapping[str, Order]
    skipped: Mapping[str, str]
    notes: tuple[str, ...]

    def with_model(self, probability: Floats, margin: Floats | None = None) -> dict[str, Order]:
        """Return all orders, the model's first: by probability (n,), among equals by margin (n,), as lists are ranked."""
        keys = (probability,) if margin is None else (probability, margin)
        return {MODEL: Order(ordered_by(*keys)), **self.by}


def todays_orders(canonical: Canonical, frame: FeatureFrame) -> Orders:
    """Return the orders of today's practices for the rows of `frame`, each as of the row's own as_of.

    newest first: the lead that was created last. Owner's order: each owner works their own leads, the one with the newest
    activity first, then the newest lead; the capacity is dealt evenly. The scorecard: most points first.

    Raises
    ------
    ConfigError
        A rule of the scorecard does not fit the column that it names.
    """
    known = _known(canonical, frame)
    by: dict[str, Order] = {}
    skipped: dict[str, str] = {}
    if known.created is None:
        skipped[NEWEST] = "the leads have neither dates nor an order"
    else:
        by[NEWEST] = Order(ordered_by(known.created))
    owned = _owners_order(canonical, known)
    if isinstance(owned, str):
        skipped[OWNER] = owned
    else:
        by[OWNER] = owned
    points = _points(frame, canonical.config)
    if points is None:
        skipped[SCORECARD] = "none of its features is here"
    else:
        by[SCORECARD] = Order(points)
    return Orders(by, skipped, _notes(by))


def lists_of(frame: FeatureFrame, config: Config) -> Lists:
    """Return which list each row of a frame (n > 0 rows) is on.

    The rows of one as_of are a list. Where each lead has a time of its own, those of one step of the calendar are
    (`snapshots.every`); without dates all rows are one.
    """
    order = cohorts(frame)
    if order is not None:
        return named_lists(order, frame, config.data.zone)
    if frame.time_order is None or frame.table["as_of"].null_count:
        return Lists(np.zeros(len(frame), dtype=np.int64), ("all leads",), (None,), (None,))
    instants = frame.table["as_of"].to_pylist()
    edges = calendar(min(instants), max(instants), config.snapshots.every or DEFAULT_STEP, config.data.zone)
    starts = np.array([edge.timestamp() * 1e6 for edge in edges]).astype(np.int64)
    return named_lists(np.searchsorted(starts, frame.time_order, side="right"), frame, config.data.zone)


def named_lists(number: npt.NDArray[np.int64], frame: FeatureFrame, zone: ZoneInfo) -> Lists:
    """Number the lists of the rows anew, from 0 on in the order of `number` (n,), each named by its first as_of's day."""
    _, first, codes = np.unique(number, return_index=True, return_inverse=True)
    instants = frame.table["as_of"]
    order = frame.time_order
    if order is not None:
        first = np.array(
            [np.flatnonzero(codes == i)[np.argmin(order[codes == i])] for i in range(first.size)]
        )
    as_of = tuple(instants[int(i)].as_py() for i in first)
    local = [None if at is None else at.astimezone(zone) for at in as_of]
    names = tuple(f"list {i}" if at is None else f"{at:%Y-%m-%d}" for i, at in enumerate(local, 1))
    months = tuple(None if at is None else f"{at:%Y-%m}" for at in local)
    return Lists(codes.astype(np.int64), names, as_of, months)


@dataclass(frozen=True)
class _Known:
    """Of each row, int64: microseconds of its creation (or its position) and of its newest known act, and its owner.

    None where the data have no such thing; `newest_act` is `_NEVER` and `owner` NOBODY where the lead has none.
    """

    created: Ints | None
    newest_act: Ints | None
    owner: Ints | None


def _known(canonical: Canonical, frame: FeatureFrame) -> _Known:
    rows = frame.table.select(["lead_id", "account_id", "as_of"])
    spine = canonical.engine.register(_ROWS, rows.append_column(SNAPSHOT, pa.array(np.arange(len(frame)))))
    epoch_us, leads = canonical.engine.functions.epoch_us, canonical.tables["leads"]
    table = spine.left_join(leads.select("lead_id", "created_at", "owner"), "lead_id")
    created_us, as_of_us = epoch_us(table["created_at"]), epoch_us(table["as_of"])
    table = table.select(SNAPSHOT, "owner", created_us=created_us, as_of_us=as_of_us)
    acts = "activities" in canonical.tables and canonical.dated
    if acts:
        facts = cut(canonical, spine).facts["activities"]
        newest = facts.group_by(SNAPSHOT).aggregate(age_us=facts["age_us"].min())
        table = joined_left(table, newest, SNAPSHOT)
    found = canonical.engine.collect(table.order_by(SNAPSHOT))
    created = found["created_us"].to_numpy() if canonical.dated else frame.time_order
    owner = _codes(found["owner"]) if "owner" in canonical.present["leads"] else None
    return _Known(created, _newest_act(found) if acts else None, owner)


def _newest_act(found: pa.Table) -> Ints:
    age = found["age_us"].cast(pa.int64())
    never = age.is_null().to_numpy()
    return np.where(never, _NEVER, found["as_of_us"].to_numpy() - age.fill_null(0).to_numpy())


def _codes(owners: pa.ChunkedArray) -> Ints:
    values = owners.to_pylist()
    place = {owner: i for i, owner in enumerate(sorted({each for each in values if each is not None}))}
    return np.array([NOBODY if owner is None else place[owner] for owner in values], dtype=np.int64)


def _owners_order(canonical: Canonical, known: _Known) -> Order | str:
    """The owner's order, or why there is none."""
    if known.owner is None or bool((known.owner == NOBODY).all()):
        return "the leads have no owner (tables.leads.columns.owner)"
    if "activities" not in canonical.tables:
        return "there are no activities (tables.activities)"
    if known.newest_act is None or known.created is None:
        return "the leads have no dates"
    return Order(ordered_by(known.newest_act, known.created), known.owner)


def _notes(by: Mapping[str, Order]) -> tuple[str, ...]:
    worker = by[OWNER].worker if OWNER in by else None
    if worker is None:
        return ()
    found = "the owner's order is that of today's owners: who owned a lead at the time is not in the data"
    alone = int((worker == NOBODY).sum())
    said = f"{alone:,} of {worker.size:,} rows on the lists have no owner: in the owner's order nobody calls them"
    return (found, said) if alone else (found,)


def _points(frame: FeatureFrame, config: Config) -> Floats | None:
    """Points of each row (n,), in log odds; None where none of the scorecard's features is here."""
    card = scorecard_of(config)
    if card.blind(frame.names):
        return None
    values = frame.values
    encoder = knowing(Encoder.learn(values), card)
    try:
        return Points.of(card, encoder).margin(encoder.encode(values))
    except ValueError as error:
        raise ConfigError(f"model.scorecard.rules: {error}") from error
