"""What computes. Everything above speaks Ibis; only the files in here know an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from propensity.engines.untyped import Value

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from propensity.config import Config, CsvOptions

ROW = "_row"
"""The number of a row in its source, from 1 (int64)."""


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file or table.

    Attributes
    ----------
    table
        `_row` (int64, from 1, in the order of the source), then one column a source column, called c1, c2, ...: what
        a company calls its columns may be empty, clash with ours, or differ by case only, which engines cannot hold.
    columns
        The source's own column names, in the order of c1, c2, ...; a name may be there twice.
    rejected
        What could not be read as a row, or None where that cannot be: `file`, `line` (int64, where it begins; null where
        that is not known), `lines` (int64, how many it spans), `why` and `text` (strings).
    """

    table: ir.Table
    columns: tuple[str, ...]
    rejected: ir.Table | None = None


class Functions(Protocol):
    """Scalar functions that engines spell differently; each takes and gives Ibis columns."""

    def epoch_us(self, instant: Value) -> Value:
        """Microseconds since 1970-01-01 UTC (int64)."""
        ...

    def to_utc(self, local: Value, zone: str) -> Value:
        """The UTC instant of a wall-clock time in an IANA zone; of two such instants (clocks go back) the later."""
        ...

    def to_local(self, instant: Value, zone: str) -> Value:
        """The wall-clock time (timestamp without a zone) of a UTC instant in an IANA zone."""
        ...

    def parse_timestamp(self, text: Value, pattern: str) -> Value:
        """A time from text by a strptime pattern; null where it does not fit.

        It is a wall-clock time without a zone, or an instant in UTC where the pattern reads a zone (%z).

        Raises
        ------
        ConfigError
            The pattern is none.
        """
        ...

    def as_float(self, integers: Value) -> Value:
        """A sum of integers as float64, exact up to 2**53."""
        ...


class Engine(Protocol):
    """Connect, read, stream, write."""

    @property
    def folder(self) -> Path:
        """A folder of its own for what is kept while it is open: all its machines see it, and it is gone afterwards."""
        ...

    @property
    def training_rows(self) -> int | None:
        """How many snapshots may be brought to this machine to learn from; None: all."""
        ...

    @property
    def functions(self) -> Functions:
        """What this engine calls the functions that engines spell differently."""
        ...

    def read_csv(self, path: Path, options: CsvOptions) -> Source:
        """Every column as text."""
        ...

    def read_parquet(self, path: Path) -> Source:
        """The files' own types; text where Ibis knows no such type."""
        ...

    def read_database(self, path: Path, table: str) -> Source:
        """A table or view of another database, its own types, in the order it gives its rows."""
        ...

    def read_table(self, table: str) -> Source:
        """A table or view of the engine's own catalog, its own types.

        Raises
        ------
        SourceError
            There is none of that name, or the engine has no catalog.
        """
        ...

    def tables_of(self, path: Path) -> tuple[str, ...]:
        """The names of a database's tables and views, in order, as `read_database` takes them."""
        ...

    def materialise(self, expression: ir.Table, name: str, *, compressed: bool = True) -> ir.Table:
        """Compute once, keep under `name` in the engine's own storage, and return what to query.

        What is small and soon read need not be `compressed`; an engine may do so all the same.
        """
        ...

    def register(self, name: str, table: pa.Table) -> ir.Table:
        """Make an Arrow table known under `name`."""
        ...

    def register_batches(self, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> ir.Table:
        """Keep Arrow batches under `name` in the engine's own storage, in bounded memory; what reading them raises is raised."""
        ...

    def collect(self, expression: ir.Table) -> pa.Table:
        """Bring a result into memory."""
        ...

    def stream(self, expression: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
        """Bring a result in batches of at most `rows` rows."""
        ...

    def read_parts(self, folder: Path, name: str | None = None) -> ir.Table:
        """The Parquet parts that a run wrote into `folder`, as one table; `*` in the folder's name stands for any.

        Under a `name`, it takes the place of an earlier one: an expression over that now reads these parts.
        """
        ...

    def close(self) -> None:
        """Release memory, connections and temporary files."""
        ...


class Work(Protocol):
    """What is done to batches where they are: it travels to other machines, and what it needs travels as files."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of what it gives."""
        ...

    def opened(self, folder: Path) -> Callable[[pa.Table], pa.Table]:
        """Read the files that were sent along from `folder`, and give the function from rows to as many rows of `schema`."""
        ...


@runtime_checkable
class Distributed(Protocol):
    """What an engine can do besides whose data lie on many machines: take the work to the data, not the data to the work."""

    def write_parts(self, expression: ir.Table, folder: Path) -> int:
        """Write a result as Parquet parts into `folder`, which is not there yet; give the number of rows."""
        ...

    def map_parts(self, expression: ir.Table, work: Work, files: Path, folder: Path) -> None:
        """Send the files of the folder `files` along, do `work` on every batch, and write Parquet parts into `folder`.

        The engine says how many rows come in a batch.
        """
        ...


def open_engine(config: Config) -> Engine:
    """The engine that the configuration asks for; the caller closes it.

    Raises
    ------
    UsageError
        What it needs is not installed.
    """
    if config.engine.kind == "spark":
        from propensity.engines.spark import SparkEngine  # noqa: PLC0415 - only who asks for it pays for it

        return SparkEngine(
            config.engine.spark, memory_gb=config.engine.memory_gb, threads=config.engine.threads
        )
    from propensity.engines.duckdb import DuckDBEngine  # noqa: PLC0415 - only who computes pays for it

    return DuckDBEngine(memory_gb=config.engine.memory_gb, threads=config.engine.threads)
