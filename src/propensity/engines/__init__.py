"""What computes. Everything above speaks Ibis; only the files in here know an engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from propensity.config import Config, CsvOptions


class Functions(Protocol):
    """Scalar functions that engines spell differently; each takes and gives Ibis columns."""

    def epoch_us(self, instant: ir.TimestampValue) -> ir.IntegerValue:
        """Microseconds since 1970-01-01 UTC (int64)."""
        ...

    def to_utc(self, local: ir.TimestampValue, zone: str) -> ir.TimestampValue:
        """The UTC instant of a wall-clock time in an IANA zone."""
        ...

    def parse_timestamp(self, text: ir.StringValue, pattern: str) -> ir.TimestampValue:
        """A wall-clock time from text by a strptime pattern; null where it does not fit."""
        ...

    def as_float(self, integers: ir.IntegerValue) -> ir.FloatingValue:
        """A sum of integers as float64, exact up to 2**53."""
        ...


class Engine(Protocol):
    """Connect, read, stream, write."""

    functions: Functions

    def read_csv(self, path: Path, options: CsvOptions) -> ir.Table:
        """Every column as text, with `_row` (int64, from 1, the file's order)."""
        ...

    def read_parquet(self, path: Path) -> ir.Table:
        """The file's own types, with `_row`."""
        ...

    def read_database(self, path: Path, table: str) -> ir.Table:
        """A table of another database, its own types, with `_row` in the order it gives them."""
        ...

    def materialise(self, expression: ir.Table, name: str) -> ir.Table:
        """Compute once, keep under `name` in the engine's own storage, and return what to query."""
        ...

    def register(self, name: str, table: pa.Table) -> ir.Table:
        """Make an Arrow table known under `name`."""
        ...

    def collect(self, expression: ir.Table) -> pa.Table:
        """Bring a result into memory."""
        ...

    def stream(self, expression: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
        """Bring a result in batches of at most `rows` rows."""
        ...

    def read_parts(self, folder: Path) -> ir.Table:
        """The Parquet parts that a run wrote into `folder`, as one table."""
        ...

    def rejected(self) -> Mapping[str, list[tuple[int, str]]]:
        """Per file, the lines that were no rows: line number and what was wrong."""
        ...

    def close(self) -> None:
        """Release memory, connections and temporary files."""
        ...


def open_engine(config: Config) -> Engine:
    """The engine that the configuration asks for; the caller closes it."""
    from propensity.engines.duckdb import DuckDBEngine  # noqa: PLC0415 - only who computes pays for it

    return DuckDBEngine(memory_gb=config.engine.memory_gb, threads=config.engine.threads)
