"""A SHA-256 over the values of a table, the same however its rows come in batches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute


def fingerprint(columns: Sequence[str], schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> str:
    """SHA-256 over the columns' names, types and values, in the order of the rows.

    Parameters
    ----------
    columns
        What the source calls them.
    schema
        Of the batches: int64, float64, bool, string, date32 or timestamp.
    batches
        The rows, in an order that does not depend on how they were read.
    """
    # Three running digests a column (which are null, how long, what): where a batch ends changes none of them.
    digests = [[hashlib.sha256(), hashlib.sha256(), hashlib.sha256()] for _ in schema]
    for batch in batches:
        for column, running in zip(batch.columns, digests, strict=True):
            for digest, part in zip(running, _parts(column), strict=True):
                digest.update(part)
    whole = hashlib.sha256(json.dumps([list(columns), [str(field.type) for field in schema]]).encode())
    for running in digests:
        for digest in running:
            whole.update(digest.digest())
    return whole.hexdigest()


def _parts(column: pa.Array) -> tuple[bytes, bytes, bytes]:
    known = np.asarray(pc.is_valid(column)).tobytes()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # Through a copy, whose buffers begin where the values do.
        data = pc.fill_null(column, "").cast(pa.large_binary())
        offsets = np.frombuffer(data.buffers()[1], dtype=np.int64)[data.offset : data.offset + len(data) + 1]
        content = data.buffers()[2]
        text = (
            b""
            if content is None
            else content.slice(int(offsets[0]), int(offsets[-1] - offsets[0])).to_pybytes()
        )
        return known, np.diff(offsets).tobytes(), text
    if pa.types.is_boolean(kind):
        return known, b"", np.asarray(pc.fill_null(column, False)).tobytes()
    if pa.types.is_floating(kind):
        return known, b"", np.asarray(pc.fill_null(column, 0.0)).tobytes()
    width = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return known, b"", np.asarray(pc.fill_null(column.cast(width), 0)).tobytes()
