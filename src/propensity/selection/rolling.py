"""Time as production has it: what was matured at an instant, and a map that is refitted period by period."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from propensity.model.recalibration import Kind, Shift, applied, fit_shift
from propensity.selection.ladder import HORIZON_UNIT_US
from propensity.stats.slices import Level, level_test

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.calibration import Floats

    Ints = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

PERIODS: Final = 40
"""Parts of equal size into which an order without dates is cut; each stands for a month."""


@dataclass(frozen=True)
class Clock:
    """When rows were, and when their labels were known.

    Attributes
    ----------
    order : (n,) time of each row: microseconds, or positions.
    period : (n,) number of its month, or of its part; rises with time.
    delay : from a row to its label, in units of `order`: the horizon and the recording lag; 1 where positions stand for
        time, since there a horizon has no length.
    assumed : what is assumed of maturity, in plain words; empty where it is known.
    """

    order: Ints
    period: Ints
    delay: int
    assumed: str = ""

    @classmethod
    def of(cls, frame: FeatureFrame, config: Config, *, dated: bool) -> Clock | None:
        """The clock of a frame; None where nothing is known of time."""
        order = frame.time_order
        if order is None or not len(order):
            return None
        if dated:
            days = config.outcome.horizon_days + float(config.outcome.recording_lag_days)
            months = order.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
            return cls(order, months, round(days * HORIZON_UNIT_US))
        _, place, counts = np.unique(order, return_inverse=True, return_counts=True)
        before = np.cumsum(counts) - counts
        said = (
            f"the rows have an order and no dates: each {PERIODS}th of them stands for a month, whose labels are taken to "
            "be known when the next begins"
        )
        return cls(order, np.minimum(before * PERIODS // len(order), PERIODS - 1)[place], 1, said)

    def take(self, rows: npt.NDArray[Any]) -> Clock:
        """The clock of some rows, by number or by flag."""
        return replace(self, order=self.order[rows], period=self.period[rows])


@dataclass(frozen=True)
class Moved:
    """The map of one period, and what it was moved by.

    Attributes
    ----------
    period : its number.
    shift : the move.
    rows, conversions : that it was learned from.
    """

    period: int
    shift: Shift
    rows: int
    conversions: int


def newest_matured(clock: Clock, at: int, *, months: int) -> Flags:
    """Which rows (n,) a map that is fitted at time `at` may learn from: those of the newest `months` matured periods.

    A row is matured when its time and the delay lie at or before `at`; nothing else of it is looked at before.
    """
    known = clock.order + clock.delay <= at
    if not known.any():
        return known
    periods = np.unique(clock.period[known])
    return known & (clock.period >= periods[-min(months, periods.size)])


def newest_level(fold: Ints, probability: Floats, y: npt.NDArray[Any], cluster: npt.NDArray[Any]) -> Level:
    """Test whether the newest fold of held-out rows (n,) holds the conversions that their probabilities say.

    The model of that fold has seen nearly all that the last one has; those of earlier folds are off for what they lacked,
    which the last one makes good.
    """
    newest = fold == fold.max()
    return level_test(y[newest], probability[newest], cluster[newest])


def rolled(
    clock: Clock,
    probability: Floats,
    y: npt.NDArray[Any],
    targets: Flags,
    *,
    kind: Kind,
    months: int,
) -> tuple[Floats, tuple[Moved, ...]]:
    """Go through the periods of the target rows, each with a map that knew what had matured when it began.

    Parameters
    ----------
    clock, probability, y : (n,) rows with the static map's probability and the labels.
    targets : (n,) rows to give a probability.
    kind, months : what is moved, and on how many newest matured periods.

    Returns
    -------
    (n,) probabilities, NaN off the targets; and the move of each period.
    """
    found, moves = np.full(len(y), np.nan), list[Moved]()
    for period in np.unique(clock.period[targets]):
        here = targets & (clock.period == period)
        learned = newest_matured(clock, int(clock.order[here].min()), months=months)
        shift = fit_shift(probability[learned], y[learned], kind=kind)
        found[here] = applied(shift, probability[here])
        moves.append(Moved(int(period), shift, int(learned.sum()), int(y[learned].sum())))
    return found, tuple(moves)
