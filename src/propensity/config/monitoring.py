"""What `propensity monitor` warns of. docs/monitoring.md says what each measure means and what to do."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from propensity.config.types import MOST_DAYS, Model, Real, Text, Whole


class MonitoringConfig(Model):
    """Bounds of drift, of what arrives, and of what past lists came to."""

    psi_warning: Real = Field(
        default=0.1, gt=0, le=100, description="population stability index, beyond noise, of a warning"
    )
    psi_alarm: Real = Field(
        default=0.25, gt=0, le=100, description="population stability index, beyond noise, of an alarm"
    )
    significance: Real = Field(
        default=0.001,
        gt=0,
        lt=1,
        description="a shift counts only where its p-value, adjusted for the number of features, is below this",
    )
    smallest_sample: Whole = Field(
        default=30, ge=10, description="leads that both sides must hold to be compared"
    )
    reference_rows: Whole = Field(
        default=1_000,
        ge=50,
        description="newest snapshots of the training, at least, that drift is measured against; kept with the model as counts",
    )
    new_lead_days: Real = Field(
        default=7,
        gt=0,
        le=MOST_DAYS,
        description="age in days up to which a lead is new: new leads are also compared by themselves",
    )
    expected_to_move: tuple[Text, ...] = Field(
        default=(
            "firmographic_lead_age_days",
            "firmographic_company_age_years",
            "budget_days_to_fiscal_year_end",
            "firmographic_*_past_rate",
        ),
        description="features that move with the calendar, or for all leads of a source at once; `*` stands for any letters. "
        "Their drift is shown and not warned of, unless the list moves with it",
    )
    score_share: Real = Field(
        default=0.5,
        gt=0,
        le=100,
        description="share of the mean probability by which it, or what one concept adds to it, may move before that is an "
        "alarm; half of it warns",
    )
    volume_ratio: Real = Field(
        default=2.0,
        gt=1,
        le=1_000,
        description="factor, either way, between a table's rows of the last 7 days and of a usual week; its square is an alarm",
    )
    silence_days: Real = Field(
        default=2.0,
        gt=0,
        le=MOST_DAYS,
        description="days without a row of a table that is longer than any silence of the eight weeks before; twice that is an "
        "alarm",
    )
    calibration_ratio: Real = Field(
        default=1.25,
        gt=1,
        le=100,
        description="factor, either way, between conversions and what was expected, over the newest matured nights; an alarm "
        "where its interval lies beyond",
    )
    calibration_slope: Real = Field(
        default=1.5,
        gt=1,
        le=100,
        description="factor, either way, between the realised calibration slope and 1",
    )
    calibration_nights: Whole = Field(
        default=4,
        ge=1,
        le=100,
        description="matured nights that are looked at together, a week or more apart, for nearer ones tell the same twice",
    )
    conversions: Whole = Field(
        default=20,
        ge=5,
        description="conversions that these nights must hold for a verdict on their calibration",
    )
    page_nights: Whole = Field(default=60, ge=2, le=1_000, description="newest nights that the page shows")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.psi_alarm < self.psi_warning:
            raise ValueError(
                f"psi_alarm ({self.psi_alarm:g}) must not be below psi_warning ({self.psi_warning:g})"
            )
        return self
