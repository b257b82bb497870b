"""One YAML file says everything: frozen pydantic models, every field documented with its unit and default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from propensity.config.backtest import BacktestConfig
from propensity.config.columns import ColumnMapping, ExtraColumn
from propensity.config.court import CourtConfig
from propensity.config.database import Database, ServerConfig, TargetConfig, VariableName, without_secret
from propensity.config.engine import EngineConfig, SparkConfig
from propensity.config.features import ActivityType, FeaturesConfig
from propensity.config.gate import GateConfig
from propensity.config.lists import ListsConfig
from propensity.config.model import ModelConfig
from propensity.config.monitoring import MonitoringConfig
from propensity.config.nightly import NightlyConfig
from propensity.config.qualify import QualificationConfig
from propensity.config.tables import (
    CsvOptions,
    LookupConfig,
    RowsConfig,
    SourceConfig,
    TableConfig,
    contract_mistakes,
)
from propensity.config.types import MOST_DAYS, Instant, Model, Real, Text, Whole, Zone
from propensity.schema import TableName

__all__ = [
    "ActivityType",
    "BacktestConfig",
    "ChecksConfig",
    "ColumnMapping",
    "Config",
    "CourtConfig",
    "CsvOptions",
    "DataConfig",
    "EngineConfig",
    "ExtraColumn",
    "FeaturesConfig",
    "GateConfig",
    "ListsConfig",
    "LookupConfig",
    "Model",
    "ModelConfig",
    "MonitoringConfig",
    "NightlyConfig",
    "OutcomeConfig",
    "PathsConfig",
    "QualificationConfig",
    "RowsConfig",
    "ServerConfig",
    "SnapshotsConfig",
    "SourceConfig",
    "SparkConfig",
    "TableConfig",
    "TargetConfig",
    "TrackingConfig",
    "parse_step",
]


class DataConfig(Model):
    """Where the data are and how they are read."""

    folder: Path = Field(default=Path(), description="folder that table paths are relative to")
    database: Database = Field(
        default=None,
        description="what holds tables named by `table`: a DuckDB file, an address such as postgresql://user@host/crm, or "
        "`{url_env: VARIABLE}`, the environment variable that holds the address",
    )
    timezone: Zone = Field(default="UTC", description="zone of times without one")
    through: Instant | None = Field(
        default=None,
        description="how far the data are complete; by default the newest recorded time not in the future",
    )
    currency: Text = Field(
        default="EUR", description="the base currency: amounts without a currency are in it"
    )

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times without one."""
        return ZoneInfo(self.timezone)


class ChecksConfig(Model):
    """When bad rows stop a run."""

    max_quarantined_share: Real = Field(
        default=0.01, ge=0, le=1, description="share of a table's rows; above it: exit 3"
    )
    min_conversions: Whole = Field(
        default=40, ge=1, description="of either class, to learn from; below it the data do not suffice"
    )


class OutcomeConfig(Model):
    """What counts as conversion, and within what time."""

    stage: Text = Field(
        default="prospect", description="the outcome: first entry into this stage or a later one"
    )
    later_stages: tuple[Text, ...] = Field(
        default=("opportunity", "customer"), description="stages beyond the outcome"
    )
    disqualified_stages: tuple[Text, ...] = Field(
        default=("disqualified",), description="stages that end a lead"
    )
    horizon_days: Whole = Field(
        default=30, ge=1, le=MOST_DAYS, description="how far ahead a conversion counts, in days"
    )
    recording_lag_days: Real = Field(
        default=0, ge=0, le=MOST_DAYS, description="how late a stage may be recorded, in days"
    )

    @model_validator(mode="after")
    def _stages_differ(self) -> Self:
        both = sorted({self.stage, *self.later_stages} & set(self.disqualified_stages))
        if both:
            raise ValueError(f"{', '.join(both)} cannot both convert (stage, later_stages) and disqualify")
        return self

    @property
    def converting(self) -> tuple[str, ...]:
        """The outcome stage and all later ones."""
        return (self.stage, *self.later_stages)


class SnapshotsConfig(Model):
    """The instants at which history is looked at. Calendar steps, or a fixed age of each lead."""

    every: str | None = Field(
        default=None, description="`1 month`, `2 weeks`, `10 days`, ...; `1 month` by default"
    )
    age_days: Real | None = Field(
        default=None,
        gt=0,
        le=MOST_DAYS,
        description="instead of `every`: one snapshot at this age of each lead",
    )
    start: Instant | None = Field(default=None, description="no snapshot before this")
    test_share: Real = Field(
        default=0.25, gt=0, lt=1, description="share of the snapshots, the newest, that only report"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.every is not None and self.age_days is not None:
            raise ValueError("give either `every` (calendar steps) or `age_days` (a fixed age), not both")
        if self.every is not None:
            parse_step(self.every)
        return self


_UNITS = {"day": "days", "week": "weeks", "month": "months"}


def parse_step(text: str) -> tuple[int, Literal["days", "weeks", "months"]]:
    """Read `2 weeks` as (2, "weeks").

    >>> parse_step("1 month")
    (1, 'months')
    """
    words = text.split()
    unit = _UNITS.get(words[-1].rstrip("s")) if words else None
    count = words[0] if len(words) == 2 else "1"  # noqa: PLR2004 - `2 weeks` or `week`
    if unit is None or len(words) > 2 or not count.isdecimal() or not 1 <= int(count) <= MOST_DAYS:  # noqa: PLR2004
        raise ValueError(f"{text!r} is no step; write for example `1 month`, `2 weeks` or `10 days`")
    return int(count), cast("Literal['days', 'weeks', 'months']", unit)


class TrackingConfig(Model):
    """Where MLflow keeps runs and models."""

    uri: Annotated[str, AfterValidator(without_secret)] = Field(
        default="sqlite:///mlflow.db",
        description="tracking server or postgresql://user@host/mlflow, without a password, or a SQLite file relative to this "
        "file",
    )
    uri_env: VariableName | None = Field(
        default=None,
        description="instead of `uri`: the environment variable that holds the address, which may have a password",
    )
    artifacts: str | None = Field(
        default=None, description="artifact root of a local store; `mlartifacts` beside it"
    )
    experiment: str = Field(default="propensity", min_length=1, description="experiment that runs go to")
    model_name: str = Field(
        default="propensity", pattern=r"^[^/:]+$", description="name in the model registry"
    )


class PathsConfig(Model):
    """Where files land."""

    models: Path = Field(default=Path("models"), description="verified local cache of registered models")
    out: Path = Field(default=Path("out"), description="lists, one folder each, unless --out says otherwise")
    reports: Path = Field(
        default=Path("reports"),
        description="what is reported: the evidence pack of each training, `backtest.json`, `monitor.html` and its history",
    )
    quarantine: Path = Field(
        default=Path("out/quarantine"), description="rows that broke a rule, one file a table"
    )
    ledger: Path = Field(
        default=Path("out/ledger"),
        description="what was listed, night by night, and what reps reported; only ever added to",
    )
    state: Path | None = Field(
        default=None,
        description="of unattended runs: the lock, `last-run.json`, and the list of a night that could not be delivered; "
        "`state` in `out` by default",
    )
    logs: Path | None = Field(
        default=None,
        description="one file of JSON lines for each unattended run; `logs` in `out` by default",
    )
    cache: Path | None = Field(
        default=Path("out/cache"),
        description="feature frames of the last trainings, by content, so that the same data and features are not computed "
        "twice; may be deleted at any time; null: none is kept",
    )

    @property
    def state_folder(self) -> Path:
        """Where unattended runs keep what the next one must know."""
        return self.out / "state" if self.state is None else self.state

    @property
    def logs_folder(self) -> Path:
        """Where unattended runs log."""
        return self.out / "logs" if self.logs is None else self.logs


class Config(Model):
    """The whole configuration."""

    data: DataConfig = DataConfig()
    engine: EngineConfig = EngineConfig()
    tables: Mapping[TableName, TableConfig] = Field(description="the canonical tables that there are")
    checks: ChecksConfig = ChecksConfig()
    court: CourtConfig = CourtConfig()
    outcome: OutcomeConfig = OutcomeConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    features: FeaturesConfig = FeaturesConfig()
    model: ModelConfig = ModelConfig()
    gate: GateConfig = GateConfig()
    qualification: QualificationConfig = QualificationConfig()
    lists: ListsConfig = ListsConfig()
    nightly: NightlyConfig = NightlyConfig()
    backtest: BacktestConfig = BacktestConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    tracking: TrackingConfig = TrackingConfig()
    paths: PathsConfig = PathsConfig()

    @field_validator("tables")
    @classmethod
    def _fit_the_contract(
        cls, tables: Mapping[TableName, TableConfig], info: ValidationInfo
    ) -> Mapping[TableName, TableConfig]:
        data, engine = info.data.get("data"), info.data.get("engine")
        holds_tables = engine is None or engine.kind == "spark"
        mistakes = contract_mistakes(
            tables, database=data is None or data.database is not None or holds_tables
        )
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return tables

    def to_dict(self) -> dict[str, Any]:
        """Return what YAML would hold: JSON types only, defaults included."""
        return self.model_dump(mode="json")
