"""Wide tables in an order, range by range: sorted at once, an engine would hold all columns of all rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from propensity.engines import Distributed

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.engines import Engine

RANGE_ROWS = 50_000
"""At least so many rows in a range: each of them reads the key of the whole table."""
MOST_RANGES = 20
"""However many rows there are: time is to grow with their number, not with its square."""


def stream_by(engine: Engine, table: ir.Table, key: str, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Stream all of `table` in the order of its column `key`, whose values differ and are never null.

    An engine of many machines sorts at once.
    """
    starts = [] if isinstance(engine, Distributed) else _starts(engine, table, key)
    for first, end in pairwise((None, *starts, None)):
        within: Any = table
        if first is not None:
            within = within.filter(within[key] >= first)
        if end is not None:
            within = within.filter(within[key] < end)
        yield from engine.stream(within.order_by(key), batch_rows)


def _starts(engine: Engine, table: ir.Table, key: str) -> list[Any]:
    """The first key of each range but the first."""
    rows: int = engine.collect(table.count().as_table()).column(0)[0].as_py()
    count = min(rows // RANGE_ROWS, MOST_RANGES)
    if count <= 1:
        return []
    size = -(-rows // count)
    place: Any = ibis.row_number()
    keys: Any = table.select(key, _number=place.over(order_by=table[key]))
    keys = keys.filter((keys["_number"] > 0) & (keys["_number"] % size == 0))
    return engine.collect(keys.order_by(key))[key].to_pylist()
