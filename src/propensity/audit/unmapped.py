"""Columns of the sources that nothing reads, as text beside the ids of leads or accounts: warned of before they are mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from propensity.config.columns import ColumnReading, ExtraColumn
from propensity.config.tables import mapping_of
from propensity.schema import TABLES
from propensity.sources.mapping import RULE, map_table
from propensity.sources.opening import Opener

if TYPE_CHECKING:
    from propensity.config.tables import SourceConfig
    from propensity.engines.untyped import Table
    from propensity.schema import TableName
    from propensity.sources.canonical import Canonical

_PROBE = "court"
_MOST = 200


@dataclass(frozen=True)
class Unmapped:
    """Raw columns of one canonical table's sources.

    `table` holds the key (`lead_id` or `account_id`) and one text column for each of `names` (engine's name to what the
    source calls it); rows that break a rule are left out; `left_out` columns are beyond the most that are looked at.
    """

    table: Table
    names: Mapping[str, str]
    left_out: int


def unmapped(canonical: Canonical, name: TableName) -> Unmapped | None:
    """The columns of a table's sources, and of their lookups, that nothing reads; None where there are none."""
    config = canonical.config
    opener = Opener(canonical.engine, config, canonical.server)
    probes: dict[str, str] = {}
    sources: list[SourceConfig] = []
    every: dict[str, str] = {}
    for source in config.tables[name].sources:
        unread = _unread(opener, source, name)
        for column in unread:
            every.setdefault(column, f"{_PROBE}{len(every)}")
        extras = {
            every[column]: ExtraColumn(column=column, type="category", static=True)
            for column in unread
            if len(every) <= _MOST or int(every[column].removeprefix(_PROBE)) < _MOST
        }
        probes |= {engine: str(extra.column) for engine, extra in extras.items()}
        sources.append(source.model_copy(update={"extra": {**source.extra, **extras}}))
    if not probes:
        return None
    table = config.tables[name].model_copy(update={"sources": tuple(sources)})
    probing = config.model_copy(update={"tables": {**config.tables, name: table}})
    mapped: Any = map_table(opener, probing, name).table
    key = "lead_id" if name == "leads" else "account_id"
    rows = mapped.filter(mapped[RULE].isnull() & mapped[key].notnull())
    return Unmapped(rows.select(key, *probes), probes, len(every) - len(probes))


def _unread(opener: Opener, source: SourceConfig, name: TableName) -> list[str]:
    """Names as a mapping would write them; those that are there twice cannot be mapped and are left out."""
    read = _read(source, name)
    columns = opener.open(source, f"tables.{name}").source.columns
    found = [column for column in columns if column.strip() and columns.count(column) == 1]
    found = [column for column in found if column not in read and column not in TABLES[name].names]
    for lookup, origin in source.lookups.items():
        there = opener.open(origin, f"tables.{name}.lookups.{lookup}").source.columns
        names = [
            f"{lookup}.{column}"
            for column in there
            if column.strip() and there.count(column) == 1 and column not in origin.on.values()
        ]
        found += [column for column in names if column not in read]
    return found


def _read(source: SourceConfig, name: TableName) -> set[str]:
    """Every source column that the mapping names, if only to say that it is personal."""
    read: set[str] = {*source.personal, *([] if source.order_by is None else [source.order_by])}
    for part in source.parts:
        for column in TABLES[name].names:
            mapping = mapping_of(part.columns, column)
            if mapping is not None:
                read |= {each for each in (mapping.column, mapping.fallback, *mapping.join) if each}
        read |= {*part.where, *part.when_known, *part.when_any_known}
        read |= {part.repeat} if part.repeat is not None else set()
    for extra, said in source.extra.items():
        read |= {said.column or extra} | ({said.known_at} if said.known_at is not None else set())
    return read


def declared(canonical: Canonical, table: TableName, name: str) -> tuple[str, str | None]:
    """Where a mapped column stands in the configuration, and why it is known in time (None: it does not say).

    Parameters
    ----------
    canonical
        The checked tables.
    table
        leads or accounts.
    name
        A canonical column, or an extra one.
    """
    sources = canonical.config.tables[table].sources
    for number, source in enumerate(sources):
        where = f"tables.{table}" if len(sources) == 1 else f"tables.{table}.{number}"
        if name in source.extra:
            return f"{where}.extra.{name}", _why(source.extra[name])
        for part in source.parts:
            mapping = mapping_of(part.columns, name)
            if mapping is not None:
                return f"{where}.columns.{name}", _why(mapping)
    return f"tables.{table}.columns.{name}", None


def source_name(canonical: Canonical, table: TableName, name: str) -> str:
    """What the source calls a mapped column; its canonical name where the mapping is of several columns."""
    for source in canonical.config.tables[table].sources:
        if name in source.extra:
            return source.extra[name].column or name
        mapping = mapping_of(source.columns, name)
        if mapping is not None and mapping.column is not None:
            return mapping.column
    return name


def _why(reading: ColumnReading) -> str | None:
    return reading.known_in_time
