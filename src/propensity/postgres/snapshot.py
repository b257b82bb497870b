"""Tables read in one read-only transaction: whatever is written meanwhile, a night sees one state of them all."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Self

import ibis
import pyarrow as pa
import pyarrow.csv as pacsv

from propensity.errors import SchemaError, SourceError, SourceUnavailable
from propensity.postgres.connection import Verdicts, connect, explained

if TYPE_CHECKING:
    from types import TracebackType

    from propensity.postgres.address import Address

READING = Verdicts(SourceUnavailable, SourceError)
_KINDS: dict[str, str] = {
    "int2": "int64", "int4": "int64", "int8": "int64", "oid": "int64", "float4": "float64", "float8": "float64",
    "bool": "boolean", "date": "date", "timestamp": "timestamp(6)", "timestamptz": "timestamp('UTC', 6)",
}  # fmt: skip
"""Types of the server that are read as what they are; any other is read as the text that the server writes for it."""
_ARROW: dict[str, pa.DataType] = {
    "int64": pa.int64(), "float64": pa.float64(), "boolean": pa.bool_(), "date": pa.date32(), "string": pa.string(),
    "timestamp(6)": pa.timestamp("us"), "timestamp('UTC', 6)": pa.timestamp("us", tz="UTC"),
}  # fmt: skip
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
_BLOCK_BYTES = 1 << 24
_LOCKABLE = "rpv"
_FIND = """
SELECT c.oid, n.nspname, c.relname, c.relkind
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (c.relname = %(whole)s AND pg_catalog.pg_table_is_visible(c.oid) OR n.nspname = %(schema)s AND c.relname = %(rest)s)
ORDER BY c.relname = %(whole)s DESC LIMIT 1
"""
_SIMILAR = """
SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
ORDER BY 1 LIMIT 20
"""
_COLUMNS = """
WITH RECURSIVE base AS (
  SELECT a.attnum, a.attname, a.atttypid AS type FROM pg_catalog.pg_attribute a
  WHERE a.attrelid = %(oid)s AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT base.attnum, base.attname, t.typbasetype FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type
  WHERE t.typtype = 'd'
)
SELECT base.attname, t.typname, coalesce(array_position(i.indkey::int2[], base.attnum::int2), -1)
FROM base JOIN pg_catalog.pg_type t ON t.oid = base.type AND t.typtype <> 'd'
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = %(oid)s AND i.indisprimary
ORDER BY base.attnum
"""


@dataclass(frozen=True)
class Rows:
    """A table as it is read.

    Attributes
    ----------
    columns : the server's own names, in order; the batches call them c1, c2, ...
    key : of those c1, c2, ... the primary key, in its order; empty where there is none.
    schema : of the batches.
    batches : read once, while the snapshot is open.
    """

    columns: tuple[str, ...]
    key: tuple[str, ...]
    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class _Relation:
    oid: int
    schema: str
    name: str
    kind: str


class Snapshot:
    """One state of several tables, opened by `with`.

    Tables are locked against being emptied, altered or dropped (ACCESS SHARE, which hinders no writer of rows) before the
    snapshot is taken: a TRUNCATE would else empty a table under an older snapshot too.

    Parameters
    ----------
    address
        The server.
    names
        Tables, views, materialised views or foreign tables: `name` on the role's search path, or `schema.name`.

    Raises
    ------
    SourceUnavailable
        The server does not answer, or is lost in the middle. Waiting may help.
    SourceError
        A table is not there or may not be read, or the server refuses us.
    """

    def __init__(self, address: Address, names: Sequence[str]) -> None:
        self._address, self._names = address, tuple(dict.fromkeys(names))
        self._open = ExitStack()
        self._found: dict[str, _Relation] = {}

    def __enter__(self) -> Self:
        try:
            with explained(self._address, "it cannot be opened", READING):
                self._connection = self._open.enter_context(closing(connect(self._address)))
            for name in self._names:
                with explained(self._address, f"table {name!r} cannot be found", READING):
                    self._found[name] = self._find(name)
            self._begin()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def read(self, name: str) -> Rows:
        """Begin to read a table; its batches come while they are asked for, in whatever order the server gives them."""
        found = self._found[name]
        with explained(self._address, f"table {name!r} cannot be read", READING):
            described = self._connection.execute(_COLUMNS, {"oid": found.oid}).fetchall()
        if not described:
            raise SchemaError(f"table {name!r} of {self._address.shown} has no column.")
        kinds = [_KINDS.get(row[1], "string") for row in described]
        names = [f"c{place}" for place, _ in enumerate(described, 1)]
        keyed = sorted((row[2], column) for row, column in zip(described, names, strict=True) if row[2] >= 0)
        schema = pa.schema([(column, _ARROW[kind]) for column, kind in zip(names, kinds, strict=True)])
        columns = tuple(row[0] for row in described)
        batches = self._batches(name, _query(found, columns, kinds), schema)
        return Rows(columns, tuple(column for _, column in keyed), schema, batches)

    def _find(self, name: str) -> _Relation:
        schema, _, rest = name.partition(".")
        asked = {"whole": name, "schema": schema, "rest": rest}
        row = self._connection.execute(_FIND, asked).fetchone() if "\x00" not in name else None
        if row is None:
            there = ", ".join(str(row[0]) for row in self._connection.execute(_SIMILAR).fetchall())
            raise SourceError(
                f"{self._address.shown} has no table or view {name!r} that the role may see; there are: {there or 'none'}. "
                "Give its name, with its schema where that is not on the search path: `table: schema.name`."
            )
        return _Relation(*row)

    def _begin(self) -> None:
        """Lock first: the transaction's snapshot is taken by the first query after the locks are held."""
        from psycopg import IsolationLevel, sql  # noqa: PLC0415

        self._connection.isolation_level = IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        self._connection.autocommit = False
        for name, found in self._found.items():
            if found.kind in _LOCKABLE:
                with explained(self._address, f"table {name!r} cannot be read", READING):
                    table = sql.Identifier(found.schema, found.name)
                    self._connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(table))
        for name in self._found:
            with explained(self._address, f"table {name!r} cannot be found", READING):
                # What was replaced by renaming between finding and locking is another table now.
                self._found[name] = self._find(name)

    def _batches(self, name: str, query: str, schema: pa.Schema) -> Generator[pa.RecordBatch]:
        doing = f"table {name!r} cannot be read"
        asked = f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()
        with (
            explained(self._address, doing, READING),
            self._connection.cursor() as cursor,
            cursor.copy(asked) as copy,
        ):
            rows = iter(copy)
            first = next(rows, None)
            if first is None:
                return
            try:
                yield from _typed(_Lines(bytes(first), rows), schema)
            except pa.ArrowInvalid as error:
                long = f"a row is longer than {_BLOCK_BYTES:,} bytes"
                why = long if "straddling" in str(error) else str(error).splitlines()[0]
                raise SourceError(
                    f"{self._address.shown}: {doing}: {why}. Map a view without that column."
                ) from error


def _query(found: _Relation, columns: Sequence[str], kinds: Sequence[str]) -> str:
    """What is asked of the server, in Ibis's words for PostgreSQL: columns by name, each called by its place."""
    table: Any = ibis.table(dict(zip(columns, kinds, strict=True)), name=found.name, database=found.schema)
    values = {
        f"c{place}": _held(table[name], kind)
        for place, (name, kind) in enumerate(zip(columns, kinds, strict=True), 1)
    }
    return str(ibis.to_sql(table.select(**values), dialect="postgres"))


def _held(column: Any, kind: str) -> Any:
    """A time between the first and the last that a calendar holds.

    Infinity, dates before Christ and after the year 9999 become that first or last day, which the checks refuse.
    """
    if kind == "date":
        first, last = date(_FIRST.year, 1, 1), _LAST.date()
    elif kind == "timestamp(6)":
        first, last = _FIRST.replace(tzinfo=None), _LAST.replace(tzinfo=None)
    elif kind.startswith("timestamp"):
        first, last = _FIRST, _LAST
    else:
        return column
    inside: Any = ibis.least(ibis.greatest(column, ibis.literal(first)), ibis.literal(last))
    # PostgreSQL's least and greatest pass over nulls.
    held: Any = ibis.cases((column.notnull(), inside), else_=ibis.null(kind))
    return held.cast("timestamp(6)") if kind.startswith("timestamp(") and "UTC" in kind else held


def _typed(lines: _Lines, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """CSV as COPY writes it: a null is nothing, an empty text is two quotes."""
    bare = [pa.timestamp("us") if pa.types.is_timestamp(field.type) else field.type for field in schema]
    reader = pacsv.open_csv(
        lines,
        read_options=pacsv.ReadOptions(column_names=schema.names, use_threads=False, block_size=_BLOCK_BYTES),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict(zip(schema.names, bare, strict=True)),
            null_values=[""],
            true_values=["t"],
            false_values=["f"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    for batch in reader:
        columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


class _Lines(io.RawIOBase):
    """What COPY sends, row by row, as a file."""

    def __init__(self, first: bytes, rows: Iterator[Any]) -> None:
        super().__init__()
        self._rows, self._held = rows, bytearray(first)

    def readable(self) -> bool:
        """It can be read once."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give `size` bytes, or what is left."""
        while size < 0 or len(self._held) < size:
            row = next(self._rows, None)
            if row is None:
                break
            self._held += row
        wanted = len(self._held) if size < 0 else size
        found = bytes(self._held[:wanted])
        del self._held[:wanted]
        return found
