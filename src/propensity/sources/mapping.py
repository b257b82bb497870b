"""A company's tables to one canonical table: columns renamed, words mapped, types read. Nothing is dropped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import ibis

from propensity.config.columns import ColumnMapping, ColumnReading, ExtraColumn
from propensity.config.tables import mapping_of
from propensity.engines import ROW
from propensity.engines.naming import named
from propensity.engines.untyped import Table, Value
from propensity.errors import ConfigError, SchemaError
from propensity.schema import TABLES, Column, ColumnType, TableName
from propensity.sources.lookups import Scope, open_scope
from propensity.sources.numbers import let
from propensity.sources.opening import Opener
from propensity.sources.parsing import Parsed, Reading, ambiguous, as_text, parse
from propensity.sources.report import Finding
from propensity.sources.rows import MOST_REPEATS, choose

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.config.tables import RowsConfig, SourceConfig

RULE = "_rule"
FOUND = "_found"
SOURCE = "_source"
POSITION = "position"
KNOWN_AT_SUFFIX = "__known_at"
BOOKKEEPING = (ROW, SOURCE, RULE, FOUND)
"""Columns of a mapped table that say where a row comes from and what is wrong with it."""
_WHICH, _SHOWN = "_which_rule", "_shown_"
"""Columns of the query below: which rule a row breaks first, and what stands in the source for each rule."""
_IBIS_TYPES = {
    "id": "string",
    "text": "string",
    "timestamp": "timestamp('UTC', 6)",
    "number": "float64",
    "boolean": "boolean",
}
_RECORDED = frozenset({"created_at", "occurred_at", "entered_at", "recorded_at"})
_EARLIEST_RECORD = datetime(1970, 1, 3, tzinfo=UTC)
"""The second midnight after the epoch: day 0 as a date without a time counts at its end, in any zone."""
_EXTRA_TYPES: dict[str, ColumnType] = {"number": "number", "category": "text", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Mapped:
    """A canonical table before its rows are checked.

    `table` holds the canonical columns, the extras, `_row` (int64), `_source` (string: the file or table of the row),
    `_rule` (string: the first rule that the row breaks, null if none) and `_found` (string: what stood there);
    `origins` names files or tables; `present` the canonical columns that any of them has; `unused` per origin its
    columns that nothing reads; `rejected` what was no row at all; `findings` what there is to say of lookups and rows; `left_out` how many rows
    the mapping leaves out, a sentence for each part that leaves out any.
    """

    name: TableName
    table: Table
    origins: tuple[str, ...]
    present: frozenset[str]
    unused: Mapping[str, tuple[str, ...]]
    rejected: Table | None
    findings: tuple[Finding, ...]
    left_out: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """What messages call the sources together."""
        return named(self.origins)


def map_table(opener: Opener, config: Config, name: TableName) -> Mapped:
    """Read the sources of a canonical table and map them.

    Raises
    ------
    SourceError
        A file or table is missing, empty or unreadable.
    SchemaError
        A required column, or a column that the mapping names, is missing.
    ContractError
        A lookup's keys are there more than once.
    """
    parts: list[Table] = []
    findings: list[Finding] = []
    present: set[str] = set()
    unread: dict[str, tuple[str, ...]] = {}
    rejected: dict[int, Table] = {}
    left_out: list[str] = []
    sources = config.tables[name].sources
    for place, source in enumerate(sources):
        where = f"tables.{name}" if len(sources) == 1 else f"tables.{name}.{place}"
        scope, opened, said = open_scope(opener, source, name, where)
        findings += said
        for part in source.parts:
            chosen = choose(opener.engine, scope, source, part, _what(name, part))
            findings += [Finding("info", name, chosen.message)] if chosen.message else []
            left_out += [chosen.message] if chosen.message else []
            mapper = _Mapper(opener, config, name, source, part, replace(scope, table=chosen.table))
            if chosen.broken is not None and part.repeat is not None:
                rule = f"{named([part.repeat])} is no whole number of times from 0 to {MOST_REPEATS:,}"
                mapper.rules.append((chosen.broken, rule, scope.value(part.repeat)))
            parts.append(mapper.table())
            present |= mapper.present
            findings += mapper.doubts()
        # A file that is named twice is read by both: what is unread is what neither reads.
        unread[opened.name] = tuple(
            column for column in unread.get(opened.name, opened.source.columns) if column not in scope.used
        )
        if opened.source.rejected is not None:
            rejected[id(opened)] = opened.source.rejected
    return Mapped(
        name,
        _one(parts),
        tuple(unread),
        frozenset(present),
        unread,
        _one(list(rejected.values())) if rejected else None,
        tuple(findings),
        tuple(left_out),
    )


def _one(tables: Sequence[Table]) -> Table:
    return tables[0] if len(tables) == 1 else ibis.union(*tables, distinct=False)


def _what(table: TableName, part: RowsConfig) -> str:
    """What the rows of a part become: its constants say it best."""
    constants = [
        mapping.constant
        for column in part.columns
        if (mapping := mapping_of(part.columns, column)) is not None and mapping.constant is not None
    ]
    return f"{table} ({', '.join(constants)})" if constants else table


class _Mapper:
    """Collects the columns of one part of one source, and the rules that they imply."""

    def __init__(
        self,
        opener: Opener,
        config: Config,
        name: TableName,
        source: SourceConfig,
        part: RowsConfig,
        scope: Scope,
    ) -> None:
        self.opener, self.functions, self.config = opener, opener.engine.functions, config
        self.name: TableName = name
        self.source, self.part, self.scope = source, part, scope
        self.present: set[str] = set()
        self.values: dict[str, Value] = {}
        self.rules: list[tuple[Value, str, Value]] = []
        self._doubts: dict[str, Value] = {}

    def table(self) -> Table:
        """Build the whole table."""
        missing: list[Column] = []
        for column in TABLES[self.name].columns:
            mapping = self._mapping(column)
            if mapping is None:
                self.values[column.name] = ibis.null(_IBIS_TYPES[column.type])
                if column.required:
                    missing.append(column)
                continue
            self.present.add(column.name)
            shown = self._add_mapped(column, mapping)
            if column.required:
                self.rules.append((self.values[column.name].isnull(), f"{column.name} is missing", shown))
        self._refuse_missing(missing)
        for name, extra in self.config.tables[self.name].extra.items():
            self._add_extra(name, declared=extra)
        if self.name == "leads":
            self.values[POSITION] = self._position()
        return self._ruled({SOURCE: ibis.literal(self.scope.origin), **self.values})

    def _ruled(self, values: Mapping[str, Value]) -> Table:
        """The values with the first rule that each row breaks, and what was found there.

        Which rule it is is told in a query below: written out once for the rule and once for what was found, the
        conditions took the engine half of its planning.
        """
        nothing = ibis.null("string")
        if not self.rules:
            return self.scope.table.select(ROW, **values, **{RULE: nothing, FOUND: nothing})
        which = ibis.cases(
            *((bad, place) for place, (bad, _, _) in enumerate(self.rules)), else_=ibis.null("int64")
        )
        shown = {f"{_SHOWN}{place}": raw for place, (_, _, raw) in enumerate(self.rules)}
        below = self.scope.table.select(ROW, **values, **{_WHICH: which}, **shown)
        ruled = [(below[_WHICH] == place, rule) for place, (_, rule, _) in enumerate(self.rules)]
        found = [(below[_WHICH] == place, below[name].cast("string")) for place, name in enumerate(shown)]
        told = {RULE: ibis.cases(*ruled, else_=nothing), FOUND: ibis.cases(*found, else_=nothing)}
        return below.select(ROW, *values, **told)

    def _mapping(self, column: Column) -> ColumnMapping | None:
        """Where a canonical column comes from: as mapped, else the source's column of the same name."""
        mapping = mapping_of(self.part.columns, column.name)
        if mapping is None and self.scope.has(column.name):
            return ColumnMapping(column=column.name)
        return mapping

    def _add_mapped(self, column: Column, mapping: ColumnMapping) -> Value:
        """Add a canonical column; return what stands in the source."""
        reading = self._reading(column.name, mapping)
        try:
            if mapping.constant is not None:
                raw, label = ibis.literal(mapping.constant), column.name
            elif mapping.join:
                raw, label = self._joined(mapping.join, reading), " and ".join(mapping.join)
            else:
                label = mapping.column or column.name
                raw = self.scope.value(label)
            parsed = self._parsed(raw, column, reading, joined=bool(mapping.join))
            self._flag(parsed, label, raw)
            self._flag_what_cannot_be(column, parsed, raw)
            if column.type == "timestamp" and (doubt := ambiguous(raw, reading, self.functions)) is not None:
                self._doubts[label] = doubt
            if mapping.fallback is not None:
                other = self.scope.value(mapping.fallback)
                second = parse(other, column.type, reading, self.functions)
                if second.bad is not None:
                    second = replace(second, bad=second.bad & as_text(raw, reading).isnull())
                self._flag(second, mapping.fallback, other)
                parsed = replace(parsed, value=ibis.coalesce(parsed.value, second.value))
        except ConfigError as error:
            raise ConfigError(f"{self.scope.where}.columns.{column.name}.format: {error}") from error
        value = parsed.value
        if mapping.prefix and column.type in ("id", "text"):
            value = ibis.literal(mapping.prefix) + value
        self.values[column.name] = value
        return raw

    def _parsed(self, raw: Value, column: Column, reading: Reading, *, joined: bool) -> Parsed:
        """As `parse`. What is joined is bound to a name: written out at each use, a joined time took 14 seconds to plan."""
        if not joined:
            return parse(raw, column.type, reading, self.functions)

        def parsed(whole_text: Value) -> Parsed:
            return parse(whole_text, column.type, reading, self.functions)

        found = parsed(raw)
        bad = None if found.bad is None else let(raw, lambda whole_text: parsed(whole_text).bad)
        return Parsed(let(raw, lambda whole_text: parsed(whole_text).value), bad, found.rule)

    def _joined(self, names: Sequence[str], reading: Reading) -> Value:
        """The texts of several columns with a space between; what is unknown is left out."""
        bare = Reading(null_words=reading.null_words)
        texts = [as_text(self.scope.value(name), bare) for name in names]
        spaced = [(ibis.literal(" ") + text).fill_null("") for text in texts]
        whole = spaced[0]
        for text in spaced[1:]:
            whole = whole + text
        return whole.strip()

    def _reading(self, name: str, how: ColumnReading | None = None) -> Reading:
        own = how or ColumnReading()
        return Reading(
            null_words=(*self.source.null_words, *own.null_words),
            values=self.source.values.get(name),
            formats=own.format,
            zone=self.source.timezone or self.config.data.timezone,
            decimal=own.decimal,
            band=own.band,
            scale=own.scale,
        )

    def _flag(self, parsed: Parsed, label: str, shown: Value) -> None:
        if parsed.bad is not None:
            self.rules.append((parsed.bad, f"{named([label])} is {parsed.rule}", shown))

    def _flag_what_cannot_be(self, column: Column, parsed: Parsed, shown: Value) -> None:
        """Set aside a rate of nothing, which would take every amount with it, and a record from before there were any.

        1900 and the first day of 1970 stand for "no date" in many exports. A company's founding day, and the time from
        which an account's row holds, may well be that old.
        """
        if column.name in _RECORDED:
            early = (parsed.value < ibis.literal(_EARLIEST_RECORD)).fill_null(ibis.literal(False))
            self.rules.append(
                (early, f"{column.name} is before {_EARLIEST_RECORD:%Y-%m-%d}, as if for no date", shown)
            )
        if (self.name, column.name) == ("rates", "to_base"):
            self.rules.append((parsed.value <= 0, f"{column.name} is not above 0", shown))

    def doubts(self) -> list[Finding]:
        """Times that two formats read differently: which was meant is not known, and the first is taken."""
        found: list[Finding] = []
        for label, doubt in self._doubts.items():
            # Not a filter: Spark moves one down to the rows, and writes out there all that it is made of.
            asked = self.scope.table.select(doubt=doubt)
            count = self.opener.engine.collect(asked.count(where=asked["doubt"]).as_table())
            if rows := count.column(0)[0].as_py():
                message = (
                    f"{rows:,} rows of {self.scope.origin} have a {named([label])} that several of its formats read, each "
                    "as another time; the first is taken"
                )
                found.append(Finding("warning", self.name, message))
        return found

    def _add_extra(self, name: str, *, declared: ExtraColumn) -> None:
        """Add a company's own column; null in the rows of a source that does not have it."""
        extra, clock = self.source.extra.get(name), name + KNOWN_AT_SUFFIX
        kind = _EXTRA_TYPES[declared.type]
        if extra is None:
            self.values[name] = ibis.null(_IBIS_TYPES[kind])
            if declared.known_at is not None:
                self.values[clock] = ibis.null(_IBIS_TYPES["timestamp"])
            return
        label = extra.column or name
        raw = self.scope.value(label)
        parsed = parse(raw, kind, self._reading(name, extra), self.functions)
        self.values[name] = parsed.value
        self._flag(parsed, label, raw)
        if extra.known_at is not None:
            raw = self.scope.value(extra.known_at)
            try:
                known = parse(
                    raw, "timestamp", replace(self._reading("", extra), null_words=()), self.functions
                )
            except ConfigError as error:
                raise ConfigError(f"{self.scope.where}.extra.{name}.format: {error}") from error
            self.values[clock] = known.value
            self._flag(known, extra.known_at, raw)

    def _position(self) -> Value:
        """Flat leads without dates: the rank of each row in the declared order; ties share a rank. Null elsewhere."""
        order_by = self.source.order_by
        if order_by is None:
            return ibis.null("int64")
        if order_by == "file":
            key: Value = self.scope.table[ROW]
        else:
            raw = self.scope.value(order_by)
            text = as_text(raw, self._reading(""))
            number = text.try_cast("float64")
            self.rules.append(
                (
                    text.isnull(),
                    f"{named([order_by])}, which order_by names, is missing",
                    raw,
                )
            )
            # Numbers in the order of their values, words after them in the order of their letters.
            word = ibis.cases((number.isnull(), text), else_="")
            key = ibis.struct({"word": number.isnull(), "number": number.fill_null(0.0), "text": word})
        ordered = key.desc() if self.source.order == "descending" else key.asc()
        return ibis.rank().over(order_by=ordered).cast("int64")

    def _refuse_missing(self, missing: Sequence[Column]) -> None:
        where, origin = self.scope.where, self.scope.origin
        if self.name == "leads" and "outcome" in self.present:
            missing = [column for column in missing if column.name != "created_at"]
        if self.name == "budgets" and not self.present & {"lead_id", "account_id"}:
            raise SchemaError(
                f"{origin}: {where} needs lead_id or account_id. Map one under {where}.columns."
            )
        if missing:
            names = ", ".join(column.name for column in missing)
            hint = " (or map `outcome`, for flat data without dates)" if self.name == "leads" else ""
            raise SchemaError(
                f"{origin} lacks {names}, which {where} requires; found {named(self.scope.columns[''])}. "
                f"Map the source's columns under {where}.columns{hint}."
            )
