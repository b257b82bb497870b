"""A guess at a configuration, before it is written: plain data, with a reason or a doubt beside each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from propensity.schema import TableName
from propensity.starting.kinds import Column
from propensity.starting.look import File

ROW_NUMBER = "_row"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical column: the source column, why, what is doubtful, and what else its mapping says.

    `options` are keys of a column mapping, such as `format` or `band`, with their values. Where `join` is among them,
    `source` is its first column.
    """

    source: str
    guess: str
    doubt: str = ""
    options: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Left:
    """A source column that is not mapped, and why."""

    column: Column
    why: str


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that a source's rows become: a constant stage, the column of its time, and the words that it needs."""

    stage: str
    entered_at: Mapped
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A loose look into another file for the key that a hand-typed column means."""

    name: str
    file: File
    column: str
    key: str


@dataclass(frozen=True)
class TablePlan:
    """One file as a source of a canonical table.

    `columns` by canonical name; `values` by canonical name; `late` holds columns that may be filled in after the
    outcome, `extras` those whose time is not known, `unused` the rest. `order_by` is a guess for leads without dates;
    `when_known` a column without which a row is left out, with the count of such rows.
    """

    name: TableName
    file: File
    guess: str
    columns: dict[str, Mapped] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    unknown_words: dict[str, list[str]] = field(default_factory=dict)
    lookups: list[Lookup] = field(default_factory=list)
    parts: tuple[Part, ...] = ()
    late: list[Left] = field(default_factory=list)
    extras: list[Left] = field(default_factory=list)
    unused: list[Left] = field(default_factory=list)
    order_by: Mapped | None = None
    when_known: Mapped | None = None

    @property
    def null_words(self) -> tuple[str, ...]:
        """The words for unknown that stand in this file's columns."""
        return tuple(sorted({word for column in self.file.columns for word in column.null_words}))

    def column(self, canonical: str) -> Column | None:
        """The source column behind a canonical one; None where it is not mapped, or to the row's number or a constant."""
        mapped = self.columns.get(canonical)
        if mapped is None or mapped.source == ROW_NUMBER or "constant" in mapped.options:
            return None
        return self.file.column(mapped.source)


@dataclass(frozen=True)
class Plan:
    """All tables, each with the files that feed it, and what the rest of the file says."""

    tables: Mapping[TableName, tuple[TablePlan, ...]]
    left_out: tuple[tuple[str, str], ...]
    currency: str | None
    naive_times: tuple[str, ...]
    quarantined_share: float | None = None
    bad_rows: tuple[str, ...] = ()
    recording_lag_days: int | None = None

    @property
    def leads(self) -> TablePlan:
        """The one file that feeds the leads."""
        return self.tables["leads"][0]
