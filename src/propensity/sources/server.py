"""Tables of a PostgreSQL server, brought whole into the working database: one state of them all, rows numbered, hashed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ibis

from propensity.config.database import ServerConfig
from propensity.engines import ROW, Source
from propensity.postgres.address import address_of

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines import Engine

_BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class ServerTable:
    """A table as it was read, and the SHA-256 of its names, types and values."""

    source: Source
    sha256: str


def read_server(engine: Engine, config: Config) -> Mapping[str, ServerTable]:
    """Read every table of data.database that the configuration names; nothing where that is no server.

    Rows are numbered by their primary key, else by all their columns, as the engine compares them (text by its bytes,
    nulls last): neither the server's collation nor the order that it stores rows in decides anything.

    Raises
    ------
    SourceUnavailable, SourceError, SchemaError
        The server does not answer, or a table is missing or may not be read.
    ConfigError
        The address is none, or its environment variable is not set.
    """
    server, names = config.data.database, named_tables(config)
    if not isinstance(server, ServerConfig) or not names:
        return {}
    from propensity.postgres.snapshot import Snapshot  # noqa: PLC0415 - only who uses a server pays for it

    brought: dict[str, tuple[Any, tuple[str, ...], tuple[str, ...]]] = {}
    with Snapshot(address_of(server, "data.database"), names) as snapshot:
        for place, name in enumerate(names):
            rows = snapshot.read(name)
            table = engine.register_batches(f"server_raw_{place}", rows.schema, rows.batches)
            brought[name] = (table, rows.columns, rows.key)
    # The server's transaction is over before the work begins that it is not needed for.
    return {name: _numbered(engine, place, *found) for place, (name, found) in enumerate(brought.items())}


def named_tables(config: Config) -> tuple[str, ...]:
    """The tables of data.database that sources and lookups name, each once, in order."""
    origins = (
        origin
        for table in config.tables.values()
        for source in table.sources
        for origin in (source, *source.lookups.values())
    )
    return tuple(dict.fromkeys(origin.table for origin in origins if origin.table is not None))


def _numbered(
    engine: Engine, place: int, table: Any, columns: tuple[str, ...], key: tuple[str, ...]
) -> ServerTable:
    from propensity.postgres.fingerprint import fingerprint  # noqa: PLC0415

    names = tuple(table.columns)
    order = [table[name].asc(nulls_first=False) for name in key or names]
    numbered = table.select(
        **{ROW: ibis.row_number().over(order_by=order).cast("int64") + 1},
        **{name: table[name] for name in names},
    )
    kept: Any = engine.materialise(numbered, f"server_{place}")
    values = kept.order_by(ROW).select(*names)
    schema = values.schema().to_pyarrow()
    digest = fingerprint(columns, schema, engine.stream(values, _BATCH_ROWS))
    return ServerTable(Source(kept, columns), digest)
