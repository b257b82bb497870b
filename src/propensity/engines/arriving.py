"""Batches that an engine asks for one by one: what goes wrong in making them comes out as it was raised."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa


@contextmanager
def kept_failure(batches: Iterator[pa.RecordBatch]) -> Generator[Iterator[pa.RecordBatch]]:
    """Give the batches; an engine that fails because they failed raises their own error, not its text of it."""
    failures: list[BaseException] = []

    def watched() -> Iterator[pa.RecordBatch]:
        try:
            yield from batches
        except Exception as error:
            failures.append(error)
            raise

    try:
        yield watched()
    except Exception:
        if failures:
            raise failures[0] from None
        raise


def copy_into(connection: Any, table: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    """Make a table of batches while they come; `table` is an SQL identifier of the engine behind `connection`."""
    connection.register("arriving", pa.RecordBatchReader.from_batches(schema, batches))
    try:
        connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM arriving")  # noqa: S608 - quoted by the engine
    finally:
        connection.unregister("arriving")
