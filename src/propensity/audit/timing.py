"""Proof by timing: dates that lie after the outcome, numbers given in its order, counts of acts that came later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

if TYPE_CHECKING:
    from propensity.audit.benches import Docket
    from propensity.audit.exhibits import Column
    from propensity.sources.canonical import Canonical

Floats = npt.NDArray[np.float64]
_DAY_US: Final = 86_400_000_000
_FEWEST: Final = 30
_HARDLY_ANY: Final = 0.01
_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Timing:
    """What times say of one column; a part is None where it does not apply or too few leads (30) have what it needs.

    Attributes
    ----------
    after_creation
        Share of its dates that lie more than a day after the lead's creation, where none lies beyond the data.
    after_outcome
        Share of the converted leads' dates that lie at or after the conversion, where none lies beyond the data.
    in_order
        Partial rank correlation, among converted leads, of its number with the time of conversion, given the time of
        creation: 1 for a number that is given at the conversion, about 0 for one that is given at creation.
    later_acts
        Partial rank correlation of its number with the lead's acts after its first day, given those of the first day.
    """

    after_creation: float | None = None
    after_outcome: float | None = None
    in_order: float | None = None
    later_acts: float | None = None


@dataclass(frozen=True)
class Clocks:
    """Per row of a docket: `through` (microseconds UTC, or None), and acts on the first day and later (counts, or None)."""

    through: float | None
    early_acts: Floats | None
    later_acts: Floats | None


def timing(column: Column, docket: Docket, clocks: Clocks) -> Timing:
    """What times say of a column of a docket of leads."""
    created, ended = docket.created, docket.ended
    numbers = column.matrix[:, -1]
    if column.kind == "time" and created is not None:
        return Timing(*_dates(numbers, created, ended, clocks.through))
    if column.kind == "category" and column.matrix.shape[1] == 1:
        return Timing()
    in_order = later = None
    if ended is not None and created is not None:
        rows = np.isfinite(ended) & np.isfinite(numbers)
        if rows.sum() >= _FEWEST and column.nearly_unique:
            in_order = partial_rank_correlation(numbers[rows], ended[rows], created[rows])
    if clocks.later_acts is not None and clocks.early_acts is not None:
        rows = np.isfinite(numbers)
        if rows.sum() >= _FEWEST:
            later = partial_rank_correlation(numbers[rows], clocks.later_acts[rows], clocks.early_acts[rows])
    return Timing(None, None, in_order, later)


def _dates(
    dates: Floats, created: Floats, ended: Floats | None, through: float | None
) -> tuple[float | None, float | None]:
    known = np.isfinite(dates) & np.isfinite(created)
    if known.sum() < _FEWEST or through is None:
        return None, None
    # Who writes down plans writes some beyond the data; a record of what happened has none.
    if (dates[known] > through + _DAY_US).mean() > _HARDLY_ANY:
        return None, None
    after_creation = float((dates[known] > created[known] + _DAY_US).mean())
    if ended is None:
        return after_creation, None
    rows = known & np.isfinite(ended)
    if rows.sum() < _FEWEST:
        return after_creation, None
    # A date without a time of day stands for its whole day.
    whole_days = (dates[rows] % _DAY_US == 0).all()
    late = dates[rows] + (_DAY_US - 1 if whole_days else 0) >= ended[rows]
    return after_creation, float(late.mean())


def partial_rank_correlation(first: Floats, second: Floats, given: Floats) -> float:
    """Spearman's rank correlation of two arrays (rows,) with a third one's part taken off both (Kendall 1942).

    0 where either says nothing beyond the third.

    >>> import numpy as np
    >>> time = np.arange(10.0)
    >>> partial_rank_correlation(time, time[::-1], time)
    0.0
    """
    ranks = [rankdata(values) for values in (first, second, given)]
    r12, r13, r23 = (_correlation(ranks[a], ranks[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    left = (1 - r13**2) * (1 - r23**2)
    return 0.0 if left < _TINY else float(np.clip((r12 - r13 * r23) / np.sqrt(left), -1, 1))


def _correlation(first: Floats, second: Floats) -> float:
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def clocks_of(canonical: Canonical, docket: Docket, lead_ids: Any, through: float | None) -> Clocks:
    """Count each lead's acts in its first day and later; `lead_ids` are the docket's leads, in its order."""
    if "activities" not in canonical.tables or docket.created is None:
        return Clocks(through, None, None)
    acts: Any = canonical.tables["activities"]
    leads: Any = canonical.tables["leads"]
    joined = acts.join(leads.select("lead_id", "created_at"), "lead_id")
    early = joined["occurred_at"] < joined["created_at"] + ibis.interval(days=1)
    counts = joined.group_by("lead_id").aggregate(early=early.sum(), every=joined.count())
    rows = canonical.engine.collect(counts).to_pandas().set_index("lead_id").reindex(lead_ids).fillna(0)
    first, every = rows["early"].to_numpy(dtype=np.float64), rows["every"].to_numpy(dtype=np.float64)
    return Clocks(through, first, every - first)
