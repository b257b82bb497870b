"""Where the canonical tables come from: files and database tables, their rows, columns and words."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from propensity.config.columns import (
    ColumnMapping,
    ExtraColumn,
    Words,
    as_mapping,
    extras_that_say_when,
)
from propensity.config.types import Model, Text, Zone
from propensity.schema import TABLES, ColumnType, TableName

_SUGGESTION_CUTOFF = 0.6
_KINDS_OF_READINGS: Mapping[str, tuple[ColumnType, ...]] = {
    "decimal": ("number",),
    "band": ("number",),
    "scale": ("number",),
    "format": ("timestamp",),
    "prefix": ("id", "text"),
}


class CsvOptions(Model):
    """How a delimited file is written. What is not given is found out from its first rows."""

    delimiter: str | None = Field(default=None, description="one character; found out by default")
    quote: str = Field(default='"', description="the quoting character")
    encoding: str = Field(default="utf-8", description="any codec of Python, such as cp1252")

    @field_validator("delimiter")
    @classmethod
    def _one_sign(cls, sign: str | None) -> str | None:
        sign = "\t" if sign == "\\t" else sign
        if sign is not None and (len(sign) != 1 or sign in "\r\n\0"):
            raise ValueError(f"{sign!r} is no delimiter: one character, such as ';', or \\t for a tab")
        return sign

    @model_validator(mode="after")
    def _quote_differs(self) -> Self:
        if len(self.quote) > 1 or self.quote in ("\r", "\n", "\0", " "):
            raise ValueError(f"quote {self.quote!r} is no quoting character: one character, or '' for none")
        if self.quote and self.quote == self.delimiter:
            raise ValueError(f"quote and delimiter are both {self.quote!r}")
        return self

    @field_validator("encoding")
    @classmethod
    def _known_codec(cls, name: str) -> str:
        try:
            # Codecs such as base64 turn bytes into bytes; only text ones may open a file.
            "".encode(name)
            codecs.getincrementaldecoder(name)
        except (LookupError, ValueError) as error:
            raise ValueError(
                f"{name!r} is no text encoding that Python knows, such as cp1252 or utf-16"
            ) from error
        return name


class Origin(Model):
    """A file or a database table."""

    path: Path | None = Field(
        default=None, description="CSV (also .gz, .zst, .bz2, .xz) or Parquet file, or a pattern"
    )
    table: str | None = Field(default=None, description="table or view in data.database")
    csv: CsvOptions = CsvOptions()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.table is None):
            raise ValueError("give either `path` (a file) or `table` (in data.database)")
        return self


class LookupConfig(Origin):
    """Another table that is joined on a key, so that its columns can be mapped as `NAME.column`."""

    on: Mapping[Text, Text] = Field(
        description="column of this table (or `LOOKUP.column` of another lookup): key column there"
    )
    match: Literal["exact", "loose"] = Field(
        default="exact",
        description="`loose` compares letters and digits alone, in lower case: `GTXPro` finds `GTX Pro`",
    )

    many: bool = Field(
        default=False,
        description="a row that finds several becomes as many, such as a deal of a company with several leads",
    )
    optional: bool = Field(
        default=False, description="rows that find nothing are expected: they get a note, no warning"
    )

    @field_validator("on")
    @classmethod
    def _some_key(cls, on: Mapping[str, str]) -> Mapping[str, str]:
        if not on:
            raise ValueError("a lookup needs a key, such as on: {account: account_id}")
        return on


class RowsConfig(Model):
    """Which rows of a source count, what they are, and how often."""

    columns: Mapping[str, Text | ColumnMapping] = Field(
        default={}, description="canonical name: source column"
    )
    where: Mapping[Text, Words] = Field(
        default={},
        description="source column: the words that it must hold; other rows are left out and counted",
    )
    when_known: Words = Field(
        default=(),
        description="source columns that must hold something; other rows are left out and counted",
    )
    when_any_known: Words = Field(
        default=(),
        description="source columns of which one at least must hold something, likewise",
    )
    repeat: Text | None = Field(
        default=None,
        description="source column with a count: that many rows, none where it is 0 or unknown; at most 10,000",
    )


class SourceConfig(Origin, RowsConfig):
    """One file or database table that feeds a canonical table, and what its columns are called there."""

    values: Mapping[str, Mapping[Text, Text]] = Field(
        default={}, description="per canonical column: source value: value"
    )
    null_words: Words = Field(default=(), description="words that mean unknown in any text column")
    timezone: Zone | None = Field(
        default=None, description="zone of times without one; data.timezone by default"
    )
    lookups: Mapping[str, LookupConfig] = Field(
        default={}, description="other tables to fetch columns from, each under a name"
    )
    rows: tuple[RowsConfig, ...] = Field(
        default=(),
        description="each row of the source becomes one row for each of these parts, which add to what stands above",
    )
    extra: Mapping[str, ExtraColumn] = Field(
        default={}, description="company-specific columns that become features"
    )
    personal: Words = Field(
        default=(),
        description="source columns that say who somebody is: nothing looks at them, not even the leakage court",
    )
    static: bool = Field(
        default=False,
        description="accounts without valid_from: true says that they never change, which is assumed with a warning otherwise",
    )
    order_by: Text | None = Field(
        default=None, description="flat leads without dates: the column that is time, or `file`"
    )
    order: Literal["ascending", "descending"] = Field(
        default="ascending", description="direction of order_by"
    )

    @field_validator("extra")
    @classmethod
    def _extras_say_when(cls, extras: Mapping[str, ExtraColumn]) -> Mapping[str, ExtraColumn]:
        return extras_that_say_when(extras)

    @model_validator(mode="after")
    def _personal_is_not_learned(self) -> Self:
        both = sorted({extra.column or name for name, extra in self.extra.items()} & set(self.personal))
        if both:
            raise ValueError(
                f"{', '.join(both)} is `personal`, so that it can be no extra column: leave one out"
            )
        return self

    @field_validator("lookups")
    @classmethod
    def _no_circles(cls, lookups: Mapping[str, LookupConfig]) -> Mapping[str, LookupConfig]:
        for name in lookups:
            if not name or "." in name:
                raise ValueError(f"{name!r} cannot name a lookup: it stands before a dot, as in NAME.column")
        lookup_order(lookups)
        return lookups

    @property
    def parts(self) -> tuple[RowsConfig, ...]:
        """The parts that each row becomes, with what the source says for all of them."""
        whole = RowsConfig(
            columns=self.columns,
            where=self.where,
            when_known=self.when_known,
            when_any_known=self.when_any_known,
            repeat=self.repeat,
        )
        return tuple(_together(whole, part) for part in self.rows) or (whole,)


class TableConfig(Model):
    """One canonical table: what feeds it. A list of sources is the same as `sources`; one source needs neither."""

    sources: tuple[SourceConfig, ...] = Field(description="files and database tables, one after the other")

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        """A mapping without `sources` is one source; a list is many."""
        if isinstance(given, list | tuple):
            return {"sources": given}
        if isinstance(given, Mapping) and "sources" not in given:
            return {"sources": [cast("Any", given)]}
        return given

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not self.sources:
            raise ValueError("an empty list feeds nothing; give at least one file or table")
        if len(self.sources) > 1 and any(source.order_by is not None for source in self.sources):
            raise ValueError("order_by orders the rows of one source; with several, map created_at")
        for source in self.sources:
            for name, extra in source.extra.items():
                if extra.meaning != self.extra[name].meaning:
                    raise ValueError(
                        f"extra column {name!r} means one thing in one source and another in the next: family, type, "
                        "concept, unit and static (or known_at) must be the same"
                    )
        return self

    @property
    def extra(self) -> Mapping[str, ExtraColumn]:
        """The extra columns of all sources, each as it is first declared."""
        found: dict[str, ExtraColumn] = {}
        for source in self.sources:
            for name, extra in source.extra.items():
                found.setdefault(name, extra)
        return found

    @property
    def order_by(self) -> str | None:
        """The column that is time, for flat leads without dates."""
        return self.sources[0].order_by


def lookup_order(lookups: Mapping[str, LookupConfig]) -> tuple[str, ...]:
    """The lookups such that each comes after those whose columns are its keys.

    Raises
    ------
    ValueError
        Two lookups wait for each other.
    """
    waits = {
        name: [
            other for other, dot, _ in (key.partition(".") for key in lookup.on) if dot and other in lookups
        ]
        for name, lookup in lookups.items()
    }
    done: list[str] = []
    while len(done) < len(lookups):
        ready = [name for name in lookups if name not in done and set(waits[name]) <= set(done)]
        if not ready:
            raise ValueError(
                f"lookups go in a circle: {_circle(waits, done)}. One of them needs a key of its own"
            )
        done += ready
    return tuple(done)


def _circle(waits: Mapping[str, Sequence[str]], done: Sequence[str]) -> str:
    """A way through the lookups that comes back to where it began."""
    path = [next(name for name in waits if name not in done)]
    while path.count(path[-1]) == 1:
        path.append(next(name for name in waits[path[-1]] if name not in done))
    return " -> ".join(path[path.index(path[-1]) :])


def _together(whole: RowsConfig, part: RowsConfig) -> RowsConfig:
    return RowsConfig(
        columns={**whole.columns, **part.columns},
        where={**whole.where, **part.where},
        when_known=(*whole.when_known, *part.when_known),
        when_any_known=part.when_any_known or whole.when_any_known,
        repeat=part.repeat if part.repeat is not None else whole.repeat,
    )


def mapping_of(columns: Mapping[str, str | ColumnMapping], name: str) -> ColumnMapping | None:
    """Where the canonical column `name` comes from, or None if it is not mapped by hand."""
    return as_mapping(columns.get(name))


def contract_mistakes(tables: Mapping[TableName, TableConfig], *, database: bool) -> list[str]:
    """Where tables do not fit the canonical ones or each other, a sentence each; `database`: data.database is given."""
    mistakes: list[str] = []
    if "leads" not in tables:
        mistakes.append("tables.leads is missing; it is the one table that is required")
    for name, table in tables.items():
        for place, source in enumerate(table.sources):
            where = f"tables.{name}" if len(table.sources) == 1 else f"tables.{name}.{place}"
            mistakes += _source_mistakes(name, source, where, database=database)
    others = sorted(set(tables) - {"leads", "accounts", "products", "rates"})
    if "leads" in tables and tables["leads"].order_by is not None and others:
        mistakes.append(
            f"tables.leads.order_by is for leads without dates, but {others} need dates to be cut"
        )
    return mistakes


def _source_mistakes(name: TableName, source: SourceConfig, where: str, *, database: bool) -> list[str]:
    """What one source has against the contract; `where` is its place in the file."""
    mistakes: list[str] = []
    columns = set(source.columns).union(*(part.columns for part in source.rows))
    unknown = sorted(
        columns - set(TABLES[name].names) | set(source.values) - set(TABLES[name].names) - set(source.extra)
    )
    if unknown:
        mistakes.append(_unknown_columns(name, unknown, where))
    canonical = {known.casefold() for known in TABLES[name].names}
    mistakes += _readings_that_do_nothing(name, source, where)
    clash = sorted(extra for extra in source.extra if extra.casefold() in canonical)
    if clash:
        mistakes.append(f"{where}.extra names canonical columns {clash}; map them under `columns`")
    if not database:
        if source.table is not None:
            mistakes.append(
                f"{where}.table needs data.database, the DuckDB file or PostgreSQL server that holds it"
            )
        mistakes += [
            f"{where}.lookups.{lookup}.table needs data.database, the DuckDB file or PostgreSQL server that holds it"
            for lookup, found in source.lookups.items()
            if found.table is not None
        ]
    if source.extra and name not in ("leads", "accounts"):
        mistakes.append(f"{where}.extra: extra columns belong to leads or accounts")
    if source.order_by is not None and name != "leads":
        mistakes.append(f"{where}.order_by: only leads without dates are ordered")
    if source.static and name != "accounts":
        mistakes.append(f"{where}.static: it is accounts that change or do not; columns say it under `extra`")
    if source.order_by is not None and (source.rows or source.repeat is not None):
        mistakes.append(f"{where}.order_by: rows that become several rows have no order of their own")
    return mistakes


def _readings_that_do_nothing(name: TableName, source: SourceConfig, where: str) -> list[str]:
    """Ways of reading a column that its type has no use for; they would be left alone in silence."""
    mistakes: list[str] = []
    for columns in (source.columns, *(part.columns for part in source.rows)):
        for column, found in columns.items():
            known = TABLES[name].column(column)
            if known is None or not isinstance(found, ColumnMapping):
                continue
            mistakes += [
                f"{where}.columns.{column}.{key}: {column} is of type {known.type}, and {key} is for {' and '.join(kinds)}"
                for key, kinds in _KINDS_OF_READINGS.items()
                if known.type not in kinds and getattr(found, key) != ColumnMapping.model_fields[key].default
            ]
    for column, extra in source.extra.items():
        keys = [
            key
            for key in ("decimal", "band", "scale")
            if getattr(extra, key) != ExtraColumn.model_fields[key].default
        ]
        if extra.type != "number":
            mistakes += [f"{where}.extra.{column}.{key}: {key} is for `type: number`" for key in keys]
    return mistakes


def _unknown_columns(table: TableName, unknown: Sequence[str], where: str) -> str:
    parts: list[str] = []
    for name in unknown:
        near = difflib.get_close_matches(name, TABLES[table].names, 1, _SUGGESTION_CUTOFF)
        parts.append(f"{name!r}" + (f" (do you mean {near[0]!r}?)" if near else ""))
    return (
        f"{where} has no canonical column {', '.join(parts)}; there are {', '.join(TABLES[table].names)}. "
        f"A company's own column goes under {where}.extra"
    )
