"""From a spine to the staged files of a list: score, rank, explain, in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from propensity.scoring.exports import Exports, exports
from propensity.scoring.funnel import KEYS, Funnel, funnel
from propensity.scoring.gate import CAUSES, gate
from propensity.scoring.qualify import LIST_MORE, SCORE_MORE, Qualified, qualify
from propensity.scoring.rank import CONTACT, in_order, ranked
from propensity.scoring.reasons import AGAINST, FOR, explain
from propensity.scoring.score import ScoredParts, feature_parts, score_parts
from propensity.scoring.surprises import Surprises

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir

    from propensity.features.frame import FeatureQuery
    from propensity.model.bundle import Bundle

LIST_COLUMNS = (
    "rank", "lead_id", "contact_name", "title", "company", "email", "phone", "tier", "probability",
    "probability_low", "probability_high", "evidence", *FOR, AGAINST, *LIST_MORE,
    "owner", "deal_value", "expected_value", "source", "country", "product", "account_id", "as_of",
)  # fmt: skip


@dataclass(frozen=True)
class Ranking:
    """Ranked leads in the engine: all scored ones, and those that reach the list with their reasons."""

    scores: ir.Table
    listed: ir.Table
    counts: dict[str, int]
    surprises: Surprises
    qualified: Qualified
    exports: Exports
    funnel: Funnel

    @property
    def scored(self) -> int:
        """Leads that were scored."""
        return sum(self.counts.values())

    @property
    def removed(self) -> dict[str, int]:
        """Leads that are not listed, by cause; every cause is named, also with 0."""
        return {cause: self.counts.get(cause, 0) for cause in CAUSES}

    def qualification(self) -> dict[str, Any]:
        """Threshold, criteria and funnel (JSON types; counts and no person)."""
        return {
            "threshold": self.qualified.threshold.to_dict(),
            "criteria": self.qualified.states,
            "why_unknown": self.qualified.why_unknown,
            "funnel": self.funnel.to_dict(),
        }


@contextmanager
def rank_leads(
    query: FeatureQuery,
    bundle: Bundle,
    as_of: datetime | None,
    *,
    capacity: int | None,
    threads: int | None,
    progress: Callable[[int], None] = lambda _: None,
) -> Generator[Ranking]:
    """Score, gate, rank and explain; yields once, and clears its temporary files when the caller is done.

    Memory is bounded by `lists.batch_rows`: features pass through disk, and the engine sorts.
    """
    folder = Path(tempfile.mkdtemp(prefix="propensity-score-"))
    try:
        parts = score_parts(
            query,
            bundle,
            folder,
            batch_rows=query.canonical.config.lists.batch_rows,
            threads=threads,
            progress=progress,
        )
        yield rank_parts(query, bundle, parts, as_of, capacity=capacity, threads=threads)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rank_parts(
    query: FeatureQuery,
    bundle: Bundle,
    parts: ScoredParts,
    as_of: datetime | None,
    *,
    capacity: int | None,
    threads: int | None,
) -> Ranking:
    """Gate, rank and explain what `score_parts` left on disk; the parts must stay as long as the ranking is read."""
    canonical, engine = query.canonical, query.canonical.engine
    gated = gate(canonical, as_of)
    qualified = qualify(canonical, parts, gated, as_of, capacity=capacity)
    found: Any = qualified.table
    leaving = found.select("lead_id", removed=ibis.coalesce(found["gated"], found["off_list"]))
    scores: Any = ranked(canonical, engine.read_parts(parts.scores), leaving, capacity)
    scores = scores.left_join(found.select("lead_id", *LIST_MORE), "lead_id").drop("lead_id_right")
    table: Any = engine.materialise(scores, "ranked")
    callable_ = table.filter(table["removed"].isnull())
    listed_ids = set(engine.collect(callable_.select("lead_id"))["lead_id"].to_pylist())
    reasons = engine.register("reasons", _reasons(query, bundle, feature_parts(parts), listed_ids, threads))
    listed = callable_.left_join(reasons, "lead_id").drop("lead_id_right").select(*LIST_COLUMNS)
    counts = engine.collect(table.group_by("removed").aggregate(rows=table.count())).to_pylist()
    only_listed = [name for name in LIST_MORE if name not in SCORE_MORE]
    out = exports(canonical, qualified, as_of)
    return Ranking(
        in_order(table).drop("tie", *CONTACT, *only_listed),
        listed.order_by("rank"),
        {str(row["removed"] or "listed"): row["rows"] for row in counts},
        parts.surprises,
        qualified,
        out,
        _funnel(query, table, qualified, out),
    )


def _funnel(query: FeatureQuery, table: Any, qualified: Qualified, out: Exports) -> Funnel:
    engine = query.canonical.engine
    where: Any = qualified.table
    placed = table.select("lead_id", "verdict", "next_action", "removed").join(
        where.select("lead_id", "position", "origin"), "lead_id"
    )
    counts = engine.collect(placed.group_by(list(KEYS)).aggregate(leads=placed.count())).to_pylist()
    number = None
    if out.suspects is not None:
        number = engine.collect(out.suspects.count().as_table()).column(0)[0].as_py()
    return funnel(counts, stages=query.canonical.config.outcome.converting, suspects=number)


def _reasons(
    query: FeatureQuery, bundle: Bundle, parts: Iterator[pa.Table], listed: set[str], threads: int | None
) -> pa.Table:
    tables = [pa.table({name: pa.array([], pa.string()) for name in ("lead_id", *FOR, AGAINST)})]
    for part in parts:
        wanted = pa.array([lead in listed for lead in part["lead_id"].to_pylist()], pa.bool_())
        rows = part.filter(wanted)
        if rows.num_rows:
            tables.append(explain(bundle, query.features, rows, threads=threads))
    return pa.concat_tables(tables)
