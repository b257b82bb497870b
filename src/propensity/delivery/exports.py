"""The files beside the call list: every lead's qualification, and the lists that take no calling capacity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from propensity.delivery.lists import (
    NURTURE_CSV,
    QUALIFICATION,
    REFERRALS_CSV,
    SUSPECTS_CSV,
    stream_csv,
    write_parquet,
)
from propensity.delivery.ordered import stream_by
from propensity.scoring.suspects import COLUMNS

if TYPE_CHECKING:
    from propensity.engines import Engine
    from propensity.scoring.exports import Exports


def write_exports(scratch: Path, engine: Engine, exports: Exports, *, batch_rows: int) -> dict[str, int]:
    """Write them into `scratch`; return each file's rows.

    The file of suspects has no row where the data cannot tell who is one: the manifest's funnel then says null.
    """
    table = exports.qualification
    rows = {
        QUALIFICATION: write_parquet(
            scratch / QUALIFICATION,
            stream_by(engine, table, "lead_id", batch_rows),
            table.schema().to_pyarrow(),
        )
    }
    people = {NURTURE_CSV: exports.nurture, REFERRALS_CSV: exports.referrals, SUSPECTS_CSV: exports.suspects}
    for name, found in people.items():
        if found is None:
            schema = pa.schema([(column, pa.string()) for column in COLUMNS])
            rows[name] = stream_csv(scratch / name, (), schema)
        else:
            schema = found.schema().to_pyarrow()
            rows[name] = stream_csv(scratch / name, engine.stream(found, batch_rows), schema)
    return rows
