"""From the configuration to checked canonical tables: the one entry into the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import ibis

from propensity.engines.files import files_within, stamp
from propensity.engines.untyped import Table
from propensity.errors import SourceError, SourceUnavailable
from propensity.schema import TABLES, TableName
from propensity.sources.acts import coded, worded
from propensity.sources.checks import check_table, refuse_bad_tables, write_quarantine
from propensity.sources.findings import AMOUNTS, find, known_rates
from propensity.sources.mapping import BOOKKEEPING, RULE, Mapped, map_table
from propensity.sources.opening import Opener
from propensity.sources.report import CheckReport, TableReport
from propensity.sources.server import ServerTable, read_server

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines import Engine


_MOST_NAMED = 3


@dataclass(frozen=True)
class Canonical:
    """The checked tables of a company, with bad rows left out.

    `tables` holds only the tables that are configured; `present` the canonical columns that each source has.
    """

    engine: Engine
    config: Config
    tables: Mapping[TableName, Table]
    present: Mapping[TableName, frozenset[str]]
    report: CheckReport
    server: Mapping[str, ServerTable] = field(default_factory=dict[str, ServerTable])
    """The tables of a PostgreSQL server as they were read: whoever looks again sees the same."""

    @property
    def flat(self) -> bool:
        """Whether each lead carries its outcome and there is no stage history."""
        return "stages" not in self.tables and "outcome" in self.present["leads"]

    @property
    def dated(self) -> bool:
        """Whether leads say when they were created."""
        return "created_at" in self.present["leads"]

    @property
    def ordered(self) -> bool:
        """Whether leads without dates come in a declared order."""
        return self.config.tables["leads"].order_by is not None


def load(engine: Engine, config: Config) -> Canonical:
    """Read, map and check every configured table.

    Raises
    ------
    SourceError, SchemaError
        A file, a table or a column is missing, or a file was written to while it was read.
    ContractError
        More rows break a rule than `checks.max_quarantined_share` allows. The quarantine is written first.
    """
    mapped: dict[TableName, Mapped] = {}
    flagged: dict[TableName, Table] = {}
    reports: dict[TableName, TableReport] = {}
    server = read_server(engine, config)
    opener = Opener(engine, config, server)
    before = _stamps(config)
    for name in TABLES:
        if name not in config.tables:
            continue
        mapped[name] = map_table(opener, config, name)
        if name == "activities":
            with_codes = coded(mapped[name].table, config.features, unfilled=True)
            mapped[name] = replace(mapped[name], table=with_codes)
        flagged[name], report = check_table(engine, mapped[name], flagged.get("leads"))
        reports[name] = replace(report, sha256=source_sha256(config, name, server))
    _refuse_change(before, _stamps(config))
    rejected: dict[TableName, Table] = {
        name: table.rejected for name, table in mapped.items() if table.rejected is not None
    }
    write_quarantine(engine, flagged, config.paths.quarantine, rejected, reports)
    refuse_bad_tables(
        reports, max_share=config.checks.max_quarantined_share, quarantine=config.paths.quarantine
    )
    clean: dict[TableName, Table] = {
        name: _finished(table, name, config, flagged) for name, table in flagged.items()
    }
    findings = find(engine, config, clean, flagged, mapped, reports)
    present: dict[TableName, frozenset[str]] = {name: table.present for name, table in mapped.items()}
    return Canonical(engine, config, clean, present, CheckReport(reports, findings), server)


def source_sha256(config: Config, name: TableName, server: Mapping[str, ServerTable]) -> str | None:
    """SHA-256 over what feeds a table and its lookups, in order: files, a DuckDB file whole, a server's tables as read.

    None where one is a table of the engine's catalog, whose files are not ours to know.
    """
    origins = [one for source in config.tables[name].sources for one in (source, *source.lookups.values())]
    if config.data.database is None and any(origin.path is None for origin in origins):
        return None
    digest = hashlib.sha256()
    for source in _origins(config, name):
        if isinstance(source, str):
            digest.update(bytes.fromhex(server[source].sha256))
            continue
        with source.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _origins(config: Config, name: TableName) -> Iterator[Path | str]:
    """Files, and names of a server's tables."""
    database = config.data.database
    for source in config.tables[name].sources:
        for origin in (source, *source.lookups.values()):
            if origin.path is None and not isinstance(database, Path):
                yield from () if origin.table is None else (origin.table,)
                continue
            path = database if origin.path is None else config.data.folder / origin.path
            if isinstance(path, Path):
                yield from files_within(path)


def _files(config: Config, name: TableName) -> Iterator[Path]:
    return (origin for origin in _origins(config, name) if isinstance(origin, Path))


def _stamps(config: Config) -> dict[Path, tuple[int, ...]]:
    """What each file that is there looks like; what is not there is for the reader to say."""
    found: dict[Path, tuple[int, ...]] = {}
    for name in config.tables:
        with suppress(SourceError, OSError):
            found |= {file: stamp(file) for file in _files(config, name)}
    return found


def _refuse_change(before: Mapping[Path, object], after: Mapping[Path, object]) -> None:
    changed = [str(file) for file in before if after.get(file) != before[file]]
    changed += [str(file) for file in after if file not in before]
    if changed:
        raise SourceUnavailable(
            f"{', '.join(changed[:_MOST_NAMED])} changed while it was read, so that some rows may be of before and some of "
            "after. Wait until the export is done, and run again; an export that is renamed when it is whole cannot do this."
        )


def _finished(flagged: Table, name: TableName, config: Config, tables: Mapping[TableName, Table]) -> Table:
    """Only good rows; second clocks, directions and channels filled where the source is silent; base currency."""
    table = flagged.filter(flagged[RULE].isnull()).drop(*BOOKKEEPING)
    if name == "stages":
        return table.mutate(recorded_at=ibis.coalesce(table["recorded_at"], table["entered_at"]))
    if name == "activities":
        known = ibis.coalesce(table["recorded_at"], table["occurred_at"])
        return worded(table.mutate(recorded_at=known), config.features)
    amount = AMOUNTS.get(name)
    return _in_base_currency(table, amount, config.data.currency, tables.get("rates")) if amount else table


def _in_base_currency(table: Table, amount: str, base: str, rates: Table | None) -> Table:
    """Amounts times their rate; without a rate null (a finding counts them). Codes are compared in any case."""
    code = table["currency"].upper()
    foreign = code.notnull() & (code != base.upper())
    if rates is None:
        return table.mutate(**{amount: ibis.cases((foreign, ibis.null("float64")), else_=table[amount])})
    known = known_rates(rates.filter(rates[RULE].isnull()))
    joined = table.left_join(known, code == known["rate_currency"])
    value = ibis.cases((foreign, joined[amount] * joined["rate_to_base"]), else_=joined[amount])
    return joined.mutate(**{amount: value}).drop("rate_currency", "rate_to_base")
