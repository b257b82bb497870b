"""Ranked leads to places on the reps' lists, as tables; and what the holdout of a night can show."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from propensity.scoring.assign import LISTED, Candidate, Place, Reps, assign
from propensity.scoring.causes import HELD_OUT
from propensity.stats.contrast import smallest_difference

if TYPE_CHECKING:
    from propensity.config.lists import ListsConfig
    from propensity.scoring.qualify import Qualified
    from propensity.sources.canonical import Canonical

_SHOWN_DECIMALS = 6
ASSIGNED = pa.schema(
    [
        ("lead_id", pa.string()), ("rep", pa.string()), ("rep_rank", pa.int64()), ("left_out", pa.string()),
        ("selection", pa.string()), ("selection_probability", pa.float64()),
    ]
)  # fmt: skip


def owners(canonical: Canonical) -> list[str]:
    """Who owns a lead, each once, in order."""
    leads: Any = canonical.tables["leads"]
    names = leads.filter(leads["owner"].notnull()).select("owner").distinct().order_by("owner")
    return canonical.engine.collect(names)["owner"].to_pylist()


def assigned(
    canonical: Canonical,
    ranks: Any,
    qualified: Qualified,
    reps: Reps,
    rules: ListsConfig,
    as_of: datetime | None,
) -> pa.Table:
    """ASSIGNED, a row a callable lead, by rank."""
    facts: Any = qualified.facts
    places = facts.select(
        "lead_id",
        "product",
        "source",
        industry=facts["account_industry"],
        country=ibis.coalesce(facts["country"], facts["account_country"]),
        region=ibis.coalesce(facts["region"], facts["account_region"]),
    )
    waiting = ranks.filter(ranks["rank"].notnull()).select("lead_id", "account_id", "owner", "rank")
    waiting = waiting.left_join(places, "lead_id").drop("lead_id_right").order_by("rank")
    rows = canonical.engine.collect(waiting).to_pylist()
    candidates = [
        Candidate(
            row["lead_id"],
            f"lead {row['lead_id']}" if row["account_id"] is None else f"account {row['account_id']}",
            row["owner"],
            (row["country"], row["region"], row["industry"], row["product"], row["source"]),
        )
        for row in rows
    ]
    night = "" if as_of is None else as_of.isoformat()
    return _placed(candidates, assign(candidates, reps, rules, night=night), reps)


def _placed(candidates: list[Candidate], places: list[Place], reps: Reps) -> pa.Table:
    count = [0] * len(reps.names)
    rows: list[dict[str, Any]] = []
    for lead, place in zip(candidates, places, strict=True):
        number = None
        if place.rep is not None:
            count[place.rep] += 1
            number = count[place.rep]
        rows.append(
            {
                "lead_id": lead.lead_id,
                "rep": None if place.rep is None else reps.names[place.rep],
                "rep_rank": number,
                "left_out": place.removed,
                "selection": place.selection,
                "selection_probability": place.probability,
            }
        )
    return pa.Table.from_pylist(rows, schema=ASSIGNED)


def holdout(canonical: Canonical, table: Any) -> dict[str, Any] | None:
    """Called and held-out leads of the same ranks, and the smallest difference that this one night can show."""
    share = canonical.config.lists.holdout.share
    if not share:
        return None
    drawn = table.filter(table["selection"].isin([LISTED, HELD_OUT]))
    unit = ibis.coalesce(drawn["account_id"], ibis.literal("\x1f") + drawn["lead_id"])
    sizes = drawn.group_by("selection", unit=unit).aggregate(leads=drawn.count())
    rows = canonical.engine.collect(sizes.order_by("selection", "unit")).to_pylist()
    mean: Any = canonical.engine.collect(drawn["probability"].mean().as_table()).column(0)[0].as_py()
    called, held = ([row["leads"] for row in rows if row["selection"] == kind] for kind in (LISTED, HELD_OUT))
    smallest = smallest_difference(mean or 0.0, called, held) if called and held else None
    return {
        "share": share,
        "called": {"leads": sum(called), "accounts": len(called)},
        "held_out": {"leads": sum(held), "accounts": len(held)},
        "smallest_difference_shown": None if smallest is None else round(smallest, _SHOWN_DECIMALS),
    }
