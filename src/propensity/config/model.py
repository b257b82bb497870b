"""The part of the configuration that says how the model is made: the ladder, the scorecard, the tuning."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from propensity.config.types import Model, Real, Text, Whole

Rung = Literal["base_rate", "scorecard", "naive_bayes", "logistic", "lightgbm"]
RUNGS: tuple[Rung, ...] = ("base_rate", "scorecard", "naive_bayes", "logistic", "lightgbm")
"""From the simplest to the boldest: the order in which the ladder is climbed."""


class RuleConfig(Model):
    """One row of the scorecard: points where a feature meets a condition."""

    feature: Text = Field(
        description="name of a feature; where the data do not give it, the rule gives no points"
    )
    op: Literal[">=", "<=", "==", "in", "known", "per"] = Field(
        description="`>=`, `<=` compare numbers; `==` one value; `in` a list; `known`: there is a value; `per`: the points "
        "for each unit, up to `value` units (with a decayed feature: points that fade)"
    )
    value: int | float | str | bool | tuple[int | float | str | bool, ...] | None = Field(
        default=None, description="what `op` compares with; nothing for `known`"
    )
    points: Real = Field(description="above 0 for the lead, below 0 against it")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        wanted = {
            ">=": number, "<=": number, "per": number, "in": isinstance(self.value, tuple),
            "known": self.value is None, "==": self.value is not None and not isinstance(self.value, tuple),
        }  # fmt: skip
        if not wanted[self.op]:
            needs = {"in": "a list", "known": "no value", "==": "one value"}.get(self.op, "a number")
            raise ValueError(f"`{self.op}` needs {needs}; found {self.value!r}")
        return self


class ScorecardConfig(Model):
    """The points table that a human wrote: the model when conversions are few, and a rung that learning must beat."""

    rules: tuple[RuleConfig, ...] | None = Field(
        default=None, description="the table; by default the one in docs/model-quality.md"
    )
    points_to_double_odds: Real = Field(
        default=20, gt=0, description="points that double the odds, until conversions say otherwise"
    )


class TuningConfig(Model):
    """A search for better parameters of LightGBM; needs the extra `tune`."""

    seconds: Real = Field(
        default=0, ge=0, description="how long a training may search, in seconds; 0: no tuning"
    )
    trials: Whole = Field(
        default=100, ge=1, description="trials at most, those of earlier trainings on the same rows included"
    )


class ModelConfig(Model):
    """How the model is trained."""

    params: Mapping[str, int | float | str | bool | None] = Field(
        default={}, description="parameters of PropensityClassifier that differ from its defaults"
    )
    rungs: tuple[Rung, ...] = Field(
        default=RUNGS, min_length=1, description="the models that are tried, always from the simplest on"
    )
    scorecard: ScorecardConfig = ScorecardConfig()
    tuning: TuningConfig = TuningConfig()
    recalibration: Literal["auto", "off", "intercept", "slope"] = Field(
        default="auto",
        description="the map to probabilities refitted on the newest matured months: its level (`intercept`), level and slope "
        "(`slope`), not at all (`off`), or what pays on the validation folds (`auto`); see calibration.md",
    )
    recalibration_months: Whole | None = Field(
        default=None,
        ge=1,
        le=120,
        description="how many newest matured months it learns from; by default 12, 6 and 3 are tried, and 6 taken where the "
        "kind is given",
    )
    without_outbound: bool = Field(
        default=False,
        description="also judge the chosen model without the features of what reps did: their attention is not the lead's merit",
    )
    most_rows: Whole = Field(
        default=2_000_000,
        ge=1_000,
        description="snapshots that trees learn from, at most: of more, all conversions and a sample of the others, weighted so "
        "that they stand for all; calibration, metrics and the forward test see every snapshot",
    )
    seed: Whole = Field(default=0, ge=0, lt=2**31, description="of every random draw")
    resamples: Whole = Field(
        default=400, ge=50, le=100_000, description="bootstrap resamples behind each interval"
    )
    noise: Real = Field(
        default=0.68,
        ge=0.5,
        lt=1,
        description="a rung takes the place of the simpler one where the interval of its gain at this level lies above 0; "
        "0.68 is one standard error to either side",
    )
    tiers: tuple[Real, Real, Real] | None = Field(
        default=None,
        description="lowest probability of tiers A, B and C; by default such that 10, 30 and 60 % reach them",
    )

    @field_validator("rungs")
    @classmethod
    def _once(cls, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
        if len(set(rungs)) < len(rungs):
            raise ValueError("each rung is named once")
        return tuple(rung for rung in RUNGS if rung in rungs)

    @field_validator("tiers")
    @classmethod
    def _falling(cls, tiers: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if tiers is not None and not all(high > low for high, low in pairwise((1.0, *tiers, 0.0))):
            raise ValueError("tiers are three probabilities between 0 and 1, each below the one before")
        return tiers
