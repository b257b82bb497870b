"""What a rolling map would have given on the test, period by period; nothing is decided by it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from propensity.selection.recalibration import STATIC, Month, Recalibration
from propensity.selection.rolling import PERIODS, Clock, Moved, rolled
from propensity.stats.bootstrap import paired
from propensity.stats.metrics import log_loss, roc_auc

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.calibration import Floats
    from propensity.model.rungs import Learned
    from propensity.timeline.splits import Split

    Flags = npt.NDArray[np.bool_]

_DECISIVE: Final = "log_loss"


def on_the_test(
    how: Recalibration,
    learned: Learned,
    frame: FeatureFrame,
    split: Split,
    clock: Clock | None,
    config: Config,
) -> Recalibration:
    """Report what rolling would have given on the test, period by period; nothing is decided by it.

    At each period's first instant the map is refitted on the held-out rows of the past and on the rows after it, as far
    as they had matured by then: what production would have known.

    Parameters
    ----------
    learned
        The rung as it learned from the past, its map not moved.
    frame, clock
        All snapshots, and their times.
    """
    held = learned.held_out
    if clock is None or held is None or config.model.recalibration == STATIC or learned.recipe != "forward":
        return how
    later = np.flatnonzero(~split.past)
    rows = np.concatenate([np.flatnonzero(split.past)[held.rows], later])
    said = np.concatenate(
        [learned.calibrator.transform(held.margin), learned.probability(frame.values.take(later))]
    )
    y, times, targets = frame.y[rows].astype(np.float64), clock.take(rows), split.test[rows]
    if not 0 < y[targets].sum() < targets.sum():
        return how
    rolling, moves = rolled(times, said, y, targets, kind=how.simulated, months=how.months)
    cluster = np.unique(frame.groups.astype(str), return_inverse=True)[1][rows]
    difference = paired(
        y[targets], said[targets], rolling[targets], seed=config.model.seed, cluster=cluster[targets],
        resamples=config.model.resamples, metrics=(_DECISIVE,),
    )[_DECISIVE]  # fmt: skip
    by_month = tuple(
        _month(move, times.period == move.period, targets, said, rolling, y, dated=not clock.assumed)
        for move in moves
    )
    return replace(how, by_month=by_month, gain=-difference.value, low=-difference.high, high=-difference.low)


def _month(
    move: Moved, here: Flags, targets: Flags, said: Floats, rolling: Floats, y: Floats, *, dated: bool
) -> Month:
    rows = here & targets
    month = np.datetime64(move.period, "M") if dated else None
    return Month(
        name=f"part {move.period + 1} of {PERIODS}" if month is None else str(month),
        rows=int(rows.sum()),
        conversions=int(y[rows].sum()),
        static=log_loss(y[rows], said[rows]),
        rolling=log_loss(y[rows], rolling[rows]),
        expected_static=float(said[rows].sum()),
        expected_rolling=float(rolling[rows].sum()),
        slope=move.shift.slope,
        intercept=move.shift.intercept,
        learned_from=move.rows,
        roc_auc=roc_auc(y[rows], said[rows]) if 0 < y[rows].sum() < rows.sum() else None,
    )
