"""The embedded engine: DuckDB behind Ibis. The only file that knows DuckDB."""

from __future__ import annotations

import codecs
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import ibis
import ibis.expr.datatypes as dt

from propensity.errors import SourceError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from propensity.config import CsvOptions

_UTC = dt.Timestamp("UTC", 6)
_LOCAL = dt.Timestamp(scale=6)
_NATIVE_ENCODINGS = {"utf-8": "utf-8", "ascii": "utf-8", "utf-8-sig": "utf-8"}
_CHUNK_BYTES = 1 << 20


@ibis.udf.scalar.builtin(name="epoch_us", signature=((_UTC,), dt.int64))
def _epoch_us(instant: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="timezone", signature=((dt.string, _LOCAL), _UTC))
def _timezone(zone: Any, local: Any) -> Any: ...


@ibis.udf.scalar.builtin(name="try_strptime", signature=((dt.string, dt.string), _LOCAL))
def _try_strptime(text: Any, pattern: Any) -> Any: ...


class DuckDBFunctions:
    """DuckDB's names for the functions that engines spell differently."""

    def epoch_us(self, instant: ir.TimestampValue) -> ir.IntegerValue:
        """Microseconds since the epoch; Ibis's own `delta` is a hundred times slower."""
        return _epoch_us(instant)

    def to_utc(self, local: ir.TimestampValue, zone: str) -> ir.TimestampValue:
        """Wall-clock time to instant, by ICU's rules for nights when clocks change."""
        return _timezone(zone, local)

    def parse_timestamp(self, text: ir.StringValue, pattern: str) -> ir.TimestampValue:
        """Strptime that gives null where the text does not fit."""
        return _try_strptime(text, pattern)

    def as_float(self, integers: ir.IntegerValue) -> ir.FloatingValue:
        """DuckDB's integer sum is a HUGEINT that casts to DOUBLE without loss up to 2**53."""
        return integers.cast("float64")


class DuckDBEngine:
    """One DuckDB database in a temporary folder: tables are on disk, and what exceeds memory spills there.

    Parameters
    ----------
    memory_gb
        DuckDB's memory limit in GB.
    threads
        Threads to use; all cores where None.
    """

    def __init__(self, *, memory_gb: float = 2.0, threads: int | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="propensity-"))
        settings: dict[str, Any] = {
            "memory_limit": f"{int(memory_gb * 1000)}MB",
            "temp_directory": str(self._folder / "spill"),
        }
        if threads is not None:
            settings["threads"] = threads
        self._backend: Any = ibis.duckdb.connect(self._folder / "work.duckdb", **settings)
        self._backend.raw_sql("SET TimeZone = 'UTC'")
        self._backend.raw_sql("SET enable_progress_bar = false")
        self._attached: dict[Path, str] = {}
        self._scanned = 0
        self._rejected: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self.functions = DuckDBFunctions()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect and delete the temporary folder."""
        self._backend.disconnect()
        shutil.rmtree(self._folder, ignore_errors=True)

    def read_csv(self, path: Path, options: CsvOptions) -> ir.Table:
        """Copy the file into a table of text columns; lines that are no rows are kept aside with their numbers."""
        files = self._files(path)
        if codecs.lookup(options.encoding).name not in _NATIVE_ENCODINGS:
            files = [self._transcoded(file, options.encoding) for file in files]
        name = self._next("csv")
        delimiter = f", delim = {_quoted(options.delimiter)}" if options.delimiter is not None else ""
        sql = (
            f"CREATE TABLE {name} AS SELECT row_number() OVER () AS _row, * FROM read_csv([{_list(files)}], "
            f"all_varchar = true, header = true, quote = {_quoted(options.quote)}, escape = {_quoted(options.quote)}, "
            f"ignore_errors = true, store_rejects = true, rejects_scan = '{name}_scans', "
            f"rejects_table = '{name}_errors'{delimiter})"
        )
        try:
            self._backend.raw_sql(sql)
        except duckdb.Error as error:
            raise SourceError(f"{path} cannot be read as CSV: {_first_line(error)}") from error
        self._collect_rejects(name, path)
        return self._backend.table(name)

    def read_parquet(self, path: Path) -> ir.Table:
        """Read without copying."""
        files = self._files(path)
        name = self._next("parquet")
        try:
            self._backend.raw_sql(
                f"CREATE VIEW {name} AS SELECT row_number() OVER () AS _row, * FROM read_parquet([{_list(files)}])"
            )
            return self._backend.table(name)
        except duckdb.Error as error:
            raise SourceError(f"{path} cannot be read as Parquet: {_first_line(error)}") from error

    def read_database(self, path: Path, table: str) -> ir.Table:
        """Attach a DuckDB file, read-only."""
        if not path.is_file():
            raise SourceError(f"data.database {path} does not exist.")
        try:
            if path not in self._attached:
                alias = self._next("db")
                self._backend.raw_sql(f"ATTACH {_quoted(path)} AS {alias} (READ_ONLY)")
                self._attached[path] = alias
            name = self._next("view")
            source = ".".join(_identifier(part) for part in (self._attached[path], *table.split(".")))
            self._backend.raw_sql(
                f"CREATE VIEW {name} AS SELECT row_number() OVER () AS _row, * FROM {source}"
            )
            return self._backend.table(name)
        except duckdb.Error as error:
            raise SourceError(f"table {table!r} of {path} cannot be read: {_first_line(error)}") from error

    def materialise(self, expression: ir.Table, name: str) -> ir.Table:
        """Compute into a table of the working database."""
        return self._backend.create_table(name, expression, overwrite=True)

    def register(self, name: str, table: pa.Table) -> ir.Table:
        """Copy an Arrow table into the working database."""
        return self._backend.create_table(name, table, overwrite=True)

    def collect(self, expression: ir.Table) -> pa.Table:
        """Fetch as one Arrow table."""
        return expression.to_pyarrow()

    def stream(self, expression: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
        """Fetch batch by batch, over a connection of its own: other queries may run in between."""
        cursor = self._backend.con.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")  # a cursor does not inherit it
            yield from cursor.execute(self._backend.compile(expression)).to_arrow_reader(rows)
        finally:
            cursor.close()

    def read_parts(self, folder: Path) -> ir.Table:
        """Read the Parquet files that a run wrote into `folder`, as one table."""
        return self._backend.read_parquet(str(folder / "*.parquet"))

    def rejected(self) -> Mapping[str, list[tuple[int, str]]]:
        """Lines of CSV files that were no rows."""
        return dict(self._rejected)

    def _next(self, kind: str) -> str:
        self._scanned += 1
        return f"source_{kind}_{self._scanned}"

    def _files(self, path: Path) -> list[Path]:
        files = sorted(path.parent.glob(path.name)) if any(sign in path.name for sign in "*?[") else [path]
        missing = [file for file in files if not file.is_file()]
        if missing or not files:
            raise SourceError(
                f"{path} does not exist. Set the table's `path`, or data.folder that it is relative to."
            )
        if all(file.stat().st_size == 0 for file in files):
            raise SourceError(f"{path} is empty: it has not even a header.")
        return files

    def _transcoded(self, path: Path, encoding: str) -> Path:
        """DuckDB reads UTF-8: bring another encoding there, in pieces."""
        target = self._folder / f"{self._next('utf8')}.csv"
        try:
            with (
                path.open(encoding=encoding, newline="") as source,
                target.open("w", encoding="utf-8", newline="") as out,
            ):
                while chunk := source.read(_CHUNK_BYTES):
                    out.write(chunk)
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{path} is not {encoding}: {error.reason} at byte {error.start}. Set the table's csv.encoding."
            ) from error
        return target

    def _collect_rejects(self, name: str, path: Path) -> None:
        rows = self._backend.raw_sql(
            f"SELECT line, any_value(error_message) FROM {name}_errors GROUP BY line ORDER BY line"
        ).fetchall()
        self._rejected[str(path)].extend((int(line), str(message)) for line, message in rows)


def _quoted(value: object) -> str:
    """An SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def _identifier(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _list(files: list[Path]) -> str:
    return ", ".join(_quoted(file) for file in files)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
