"""What a lead did lately, and what we did: the newest acts of the leads on a list, in a rep's words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

ACTS = pa.schema(
    [
        ("lead_id", pa.string()), ("occurred_at", pa.timestamp("us", tz="UTC")), ("what", pa.string()),
        ("direction", pa.string()), ("channel", pa.string()), ("times", pa.int64()),
    ]
)  # fmt: skip


def recent_acts(canonical: Canonical, listed: ir.Table, as_of: datetime | None) -> pa.Table:
    """The newest `lists.recent_acts` acts of each lead of `listed` (`lead_id`), ACTS, by lead_id, then newest first.

    Those of one kind, direction and channel on one day are one, at the time of the newest, with how many `times`.
    Known at as_of: happened and recorded strictly before it. An act whose kind the configuration does not describe goes by
    its own name. No rows where the data hold no acts or no dates.
    """
    config, most = canonical.config, canonical.config.lists.recent_acts
    if as_of is None or "activities" not in canonical.tables or not most:
        return ACTS.empty_table()
    acts: Any = canonical.tables["activities"]
    instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
    known = acts.filter((acts["occurred_at"] < instant) & (acts["recorded_at"] < instant))
    known = known.semi_join(listed, "lead_id")
    day = canonical.engine.functions.to_local(known["occurred_at"], config.data.zone.key).date()
    known = known.mutate(_day=day)
    kinds = known.group_by("lead_id", "_day", "type", "direction", "channel")
    days = kinds.aggregate(occurred_at=known["occurred_at"].max(), times=known.count())
    order = [days["occurred_at"].desc(), days["type"], days["direction"], days["channel"]]
    days = days.mutate(_place=ibis.row_number().over(group_by="lead_id", order_by=order))
    newest = days.filter(days["_place"] < most).order_by("lead_id", "_place")
    columns = ("lead_id", "occurred_at", "type", "direction", "channel", "times")
    found = canonical.engine.collect(newest.select(*columns))
    types = config.features.types
    words = [
        types[kind].phrase if kind in types else str(kind).replace("_", " ")
        for kind in found["type"].to_pylist()
    ]
    columns = [
        found["lead_id"],
        found["occurred_at"],
        pa.array(words, pa.string()),
        found["direction"],
        found["channel"],
        found["times"],
    ]
    return pa.table(columns, names=ACTS.names).cast(ACTS)
