"""Why a score is what it is, in a rep's words: LightGBM's own contributions, summed by concept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.features.spec import Feature
    from propensity.model.bundle import Bundle

FOR = ("reason_1", "reason_2", "reason_3")
AGAINST = "against"
_WORDS = {1: "once", 2: "twice"}
_WHOLE_FROM = 10
_HOURS_A_DAY = 24
_DAYS_FROM = 2


def explain(bundle: Bundle, features: Sequence[Feature], rows: pa.Table, *, threads: int | None) -> pa.Table:
    """Give each row its three strongest reasons for and the strongest against.

    Parameters
    ----------
    bundle
        The model.
    features
        The specs, which hold the words.
    rows
        Features of the leads to explain, and their `lead_id`.
    threads
        Of the model; all cores where None.

    Returns
    -------
    `lead_id`, `reason_1` to `reason_3` and `against` (strings; null where no concept pushes that way). A concept's
    sentence is that of the feature which pushes hardest in the concept's direction, with the lead's own value.
    """
    specs = {feature.name: feature for feature in features}
    ordered = [specs[column.name] for column in bundle.features]
    pushes = bundle.contributions(rows, threads=threads or 0)
    by_concept = _ByConcept(ordered)
    totals = by_concept.totals(pushes)
    columns: dict[str, list[str | None]] = {name: [] for name in (*FOR, AGAINST)}
    values = [rows[feature.name].to_pylist() for feature in ordered]
    for row in range(rows.num_rows):
        order = np.argsort(-totals[row], kind="stable")
        best: list[int | None] = [int(concept) for concept in order[: len(FOR)] if totals[row, concept] > 0]
        worst = int(order[-1]) if len(order) and totals[row, order[-1]] < 0 else None
        for name, concept in zip(
            (*FOR, AGAINST), [*best, *[None] * (len(FOR) - len(best)), worst], strict=True
        ):
            chosen = (
                None if concept is None else by_concept.strongest(pushes[row], concept, totals[row, concept])
            )
            columns[name].append(None if chosen is None else sentence(ordered[chosen], values[chosen][row]))
    arrays = {name: pa.array(texts, pa.string()) for name, texts in columns.items()}
    return pa.table({"lead_id": rows["lead_id"], **arrays})


class _ByConcept:
    """Which features belong to which concept, and which of them tell a rep something; as positions."""

    def __init__(self, features: Sequence[Feature]) -> None:
        concepts = list(dict.fromkeys(feature.concept for feature in features))
        self.members = [
            np.array([i for i, feature in enumerate(features) if feature.concept == concept])
            for concept in concepts
        ]
        self.tellable = [
            np.array([i for i in members if features[i].tellable], dtype=np.int64) for members in self.members
        ]

    def totals(self, pushes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Contributions summed by concept, shape (rows, concepts)."""
        return np.stack([pushes[:, members].sum(axis=1) for members in self.members], axis=1)

    def strongest(self, pushes: npt.NDArray[np.float64], concept: int, total: float) -> int:
        """The feature of the concept that pushes hardest in the direction of `total`, among those that tell something."""
        members = self.tellable[concept] if len(self.tellable[concept]) else self.members[concept]
        return int(members[np.argmax(pushes[members] * math.copysign(1.0, total))])


def sentence(feature: Feature, value: float | str | None) -> str:
    """Put a value into a feature's words.

    >>> from propensity.features.spec import Feature
    >>> views = Feature(
    ...     "engagement_pricing_view_count_7d", "engagement", "pricing", "acts", "viewed pricing {times} in the last 7 days",
    ...     "activities", lambda t: t.count(), zero="no pricing view in the last 7 days",
    ... )
    >>> sentence(views, 3.0), sentence(views, 1.0), sentence(views, 0.0)
    ('viewed pricing 3 times in the last 7 days', 'viewed pricing once in the last 7 days', 'no pricing view in the last 7 days')
    """
    if value is None:
        return feature.null_when
    if isinstance(value, str):
        return feature.sentence.replace("{value}", value)
    if value == 0 and feature.zero:
        return feature.zero
    times = (
        _WORDS.get(int(value), f"{shown(value)} times") if value == int(value) else f"{shown(value)} times"
    )
    words = feature.sentence.replace("{times}", times).replace("{hours}", _hours(value))
    return words.replace("{value}", shown(value))


def _hours(value: float) -> str:
    """A time as people say it: 5 hours, 2.5 days."""
    days = value / _HOURS_A_DAY
    return f"{shown(days)} days" if days >= _DAYS_FROM else f"{shown(value)} hours"


def shown(value: float) -> str:
    """A number as a rep reads it: 1,250 or 37 or 4.2."""
    if value == int(value) or abs(value) >= _WHOLE_FROM:
        return f"{value:,.0f}"
    return f"{value:.1f}"
