"""From a spine to the staged files of a list: score, rank, explain, in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from propensity.scoring.gate import CAUSES, gate
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
    "probability_low", "probability_high", "evidence", *FOR, AGAINST,
    "owner", "deal_value", "expected_value", "source", "country", "product", "account_id", "as_of",
)  # fmt: skip


@dataclass(frozen=True)
class Ranking:
    """Ranked leads in the engine: all scored ones, and those that reach the list with their reasons."""

    scores: ir.Table
    listed: ir.Table
    counts: dict[str, int]
    surprises: Surprises

    @property
    def scored(self) -> int:
        """Leads that were scored."""
        return sum(self.counts.values())

    @property
    def removed(self) -> dict[str, int]:
        """Leads that are not listed, by cause; every cause is named, also with 0."""
        return {cause: self.counts.get(cause, 0) for cause in CAUSES}


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
    engine = query.canonical.engine
    scores = engine.read_parts(parts.scores)
    table = engine.materialise(
        ranked(query.canonical, scores, gate(query.canonical, as_of), capacity), "ranked"
    )
    callable_ = table.filter(table["removed"].isnull())
    listed_ids = set(engine.collect(callable_.select("lead_id"))["lead_id"].to_pylist())
    reasons = engine.register("reasons", _reasons(query, bundle, feature_parts(parts), listed_ids, threads))
    listed = callable_.left_join(reasons, "lead_id").drop("lead_id_right").select(*LIST_COLUMNS)
    counts = engine.collect(table.group_by("removed").aggregate(rows=table.count())).to_pylist()
    return Ranking(
        in_order(table).drop("tie", *CONTACT),
        listed.order_by("rank"),
        {str(row["removed"] or "listed"): row["rows"] for row in counts},
        parts.surprises,
    )


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
