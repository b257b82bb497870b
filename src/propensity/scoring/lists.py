"""From a spine to the night's lists: score, gate, qualify, rank, assign, explain, in bounded memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa

from propensity.scoring.assign import Reps
from propensity.scoring.causes import CAUSES, SAME_PERSON, WORDS
from propensity.scoring.changed import CHANGED, changes
from propensity.scoring.exports import Exports, exports
from propensity.scoring.funnel import KEYS, Funnel, funnel
from propensity.scoring.gate import LEAD, gate, positions, silenced
from propensity.scoring.persons import persons
from propensity.scoring.places import assigned, holdout, owners
from propensity.scoring.profile import NightProfile
from propensity.scoring.qualify import LIST_MORE, OFF_LIST, SCORE_MORE, Qualified, qualify
from propensity.scoring.question import QUESTION, counted, questions
from propensity.scoring.rank import contacts, ranked
from propensity.scoring.reasons import ACTS, TOLD, explain
from propensity.scoring.recent import recent_acts
from propensity.scoring.score import ScoredParts, score_parts
from propensity.scoring.surprises import Surprises
from propensity.scoring.trend import TREND, with_trend
from propensity.timeline.history import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis.expr.types as ir

    from propensity.config.lists import ListsConfig
    from propensity.features.frame import FeatureQuery
    from propensity.model.bundle import Bundle
    from propensity.scoring.ledger import Night
    from propensity.sources.canonical import Canonical

_TOLD = tuple(name for pair in zip(TOLD, ACTS, strict=True) for name in pair)
"""The order of a sum of floats must not show."""
LIST_COLUMNS = (
    "rank", "rep", "rep_rank", "lead_id", "contact_name", "title", "company", "email", "phone", "tier", "probability",
    "probability_low", "probability_high", "evidence", *_TOLD, *LIST_MORE, *QUESTION,
    *TREND, *CHANGED.names[1:], "expected_value", "deal_value", "owner", "source", "country", "product", "account_id", "selection",
    "selection_probability", "as_of",
)  # fmt: skip


@dataclass(frozen=True)
class Before:
    """What earlier nights left.

    Attributes
    ----------
    night
        The newest one that the ledger holds strictly before as_of; None where there is none.
    reported
        What reps reported: `scoring.feedback.REPORTED`; None for nothing.
    """

    night: Night | None = None
    reported: pa.Table | None = None


NOTHING_BEFORE = Before()


@dataclass(frozen=True)
class Ranking:
    """Ranked leads in the engine: all scored ones, and those that reach a list with their reasons.

    Attributes
    ----------
    scores
        Every scored lead; `scoring.rank.PLACE` is its place in the file, and no column of it.
    listed
        LIST_COLUMNS, by rank.
    acts
        What the listed leads did lately: `scoring.recent.ACTS`.
    reps
        Who calls.
    counts
        Leads by cause; `listed` for those on a list.
    questions
        Criterion to the listed leads that are asked about it.
    holdout
        The randomised holdout of the night, and the smallest effect it can show (JSON types); None where there is none.
    profile
        What the open leads look like, for monitoring; None where nobody asked.
    """

    scores: ir.Table
    listed: ir.Table
    acts: pa.Table
    reps: Reps
    counts: dict[str, int]
    surprises: Surprises
    qualified: Qualified
    exports: Exports
    funnel: Funnel
    questions: dict[str, int]
    holdout: dict[str, Any] | None = None
    profile: NightProfile | None = None

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
            "questions": self.questions,
        }


@contextmanager
def rank_leads(
    query: FeatureQuery,
    bundle: Bundle,
    as_of: datetime | None,
    *,
    threads: int | None,
    before: Before = NOTHING_BEFORE,
    progress: Callable[[int], None] = lambda _: None,
) -> Generator[Ranking]:
    """Score, gate, rank, assign and explain; yields once, and clears its temporary files when the caller is done.

    Memory is bounded by `lists.batch_rows`: features pass through disk, and the engine sorts.
    """
    folder = Path(tempfile.mkdtemp(prefix="score-", dir=query.canonical.engine.folder))
    profile = NightProfile(bundle, _open(query, as_of))
    try:
        parts = score_parts(
            query,
            bundle,
            folder,
            batch_rows=query.canonical.config.lists.batch_rows,
            threads=threads,
            progress=progress,
            profile=profile,
        )
        ranking = rank_parts(query, bundle, parts, as_of, threads=threads, before=before)
        yield replace(ranking, profile=profile)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def rank_parts(
    query: FeatureQuery,
    bundle: Bundle,
    parts: ScoredParts,
    as_of: datetime | None,
    *,
    threads: int | None,
    capacity: int | None = None,
    before: Before = NOTHING_BEFORE,
) -> Ranking:
    """Gate, rank, assign and explain what `score_parts` left on disk; the parts must stay as long as the ranking is read.

    `capacity` (leads of the night) goes before `lists.capacity`.
    """
    canonical, engine = query.canonical, query.canonical.engine
    rules = canonical.config.lists
    if capacity is not None:
        rules = rules.model_copy(update={"capacity": capacity})
    reps = Reps(rules, owners(canonical) if rules.owners_are_reps else ())
    told_by_reps = None if before.reported is None else engine.register("reported", before.reported)
    gated: Any = engine.materialise(
        gate(canonical, as_of, people=persons(canonical), reported=told_by_reps), "gated"
    )
    canonical = silenced(canonical, gated)
    qualified = qualify(
        canonical,
        parts,
        gated.drop("person", "by_person"),
        as_of,
        capacity=reps.total(),
        ranges=query.ranges,
    )
    table = _placed(canonical, parts, gated, qualified, before, reps, rules, as_of)
    callable_ = _listed(canonical, table, qualified)
    listed = _explained(query, bundle, parts, callable_, before, as_of, threads)
    asked = questions(canonical, bundle, qualified, callable_, as_of, threads=threads, kept=query.kept)
    listed = listed.left_join(engine.register("questions", asked), "lead_id").drop("lead_id_right")
    counts = engine.collect(table.group_by("removed").aggregate(rows=table.count())).to_pylist()
    out = exports(canonical, qualified, as_of)
    return Ranking(
        table.drop("tie"),
        listed.select(*LIST_COLUMNS).order_by("rank"),
        recent_acts(canonical, callable_.select("lead_id"), as_of),
        reps,
        {str(row["removed"] or "listed"): row["rows"] for row in counts},
        parts.surprises,
        qualified,
        out,
        _funnel(query, table, qualified, out),
        counted(asked),
        holdout(canonical, table),
    )


def _placed(
    canonical: Canonical,
    parts: ScoredParts,
    gated: Any,
    qualified: Qualified,
    before: Before,
    reps: Reps,
    rules: ListsConfig,
    as_of: datetime | None,
) -> Any:
    """Every scored lead in the engine: its rank and place, or why it has none, with verdict, action and trend."""
    engine = canonical.engine
    found: Any = qualified.table
    leaving = gated.select("lead_id", "person", "by_person").join(
        found.select("lead_id", removed=ibis.coalesce(found["gated"], found["off_list"])), "lead_id"
    )
    # Step by step, and each step narrow: joined at once, a million leads take more memory than an engine may have.
    leaving = engine.materialise(leaving, "ranked_leaving")
    ranks: Any = ranked(canonical, engine.read_parts(parts.scores), leaving)
    ranks = engine.materialise(ranks, "ranked_only")
    folder = Path(tempfile.mkdtemp(prefix="placed-", dir=parts.scores.parent))
    placed = assigned(canonical, ranks, qualified, reps, as_of, rules=rules, folder=folder)
    scores = ranks.left_join(placed, "lead_id").drop("lead_id_right")
    # Of the texts only the one that may say why a lead is on no list.
    because = ibis.cases((found["off_list"].notnull(), found["action_because"]), else_=ibis.null("string"))
    shown = found.select("lead_id", *SCORE_MORE, action_because=because)
    scores = scores.left_join(shown, "lead_id").drop("lead_id_right")
    scores = with_trend(canonical, scores, before.night)
    scores = scores.mutate(removed=ibis.coalesce(scores["removed"], scores["left_out"]))
    scores = scores.mutate(removed_because=_because(scores))
    return engine.materialise(scores.drop("action_because", "same_as", "by_person", "left_out"), "ranked")


def _listed(canonical: Canonical, table: Any, qualified: Qualified) -> Any:
    """The leads on a list, with what only a list shows: of all leads it would be a wide table."""
    listed = who = table.filter(table["removed"].isnull())
    found: Any = qualified.table
    more = found.select("lead_id", *(name for name in LIST_MORE if name not in SCORE_MORE))
    for wide in (more, contacts(canonical, who)):
        listed = listed.left_join(wide.semi_join(who, "lead_id"), "lead_id").drop("lead_id_right")
    return canonical.engine.materialise(listed, "listed")


def _explained(
    query: FeatureQuery,
    bundle: Bundle,
    parts: ScoredParts,
    callable_: Any,
    before: Before,
    as_of: datetime | None,
    threads: int | None,
) -> Any:
    """The leads on a list with their reasons, and what changed since the night before."""
    canonical, engine = query.canonical, query.canonical.engine
    rows = engine.collect(
        callable_.select("lead_id", "probability", "previous_probability").order_by("lead_id")
    )
    features: Any = engine.read_parts(parts.features)
    wanted = engine.stream(features.semi_join(callable_, "lead_id"), canonical.config.lists.batch_rows)
    told = _reasons(query, bundle, wanted, threads)
    moved = changes(canonical, bundle, before.night, rows, as_of, threads=threads)
    listed = callable_.left_join(engine.register("reasons", told), "lead_id").drop("lead_id_right")
    return listed.left_join(engine.register("moved", moved), "lead_id").drop("lead_id_right")


def _open(query: FeatureQuery, as_of: datetime | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """By the number of a snapshot, whether a training would hold one of its lead at as_of, as far as was known."""
    places: Any = positions(query.canonical, as_of)
    still = places.filter(places["position"] == LEAD)
    engine, spine = query.canonical.engine, query.spine
    numbers = engine.collect(spine.semi_join(still, "lead_id").select(SNAPSHOT))[SNAPSHOT].to_numpy()
    found = np.zeros(engine.collect(spine.count().as_table()).column(0)[0].as_py(), np.bool_)
    found[numbers] = True
    return found


def _because(table: Any) -> Any:
    """Why a lead is on no list, in words; null for who is on one."""
    by_action = tuple(OFF_LIST.values())
    cases: list[tuple[Any, Any]] = [
        (table["removed"].isin(by_action), table["action_because"]),
        (table["removed"] == SAME_PERSON, ibis.literal("the same person as lead ") + table["same_as"]),
    ]
    for cause, words in WORDS.items():
        shared = table["by_person"].fill_null(ibis.literal(False))
        said = ibis.cases((shared, f"the same person, as another lead: {words}"), else_=words)
        cases.append((table["removed"] == cause, said))
    return ibis.cases(*cases, else_=ibis.null("string"))


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
    query: FeatureQuery, bundle: Bundle, listed: Iterator[pa.RecordBatch], threads: int | None
) -> pa.Table:
    """The reasons of the leads in `listed`, batches of features."""
    schema = [
        ("lead_id", pa.string()),
        *((name, pa.string()) for name in TOLD),
        *((name, pa.bool_()) for name in ACTS),
    ]
    tables = [pa.schema(schema).empty_table()]
    protected = query.canonical.config.lists.reasons.protected
    for batch in listed:
        rows = pa.Table.from_batches([batch])
        tables.append(explain(bundle, query.features, rows, threads=threads, protected=protected))
    return pa.concat_tables(tables)
