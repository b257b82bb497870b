"""One YAML file says everything: frozen pydantic models, every field documented with its unit and default."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from propensity.schema import TABLES, TableName

DIRECTIONS = ("inbound", "outbound")
_SUGGESTION_CUTOFF = 0.6


def _as_text(value: object) -> object:
    """YAML reads `1`, `no` and `2024-01-01` as other types; a null word or a raw value is always text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]


def _instant(value: object) -> object:
    """A date or a time without a zone is UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if hasattr(value, "isoformat"):  # a YAML date
        return datetime.fromisoformat(cast("Any", value).isoformat()).replace(tzinfo=UTC)
    return value


Instant = Annotated[datetime, BeforeValidator(_instant)]


class Model(BaseModel):
    """What all parts of the configuration share: frozen, and no key that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), validate_default=True)


class ColumnMapping(Model):
    """Where a canonical column comes from, when a bare column name does not say enough."""

    column: Text = Field(description="the source column")
    null_words: tuple[Text, ...] = Field((), description="words that mean unknown in this column")
    format: str | None = Field(None, description="strptime format of a timestamp, such as %d.%m.%Y %H:%M")


class ExtraColumn(Model):
    """A company's own column that becomes a feature. It must say since when its value is known."""

    column: Text | None = Field(None, description="the source column; the extra's own name by default")
    family: Literal["firmographic", "budget", "engagement"] = Field(
        "firmographic", description="feature family"
    )
    type: Literal["number", "category", "boolean"] = Field("category", description="how to read it")
    concept: str | None = Field(None, description="what a rep would call it; its name by default")
    unit: str = Field("", description="unit of a number, such as euros or days")
    null_words: tuple[Text, ...] = Field((), description="words that mean unknown in this column")
    static: bool = Field(False, description="true: known when the lead was created and never changed since")
    known_at: Text | None = Field(None, description="the source column that says when the value became known")


class CsvOptions(Model):
    """How a delimited file is written. What is not given is found out from its first rows."""

    delimiter: str | None = Field(None, description="one character; found out by default")
    quote: str = Field('"', description="the quoting character")
    encoding: str = Field("utf-8", description="any codec of Python, such as cp1252")


class TableConfig(Model):
    """One canonical table: which file or database table feeds it, and what its columns are called there."""

    path: Path | None = Field(
        None, description="CSV (also .gz, .zst, .bz2, .xz) or Parquet file, or a pattern"
    )
    table: str | None = Field(None, description="table or view in data.database")
    csv: CsvOptions = CsvOptions()
    columns: Mapping[str, Text | ColumnMapping] = Field({}, description="canonical name: source column")
    values: Mapping[str, Mapping[Text, Text]] = Field(
        {}, description="per canonical column: source value: value"
    )
    null_words: tuple[Text, ...] = Field((), description="words that mean unknown in any text column")
    timezone: str | None = Field(None, description="zone of times without one; data.timezone by default")
    extra: Mapping[str, ExtraColumn] = Field({}, description="company-specific columns that become features")
    order_by: Text | None = Field(
        None, description="flat leads without dates: the column that is time, or `file`"
    )
    order: Literal["ascending", "descending"] = Field("ascending", description="direction of order_by")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.table is None):
            raise ValueError("give either `path` (a file) or `table` (in data.database)")
        return self

    @field_validator("extra")
    @classmethod
    def _extras_say_when(cls, extras: Mapping[str, ExtraColumn]) -> Mapping[str, ExtraColumn]:
        for name, extra in extras.items():
            if not extra.static and extra.known_at is None:
                raise ValueError(
                    f"extra column {name!r} does not say when its value is known. If it was known when the lead was "
                    f"created and never changed, add `static: true`; else add `known_at: <column with that time>`. "
                    f"A value that may be from after the outcome would leak."
                )
            if extra.static and extra.known_at is not None:
                raise ValueError(
                    f"extra column {name!r} is either `static: true` or has `known_at`, not both"
                )
        return extras

    def mapping(self, name: str) -> ColumnMapping | None:
        """Return where the canonical column `name` comes from, or None if it is not mapped by hand."""
        found = self.columns.get(name)
        return ColumnMapping(column=found) if isinstance(found, str) else found


class DataConfig(Model):
    """Where the data are and how they are read."""

    folder: Path = Field(Path(), description="folder that table paths are relative to")
    database: Path | None = Field(None, description="a DuckDB file that holds tables named by `table`")
    timezone: str = Field("UTC", description="zone of times without one")
    through: Instant | None = Field(
        None,
        description="how far the data are complete; by default the newest recorded time not in the future",
    )
    currency: str = Field("EUR", description="the base currency: amounts without a currency are in it")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            near = difflib.get_close_matches(name, available_timezones(), 1)
            raise ValueError(f"{name!r} is no IANA time zone{f'; do you mean {near[0]!r}?' if near else ''}")
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The zone of times without one."""
        return ZoneInfo(self.timezone)


class ChecksConfig(Model):
    """When bad rows stop a run."""

    max_quarantined_share: float = Field(
        0.01, ge=0, le=1, description="share of a table's rows; above it: exit 3"
    )


class OutcomeConfig(Model):
    """What counts as conversion, and within what time."""

    stage: str = Field("prospect", description="the outcome: first entry into this stage or a later one")
    later_stages: tuple[str, ...] = Field(
        ("opportunity", "customer"), description="stages beyond the outcome"
    )
    disqualified_stages: tuple[str, ...] = Field(("disqualified",), description="stages that end a lead")
    horizon_days: int = Field(30, ge=1, description="how far ahead a conversion counts, in days")
    recording_lag_days: float = Field(0, ge=0, description="how late a stage may be recorded, in days")

    @property
    def converting(self) -> tuple[str, ...]:
        """The outcome stage and all later ones."""
        return (self.stage, *self.later_stages)


class SnapshotsConfig(Model):
    """The instants at which history is looked at. Calendar steps, or a fixed age of each lead."""

    every: str | None = Field(None, description="`1 month`, `2 weeks`, `10 days`, ...; `1 month` by default")
    age_days: float | None = Field(
        None, gt=0, description="instead of `every`: one snapshot at this age of each lead"
    )
    start: Instant | None = Field(None, description="no snapshot before this")
    test_share: float = Field(
        0.25, gt=0, lt=1, description="share of the snapshots, the newest, that only report"
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
    if unit is None or len(words) > 2 or not count.isdigit() or int(count) < 1:  # noqa: PLR2004
        raise ValueError(f"{text!r} is no step; write for example `1 month`, `2 weeks` or `10 days`")
    return int(count), cast("Literal['days', 'weeks', 'months']", unit)


class ActivityType(Model):
    """One kind of act: what a rep would call it, and what it says."""

    phrase: str = Field(description="for reasons, after a verb is not needed: `viewed pricing`")
    direction: Literal["inbound", "outbound"] | None = Field(None, description="where the data do not say")
    channel: str | None = Field(None, description="where the data do not say")
    intent: bool = Field(False, description="an act that speaks of buying")
    reply: bool = Field(False, description="where inbound: an answer of the lead to something we did")
    two_way: bool = Field(False, description="a dialogue by its nature, such as a meeting")


def _default_types() -> dict[str, ActivityType]:
    rows: list[tuple[str, str, str, str, str]] = [
        ("web_visit", "visited the web site", "inbound", "web", ""),
        ("pricing_view", "viewed pricing", "inbound", "web", "intent"),
        ("content_download", "downloaded content", "inbound", "web", ""),
        ("form_submit", "sent a form", "inbound", "web", ""),
        ("email_sent", "was sent an e-mail", "outbound", "email", ""),
        ("email_open", "opened an e-mail", "inbound", "email", ""),
        ("email_click", "clicked in an e-mail", "inbound", "email", ""),
        ("email_reply", "replied to an e-mail", "inbound", "email", "reply"),
        ("call", "was on a call", "outbound", "phone", "reply"),
        ("meeting", "met us", "outbound", "in_person", "two_way"),
        ("demo_request", "asked for a demo", "inbound", "chat", "intent"),
        ("quote_request", "asked for a quote", "inbound", "chat", "intent"),
    ]
    return {
        name: ActivityType.model_validate(
            {"phrase": phrase, "direction": way, "channel": channel} | ({says: True} if says else {})
        )
        for name, phrase, way, channel, says in rows
    }


class FeaturesConfig(Model):
    """What features are derived."""

    windows_days: tuple[int, ...] = Field(
        (7, 30, 90, 365), description="look-back windows, in days, ascending"
    )
    half_lives_days: tuple[float, ...] = Field((7, 30), description="of the decayed activity, in days")
    activity_types: Mapping[str, ActivityType] = Field(
        default_factory=_default_types, description="the acts that get features of their own"
    )
    add_activity_types: Mapping[str, ActivityType] = Field(
        {}, description="company-specific acts, beside the default"
    )
    channels: tuple[str, ...] = Field(
        ("web", "email", "phone", "in_person", "chat"), description="channels counted"
    )
    budget_kinds: tuple[str, ...] = Field(
        ("stated", "quote", "funding", "spend"), description="kinds of budget"
    )
    offline_sources: tuple[str, ...] = Field(
        ("event", "trade_show", "referral", "cold_call", "partner", "outbound"),
        description="sources that are offline",
    )
    free_mail_domains: tuple[str, ...] = Field((), description="free-mail domains beside the well-known ones")
    exclude: tuple[str, ...] = Field((), description="names of features that are not to be built")

    @field_validator("windows_days")
    @classmethod
    def _ascending(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if not windows or list(windows) != sorted(set(windows)) or windows[0] < 1:
            raise ValueError("windows_days are whole days, at least one, each longer than the last")
        return windows

    @property
    def types(self) -> dict[str, ActivityType]:
        """All acts that get features of their own, by name."""
        return {**self.activity_types, **self.add_activity_types}


class ModelConfig(Model):
    """How the model is trained."""

    params: Mapping[str, int | float | str | bool | None] = Field(
        {}, description="parameters of PropensityClassifier that differ from its defaults"
    )
    seed: int = Field(0, ge=0, description="of every random draw")
    resamples: int = Field(400, ge=50, description="bootstrap resamples behind each interval")
    tiers: tuple[float, float, float] | None = Field(
        None,
        description="lowest probability of tiers A, B and C; by default such that 10, 30 and 60 % reach them",
    )


class ListsConfig(Model):
    """The list that reps receive."""

    capacity: int | None = Field(
        None, ge=1, description="leads a list may hold; all callable ones by default"
    )
    batch_rows: int = Field(50_000, ge=1_000, description="leads scored at a time")


class TrackingConfig(Model):
    """Where MLflow keeps runs and models."""

    uri: str = Field(
        "sqlite:///../mlflow.db", description="tracking server, or a SQLite file relative to this file"
    )
    artifacts: str | None = Field(None, description="artifact root of a local store; `mlartifacts` beside it")
    experiment: str = Field("propensity", description="experiment that runs go to")
    model_name: str = Field("propensity", description="name in the model registry")


class PathsConfig(Model):
    """Where files land."""

    models: Path = Field(Path("../models"), description="verified local cache of registered models")
    out: Path = Field(Path("../out"), description="lists, one folder each, unless --out says otherwise")
    quarantine: Path = Field(
        Path("../out/quarantine"), description="rows that broke a rule, one file a table"
    )


class EngineConfig(Model):
    """What computes."""

    memory_gb: float = Field(
        2.0, gt=0.2, description="memory of the embedded engine in GB; above it, it spills"
    )
    threads: int | None = Field(None, ge=1, description="of the engine and the model; all cores by default")


class Config(Model):
    """The whole configuration."""

    data: DataConfig = DataConfig()
    tables: Mapping[TableName, TableConfig] = Field(description="the canonical tables that there are")
    checks: ChecksConfig = ChecksConfig()
    outcome: OutcomeConfig = OutcomeConfig()
    snapshots: SnapshotsConfig = SnapshotsConfig()
    features: FeaturesConfig = FeaturesConfig()
    model: ModelConfig = ModelConfig()
    lists: ListsConfig = ListsConfig()
    tracking: TrackingConfig = TrackingConfig()
    paths: PathsConfig = PathsConfig()
    engine: EngineConfig = EngineConfig()

    @model_validator(mode="after")
    def _fits_the_contract(self) -> Self:
        if "leads" not in self.tables:
            raise ValueError("tables.leads is missing; it is the one table that is required")
        for name, table in self.tables.items():
            unknown = sorted({*table.columns, *table.values} - set(TABLES[name].names) - set(table.extra))
            if unknown:
                raise ValueError(_unknown_columns(name, unknown))
            clash = sorted(set(table.extra) & set(TABLES[name].names))
            if clash:
                raise ValueError(
                    f"tables.{name}.extra names canonical columns {clash}; map them under `columns`"
                )
            if table.table is not None and self.data.database is None:
                raise ValueError(f"tables.{name}.table needs data.database, the DuckDB file that holds it")
            if table.extra and name not in ("leads", "accounts"):
                raise ValueError(f"tables.{name}.extra: extra columns belong to leads or accounts")
        if self.tables["leads"].order_by is not None and len(self.tables) > 1:
            others = sorted(set(self.tables) - {"leads", "accounts", "products", "rates"})
            if others:
                raise ValueError(
                    f"tables.leads.order_by is for leads without dates, but {others} need dates to be cut"
                )
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return what YAML would hold: JSON types only, defaults included."""
        return self.model_dump(mode="json")


def _unknown_columns(table: TableName, unknown: Sequence[str]) -> str:
    parts: list[str] = []
    for name in unknown:
        near = difflib.get_close_matches(name, TABLES[table].names, 1, _SUGGESTION_CUTOFF)
        parts.append(f"{name!r}" + (f" (do you mean {near[0]!r}?)" if near else ""))
    return (
        f"tables.{table} has no canonical column {', '.join(parts)}; there are {', '.join(TABLES[table].names)}. "
        f"A company's own column goes under tables.{table}.extra"
    )
