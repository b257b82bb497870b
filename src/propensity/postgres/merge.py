"""Rows merged into tables of a server in one transaction: what is there already is not written again."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv as pacsv

from propensity.errors import DeliveryError, DeliveryUnavailable
from propensity.postgres.connection import Verdicts, connect, explained

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

    from propensity.postgres.address import Address

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute

_KEPT = "The database holds what it held, and the list lies on disk whole."
WRITING = Verdicts(DeliveryUnavailable, DeliveryError, _KEPT)
_COMMITTING = Verdicts(
    DeliveryUnavailable,
    DeliveryError,
    "Whether the database took it all or nothing is not known; the list lies on disk whole, and writing it again changes "
    "nothing twice.",
)
_CURRENT = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, NULL)
FROM pg_catalog.pg_attribute a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True)
class Target:
    """A table to merge into.

    Attributes
    ----------
    schema, name : where it is.
    key : the columns that name a row.
    columns : all columns, as Arrow types them.
    """

    schema: str
    name: str
    key: tuple[str, ...]
    columns: pa.Schema

    @property
    def shown(self) -> str:
        """What messages call it."""
        return f"{self.schema}.{self.name}"


@contextmanager
def transaction(address: Address) -> Generator[Writer]:
    """Give what writes; all of it is there afterwards, or nothing.

    Raises
    ------
    DeliveryUnavailable
        The server does not answer, or was lost in the middle.
    DeliveryError
        It refuses: a right, a type, a missing schema.
    """
    with explained(address, "it cannot be opened", WRITING):
        connection = connect(address)
    with closing(connection):
        connection.autocommit = False
        yield Writer(connection, address)
        with explained(address, "the transaction cannot be ended", _COMMITTING):
            connection.commit()


class Writer:
    """Merges tables inside one transaction."""

    def __init__(self, connection: psycopg.Connection[Any], address: Address) -> None:
        self._connection, self._address = connection, address

    def opened(self, target: Target, *, newer: tuple[str, Any] | None = None) -> bool:
        """Make the table if it is not there, add columns that it lacks, and hold it against other writers.

        Returns
        -------
        Whether a row is there with more than `newer`'s value in its column.
        """
        from psycopg import sql  # noqa: PLC0415

        with explained(self._address, f"table {target.shown} cannot be made or altered", WRITING):
            self._hold(target)
            self._made(target)
            if newer is None:
                return False
            column, value = sql.Identifier(newer[0]), sql.Literal(newer[1])
            asked = sql.SQL("SELECT 1 FROM {} WHERE {} > {} LIMIT 1").format(_table(target), column, value)
            return self._run(asked).fetchone() is not None

    def columns_of(self, schema: str, name: str) -> tuple[str, ...]:
        """Hold a table against other writers, and give the columns that it has; none where it is not there."""
        from psycopg import sql  # noqa: PLC0415

        target = Target(schema, name, (), pa.schema([]))
        with explained(self._address, f"table {target.shown} cannot be read", WRITING):
            self._hold(target)
            quoted = sql.Identifier(schema, name).as_string(self._connection)
            return tuple(name for name, _ in self._connection.execute(_CURRENT, [quoted]).fetchall())

    def merge(
        self, target: Target, batches: Iterable[pa.RecordBatch], *, keep_if_newer: str | None = None
    ) -> int:
        """Bring rows in and merge them by key; return how many were added or changed.

        A row that is equal to what is there is not written. Where `keep_if_newer` names a column, a row that is there
        with a larger value in it stays as it is.
        """
        from psycopg import sql  # noqa: PLC0415

        names = [sql.Identifier(name) for name in target.columns.names]
        others = [sql.Identifier(name) for name in target.columns.names if name not in target.key]
        old, new = (
            sql.SQL(", ").join(sql.SQL("{}.{}").format(sql.Identifier(side), name) for name in others)
            for side in ("held", "excluded")
        )
        condition = sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(old, new)
        if keep_if_newer is not None:
            column = sql.Identifier(keep_if_newer)
            condition = sql.SQL("{} AND held.{} <= excluded.{}").format(condition, column, column)
        merge = sql.SQL(
            "INSERT INTO {table} AS held ({names}) SELECT {names} FROM pg_temp.arriving "
            "ON CONFLICT ({key}) DO UPDATE SET {changes} WHERE {condition}"
        ).format(
            table=_table(target),
            names=sql.SQL(", ").join(names),
            key=sql.SQL(", ").join(sql.Identifier(name) for name in target.key),
            changes=sql.SQL(", ").join(sql.SQL("{} = excluded.{}").format(name, name) for name in others),
            condition=condition,
        )
        with explained(self._address, f"table {target.shown} cannot be written", WRITING):
            self._bring(target, batches)
            return self._run(merge).rowcount

    def change(self, target: Target, statement: LiteralString, **values: Any) -> int:
        """Run a statement over the table `{table}` and what was brought last, `pg_temp.arriving`; return the rows changed.

        `{name}` stands for the value of that name.
        """
        from psycopg import sql  # noqa: PLC0415

        literals = {name: sql.Literal(value) for name, value in values.items()}
        with explained(self._address, f"table {target.shown} cannot be written", WRITING):
            return self._run(sql.SQL(statement).format(table=_table(target), **literals)).rowcount

    def _hold(self, target: Target) -> None:
        from psycopg import sql  # noqa: PLC0415

        lock = sql.SQL("SELECT pg_advisory_xact_lock(hashtextextended({}, 0))")
        self._run(lock.format(sql.Literal(target.shown)))

    def _run(self, statement: sql.Composed) -> psycopg.Cursor[Any]:
        # Values are quoted into it by libpq: a name with % in it would be taken for the place of a bound one.
        return self._connection.execute(statement)

    def _made(self, target: Target) -> None:
        from psycopg import sql  # noqa: PLC0415

        quoted = _table(target).as_string(self._connection)
        there: dict[str, str] = dict(self._connection.execute(_CURRENT, [quoted]).fetchall())
        wanted: dict[str, LiteralString] = {field.name: _type(field) for field in target.columns}
        if not there:
            columns = [
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in wanted.items()
            ]
            key = sql.SQL(", ").join(sql.Identifier(name) for name in target.key)
            self._run(
                sql.SQL("CREATE TABLE {} ({}, PRIMARY KEY ({}))").format(
                    _table(target), sql.SQL(", ").join(columns), key
                )
            )
            return
        others = [
            f"{name} is {there[name]}, not {kind}"
            for name, kind in wanted.items()
            if there.get(name, kind) != kind
        ]
        if others:
            raise DeliveryError(
                f"{self._address.shown}: table {target.shown} has columns of other types: {'; '.join(others)}. {_KEPT} Give "
                "another table name under lists.database, or alter these columns."
            )
        for name, kind in wanted.items():
            if name not in there:
                self._run(
                    sql.SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                        _table(target), sql.Identifier(name), sql.SQL(kind)
                    )
                )

    def _bring(self, target: Target, batches: Iterable[pa.RecordBatch]) -> None:
        """Copy rows into a temporary table, pg_temp.arriving; they go no other way than as data."""
        from psycopg import sql  # noqa: PLC0415

        columns = [
            sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_type(field)))
            for field in target.columns
        ]
        self._run(sql.SQL("DROP TABLE IF EXISTS pg_temp.arriving").format())
        self._run(
            sql.SQL("CREATE TEMP TABLE arriving ({}) ON COMMIT DROP").format(sql.SQL(", ").join(columns))
        )
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY pg_temp.arriving FROM STDIN (FORMAT csv)") as copy,
        ):
            for batch in batches:
                copy.write(_csv(batch, target.columns))
        keys = sql.SQL(", ").join(sql.Identifier(name) for name in target.key)
        self._run(sql.SQL("CREATE INDEX ON pg_temp.arriving ({})").format(keys))
        self._run(sql.SQL("ANALYZE pg_temp.arriving").format())


def _table(target: Target) -> sql.Identifier:
    from psycopg import sql  # noqa: PLC0415

    return sql.Identifier(target.schema, target.name)


def _type(field: pa.Field[Any]) -> LiteralString:
    kind = field.type
    if pa.types.is_timestamp(kind):
        return "timestamp with time zone" if kind.tz else "timestamp without time zone"
    tests: dict[LiteralString, tuple[Any, ...]] = {
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_null),
        "double precision": (pa.types.is_floating,),
        "bigint": (pa.types.is_integer,),
        "boolean": (pa.types.is_boolean,),
        "date": (pa.types.is_date32,),
    }
    for name, kinds in tests.items():
        if any(test(kind) for test in kinds):
            return name
    raise DeliveryError(f"column {field.name!r} is a {kind}, which no column of the database is made for.")


def _csv(batch: pa.RecordBatch, schema: pa.Schema) -> bytes:
    """CSV as COPY reads it: a null is nothing, texts are quoted. PostgreSQL holds no NUL: it is shown as what it is not."""
    columns = [
        pc.replace_substring(column, "\x00", "\N{REPLACEMENT CHARACTER}")
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
        else column
        for column in (batch.column(name) for name in schema.names)
    ]
    out = io.BytesIO()
    options = pacsv.WriteOptions(include_header=False, quoting_style="needed")
    pacsv.write_csv(pa.RecordBatch.from_arrays(columns, names=schema.names), out, options)
    return out.getvalue()
