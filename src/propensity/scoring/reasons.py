"""Why a score is what it is, in a rep's words: LightGBM's own contributions, summed by concept."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    import numpy.typing as npt

    from propensity.features.spec import Feature
    from propensity.model.bundle import Bundle

FOR = ("reason_1", "reason_2", "reason_3")
AGAINST = "against"
TOLD = (*FOR, AGAINST)
ACTS = tuple(f"{name}_act" for name in TOLD)
"""Beside each reason: whether it is something that the rep can act on (bool; null where there is no reason)."""
_WORDS = {1: "once", 2: "twice"}
_WHOLE_FROM = 10
_HOURS_A_DAY = 24
_DAYS_FROM = 2


def explain(
    bundle: Bundle,
    features: Sequence[Feature],
    rows: pa.Table,
    *,
    threads: int | None,
    protected: Collection[str] = (),
) -> pa.Table:
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
    protected
        Columns, features or concepts that no reason speaks of, whatever they push: see `speaks_of`.

    Returns
    -------
    `lead_id`, `reason_1` to `reason_3` and `against` (strings; null where no concept pushes that way), and for each
    `..._act` (bool). A concept's sentence is that of the feature which pushes hardest in the concept's direction, with the
    lead's own value; no sentence comes twice.
    """
    specs = {feature.name: feature for feature in features}
    ordered = [specs[column.name] for column in bundle.features]
    open_ = [place for place, feature in enumerate(ordered) if not speaks_of(feature, protected)]
    told = [ordered[place] for place in open_]
    pushes = bundle.contributions(rows, threads=threads or 0)[:, open_]
    by_concept = _ByConcept(told)
    totals = by_concept.totals(pushes)
    texts: dict[str, list[str | None]] = {name: [] for name in TOLD}
    acts: dict[str, list[bool | None]] = {name: [] for name in ACTS}
    values = [rows[feature.name].to_pylist() for feature in told]
    for row in range(rows.num_rows):

        def say(concept: int, row: int = row) -> tuple[str, bool]:
            chosen = by_concept.strongest(pushes[row], concept, totals[row, concept])
            return sentence(told[chosen], values[chosen][row]), told[chosen].can_be_acted_on

        found = _strongest(totals[row], say)
        for name, act, reason in zip(TOLD, ACTS, found, strict=True):
            texts[name].append(None if reason is None else reason[0])
            acts[act].append(None if reason is None else reason[1])
    arrays = {name: pa.array(column, pa.string()) for name, column in texts.items()}
    flags = {name: pa.array(column, pa.bool_()) for name, column in acts.items()}
    return pa.table({"lead_id": rows["lead_id"], **arrays, **flags})


def _strongest(
    totals: npt.NDArray[np.float64], say: Callable[[int], tuple[str, bool]]
) -> list[tuple[str, bool] | None]:
    """Of one lead, what pushes hardest upwards (three at most), then what pushes hardest downwards; nothing said twice."""
    order = np.argsort(-totals, kind="stable")
    found: list[tuple[str, bool] | None] = []
    for concept in order[totals[order] > 0]:
        reason = say(int(concept))
        if reason not in found:
            found.append(reason)
        if len(found) == len(FOR):
            break
    found += [None] * (len(FOR) - len(found))
    down = (say(int(concept)) for concept in order[::-1] if totals[concept] < 0)
    return [*found, next((reason for reason in down if reason not in found), None)]


def speaks_of(feature: Feature, protected: Collection[str]) -> bool:
    """Whether a feature is one of the protected, or derives from one.

    A name stands for the feature of that name, with or without its family; for the concept; for the column that it is made
    of, the lead's or the account's; and for the past rate and the fit that derive from that column.

    >>> from propensity.features.spec import Feature
    >>> age = Feature("firmographic_age", "firmographic", "years of life", "years", "age: {value}", "attributes", lambda t: t)
    >>> speaks_of(age, ["Age"]), speaks_of(age, ["years of life"]), speaks_of(age, ["lead_age"])
    (True, True, False)
    """
    own = feature.name.removeprefix(f"{feature.family}_").casefold()
    names = {own, feature.name.casefold(), feature.concept.casefold(), own.removeprefix("fits_")}
    names |= {name.removesuffix("_past_rate").removeprefix("account_") for name in names}
    return any(name.casefold() in names for name in protected)


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
        if not self.members:
            return np.zeros((len(pushes), 0))
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


def percent(probability: float) -> str:
    """A probability as people read it: of one lead alike in the files, on the pages and in the terminal.

    >>> percent(0.31683), percent(0.0004), percent(0.9996), percent(1.0)
    ('31.7 %', 'below 0.1 %', 'above 99.9 %', '100 %')
    """
    if 0 < probability < 0.001:  # noqa: PLR2004
        return "below 0.1 %"
    if 0.999 < probability < 1:  # noqa: PLR2004
        return "above 99.9 %"
    return f"{probability * 100:.1f} %".replace("100.0", "100")
