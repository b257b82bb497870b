"""What two engines computed of the same data."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from oracles.bench import same_value


def differences(ours: pa.Table, theirs: pa.Table) -> list[str]:
    """Where two tables of the same rows in the same order differ: types and integers at all, floats beyond 1e-9."""
    assert theirs.schema.types == ours.schema.types
    assert theirs.column_names == ours.column_names
    assert theirs.num_rows == ours.num_rows
    return [
        f"{name}, row {place}: {mine!r} on the embedded engine, {other!r} on Spark"
        for name in ours.column_names
        for place, (mine, other) in enumerate(
            zip(ours[name].to_pylist(), theirs[name].to_pylist(), strict=True)
        )
        if not _same(name, mine, other)
    ]


def _same(name: str, mine: Any, other: Any) -> bool:
    if isinstance(mine, float) and isinstance(other, float):
        return (math.isnan(mine) and math.isnan(other)) or same_value(name, other, mine)
    return mine == other
