"""Where the canonical tables come from: files and database tables, their columns and words."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from propensity.configtypes import Model, Text, Zone
from propensity.schema import TABLES, TableName

_SUGGESTION_CUTOFF = 0.6
_RESERVED = frozenset({"position", "snapshot_id", "as_of", "label", "time_order", "outcome"})


class ColumnMapping(Model):
    """Where a canonical column comes from, when a bare column name does not say enough."""

    column: Text = Field(description="the source column")
    null_words: tuple[Text, ...] = Field(default=(), description="words that mean unknown in this column")
    format: str | None = Field(
        default=None, description="strptime format of a timestamp, such as %d.%m.%Y %H:%M"
    )


class ExtraColumn(Model):
    """A company's own column that becomes a feature. It must say since when its value is known."""

    column: Text | None = Field(
        default=None, description="the source column; the extra's own name by default"
    )
    family: Literal["firmographic", "budget", "engagement"] = Field(
        default="firmographic", description="feature family"
    )
    type: Literal["number", "category", "boolean"] = Field(default="category", description="how to read it")
    concept: str | None = Field(default=None, description="what a rep would call it; its name by default")
    unit: str = Field(default="", description="unit of a number, such as euros or days")
    null_words: tuple[Text, ...] = Field(default=(), description="words that mean unknown in this column")
    static: bool = Field(
        default=False, description="true: known when the lead was created and never changed since"
    )
    known_at: Text | None = Field(
        default=None, description="the source column that says when the value became known"
    )


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


class TableConfig(Model):
    """One canonical table: which file or database table feeds it, and what its columns are called there."""

    path: Path | None = Field(
        default=None, description="CSV (also .gz, .zst, .bz2, .xz) or Parquet file, or a pattern"
    )
    table: str | None = Field(default=None, description="table or view in data.database")
    csv: CsvOptions = CsvOptions()
    columns: Mapping[str, Text | ColumnMapping] = Field(
        default={}, description="canonical name: source column"
    )
    values: Mapping[str, Mapping[Text, Text]] = Field(
        default={}, description="per canonical column: source value: value"
    )
    null_words: tuple[Text, ...] = Field(default=(), description="words that mean unknown in any text column")
    timezone: Zone | None = Field(
        default=None, description="zone of times without one; data.timezone by default"
    )
    extra: Mapping[str, ExtraColumn] = Field(
        default={}, description="company-specific columns that become features"
    )
    order_by: Text | None = Field(
        default=None, description="flat leads without dates: the column that is time, or `file`"
    )
    order: Literal["ascending", "descending"] = Field(
        default="ascending", description="direction of order_by"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.table is None):
            raise ValueError("give either `path` (a file) or `table` (in data.database)")
        return self

    @field_validator("extra")
    @classmethod
    def _extras_say_when(cls, extras: Mapping[str, ExtraColumn]) -> Mapping[str, ExtraColumn]:
        folded = [name.casefold() for name in extras]
        for name, extra in extras.items():
            if (
                not name.isidentifier()
                or "__" in name
                or name.startswith("_")
                or name.casefold() in _RESERVED
            ):
                raise ValueError(
                    f"{name!r} cannot name an extra column: letters, digits and single underscores, and none of "
                    f"{', '.join(sorted(_RESERVED))}. Say `column: {name}` under a name of your own"
                )
            if folded.count(name.casefold()) > 1:
                raise ValueError(f"two extra columns are called {name!r} but for upper and lower case")
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


def contract_mistakes(tables: Mapping[TableName, TableConfig], *, database: bool) -> list[str]:
    """Where tables do not fit the canonical ones or each other, a sentence each; `database`: data.database is given."""
    mistakes: list[str] = []
    if "leads" not in tables:
        mistakes.append("tables.leads is missing; it is the one table that is required")
    for name, table in tables.items():
        unknown = sorted(
            set(table.columns) - set(TABLES[name].names)
            | set(table.values) - set(TABLES[name].names) - set(table.extra)
        )
        if unknown:
            mistakes.append(_unknown_columns(name, unknown))
        canonical = {known.casefold() for known in TABLES[name].names}
        clash = sorted(extra for extra in table.extra if extra.casefold() in canonical)
        if clash:
            mistakes.append(f"tables.{name}.extra names canonical columns {clash}; map them under `columns`")
        if table.table is not None and not database:
            mistakes.append(f"tables.{name}.table needs data.database, the DuckDB file that holds it")
        if table.extra and name not in ("leads", "accounts"):
            mistakes.append(f"tables.{name}.extra: extra columns belong to leads or accounts")
        if table.order_by is not None and name != "leads":
            mistakes.append(f"tables.{name}.order_by: only leads without dates are ordered")
    others = sorted(set(tables) - {"leads", "accounts", "products", "rates"})
    if "leads" in tables and tables["leads"].order_by is not None and others:
        mistakes.append(
            f"tables.leads.order_by is for leads without dates, but {others} need dates to be cut"
        )
    return mistakes


def _unknown_columns(table: TableName, unknown: Sequence[str]) -> str:
    parts: list[str] = []
    for name in unknown:
        near = difflib.get_close_matches(name, TABLES[table].names, 1, _SUGGESTION_CUTOFF)
        parts.append(f"{name!r}" + (f" (do you mean {near[0]!r}?)" if near else ""))
    return (
        f"tables.{table} has no canonical column {', '.join(parts)}; there are {', '.join(TABLES[table].names)}. "
        f"A company's own column goes under tables.{table}.extra"
    )
