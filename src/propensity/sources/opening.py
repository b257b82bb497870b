"""Opening what a configuration names: files and database tables, each read once however often it is named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from propensity.engines import Source
from propensity.engines.files import parts_of
from propensity.engines.untyped import Table
from propensity.errors import SourceError
from propensity.sources.server import ServerTable

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.config.tables import CsvOptions, Origin
    from propensity.engines import Engine

_TEXT_ENDINGS = (".csv", ".tsv", ".txt")
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")


@dataclass(frozen=True, slots=True)
class Opened:
    """A source and what messages call it."""

    source: Source
    name: str


@dataclass(frozen=True)
class Opener:
    """Opens files and tables for one load, and remembers them."""

    engine: Engine
    config: Config
    tables: Mapping[str, ServerTable] = field(default_factory=dict[str, ServerTable])
    """What was read from a PostgreSQL server, by name."""
    _numbers: Iterator[int] = field(default_factory=count)
    _known: dict[tuple[str, CsvOptions], Opened] = field(
        default_factory=dict[tuple[str, "CsvOptions"], Opened]
    )

    def open(self, origin: Origin, where: str) -> Opened:
        """Open a file or table; `where` is its place in the configuration, such as tables.leads.

        Raises
        ------
        SourceError
            It is missing, empty, unreadable, or of a kind that is not known.
        """
        place = f"table {origin.table}" if origin.path is None else f"file {origin.path}"
        key = (place, origin.csv)
        if key not in self._known:
            self._known[key] = self._opened(origin, where)
        return self._known[key]

    def keep(self, table: Table) -> Table:
        """Compute a table once, under a name of its own."""
        return self.engine.materialise(table, f"kept_{next(self._numbers)}")

    def _opened(self, origin: Origin, where: str) -> Opened:
        if origin.path is None:
            database = self.config.data.database
            if origin.table is None:
                raise SourceError(f"{where} has neither a path nor a table.")
            if database is None:
                return Opened(self.engine.read_table(origin.table), origin.table)
            if isinstance(database, Path):
                return Opened(self.engine.read_database(database, origin.table), origin.table)
            if origin.table not in self.tables:
                raise SourceError(f"{where}.table {origin.table!r} was not read from data.database.")
            return Opened(self.tables[origin.table].source, origin.table)
        path = self.config.data.folder / origin.path
        if os.path.isdir(path):  # noqa: PTH112 - unlike is_dir it is False for a name too long
            if not any(path.rglob("*.parquet")):
                raise SourceError(f"{where}.path {path} is a folder without Parquet files.")
            return Opened(self.engine.read_parquet(parts_of(path)), path.name)
        if path.suffix.lower() == ".parquet":
            return Opened(self.engine.read_parquet(path), path.name)
        if is_text(path):
            return Opened(self.engine.read_csv(path, origin.csv), path.name)
        raise SourceError(
            f"{where}.path {path} ends in {path.suffix!r}; known are .parquet and {', '.join(_TEXT_ENDINGS)}, the last "
            f"three also with {', '.join(_COMPRESSED)}."
        )


def is_text(path: Path) -> bool:
    """Whether the name says delimited text: `leads.csv`, `leads.csv.gz`, but also `leads.gz`."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _COMPRESSED:
        return len(endings) == 1 or endings[-2] not in (".parquet", ".xlsx", ".json", ".tar")
    return bool(endings) and endings[-1] in _TEXT_ENDINGS
