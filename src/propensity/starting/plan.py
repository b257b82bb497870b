"""A guess at a configuration, before it is written: plain data, with a reason or a doubt beside each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from propensity.schema import TableName
from propensity.starting.kinds import Column
from propensity.starting.look import File


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical column: the source column, how its times are written (None: ISO 8601), why, and what is doubtful."""

    source: str
    guess: str
    doubt: str = ""
    format: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A source column that is not mapped, and why."""

    column: Column
    why: str


@dataclass(frozen=True)
class TablePlan:
    """One canonical table.

    `columns` by canonical name; `values` by canonical name; `late` holds columns that may be filled in after the
    outcome, `extras` those whose time is not known, `unused` the rest. `order_by` is a guess for leads without dates.
    """

    name: TableName
    file: File
    guess: str
    columns: dict[str, Mapped] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    unknown_words: dict[str, list[str]] = field(default_factory=dict)
    late: list[Left] = field(default_factory=list)
    extras: list[Left] = field(default_factory=list)
    unused: list[Left] = field(default_factory=list)
    order_by: Mapped | None = None

    @property
    def null_words(self) -> tuple[str, ...]:
        """The words for unknown that stand in this table's columns."""
        return tuple(sorted({word for column in self.file.columns for word in column.null_words}))


@dataclass(frozen=True)
class Plan:
    """All tables, and what the rest of the file says."""

    tables: Mapping[TableName, TablePlan]
    left_out: tuple[tuple[str, str], ...]
    currency: str | None
    naive_times: tuple[str, ...]
    database: str | None = None
    quarantined_share: float | None = None
    bad_rows: tuple[str, ...] = ()
    recording_lag_days: int | None = None
