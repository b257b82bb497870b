"""One company's table to one canonical table: columns renamed, words mapped, types read. Nothing is dropped here."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from propensity.errors import SchemaError, SourceError
from propensity.schema import TABLES, Column, TableName
from propensity.sources.parsing import Parsed, Reading, as_text, parse

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.config import Config, ExtraColumn, TableConfig
    from propensity.engines import Engine

ROW = "_row"
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
_CSV_ENDINGS = (".csv", ".tsv", ".txt", ".gz", ".zst", ".bz2", ".xz")


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical table before its rows are checked.

    `table` holds the canonical columns, the extras, `_row` (int64), `_rule` (string: the first rule that the row
    breaks, null if none) and `_found` (string: what stood there); `origin` names file or table; `present` the canonical columns that the source has;
    `unused` the source's columns that nothing reads.
    """

    name: TableName
    table: ir.Table
    origin: str
    present: frozenset[str]
    unused: tuple[str, ...]


def read_source(engine: Engine, config: Config, name: TableName) -> tuple[ir.Table, str]:
    """Open what feeds a canonical table; return it with a name for messages."""
    source = config.tables[name]
    if source.path is None:
        if config.data.database is None or source.table is None:
            raise SourceError(f"tables.{name} has neither a path nor a table of data.database.")
        return engine.read_database(config.data.database, source.table), source.table
    path = config.data.folder / source.path
    if path.suffix == ".parquet" or path.is_dir():
        return engine.read_parquet(path / "*.parquet" if path.is_dir() else path), path.name
    if path.suffix in _CSV_ENDINGS:
        return engine.read_csv(path, source.csv), path.name
    raise SourceError(
        f"tables.{name}.path {path} ends in {path.suffix!r}; known are .parquet and {', '.join(_CSV_ENDINGS)}."
    )


def map_table(engine: Engine, config: Config, name: TableName) -> Mapped:
    """Read a source table and map it.

    Raises
    ------
    SourceError
        The file or table is missing, empty or unreadable.
    SchemaError
        A required column, or a column that the mapping names, is missing.
    """
    raw, origin = read_source(engine, config, name)
    return _Mapper(engine, config, name, raw, origin).mapped()


class _Mapper:
    """Collects the columns of one table and the rules that they imply."""

    def __init__(self, engine: Engine, config: Config, name: TableName, raw: ir.Table, origin: str) -> None:
        self.engine, self.config, self.name, self.raw, self.origin = engine, config, name, raw, origin
        self.source: TableConfig = config.tables[name]
        self.used: set[str] = {ROW}
        self.values: dict[str, ir.Value] = {}
        self.rules: list[tuple[ir.BooleanValue, str, ir.StringValue]] = []

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
            self._add(
                column.name, parse(self._raw(raw_name), column.type, reading, self.engine.functions), raw_name
            )
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
        unused = tuple(column for column in self.raw.columns if column not in self.used)
        return Mapped(self.name, table, self.origin, frozenset(present), unused)

    def _source_of(self, column: Column) -> str | None:
        """The raw column that feeds a canonical one: as mapped, else the one of the same name."""
        mapping = self.source.mapping(column.name)
        if mapping is not None:
            return mapping.column
        return column.name if column.name in self.raw.columns else None

    def _raw(self, column: str) -> ir.Column:
        if column not in self.raw.columns:
            near = difflib.get_close_matches(column, self.raw.columns, 1)
            found = [name for name in self.raw.columns if name != ROW]
            raise SchemaError(
                f"{self.origin} has no column {column!r}, which tables.{self.name} names"
                f"{f'; do you mean {near[0]!r}?' if near else ''}. Found: {', '.join(found)}."
            )
        self.used.add(column)
        return self.raw[column]

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

    def _rule(self, broken: ir.BooleanValue, rule: str, raw_name: str) -> None:
        self.rules.append((broken, rule, self.raw[raw_name].cast("string")))

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

    def _position(self) -> ir.IntegerValue:
        """Flat leads without dates: the rank of each row in the declared order; ties share a rank. Null elsewhere."""
        if self.source.order_by is None:
            return ibis.null("int64")
        if self.source.order_by == "file":
            key: ir.Value = self.raw[ROW]
        else:
            text = as_text(self._raw(self.source.order_by), self._reading("", ()))
            number = text.try_cast("float64")
            self._rule(
                text.isnull(),
                f"{self.source.order_by}, which order_by names, is missing",
                self.source.order_by,
            )
            # Numbers in the order of their values, words after them in the order of their letters.
            key = ibis.struct({"word": number.isnull(), "number": number.fill_null(0.0), "text": text})
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
            found = [name for name in self.raw.columns if name != ROW]
            names = ", ".join(column.name for column in missing)
            hint = " (or map `outcome`, for flat data without dates)" if self.name == "leads" else ""
            raise SchemaError(
                f"{self.origin} lacks {names}, which tables.{self.name} requires; found {', '.join(found)}. "
                f"Map the source's columns under tables.{self.name}.columns{hint}."
            )
