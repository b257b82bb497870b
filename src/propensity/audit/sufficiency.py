"""Whether there is enough to learn from and to test on: the very snapshots and split that training would take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from propensity.errors import HistoryError
from propensity.selection.training import horizon_in_order
from propensity.timeline.snapshots import LABEL, ORDER, training_spine
from propensity.timeline.splits import Split, forward_split, random_split

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.config import Config
    from propensity.sources.canonical import Canonical

_US_A_MONTH = 86_400_000_000 * 365.25 / 12


@dataclass(frozen=True, slots=True)
class Sufficiency:
    """Counts of matured snapshots, and how a training would split them.

    `past_*` is what a model learns from, `test_*` what it is judged on; `split` is forward, random, or None where none is
    possible, and `why` then says why. `months` is the span of the snapshots; `conversions_a_month` their number over it
    (None without dates).
    """

    snapshots: int = 0
    conversions: int = 0
    past_conversions: int = 0
    past_others: int = 0
    test_conversions: int = 0
    test_others: int = 0
    split: str | None = None
    why: str = ""
    months: float | None = None
    conversions_a_month: float | None = None

    def to_dict(self) -> Mapping[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def sufficiency(canonical: Canonical, through: datetime | None) -> Sufficiency:
    """Count what `propensity train` would learn from and test on."""
    config = canonical.config
    try:
        spine: Any = training_spine(canonical, through)
    except HistoryError as error:
        return Sufficiency(why=str(error))
    spine = spine.mutate(group=spine["account_id"].fill_null(spine["lead_id"]))
    ordered = canonical.dated or canonical.ordered
    rows = canonical.engine.collect(spine.select(ORDER, LABEL, *([] if ordered else ["group"])))
    label: npt.NDArray[np.int64] = rows[LABEL].to_numpy().astype(np.int64)
    months, rate = None, None
    conversions = int(label.sum())
    if canonical.dated:
        order = rows[ORDER].to_numpy()
        months = float((order.max() - order.min()) / _US_A_MONTH)
        # One snapshot date stands for one step of the calendar, so the span is at least that of one month.
        rate = conversions / max(months, 1.0)
    found = Sufficiency(
        snapshots=len(label), conversions=conversions, months=months, conversions_a_month=rate
    )
    try:
        split = _split(rows, config, dated=canonical.dated, ordered=ordered)
    except HistoryError as error:
        return replace(found, why=str(error))
    past, test = int(label[split.past].sum()), int(label[split.test].sum())
    return replace(
        found,
        past_conversions=past,
        past_others=int(split.past.sum()) - past,
        test_conversions=test,
        test_others=int(split.test.sum()) - test,
        split=split.kind,
    )


def _split(rows: Any, config: Config, *, dated: bool, ordered: bool) -> Split:
    share = config.snapshots.test_share
    if not ordered:
        return random_split(rows["group"].to_pylist(), test_share=share, seed=config.model.seed)
    return forward_split(rows[ORDER].to_numpy(), test_share=share, gap=horizon_in_order(config, dated=dated))
