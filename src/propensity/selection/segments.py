"""Kinds of leads for which the challenger may have collapsed, though it does well on the whole."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from propensity.stats.arrays import codes
from propensity.stats.bootstrap import LEVEL
from propensity.stats.clusters import holm, mean_test
from propensity.stats.metrics import roc_auc, row_log_loss

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.features.frame import FeatureFrame

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_FAMILY: Final = "firmographic"
FALSE_ALARMS: Final = (1 - LEVEL) / 2
"""Chance of refusing for a segment, over all together, where none is worse than allowed: as one side of an interval."""


@dataclass(frozen=True)
class Segment:
    """Leads with one value of a categorical feature, as both models see them.

    Attributes
    ----------
    feature, value : which; the value is None where it is unknown.
    rows, conversions : of the segment.
    challenger, rival : log loss in nats; the rival is the champion, else the segment's rate in the past.
    challenger_auc, rival_auc : ROC-AUC; None for a rate.
    p_value : of the challenger being worse than allowed by chance, adjusted for the number of segments (Holm).
    collapsed : worse than allowed, beyond noise.
    """

    feature: str
    value: str | None
    rows: int
    conversions: int
    challenger: float
    rival: float
    challenger_auc: float
    rival_auc: float | None
    p_value: float
    collapsed: bool

    @property
    def worse(self) -> float:
        """Log loss above the rival's, as a share of the rival's; below 0 where the challenger is better."""
        return self.challenger / self.rival - 1

    @property
    def shown(self) -> str:
        """The segment in words."""
        return f"{self.feature} {'unknown' if self.value is None else repr(self.value)}"

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {**asdict(self), "worse": self.worse}


@dataclass(frozen=True)
class _Found:
    feature: str
    value: str | None
    rows: Mask


def segments(
    rows: FeatureFrame,
    challenger: Floats,
    champion: Floats | None,
    config: Config,
    past: FeatureFrame,
) -> tuple[Segment, ...]:
    """Compare the two in every segment of `rows` that is large enough, the worst first.

    Parameters
    ----------
    rows
        Snapshots that neither model learned from.
    challenger, champion
        Probabilities, shape (rows,); without a champion its place is taken by the segment's conversion rate in `past`.
    config
        `gate` says how much worse is allowed (nothing against a rate), and how large a segment must be.
    past
        Snapshots that the challenger learned from; read only where there is no champion.
    """
    y = rows.y.astype(np.float64)
    clusters = codes(rows.groups, len(rows), "cluster")
    ours = row_log_loss(y, challenger)
    allowed = config.gate.segment_loss if champion is not None else 0.0
    found = _large_enough(rows, config)
    tests: list[float] = []
    figures: list[tuple[float, float, float, float | None]] = []
    for each in found:
        held = each.rows
        rival = champion[held] if champion is not None else np.full(int(held.sum()), _rate(past, each))
        theirs = row_log_loss(y[held], rival)
        # The row's own bound is a share of the champion's loss, so that the mean above 0 is the segment beyond the bound.
        tests.append(mean_test(ours[held] - (1 + allowed) * theirs, clusters[held]).p_value)
        theirs_auc = None if champion is None else roc_auc(y[held], rival)
        figures.append(
            (float(ours[held].mean()), float(theirs.mean()), roc_auc(y[held], challenger[held]), theirs_auc)
        )
    compared = [
        Segment(
            each.feature,
            each.value,
            int(each.rows.sum()),
            int(y[each.rows].sum()),
            *figure,
            p,
            p < FALSE_ALARMS,
        )
        for each, figure, p in zip(found, figures, holm(tests).tolist(), strict=True)
    ]
    return tuple(sorted(compared, key=lambda s: (not s.collapsed, -s.worse, s.feature, s.value or "")))


def _large_enough(rows: FeatureFrame, config: Config) -> list[_Found]:
    y, found = rows.y, list[_Found]()
    for feature in rows.features:
        if feature.family != _FAMILY or feature.kind != "category":
            continue
        known: list[str | None] = rows.table[feature.name].to_pylist()
        number = {value: i for i, value in enumerate(sorted(set(known), key=lambda v: (v is None, v or "")))}
        which = np.fromiter((number[value] for value in known), dtype=np.int64, count=len(known))
        sizes, conversions = np.bincount(which), np.bincount(which, weights=y)
        for value, i in number.items():
            rarer = min(conversions[i], sizes[i] - conversions[i])
            # All rows alike are no segment: the other checks see them.
            if rarer >= config.gate.segment_conversions and config.gate.segment_rows <= sizes[i] < len(rows):
                found.append(_Found(feature.name, value, which == i))
    return found


def _holding(frame: FeatureFrame, feature: str, value: str | None) -> Mask:
    known: list[str | None] = frame.table[feature].to_pylist()
    return np.fromiter((each == value for each in known), dtype=np.bool_, count=len(frame))


def _rate(past: FeatureFrame, segment: _Found) -> float:
    """The segment's conversion rate in the past under Jeffreys' prior, as the base-rate rung has it."""
    held = _holding(past, segment.feature, segment.value)
    known = past.y[held] if held.any() else past.y
    return float((known.sum() + 0.5) / (len(known) + 1))
