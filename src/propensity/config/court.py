"""When the leakage court suspects a column, and when it convicts one. docs/leakage.md says how the defaults were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from propensity.config.types import Model, Real, Text, Whole


class CourtConfig(Model):
    """The leakage court's thresholds, all of effects; what chance may do is taken off before."""

    false_alarms: Real = Field(
        default=0.05,
        gt=0,
        lt=0.5,
        description="chance that any honest column looks worse than it is, per statistic, over all columns",
    )
    convict_auc: Real = Field(
        default=0.98, gt=0.5, le=1, description="ROC-AUC of one column alone that decides the outcome"
    )
    alone_share: Real = Field(
        default=0.9,
        gt=0,
        description="(AUC - 0.5) of one column alone, over that of all others together",
    )
    alone_auc: Real = Field(default=0.75, gt=0.5, le=1, description="and its ROC-AUC alone is at least this")
    added_share: Real = Field(
        default=0.2,
        gt=0,
        description="what it adds to the others, over what they tell together (at least an AUC of 0.75), in squared d'",
    )
    synergy: Real = Field(
        default=1.5,
        gt=0,
        description="what it adds to the others, over what it tells alone, in squared d'; 1 for an independent column",
    )
    added_auc: Real = Field(
        default=0.01, ge=0, lt=0.5, description="and it adds at least this much ROC-AUC to the others"
    )
    odds: Real = Field(
        default=4.0, gt=1, description="odds of leads with one value, over what the others expect of them"
    )
    timed_share: Real = Field(
        default=0.9,
        gt=0,
        le=1,
        description="share of the converted leads' dates at or after the outcome, none beyond the data: convicted",
    )
    later_share: Real = Field(
        default=0.2,
        gt=0,
        le=1,
        description="as timed_share, for a suspicion; without a stage history, of dates after the lead's creation",
    )
    in_order: Real = Field(
        default=0.5,
        gt=0,
        le=1,
        description="rank correlation of an id with the time of conversion, given that of creation: convicted",
    )
    later_acts: Real = Field(
        default=0.8,
        gt=0,
        le=1,
        description="rank correlation of a number with the lead's acts after its first day, given those on it",
    )
    cliff_share: Real = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of (AUC - 0.5) that is gone when features are computed a day earlier",
    )
    random_over_forward: Real = Field(
        default=0.1, gt=0, description="ROC-AUC of a random split above that of the forward split: a note"
    )
    twins: Real = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of test rows that have a twin in all columns among the rows trained on: a note",
    )
    most_rows: Whole = Field(
        default=20_000,
        ge=1_000,
        description="rows that the court looks at; of more, whole accounts are drawn",
    )
    known_in_time: Mapping[Text, Annotated[Text, Field(min_length=1)]] = Field(
        default={},
        description="acts and stages (as the verdicts name them) that are known in time, and why; columns say it themselves",
    )
