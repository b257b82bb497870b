"""How far the lead has come on the way to the outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from propensity.features.engagement import engagement_feature
from propensity.features.spec import DAY_US, Feature
from propensity.timeline.history import SNAPSHOT

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table


def stage_features() -> list[Feature]:
    """Features over the lead's stages on the way to the outcome."""
    return [
        engagement_feature(
            "stage_count", "stages so far", "stages", "entered {value} stages so far", "stages", lambda t: t.count(),
            empty=0, zero="has entered no stage yet",
        ),
        engagement_feature(
            "days_in_stage", "time in the stage", "days", "entered the present stage {value} days ago", "stages",
            lambda t: t["age_us"].min().cast("float64") / DAY_US, null_when="has entered no stage yet",
        ),
        engagement_feature(
            "stage", "stage", "", "is in the stage {value}", "stages",
            lambda t: t["stage"].max(where=t["is_latest"]), kind="category", null_when="has entered no stage yet",
        ),
    ]  # fmt: skip


def prepared(stages: Table, _: FeaturesConfig) -> Table:
    """Mark the stages entered last; of several at the same instant, the last by name counts."""
    return stages.mutate(is_latest=stages["age_us"] == stages["age_us"].min().over(group_by=SNAPSHOT))
