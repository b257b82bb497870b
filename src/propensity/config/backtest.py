"""How the past is played again: the backtest's part of the configuration."""

from __future__ import annotations

from pydantic import Field

from propensity.config.types import Model, Whole


class BacktestConfig(Model):
    """Which past lists the backtest makes, and how."""

    origins: Whole = Field(
        default=8,
        ge=1,
        le=1_000,
        description="past dates to stand at: the newest of the calendar of `snapshots.every` whose outcome is known",
    )
    capacity: Whole | None = Field(
        default=None, ge=1, description="calls a list; `lists.capacity` by default, else 200"
    )
    retrain_every: Whole = Field(
        default=1, ge=1, description="a new model every so many lists; in between, the last one makes them"
    )
    jobs: Whole | None = Field(
        default=None,
        ge=1,
        le=1_024,
        description="trainings side by side; `engine.threads` by default, else all cores",
    )
