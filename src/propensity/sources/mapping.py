"""One company's table to one canonical table: columns renamed, words mapped, types read. Nothing is dropped here."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis

from propensity.engines import ROW, Source
from propensity.engines.untyped import Table, Value
from propensity.errors import ConfigError, SchemaError, SourceError
from propensity.schema import TABLES, Column, TableName
from propensity.sources.parsing import Parsed, Reading, as_text, parse

if TYPE_CHECKING:
    from propensity.config import Config, ExtraColumn, TableConfig
    from propensity.engines import Engine

RULE = "_rule"
FOUND = "_found"
POSITION = "position"
KNOWN_AT_SUFFIX = "__known_at"
_IBIS_TYPES = {
    "id": "string",
    "text": "string",
    "timestamp": "timestamp('UTC', 6)",
    "number": "float64",
    "boolean": "boolean",
}
_EXTRA_TYPES: dict[str, Any] = {"number": "number", "category": "text", "boolean": "boolean"}
_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_MOST_NAMED = 30
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical table before its rows are checked.

    `table` holds the canonical columns, the extras, `_row` (int64), `_rule` (string: the first rule that the row
    breaks, null if none) and `_found` (string: what stood there); `origin` names file or table; `present` the canonical
    columns that the source has; `unused` the source's columns that nothing reads; `rejected` what was no row at all.
    """

    name: TableName
    table: Table
    origin: str
    present: frozenset[str]
    unused: tuple[str, ...]
    rejected: Table | None


def read_source(engine: Engine, config: Config, name: TableName) -> tuple[Source, str]:
    """Open what feeds a canonical table; return it with a name for messages."""
    source = config.tables[name]
    if source.path is None:
        if config.data.database is None or source.table is None:
            raise SourceError(f"tables.{name} has neither a path nor a table of data.database.")
        return engine.read_database(config.data.database, source.table), source.table
    path = config.data.folder / source.path
    if os.path.isdir(path):  # noqa: PTH112 - unlike is_dir it is False for a name too long
        if not any(path.glob("*.parquet")):
            raise SourceError(f"tables.{name}.path {path} is a folder without Parquet files.")
        return engine.read_parquet(path / "*.parquet"), path.name
    if path.suffix.lower() == ".parquet":
        return engine.read_parquet(path), path.name
    if _is_text(path):
        return engine.read_csv(path, source.csv), path.name
    raise SourceError(
        f"tables.{name}.path {path} ends in {path.suffix!r}; known are .parquet and {', '.join(_TEXT_ENDINGS)}, the last "
        f"three also with {', '.join(_COMPRESSED)}."
    )


def _is_text(path: Path) -> bool:
    """Whether the name says delimited text: `leads.csv`, `leads.csv.gz`, but also `leads.gz`."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _COMPRESSED:
        return len(endings) == 1 or endings[-2] not in (".parquet", ".xlsx", ".json", ".tar")
    return bool(endings) and endings[-1] in _TEXT_ENDINGS


def map_table(engine: Engine, config: Config, name: TableName) -> Mapped:
    """Read a source table and map it.

    Raises
    ------
    SourceError
        The file or table is missing, empty or unreadable.
    SchemaError
        A required column, or a column that the mapping names, is missing.
    """
    source, origin = read_source(engine, config, name)
    return _Mapper(engine, config, name, source, origin).mapped()


def named(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """Column names for a message: long ones cut, odd ones quoted, not too many."""
    shown = [
        name
        if name.isprintable() and name.strip() and len(name) <= _LONGEST_NAME
        else repr(name[:_LONGEST_NAME])
        for name in names[:most]
    ]
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown) + more


class _Mapper:
    """Collects the columns of one table and the rules that they imply."""

    def __init__(self, engine: Engine, config: Config, name: TableName, opened: Source, origin: str) -> None:
        self.engine, self.config, self.opened, self.origin = engine, config, opened, origin
        self.name: TableName = name
        self.raw = opened.table
        self.source: TableConfig = config.tables[name]
        self.used: set[str] = set()
        self.values: dict[str, Value] = {}
        self.rules: list[tuple[Value, str, Value]] = []

    def mapped(self) -> Mapped:
        """Build the whole table."""
        present: set[str] = set()
        missing: list[Column] = []
        for column in TABLES[self.name].columns:
            raw_name = self._source_of(column)
            if raw_name is None:
                self.values[column.name] = ibis.null(_IBIS_TYPES[column.type])
                if column.required:
                    missing.append(column)
                continue
            present.add(column.name)
            mapping = self.source.mapping(column.name)
            reading = self._reading(
                column.name, mapping.null_words if mapping else (), mapping.format if mapping else None
            )
            self._add(column.name, self._parsed(column, raw_name, reading), raw_name)
            if column.required:
                self._rule(self.values[column.name].isnull(), f"{column.name} is missing", raw_name)
        self._refuse_missing(missing, present)
        for extra_name, extra in self.source.extra.items():
            self._add_extra(extra_name, extra)
        if self.name == "leads":
            self.values[POSITION] = self._position()
        nothing = ibis.null("string")
        rule = (
            ibis.cases(*((bad, rule) for bad, rule, _ in self.rules), else_=nothing)
            if self.rules
            else nothing
        )
        found = (
            ibis.cases(*((bad, text) for bad, _, text in self.rules), else_=nothing)
            if self.rules
            else nothing
        )
        table = self.raw.select(ROW, **self.values, **{RULE: rule, FOUND: found})
        unused = tuple(column for column in self.opened.columns if column not in self.used)
        return Mapped(self.name, table, self.origin, frozenset(present), unused, self.opened.rejected)

    def _parsed(self, column: Column, raw_name: str, reading: Reading) -> Parsed:
        try:
            return parse(self._raw(raw_name), column.type, reading, self.engine.functions)
        except ConfigError as error:
            raise ConfigError(f"tables.{self.name}.columns.{column.name}.format: {error}") from error

    def _source_of(self, column: Column) -> str | None:
        """The raw column that feeds a canonical one: as mapped, else the one of the same name."""
        mapping = self.source.mapping(column.name)
        if mapping is not None:
            return mapping.column
        return column.name if column.name in self.opened.columns else None

    def _raw(self, column: str) -> Value:
        """The source's column of that name; `_row` is the row's number unless the source has such a column.

        Raises
        ------
        SchemaError
            There is none, or there are several.
        """
        columns = self.opened.columns
        places = [place for place, name in enumerate(columns, 1) if name == column]
        if column == ROW and not places:
            return self.raw[ROW]
        if not places:
            near = difflib.get_close_matches(column, columns, 1) or [
                name for name in columns if name.casefold() == column.casefold()
            ]
            raise SchemaError(
                f"{self.origin} has no column {column!r}, which tables.{self.name} names"
                f"{f'; do you mean {near[0]!r}?' if near else ''}. Found: {named(columns)}."
            )
        if len(places) > 1:
            raise SchemaError(
                f"{self.origin} has {len(places)} columns called {column!r} (columns "
                f"{', '.join(str(place) for place in places)}), and tables.{self.name} reads it. Give each its own name."
            )
        self.used.add(column)
        return self.raw[f"c{places[0]}"]

    def _reading(self, name: str, null_words: Sequence[str], pattern: str | None = None) -> Reading:
        return Reading(
            null_words=(*self.source.null_words, *null_words),
            values=self.source.values.get(name),
            format=pattern,
            zone=self.source.timezone or self.config.data.timezone,
        )

    def _add(self, name: str, parsed: Parsed, raw_name: str) -> None:
        self.values[name] = parsed.value
        if parsed.bad is not None:
            self._rule(parsed.bad, f"{raw_name} is {parsed.rule}", raw_name)

    def _rule(self, broken: Value, rule: str, raw_name: str) -> None:
        self.rules.append((broken, rule, self._raw(raw_name).cast("string")))

    def _add_extra(self, name: str, extra: ExtraColumn) -> None:
        source = extra.column or name
        reading = self._reading(name, extra.null_words)
        self._add(
            name, parse(self._raw(source), _EXTRA_TYPES[extra.type], reading, self.engine.functions), source
        )
        if extra.known_at is not None:
            known = parse(
                self._raw(extra.known_at), "timestamp", self._reading("", ()), self.engine.functions
            )
            self._add(name + KNOWN_AT_SUFFIX, known, extra.known_at)

    def _position(self) -> Value:
        """Flat leads without dates: the rank of each row in the declared order; ties share a rank. Null elsewhere."""
        if self.source.order_by is None:
            return ibis.null("int64")
        if self.source.order_by == "file":
            key: Value = self.raw[ROW]
        else:
            text = as_text(self._raw(self.source.order_by), self._reading("", ()))
            number = text.try_cast("float64")
            self._rule(
                text.isnull(),
                f"{self.source.order_by}, which order_by names, is missing",
                self.source.order_by,
            )
            # Numbers in the order of their values, words after them in the order of their letters.
            word = ibis.cases((number.isnull(), text), else_="")
            key = ibis.struct({"word": number.isnull(), "number": number.fill_null(0.0), "text": word})
        ordered = key.desc() if self.source.order == "descending" else key.asc()
        return ibis.rank().over(order_by=ordered).cast("int64")

    def _refuse_missing(self, missing: Sequence[Column], present: set[str]) -> None:
        if self.name == "leads" and "outcome" in present:
            missing = [column for column in missing if column.name != "created_at"]
        if self.name == "budgets" and not present & {"lead_id", "account_id"}:
            raise SchemaError(
                f"{self.origin}: tables.budgets needs lead_id or account_id. Map one under tables.budgets.columns."
            )
        if missing:
            names = ", ".join(column.name for column in missing)
            hint = " (or map `outcome`, for flat data without dates)" if self.name == "leads" else ""
            raise SchemaError(
                f"{self.origin} lacks {names}, which tables.{self.name} requires; found {named(self.opened.columns)}. "
                f"Map the source's columns under tables.{self.name}.columns{hint}."
            )
