"""The backtest: what each past list would have been, and what happened after.

At each past date (see `origins`) the ladder is climbed anew on what was known then: rungs, folds and rows are those of a
training on that day, and the chosen rung scores that day's list. No test is held back, since the list is the test. Which
rung is the model may differ from date to date, as it would have. Tuning is left out: how long a search may take would
decide what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from propensity.features.frame import FeatureFrame, features_of
from propensity.selection.ladder import climb
from propensity.selection.orders import todays_orders
from propensity.selection.origins import Origin, plan_origins
from propensity.selection.practice import (
    MODEL,
    PRACTICES,
    RANDOM,
    Lists,
    Practices,
    compare_practices,
    in_json,
)
from propensity.timeline.snapshots import LABEL

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.sources.canonical import Canonical
    from propensity.stats.arrays import Floats

DEFAULT_CAPACITY: Final = 200
"""Calls a list where neither backtest.capacity nor lists.capacity says so."""


@dataclass(frozen=True)
class PastList:
    """One past list and the model that made it.

    Attributes
    ----------
    name : the list's date, or its number where there are no dates.
    as_of : where it stands (UTC); None without dates.
    leads, conversions : on the list, and those of them that converted within the horizon.
    trained : name of the list at whose date the model was trained; its own, unless backtest.retrain_every says otherwise.
    rung, reason : the model, and why it was chosen.
    scarce : whether there was too little to learn from.
    rows, converted : snapshots that it learned from, and the conversions in them, by what was known then.
    """

    name: str
    as_of: datetime | None
    leads: int
    conversions: int
    trained: str
    rung: str
    reason: str
    scarce: bool
    rows: int
    converted: int


@dataclass(frozen=True)
class Backtest:
    """What the past lists held.

    Attributes
    ----------
    horizon_days : within which a conversion counts; None for flat data, whose outcome says no time.
    practices : what each practice's tops held.
    lists : the lists in the order of time, and their models.
    asked : lists that the configuration wants.
    notes : what a reader must know.
    spec_hash : of the features, as a model keeps it.
    """

    horizon_days: int | None
    practices: Practices
    lists: tuple[PastList, ...]
    asked: int
    notes: tuple[str, ...]
    spec_hash: str

    @property
    def summary(self) -> str:
        """The result in one sentence, whole leads a list."""
        found, lists = self.practices, len(self.lists)
        each = "the one list" if lists == 1 else f"each of {lists} lists"
        # Where some lists are shorter than the capacity, "of the 200" would not be true.
        whole = all(period.called == found.capacity for period in found.by_list)
        top = f"the {found.capacity:,} leads" if whole else f"up to {found.capacity:,} leads"
        average = "" if lists == 1 else " on average"
        within = "" if self.horizon_days is None else f" within {self.horizon_days} days"
        rest = [
            f"{'by chance' if practice.name == RANDOM else 'by ' + PRACTICES[practice.name]} {practice.conversions.value:,.0f}"
            for practice in found.practices
            if practice.name != MODEL
        ]
        return (
            f"Of {top} at the top of {each}, {found[MODEL].conversions.value:,.0f}{average} converted{within}; "
            f"{', '.join(rest)}, whoever called them."
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What --strict counts: fewer lists than asked for, lists that are called whole, models that could not learn."""
        found: list[str] = []
        if len(self.lists) < self.asked:
            found.append(
                f"{len(self.lists)} of the {self.asked} past lists that backtest.origins asks for: the others have no lead that "
                "could be called, nothing known to learn from, or no outcome yet"
            )
        capacity = self.practices.capacity
        whole = sum(past.leads <= capacity for past in self.lists)
        if whole:
            found.append(
                f"{whole} of {len(self.lists)} lists hold no more than {capacity:,} leads, so that everyone is called and no "
                "order matters there: lower backtest.capacity"
            )
        scarce = [past.name for past in self.lists if past.scarce]
        if scarce:
            found.append(
                f"too little was known to learn from at {len(scarce)} of {len(self.lists)} dates ({', '.join(scarce)}): the "
                "scorecard, or the base rate, made these lists"
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "summary": self.summary,
            "horizon_days": self.horizon_days,
            **self.practices.to_dict(),
            "lists": [in_json(asdict(past)) for past in self.lists],
            "lists_asked": self.asked,
            "notes": list(self.notes),
            "spec_hash": self.spec_hash,
        }


def capacity_of(config: Config) -> int:
    """Calls a list: of the backtest, else of the lists, else DEFAULT_CAPACITY."""
    for capacity in (config.backtest.capacity, config.lists.places):
        if capacity is not None:
            return capacity
    return DEFAULT_CAPACITY


def backtest(canonical: Canonical, through: datetime | None) -> Backtest:
    """Make the past lists, and count what became of them.

    Parameters
    ----------
    canonical
        The data.
    through
        How far they reach (UTC); None without dates.

    Raises
    ------
    HistoryError
        The leads have no time, or the history is too short for one list.
    ConfigError
        A parameter of the model or a rule of the scorecard does not fit.
    """
    config = canonical.config
    plan = plan_origins(canonical, through)
    frame = features_of(canonical, plan.spine).collect()
    groups = _by_training(plan.origins, config.backtest.retrain_every)
    made = _made(frame, groups, config, dated=canonical.dated)
    listed, lists, label = _listed(frame, plan.origins, config)
    orders = todays_orders(canonical, listed)
    practices = compare_practices(
        label,
        lists,
        orders.with_model(
            *(np.concatenate([getattr(m, key) for m in made]) for key in ("probability", "margin"))
        ),
        capacity=capacity_of(config),
        seed=config.model.seed,
        cluster=listed.groups,
        resamples=config.model.resamples,
        skipped=orders.skipped,
    )
    notes = (*orders.notes, *_notes(canonical))
    past = tuple(m.past for m in made)
    horizon_days = None if canonical.flat else config.outcome.horizon_days
    return Backtest(horizon_days, practices, past, plan.asked, notes, frame.spec_hash)


@dataclass(frozen=True)
class _Made:
    """A list that was made: probability and margin (float64) of its rows."""

    past: PastList
    probability: Floats
    margin: Floats


def _by_training(origins: Sequence[Origin], every: int) -> list[Sequence[Origin]]:
    """The origins that share a model: the one of the first of them."""
    return [origins[first : first + every] for first in range(0, len(origins), every)]


def _made(
    frame: FeatureFrame, groups: Sequence[Sequence[Origin]], config: Config, *, dated: bool
) -> list[_Made]:
    """Train and make the lists, in threads: all read one frame, and LightGBM and numpy work outside Python's lock.

    Each training has one thread to itself, so that neither the number of jobs nor the machine's cores are in the model.
    The limit on the linear algebra is set around all of them: it is the process's, not a thread's.
    """
    alone = config.model_copy(
        update={
            "engine": config.engine.model_copy(update={"threads": 1}),
            "model": config.model.model_copy(
                update={"tuning": config.model.tuning.model_copy(update={"seconds": 0.0})}
            ),
        }
    )
    jobs = config.backtest.jobs if config.backtest.jobs is not None else config.engine.threads
    with threadpool_limits(limits=1, user_api="blas"):
        work = (delayed(_lists_of_one_training)(frame, group, alone, dated=dated) for group in groups)
        found: Any = Parallel(n_jobs=-1 if jobs is None else jobs, backend="threading")(work)
    return [made for group in found for made in group]


def _lists_of_one_training(
    frame: FeatureFrame, origins: Sequence[Origin], config: Config, *, dated: bool
) -> list[_Made]:
    first = origins[0]
    lesson = _with_labels(frame, first.rows, first.labels)
    ladder = climb(lesson, config, dated=dated)
    learned = ladder.learned[ladder.chosen]
    found: list[_Made] = []
    for origin in origins:
        values = frame.values.take(pa.array(origin.listed))
        rows = learned.encoder.columns(values.select(list(learned.encoder.names)))
        margin = learned.core.margin(rows, threads=1)
        past = PastList(
            name=origin.name,
            as_of=origin.at,
            leads=len(origin.listed),
            conversions=int(origin.outcome.sum()),
            trained=first.name,
            rung=ladder.chosen,
            reason=ladder.reason,
            scarce=ladder.scarce,
            rows=len(lesson),
            converted=int(first.labels.sum()),
        )
        found.append(_Made(past, learned.calibrator.transform(margin), margin))
    return found


def _with_labels(
    frame: FeatureFrame, rows: npt.NDArray[np.int64], labels: npt.NDArray[np.int8]
) -> FeatureFrame:
    table = frame.table.take(pa.array(rows)).append_column(LABEL, pa.array(labels, pa.int8()))
    return replace(frame, table=table)


def _listed(
    frame: FeatureFrame, origins: Sequence[Origin], config: Config
) -> tuple[FeatureFrame, Lists, npt.NDArray[np.int8]]:
    """The rows of all lists, list after list, which list each is on, and their labels."""
    rows = np.concatenate([origin.listed for origin in origins])
    number = np.repeat(np.arange(len(origins)), [origin.listed.size for origin in origins])
    zone = config.data.zone
    lists = Lists(
        number,
        tuple(origin.name for origin in origins),
        tuple(origin.at for origin in origins),
        tuple(None if origin.at is None else f"{origin.at.astimezone(zone):%Y-%m}" for origin in origins),
    )
    label = np.concatenate([origin.outcome for origin in origins])
    return replace(frame, table=frame.table.take(pa.array(rows))), lists, label


def _notes(canonical: Canonical) -> tuple[str, ...]:
    found = [
        "leads are counted that converted, whoever called them: only a holdout shows what calling causes"
    ]
    if "do_not_contact" in canonical.present["leads"]:
        found.append(
            "leads that ask not to be contacted are on the past lists: since when they do is not in the data"
        )
    if canonical.config.model.tuning.seconds > 0:
        found.append("the rung of tuned LightGBM is left out of the backtest (model.tuning)")
    return tuple(found)
