"""Which rows of a source count, and how many rows of a canonical table each of them becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from propensity.engines.untyped import Table, Value
from propensity.sources.parsing import Reading, as_text

if TYPE_CHECKING:
    from propensity.config.tables import RowsConfig, SourceConfig
    from propensity.engines import Engine
    from propensity.sources.lookups import Scope

MOST_REPEATS = 10_000
_TIMES = "_times"
_BAD_TIMES = "_bad_times"


@dataclass(frozen=True)
class Chosen:
    """The rows of one part.

    `table` has the scope's columns; `broken` flags rows whose count of repeats is none (None: they are not repeated);
    `message` says how many rows were left out (empty: none).
    """

    table: Table
    broken: Value | None
    message: str


def choose(engine: Engine, scope: Scope, source: SourceConfig, part: RowsConfig, what: str) -> Chosen:
    """Keep the rows that `where`, `when_known` and `when_any_known` ask for, and repeat them.

    Parameters
    ----------
    engine
        Counts the rows that are left out.
    scope
        The source and its lookups.
    source, part
        What the configuration says.
    what
        What the rows become, for the message.

    Raises
    ------
    SchemaError
        A column is missing.
    """
    table, how = scope.table, Reading(null_words=source.null_words)
    wanted: list[Value] = [
        as_text(scope.value(name), how).isin(list(words)).fill_null(ibis.literal(False))
        for name, words in part.where.items()
    ]
    wanted += [as_text(scope.value(name), how).notnull() for name in part.when_known]
    if part.when_any_known:
        wanted.append(ibis.or_(*(as_text(scope.value(name), how).notnull() for name in part.when_any_known)))
    if part.repeat is not None:
        text = as_text(scope.value(part.repeat), how)
        number = text.try_cast("float64")
        # Out of range first: no integer holds 1e300, and none is like NaN.
        held = ((number >= 0) & (number <= MOST_REPEATS)).fill_null(ibis.literal(False))
        times: Value = ibis.cases((held, number), else_=0.5)
        fits = times == times.floor()
        count: Value = ibis.cases((text.isnull(), 0.0), (fits, times), else_=1.0).cast("int64")
        wanted.append(count > 0)
        table = table.mutate(**{_TIMES: count, _BAD_TIMES: text.notnull() & ~fits})
    if not wanted:
        return Chosen(table, None, "")
    kept = table.filter(*wanted)
    message = _left_out(engine, scope, wanted, what)
    if part.repeat is None:
        return Chosen(kept, None, message)
    repeated = kept.mutate(**{_TIMES: ibis.range(0, kept[_TIMES]).unnest()}).drop(_TIMES)
    return Chosen(repeated, repeated[_BAD_TIMES], message)


def _left_out(engine: Engine, scope: Scope, wanted: Sequence[Value], what: str) -> str:
    table = scope.table
    counts = table.aggregate(rows=table.count(), kept=table.count(where=ibis.and_(*wanted)))
    rows, kept = engine.collect(counts).to_pylist()[0].values()
    return (
        f"{rows - kept:,} of {rows:,} rows of {scope.origin} are no {what}, by the mapping"
        if kept < rows
        else ""
    )
