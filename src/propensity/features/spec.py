"""What a feature is: a name, what it means to a rep, and an expression over tables already cut at as_of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value

Family = Literal["firmographic", "budget", "engagement"]
Over = Literal[
    "attributes", "activities", "stages", "budgets", "account_leads", "account_activities", "features"
]
Kind = Literal["number", "category"]

DAY_US = 86_400_000_000
"""Microseconds in a day."""
HOUR_US = DAY_US // 24
"""Microseconds in an hour."""
SPEC_VERSION = 2
"""Raised when a feature's meaning changes though its name does not: models of the old meaning are then refused."""


@dataclass(frozen=True)
class Feature:
    """One column of the feature frame.

    Parameters
    ----------
    name
        Derived from its parameters, family first, such as `engagement_pricing_view_count_7d`.
    family
        firmographic, budget or engagement.
    concept
        What a rep would call it; several windows of one thing share a concept.
    unit
        Such as `days` or `acts`; empty for a category or a ratio.
    sentence
        For reasons, with `{value}`, `{times}` for a count (`viewed pricing {times} in the last 7 days`), or `{hours}` for
        hours, of which many are told in days.
    over
        The cut table that the expression reads. A feature over `features` reads the columns of all the others.
    expression
        Takes that table and gives a column (over attributes and features) or an aggregate (over facts).
    kind
        number (float64) or category (string).
    empty
        The value where no fact was seen: 0 for counts; None means null, that is unknown.
    direction
        1 or -1 where more is known to mean more or less likely; else 0. A constraint on the model. None of the
        features that ship has one: on simulated worlds constraints on signs of buying and dialogue made the
        out-of-fold log loss slightly worse.
    null_when
        When the value is null, for the catalogue.
    zero
        The sentence where the value is 0; `sentence` itself where empty.
    tellable
        Whether the value says something to a rep; if not, a neighbour of the same concept is quoted as the reason.
    actionable
        Whether a rep can act on it: write, call, ask, answer. By default what is known of budgets and of engagement is, and
        what a company or a person is stays background.
    origin
        File and line of a feature of the data scientist's own; empty for those that ship. Set when the file is read.
    """

    name: str
    family: Family
    concept: str
    unit: str
    sentence: str
    over: Over
    expression: Callable[[Table], Value]
    kind: Kind = "number"
    empty: float | None = None
    direction: Literal[-1, 0, 1] = 0
    null_when: str = "never"
    zero: str = ""
    tellable: bool = True
    actionable: bool | None = None
    origin: str = ""

    @property
    def can_be_acted_on(self) -> bool:
        """`actionable`, or what its family says."""
        return self.family != "firmographic" if self.actionable is None else self.actionable

    def describe(self) -> dict[str, Any]:
        """Everything but the expression, as JSON holds it."""
        return {
            "name": self.name,
            "family": self.family,
            "concept": self.concept,
            "unit": self.unit,
            "sentence": self.sentence,
            "zero": self.zero,
            "kind": self.kind,
            "direction": self.direction,
            "null_when": self.null_when,
        }


def spec_hash(features: Sequence[Feature], parameters: dict[str, Any]) -> str:
    """SHA-256 over what the features are and the configuration that shapes their values (JSON types)."""
    described = [(feature.name, feature.kind, feature.over) for feature in features]
    text = json.dumps([SPEC_VERSION, described, parameters], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
