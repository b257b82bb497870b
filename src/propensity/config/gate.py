"""What a challenger must keep to before it becomes champion. docs/promotion.md says what each check asks."""

from __future__ import annotations

from pydantic import Field

from propensity.config.types import Model, Real, Whole


class GateConfig(Model):
    """The gate's bounds; a challenger is refused only where it is beyond one by more than chance explains."""

    calibration_ratio: Real = Field(
        default=1.25,
        gt=1,
        le=100,
        description="factor, either way, between the mean probability and the share that converted",
    )
    calibration_slope: Real = Field(
        default=1.5,
        gt=1,
        le=100,
        description="factor, either way, between the calibration slope and 1: a slope of 2 is far too timid, one of 0.5 far "
        "too extreme",
    )
    segment_loss: Real = Field(
        default=0.05,
        ge=0,
        le=10,
        description="share of the champion's log loss in a segment by which the challenger's may be higher there",
    )
    segment_rows: Whole = Field(
        default=200, ge=1, description="snapshots that a segment must hold to be looked at"
    )
    segment_conversions: Whole = Field(
        default=20, ge=1, description="conversions, and others, that a segment must hold to be looked at"
    )
