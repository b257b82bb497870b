"""The next best question: for each listed lead with an unknown criterion, the one whose answer would change most.

Each possible answer is put into a copy of the lead's world as a fact that was learned a second before as_of; features, probability
and criteria are then derived as on any night. Each answer counts as often as it comes among similar leads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from propensity.scoring.answers import Shares, open_leads, shares, usual
from propensity.scoring.criteria import ALL_STATES, CRITERIA, PARTS, UNKNOWN, Judge, Row
from propensity.scoring.facts import observed
from propensity.scoring.hypothetical import NOTHING, look
from propensity.scoring.qualify import NO_PROSPECT, PROSPECT
from propensity.scoring.reasons import percent
from propensity.scoring.suppose import STATES, Suppositions, missing

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.engines.untyped import Table
    from propensity.model.bundle import Bundle
    from propensity.scoring.qualify import Qualified
    from propensity.sources.canonical import Canonical

ASKED = pa.schema(
    [
        ("lead_id", pa.string()), ("question", pa.string()), ("question_about", pa.string()),
        ("question_verdict_if_met", pa.string()), ("question_verdict_if_not", pa.string()),
        ("question_probability_if_met", pa.float64()), ("question_probability_if_not", pa.float64()),
    ]
)  # fmt: skip
QUESTION = tuple(ASKED.names[1:])
"""What a listed lead shows of its question; null where there is nothing worth asking."""
MOST_COLLEAGUES = 50
"""Leads of larger accounts are not asked about: each answer copies the account."""
WITHIN = 0.2
"""How far, relative to it, the weighted answers may be from today's probability for probabilities to be shown."""
_BATCH = 2_500
_WORDS = {
    "budget": ("Ask about budget", "they have it"),
    "authority": ("Ask what they may decide", "they may"),
    "need": ("Ask what they need", "they want to buy"),
    "dialogue": ("Get in touch", "they answer"),
}


@dataclass(frozen=True, slots=True)
class Branch:
    """What one answer would make of a lead."""

    weight: float
    probability: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Answers:
    """Both answers to one question.

    Attributes
    ----------
    about
        The criterion.
    words
        What to ask, and the answer that meets the criterion.
    if_met, if_not
        What each would make of the lead.
    now
        Today's probability.
    """

    about: str
    words: tuple[str, str]
    if_met: Branch
    if_not: Branch
    now: float

    @property
    def consistent(self) -> bool:
        """Whether the weighted answers average to about today's probability."""
        mean = sum(one.weight * one.probability for one in (self.if_met, self.if_not))
        return abs(mean - self.now) <= WITHIN * self.now

    @property
    def decides(self) -> bool:
        """Whether the verdict hangs on the answer."""
        return self.if_met.verdict != self.if_not.verdict

    def change(self, verdict: str) -> tuple[float, float]:
        """Expected change: of the verdict (the chance that the answer turns it), then of the probability.

        An answer that makes the same of the lead either way turns nothing; a probability that is not shown changes nothing.
        """
        both = (self.if_met, self.if_not)
        turned = sum(one.weight for one in both if one.verdict != verdict) if self.decides else 0.0
        moved = sum(one.weight * abs(one.probability - self.now) for one in both) if self.consistent else 0.0
        return turned, moved

    def sentence(self) -> str:
        """The question, and what follows from each answer."""
        ask, met = self.words
        if self.decides:
            then = {PROSPECT: "a prospect", NO_PROSPECT: "leave"}
            return f"{ask}: if {met}, {then[self.if_met.verdict]}; if not, {then[self.if_not.verdict]}."
        either = "a prospect" if self.if_met.verdict == PROSPECT else "no prospect"
        shown = (
            f"{percent(self.if_met.probability)} likely if {met}, {percent(self.if_not.probability)} if not"
        )
        return f"{ask}: {either} either way, {shown}."

    def row(self, lead_id: str) -> dict[str, Any]:
        """ASKED."""
        shown = self.consistent
        return {
            "lead_id": lead_id,
            "question": self.sentence(),
            "question_about": self.about,
            "question_verdict_if_met": self.if_met.verdict,
            "question_verdict_if_not": self.if_not.verdict,
            "question_probability_if_met": self.if_met.probability if shown else None,
            "question_probability_if_not": self.if_not.probability if shown else None,
        }


def best(found: Sequence[Answers], verdict: str) -> Answers | None:
    """The question whose answer would change most; the first of CRITERIA among equals, None where none changes anything."""
    order = sorted(
        found, key=lambda one: ([-change for change in one.change(verdict)], CRITERIA.index(one.about))
    )
    return order[0] if order and any(order[0].change(verdict)) else None


def questions(
    canonical: Canonical,
    bundle: Bundle,
    qualified: Qualified,
    listed: ir.Table,
    as_of: datetime | None,
    *,
    threads: int | None,
    kept: Mapping[str, Table] = NOTHING,
) -> pa.Table:
    """The next best question of each listed lead that has one, ASKED.

    Parameters
    ----------
    canonical
        The tables.
    bundle
        The model.
    qualified
        Criteria, facts and threshold of the night.
    listed
        A row a listed lead: `lead_id`, `rank`, `tier`, `verdict`, `probability` and `criterion_*`. Of them the first
        `lists.questions` by rank are asked about.
    as_of
        Where we stand; None for data without dates.
    threads
        Of the model; all cores where None.
    kept
        `features.frame.FeatureQuery.kept` of the night.
    """
    most, seen = canonical.config.lists.questions, observed(canonical)
    askable = [name for name in CRITERIA if name not in qualified.why_unknown]
    if not most or not askable:
        return ASKED.empty_table()
    rows = _open_rows(canonical, qualified, listed, askable, most)
    if not rows:
        return ASKED.empty_table()
    scored: Any = qualified.scores
    known = open_leads(qualified.table, qualified.facts, scored.select("lead_id", "tier"))
    known = canonical.engine.materialise(known, "answers_known")
    asking = _Asking(canonical, bundle, qualified, shares(canonical, known), threads, kept)
    told = Suppositions(canonical, usual(canonical, known, as_of, seen.fit))
    table = [ASKED.empty_table()]
    for start in range(0, len(rows), _BATCH):
        found = asking.of(rows[start : start + _BATCH], askable, told)
        table.append(pa.Table.from_pylist(found, schema=ASKED))
    return pa.concat_tables(table)


def _open_rows(
    canonical: Canonical, qualified: Qualified, listed: Any, askable: Sequence[str], most: int
) -> list[Row]:
    """Facts, criteria and verdict of the listed leads of which a criterion is unknown, by rank."""
    states = [f"criterion_{name}" for name in CRITERIA]
    facts: Any = qualified.facts
    first = listed.filter(listed["rank"].notnull()).order_by("rank").limit(most)
    unknown = [first[f"criterion_{name}"] == UNKNOWN for name in askable]
    wanted = first.filter(_any(unknown)).select("lead_id", "rank", "tier", "verdict", "probability", *states)
    table: Any = canonical.engine.materialise(facts.join(wanted, "lead_id"), "answers_open")
    members = facts.select("account_id").semi_join(table, "account_id")
    sizes = members.group_by("account_id").aggregate(_size=members.count())
    table = table.left_join(sizes, "account_id").drop("account_id_right")
    table = table.filter(table["account_id"].isnull() | (table["_size"] <= MOST_COLLEAGUES))
    return canonical.engine.collect(table.order_by("rank")).to_pylist()


def _any(tests: Sequence[Any]) -> Any:
    found = tests[0]
    for test in tests[1:]:
        found = found | test
    return found


class _Asking:
    """Puts answers into worlds and reads what comes of them."""

    def __init__(
        self,
        canonical: Canonical,
        bundle: Bundle,
        qualified: Qualified,
        known: Shares,
        threads: int | None,
        kept: Mapping[str, Table],
    ) -> None:
        self._canonical, self._bundle, self._qualified = canonical, bundle, qualified
        self._known, self._threads, self._kept = known, threads, kept
        self._judge = Judge(canonical.config, observed(canonical))

    def of(self, rows: Sequence[Row], askable: Sequence[str], told: Suppositions) -> list[dict[str, Any]]:
        """The best question of each row that has one."""
        asked = [
            (row, about, state, world)
            for row in rows
            for about in askable
            if row[f"criterion_{about}"] == UNKNOWN
            for state in STATES
            if (world := told.world(row, about, state)) is not None
        ]
        if not asked:
            return []
        found = look(self._canonical, self._qualified.facts, [world for *_, world in asked], kept=self._kept)
        margin = self._bundle.margin(found.features, threads=self._threads or 0)
        probability = self._bundle.probability(margin).tolist()
        states = self._judge.states(self._judge.facts(found.facts))
        failed = self._judge.failed(states).tolist()
        by_question: dict[tuple[str, str], dict[str, tuple[float, str]]] = {}
        for place, (row, about, state, _) in enumerate(asked):
            # An answer that does not settle the criterion is none.
            if ALL_STATES[states[about][place]] == state:
                chance = probability[place]
                verdict = self._verdict(chance, failed=failed[place])
                by_question.setdefault((row["lead_id"], about), {})[state] = chance, verdict
        rank = {row["lead_id"]: row for row in rows}
        candidates: dict[str, list[Answers]] = {}
        for (lead_id, about), branches in by_question.items():
            one = self._answers(rank[lead_id], about, branches)
            if one is not None:
                candidates.setdefault(lead_id, []).append(one)
        chosen = ((lead_id, best(found, rank[lead_id]["verdict"])) for lead_id, found in candidates.items())
        return [one.row(lead_id) for lead_id, one in chosen if one is not None]

    def _verdict(self, probability: float, *, failed: bool) -> str:
        under = probability < self._qualified.threshold.probability
        return NO_PROSPECT if failed or under else PROSPECT

    def _answers(self, row: Row, about: str, branches: Mapping[str, tuple[float, str]]) -> Answers | None:
        like = (row["account_industry"], row["source"], row["tier"])
        weights = self._known.weights(about, like)
        if weights is None or len(branches) < len(STATES):
            return None
        met, not_met = (
            Branch(weight, *branches[state]) for weight, state in zip(weights, STATES, strict=True)
        )
        return Answers(about, _words(row, about), met, not_met, row["probability"])


def _words(row: Row, about: str) -> tuple[str, str]:
    if about != "fit":
        return _WORDS[about]
    names = " and ".join(PARTS[part][0] for part in missing(row))
    return f"Ask about {names}", "that fits"


def counted(table: pa.Table) -> dict[str, int]:
    """Criterion to the listed leads that are asked about it; every criterion is named, also with 0."""
    found = Counter(table["question_about"].to_pylist())
    return {name: found[name] for name in CRITERIA}
