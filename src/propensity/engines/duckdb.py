"""The embedded engine: DuckDB behind Ibis. The only file that knows DuckDB."""

# ruff: noqa: S608 - SQL is this file's trade; what comes from outside goes through `_quoted` or `_identifier`.

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb
import ibis

from propensity.engines import ROW, Source
from propensity.engines.arriving import copy_into, kept_failure
from propensity.engines.delimited import Layout, Lines, count_lines, layout, plain, same_layout
from propensity.engines.duckdbfunctions import DuckDBFunctions
from propensity.engines.files import PATTERN_SIGNS, files_of, is_file
from propensity.engines.garbage import uncollected
from propensity.engines.parquet import rows_of, same_columns
from propensity.engines.room import refuse_full
from propensity.engines.unused import release_unused
from propensity.errors import SourceError, UsageError
from propensity.scratch import Scratch

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from propensity.config import CsvOptions

_LONGEST_LINE_BYTES = 1 << 24
_HELD_BACK = "16MB"
_BUFFER_BYTES = 1 << 25  # DuckDB would take sixteen lines' worth of memory at once
_OUR_OWN_MISTAKES = (
    duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.InternalException
)  # fmt: skip
_READ_AS_THEY_ARE = frozenset(
    {"BOOLEAN", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "DATE", "TIMESTAMP WITH TIME ZONE"}
    | {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG")}
    | {"INTEGER", "UINTEGER", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
)
_WHY = {
    "UNQUOTED VALUE": "a quote is not closed, or stands inside a quoted value",
    "INVALID ENCODING": "not UTF-8 text: set the table's csv.encoding",
}


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
        self._working = Scratch()
        self.folder = self._working.path
        self._limit = f"{int(memory_gb * 1000)}MB"
        settings: dict[str, Any] = {} if threads is None else {"threads": threads}
        settings |= {"memory_limit": self._limit, "temp_directory": str(self.folder / "spill")}
        try:
            self._connect(settings)
        except BaseException:
            # Nobody has the engine yet, to close it.
            self._working.remove()
            raise
        self._attached, self._scanned = dict[Path, str](), 0
        self._streamed: tuple[ir.Table | None, str] = None, ""
        self.functions = DuckDBFunctions()
        self.training_rows: int | None = None

    def _connect(self, settings: dict[str, Any]) -> None:
        self._backend: Any = ibis.duckdb.connect(self.folder / "work.duckdb", **settings)
        self._backend.raw_sql("SET TimeZone = 'UTC'")
        # Asked first: in a notebook without ipywidgets it is off already, and DuckDB refuses every setting of it.
        if self._backend.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone()[0]:
            self._backend.raw_sql("SET enable_progress_bar = false")
        # What threads have let go of, and the limit does not count, goes back to the system sooner than by default.
        for setting in ("allocator_flush_threshold", "allocator_bulk_deallocation_flush_threshold"):
            self._backend.raw_sql(f"SET {setting} = '{_HELD_BACK}'")
        # A file of another kind must not make DuckDB look for a reader of it on the network.
        for setting in ("autoinstall_known_extensions", "autoload_known_extensions"):
            self._backend.raw_sql(f"SET {setting} = false")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect and delete the temporary folder."""
        self._backend.disconnect()
        self._working.remove()

    def read_csv(self, path: Path, options: CsvOptions) -> Source:
        """Copy the file into a table of text columns; lines that are no rows are kept aside with their numbers.

        Nothing is sniffed: names, delimiter and what comes before the header are found by `layout`.
        """
        originals = files_of(path)
        files = [self._reachable(plain(file, options.encoding, self._scratch)) for file in originals]
        found = [layout(file, options, original) for file, original in zip(files, originals, strict=True)]
        same_layout(originals, found)
        name = self._next("csv")
        columns = ", ".join(f"'c{place}': 'VARCHAR'" for place, _ in enumerate(found[0].columns, 1))
        sql = (
            f"CREATE TABLE {name} AS SELECT row_number() OVER () AS {ROW}, * FROM read_csv([{_list(files)}], "
            f"auto_detect = false, columns = {{{columns}}}, header = true, skip = {found[0].skip}, comment = '', "
            f"delim = {_quoted(found[0].delimiter)}, quote = {_quoted(options.quote)}, "
            f"escape = {_quoted(options.quote)}, null_padding = false, strict_mode = true, "
            f"max_line_size = {_LONGEST_LINE_BYTES}, buffer_size = {_BUFFER_BYTES}, ignore_errors = true, store_rejects = true, rejects_limit = 0, "
            f"rejects_scan = '{name}_scans', rejects_table = '{name}_errors')"
        )
        try:
            self._backend.raw_sql(sql)
        except duckdb.OutOfMemoryException as error:
            raise UsageError(_out_of_memory(error)) from error
        except duckdb.Error as error:
            refuse_full(error)
            why = _first_line(error)
            if "state machine" in why:
                why = "its lines end in different ways (\\n, \\r\\n, \\r); write it with one line ending"
            raise SourceError(f"{path} cannot be read as CSV: {why}.") from error
        rejected = self._rejected(name, dict(zip(files, originals, strict=True)), found[0])
        self._account(name, path, [count_lines(file, options.quote) for file in files], found[0])
        return Source(self._backend.table(name), found[0].columns, rejected)

    def _account(self, name: str, path: Path, files: Sequence[Lines], found: Layout) -> None:
        """Count as rejected what DuckDB neither read nor rejected.

        It loses lines that exceed its buffer without a word, and shows only the beginning of what an open quote swallowed.
        """
        inner = "0"
        if any(file.quoted for file in files):
            # A list, since a sum of a thousand terms nests deeper than DuckDB's parser goes.
            terms = (
                _lines_within(f"c{place}", files[0].end, found) for place, _ in enumerate(found.columns, 1)
            )
            inner = f"list_sum([{', '.join(terms)}])"
        header = found.skip + 1 + sum(column.count(files[0].end) for column in found.columns)
        lines = sum(file.total - header for file in files)
        # One column: a blank line is a row without a value. Else what is blank before the header was skipped already.
        blank = 0 if len(found.columns) == 1 else sum(file.blank for file in files)
        seen = self._backend.raw_sql(
            f"SELECT (SELECT coalesce(sum(1 + {inner}), 0) FROM {name}) + "
            f"(SELECT coalesce(sum(lines), 0) FROM {name}_rejected)"
        ).fetchone()[0]
        if lines - blank > seen:
            self._backend.raw_sql(
                f"INSERT INTO {name}_rejected VALUES ({_quoted(path.name)}, NULL, {lines - blank - int(seen)}, "
                "'too long a line, or swallowed by a quote that is not closed', '')"
            )

    def _rejected(self, name: str, originals: dict[Path, Path], found: Layout) -> ir.Table:
        """What was no row, once per place in a file; an open quote counts each line that it swallowed."""
        files = ", ".join(
            f"({_quoted(file)}, {_quoted(original.name)})" for file, original in originals.items()
        )
        whys = " ".join(f"WHEN {_quoted(kind)} THEN {_quoted(why)}" for kind, why in _WHY.items())
        body = "rtrim(csv_line, chr(10) || chr(13))"
        swallowed = f"1 + {_lines_within(body, chr(10), found)}"
        self._backend.raw_sql(
            f"CREATE TABLE {name}_rejected AS "
            f"SELECT any_value(n.shown) AS file, e.line::BIGINT AS line, "
            f"max(CASE error_type::VARCHAR WHEN 'UNQUOTED VALUE' THEN {swallowed} ELSE 1 END)::BIGINT AS lines, "
            f"first(CASE error_type::VARCHAR {whys} ELSE error_message END ORDER BY error_type::VARCHAR DESC) AS why, "
            f"any_value(csv_line) AS text "
            f"FROM {name}_errors e JOIN {name}_scans s ON e.scan_id = s.scan_id AND e.file_id = s.file_id "
            f"JOIN (VALUES {files}) n(path, shown) ON s.file_path = n.path "
            f"GROUP BY n.path, e.line ORDER BY n.path, e.line"
        )
        return self._backend.table(f"{name}_rejected")

    def read_parquet(self, path: Path) -> Source:
        """Read without copying; several files must have the same columns, in any order."""
        files = files_of(path)
        names = same_columns(files)
        by_name = ", union_by_name = true" if len(files) > 1 else ""
        source = f"read_parquet([{_list([self._reachable(file) for file in files])}], hive_partitioning = false{by_name})"
        try:
            found = self._opened("parquet", source, number=_place_in(files))
        except duckdb.Error as error:
            raise SourceError(
                f"{path} cannot be read as Parquet: {_first_line(error)}. Copy or export it again."
            ) from error
        # DuckDB calls the second of two columns `a` `a_1`, and so the second of `A` and `a`.
        return replace(found, columns=names)

    def read_database(self, path: Path, table: str) -> Source:
        """Attach a DuckDB file, read-only."""
        if not is_file(path):
            raise SourceError(
                f"data.database {path} does not exist, or is no file. Give the DuckDB file that holds table {table!r}."
            )
        try:
            self._attach(path)
            source = ".".join(_identifier(part) for part in (self._attached[path], *table.split(".")))
            return self._opened("view", source)
        except duckdb.Error as error:
            raise SourceError(
                f"table {table!r} of {path} cannot be read: {_first_line(error)}. {_database_remedy(error)}"
            ) from error

    def read_table(self, table: str) -> Source:
        """Refuse: the working database holds nothing of a company's."""
        raise SourceError(
            f"table {table!r} is in no database: give data.database, or engine: spark for tables of its catalog."
        )

    def tables_of(self, path: Path) -> tuple[str, ...]:
        """The tables and views of a DuckDB file; those outside its main schema as `schema.table`."""
        if not is_file(path):
            raise SourceError(f"{path} does not exist.")
        try:
            self._attach(path)
            rows = self._backend.raw_sql(
                "SELECT table_schema, table_name FROM information_schema.tables "
                f"WHERE table_catalog = {_quoted(self._attached[path])} ORDER BY table_schema, table_name"
            ).fetchall()
        except duckdb.Error as error:
            raise SourceError(f"{path} cannot be read as a DuckDB file: {_first_line(error)}") from error
        return tuple(name if schema == "main" else f"{schema}.{name}" for schema, name in rows)

    def _attach(self, path: Path) -> None:
        if path not in self._attached:
            alias = self._next("db")
            self._backend.raw_sql(f"ATTACH {_quoted(path)} AS {alias} (READ_ONLY, TYPE duckdb)")
            self._attached[path] = alias

    def _opened(self, kind: str, source: str, number: str = "row_number() OVER ()") -> Source:
        """A view on what DuckDB types itself, its columns renamed and `number` as ROW; types that Ibis lacks become text."""
        described = self._backend.raw_sql(f"DESCRIBE SELECT * FROM {source}").fetchall()
        names = [f"c{place}" for place, _ in enumerate(described, 1)]
        columns = [
            f"{name}" if str(row[1]).split("(")[0] in _READ_AS_THEY_ARE else f"{name}::VARCHAR AS {name}"
            for name, row in zip(names, described, strict=True)
        ]
        view = self._next(kind)
        self._backend.raw_sql(
            f"CREATE VIEW {view} AS SELECT {number} AS {ROW}, {', '.join(columns)} "
            f"FROM {source} AS source({', '.join(names)})"
        )
        return Source(self._backend.table(view), tuple(str(row[0]) for row in described))

    def materialise(self, expression: ir.Table, name: str, *, compressed: bool = True) -> ir.Table:
        """Compute into a table of the working database, in place of an earlier one of that name."""
        with _explained(), uncollected(), nullcontext() if compressed else self._uncompressed():
            table = self._backend.create_table(name, expression, overwrite=True)
            self._give_back()
            return table

    @contextmanager
    def _uncompressed(self) -> Generator[None]:
        """To find out how to compress a column takes longer than to write it."""
        self._backend.raw_sql("SET force_compression = 'uncompressed'")
        try:
            yield
        finally:
            self._backend.raw_sql("SET force_compression = 'auto'")

    def register(self, name: str, table: pa.Table) -> ir.Table:
        """Copy an Arrow table into the working database."""
        with _explained():
            return self._backend.create_table(name, table, overwrite=True)

    def register_batches(self, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> ir.Table:
        """Copy batches into a table of the working database while they come."""
        with _explained(), kept_failure(batches) as watched:
            copy_into(self._backend.con, _identifier(name), schema, watched)
        return self._backend.table(name)

    def collect(self, expression: ir.Table) -> pa.Table:
        """Fetch as one Arrow table."""
        # Whoever asks something else is done with what was streamed, which holds 160 MB after the features of a night.
        self._streamed = None, ""
        with _explained(), uncollected():
            return expression.to_pyarrow()

    def stream(self, expression: ir.Table, rows: int) -> Iterator[pa.RecordBatch]:
        """Fetch batch by batch; an expression that is asked for again and again is compiled once."""
        with _explained():
            if self._streamed[0] is not expression:
                with uncollected():
                    self._streamed = expression, self._backend.compile(expression)
            yield from self._backend.raw_sql(self._streamed[1]).to_arrow_reader(rows)
        self._give_back()

    def _give_back(self) -> None:
        """Give back to the system what allocators hold on to: set anew, the limit lets go of 400 MB after scoring 100,000 leads."""
        self._backend.raw_sql(f"SET memory_limit = '{self._limit}'")
        release_unused()

    def read_parts(self, folder: Path, name: str | None = None) -> ir.Table:
        """Read the Parquet files that a run wrote into `folder` (`*` in it stands for any) as one table, perhaps in the place of another."""
        return self._backend.read_parquet(str(folder / "*.parquet"), table_name=name)

    def _next(self, kind: str) -> str:
        self._scanned += 1
        return f"source_{kind}_{self._scanned}"

    def _scratch(self) -> Path:
        return self.folder / f"{self._next('utf8')}.csv"

    def _reachable(self, file: Path) -> Path:
        """DuckDB takes a name with * for a pattern, whatever the file is called: give such a file another name."""
        if not any(sign in str(file) for sign in PATTERN_SIGNS):
            return file
        link = self.folder / f"{self._next('link')}{file.suffix}"
        link.symlink_to(file.resolve())
        return link


@contextmanager
def _explained() -> Generator[None]:
    """Data that turn out to be unreadable only while they are read, memory that does not suffice, and who stops a query."""
    try:
        yield
    except RuntimeError as error:
        # DuckDB says "Query interrupted", which is no mistake of anybody's: what interrupted it goes on.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    except duckdb.OutOfMemoryException as error:
        raise UsageError(_out_of_memory(error)) from error
    except _OUR_OWN_MISTAKES:
        raise
    except duckdb.Error as error:
        refuse_full(error)
        raise SourceError(
            f"the data cannot be read: {_first_line(error)}. Copy or export them again; if that does not help, mend the "
            "value or the view that is named here."
        ) from error


def _database_remedy(error: Exception) -> str:
    if "set lock" in str(error):
        return "Close the program that writes it, or give a copy of the file as data.database."
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return "Give a table or view that is there."
    return f"It must be a whole file that DuckDB {duckdb.__version__} can read; export it again."


def _out_of_memory(error: Exception) -> str:
    return f"the engine's memory does not suffice ({_first_line(error)}). Raise engine.memory_gb, or lower engine.threads."


def _lines_within(value: str, end: str, found: Layout) -> str:
    """SQL: how many further lines a value spans; blank ones count only where a blank line is a row."""
    text, sign = f"coalesce({value}, '')", f"chr({ord(end)})"
    if len(found.columns) == 1:
        return f"len({text}) - len(replace({text}, {sign}, ''))"
    run = "(\\r?\\n)+" if end == "\n" else "\\r+"
    return (
        f"CASE WHEN contains({text}, {sign}) THEN len(regexp_extract_all({text}, {_quoted(run)})) ELSE 0 END"
    )


def _place_in(files: Sequence[Path]) -> str:
    """SQL: the number of a row over several Parquet files, from 1, as each of them has its own.

    A window over all rows gives the same, but DuckDB reads with one thread beneath it.
    """
    before = accumulate((rows_of(file) for file in files[:-1]), initial=0)
    return f"file_row_number + list_extract([{', '.join(str(rows + 1) for rows in before)}], file_index::BIGINT + 1)"


def _quoted(value: object) -> str:
    """An SQL string literal."""
    return "'" + str(value).replace("'", "''") + "'"


def _identifier(name: str) -> str:
    """An SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _list(files: Sequence[Path]) -> str:
    return ", ".join(_quoted(file) for file in files)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".!")
