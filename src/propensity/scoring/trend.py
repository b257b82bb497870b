"""Where each lead stood on the list before, and whether it has become more or less probable since."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value
    from propensity.scoring.ledger import Night
    from propensity.sources.canonical import Canonical

IMPROVING, STEADY, DECLINING = "improving", "steady", "declining"
TREND = ("trend", "previous_probability", "previous_as_of")
_EARLIER = pa.schema([("lead_id", pa.string()), ("previous_probability", pa.float64())])
_NEAR_CERTAIN = 1e-6
"""A probability of exactly 0 or 1 has no log odds: it counts as this far from it."""
_INSTANT = "timestamp('UTC', 6)"


def with_trend(canonical: Canonical, table: Table, night: Night | None) -> Table:
    """Add TREND to a table of `lead_id` and `probability`.

    `trend` (string) is improving or declining where the log odds changed by more than `lists.steady_within` since `night`, else
    steady. All three are null for a lead that the night does not hold, and where there is no night.

    Raises
    ------
    LedgerError
        The night's file is damaged.
    """
    rows = _EARLIER.empty_table() if night is None else _of(night)
    earlier = canonical.engine.register("earlier_night", rows)
    joined = table.left_join(earlier, "lead_id").drop("lead_id_right")
    change = _log_odds(joined["probability"]) - _log_odds(joined["previous_probability"])
    within = canonical.config.lists.steady_within
    word: Any = ibis.cases(
        (joined["previous_probability"].isnull(), ibis.null("string")),
        (change > within, IMPROVING),
        (change < -within, DECLINING),
        else_=STEADY,
    )
    none: Any = ibis.null(_INSTANT)
    at: Any = none if night is None else ibis.literal(night.as_of, type=_INSTANT)
    when: Any = ibis.cases((joined["previous_probability"].isnull(), none), else_=at)
    return joined.mutate(trend=word, previous_as_of=when.cast(_INSTANT))


def _of(night: Night) -> pa.Table:
    table = night.rows(["lead_id", "probability"])
    return table.rename_columns(list(_EARLIER.names)).cast(_EARLIER)


def _log_odds(probability: Value) -> Value:
    inside: Any = ibis.least(ibis.greatest(probability, _NEAR_CERTAIN), 1 - _NEAR_CERTAIN)
    return (inside / (1 - inside)).ln()


def since(canonical: Canonical, night: datetime) -> str:
    """The day of an earlier night in the zone of the data, as in all sentences: `2026-05-25`."""
    return night.astimezone(canonical.config.data.zone).date().isoformat()
