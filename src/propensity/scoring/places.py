"""Ranked leads to places on the reps' lists, as tables; and what the holdout of a night can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from propensity.scoring.assign import LISTED, TERRITORY, Candidate, Choices, Desk, Place, Reps
from propensity.scoring.causes import HELD_OUT, OVER_CAPACITY
from propensity.stats.contrast import smallest_difference

if TYPE_CHECKING:
    from propensity.config.lists import ListsConfig
    from propensity.scoring.qualify import Qualified
    from propensity.sources.canonical import Canonical

_SHOWN_DECIMALS = 6
_KEY = "_who_may"
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
    as_of: datetime | None,
    *,
    rules: ListsConfig,
    folder: Path,
) -> Any:
    """ASSIGNED in the engine, a row a callable lead; `folder`, empty, holds it, and must stay as long as it is read.

    The leads go by in the order of their ranks, a batch at a time: what is held does not grow with their number.
    """
    engine = canonical.engine
    asked = reps.looked_at
    waiting = _waiting(ranks, qualified, asked)
    alike = waiting.group_by(_KEY, *asked).aggregate(leads=waiting.count())
    choices: dict[str, Choices] = {}
    leads: Counter[Choices] = Counter()
    for row in engine.collect(alike).to_pylist():
        one = Candidate("", "", row.get("owner"), tuple(row.get(name) for name in TERRITORY))
        choices[row[_KEY]] = reps.choices(one)
        leads[choices[row[_KEY]]] += row["leads"]
    night = "" if as_of is None else as_of.isoformat()
    desk = Desk(reps, rules, leads, night=night)
    count = [0] * len(reps.names)
    rows = waiting.select("lead_id", "account_id", _KEY, "rank").order_by("rank")
    pq.write_table(ASSIGNED.empty_table(), folder / "none.parquet")
    for number, batch in enumerate(engine.stream(rows, canonical.config.lists.batch_rows)):
        placed = _all_alike(batch, choices) if desk.closed else _seated(batch, choices, desk, reps, count)
        pq.write_table(placed, folder / f"{number:06d}.parquet", compression="lz4")
    placed = engine.read_parts(folder)
    explored = _explored(canonical, rows, placed, choices, desk, reps, count)
    if explored is None:
        return placed
    told = engine.register("explored", explored)
    return placed.anti_join(told, "lead_id").union(told)


def _waiting(ranks: Any, qualified: Qualified, asked: tuple[str, ...]) -> Any:
    """Who may be called, with what decides who may call, `asked`, and all of that as one text."""
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
    waiting = waiting.left_join(places, "lead_id").drop("lead_id_right")
    # With its length before it, no text can be taken for two.
    parts = [(waiting[name].length().cast("string") + ":" + waiting[name]).fill_null("-") for name in asked]
    return waiting.mutate(**{_KEY: reduce(add, parts, ibis.literal(""))})


def _candidates(batch: pa.RecordBatch) -> list[Candidate]:
    leads, accounts = batch["lead_id"].to_pylist(), batch["account_id"].to_pylist()
    return [
        Candidate(lead, f"lead {lead}" if account is None else f"account {account}")
        for lead, account in zip(leads, accounts, strict=True)
    ]


def _seated(
    batch: pa.RecordBatch, choices: Mapping[str, Choices], desk: Desk, reps: Reps, count: list[int]
) -> pa.Table:
    keys = batch[_KEY].to_pylist()
    rows = [
        _row(lead.lead_id, desk.seat(lead, choices[key]), reps, count)
        for lead, key in zip(_candidates(batch), keys, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=ASSIGNED)


def _all_alike(batch: pa.RecordBatch, choices: Mapping[str, Choices]) -> pa.Table:
    """Leads for whom nobody has a place."""
    keys = batch[_KEY].dictionary_encode()
    causes = pa.array([Desk.cause(choices[key]) for key in keys.dictionary.to_pylist()], pa.string())
    columns = {
        name: pa.nulls(batch.num_rows, kind)
        for name, kind in zip(ASSIGNED.names, ASSIGNED.types, strict=True)
    }
    return pa.table(
        {**columns, "lead_id": batch["lead_id"], "left_out": causes.take(keys.indices)}, schema=ASSIGNED
    )


def _explored(
    canonical: Canonical,
    rows: Any,
    placed: Any,
    choices: Mapping[str, Choices],
    desk: Desk,
    reps: Reps,
    count: list[int],
) -> pa.Table | None:
    """ASSIGNED of those who fill the places kept for exploration; None where none are kept."""
    pools = desk.pools()
    if pools is None:
        return None
    engine = canonical.engine
    over = placed.filter(placed["left_out"] == OVER_CAPACITY).select("lead_id")
    rest = rows.semi_join(over, "lead_id").order_by("rank")
    for batch in engine.stream(rest, canonical.config.lists.batch_rows):
        numbers, keys = batch["rank"].to_pylist(), batch[_KEY].to_pylist()
        for lead, number, key in zip(_candidates(batch), numbers, keys, strict=True):
            pools.add(number, lead, choices[key])
    drawn = dict(pools.drawn())
    found = rows.filter(rows["rank"].isin(list(drawn))) if drawn else rows.limit(0)
    told = engine.collect(found.order_by("rank")).to_pylist()
    # Their rep was full before any of them came: they come after whom it has.
    explored = [_row(row["lead_id"], drawn[row["rank"]], reps, count) for row in told]
    return pa.Table.from_pylist(explored, schema=ASSIGNED)


def _row(lead_id: str, place: Place, reps: Reps, count: list[int]) -> dict[str, Any]:
    number = None
    if place.rep is not None:
        count[place.rep] += 1
        number = count[place.rep]
    return {
        "lead_id": lead_id,
        "rep": None if place.rep is None else reps.names[place.rep],
        "rep_rank": number,
        "left_out": place.removed,
        "selection": place.selection,
        "selection_probability": place.probability,
    }


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
