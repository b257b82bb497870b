"""What the unattended runs keep to: when to refuse, how often to try again, whom to tell, what to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from propensity.config.types import MOST_DAYS, Model, Real, Text, Whole
from propensity.schema import TableName

_MOST_SECONDS = 86_400
EnvironmentName = Annotated[Text, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RetryConfig(Model):
    """How often what may pass is tried again: a database or a tracking server that does not answer, an export being written."""

    attempts: Whole = Field(default=3, ge=1, le=20, description="tries in all; 1: none is repeated")
    first_wait_seconds: Real = Field(
        default=2, ge=0, le=_MOST_SECONDS, description="wait before the second try, in seconds"
    )
    factor: Real = Field(
        default=4, ge=1, le=100, description="each further wait is so many times the one before"
    )
    longest_wait_seconds: Real = Field(
        default=120, ge=0, le=_MOST_SECONDS, description="no wait is longer, in seconds"
    )


class VolumeBounds(Model):
    """Bounds of one table; null: those of `nightly.volume`."""

    min_ratio: Real | None = Field(
        default=None, ge=0, description="rows over those of an earlier night, least"
    )
    max_ratio: Real | None = Field(
        default=None, gt=0, description="rows over those of an earlier night, most"
    )


class VolumeConfig(Model):
    """How far a table's rows may be from those of each of the last nights before a night is refused (exit 3).

    Tonight is compared with the nearest of these nights, so that one odd night does not spoil the next.
    """

    min_ratio: Real = Field(default=0.8, ge=0, description="rows over those of an earlier night, least")
    max_ratio: Real = Field(default=2, gt=0, description="rows over those of an earlier night, most")
    nights: Whole = Field(default=7, ge=0, le=1_000, description="nights looked back at; 0: no comparison")
    tables: Mapping[TableName, VolumeBounds] = Field(default={}, description="other bounds for single tables")

    def of(self, table: str) -> tuple[float, float]:
        """The least and the most ratio of a table."""
        own = next((bounds for name, bounds in self.tables.items() if name == table), VolumeBounds())
        least = self.min_ratio if own.min_ratio is None else own.min_ratio
        most = self.max_ratio if own.max_ratio is None else own.max_ratio
        return least, most

    @model_validator(mode="after")
    def _bounds_hold_something(self) -> Self:
        for place, (least, most) in {
            "": (self.min_ratio, self.max_ratio),
            **{f"tables.{name}.": self.of(name) for name in self.tables},
        }.items():
            if least > most:
                raise ValueError(f"{place}min_ratio {least} lies above max_ratio {most}")
        return self


class NotifyConfig(Model):
    """Who is told how a run ended, with the summary as JSON. That nobody could be told is a warning, and undoes nothing."""

    command: tuple[Text, ...] | None = Field(
        default=None, description="program and arguments, run without a shell; the summary is its stdin"
    )
    webhook: EnvironmentName | None = Field(
        default=None,
        description="name of the environment variable that holds the address (https, or http on this machine) to POST to",
    )
    timeout_seconds: Real = Field(default=10, gt=0, le=600, description="that either may take, in seconds")
    only_trouble: bool = Field(
        default=False, description="tell only of runs that failed or had warnings; by default of every run"
    )


class RetrainConfig(Model):
    """When `propensity retrain` trains; otherwise it ends with 0 and says what is missing."""

    min_new_conversions: Whole = Field(
        default=50,
        ge=0,
        description="matured conversions since the snapshots that the newest model learned from",
    )
    min_days: Real = Field(
        default=7,
        ge=0,
        le=MOST_DAYS,
        description="days from the newest model's last snapshot to the newest matured one",
    )


class NightlyConfig(Model):
    """What `propensity nightly` and `propensity retrain` keep to. docs/operations.md explains each."""

    most_stale_hours: Real | None = Field(
        default=36,
        gt=0,
        description="how old the newest data may be, in hours; above it: exit 3. Null: any age",
    )
    keep_nights: Whole | None = Field(
        default=None,
        ge=1,
        description="nights whose lists are kept; all by default. The newest good one always is",
    )
    keep_logs: Whole = Field(default=100, ge=1, description="runs whose log file is kept in `paths.logs`")
    wait_seconds: Real = Field(
        default=0,
        ge=0,
        le=_MOST_SECONDS,
        description="how long to wait for a run that holds the lock, in seconds",
    )
    retry: RetryConfig = RetryConfig()
    volume: VolumeConfig = VolumeConfig()
    notify: NotifyConfig = NotifyConfig()
    retrain: RetrainConfig = RetrainConfig()
