"""Qualification of every lead: criteria, threshold, verdict, next action, opening; in batches, kept on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from propensity.config.qualify import LEAVE, NURTURE, REFERRAL
from propensity.scoring.actions import Situations, failing, first_rules, next_actions, percents
from propensity.scoring.ahead import ahead
from propensity.scoring.causes import LEFT_ALONE, NURTURED, REFERRAL_SOURCE
from propensity.scoring.columns import Facts, Floats, filled, joined, scattered, sentence, where
from propensity.scoring.criteria import ALL_STATES, CRITERIA, MET, NOT_MET, UNKNOWN, Judge, state_names
from propensity.scoring.facts import Observed, facts_by_ranges, lead_facts, observed
from propensity.scoring.gate import positions
from propensity.scoring.opening import openings
from propensity.scoring.reasons import percent
from propensity.scoring.segments import arm, interests, segments
from propensity.timeline.history import SNAPSHOT
from propensity.timeline.snapshots import SPINE

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.config import Config
    from propensity.features.ranges import Ranges
    from propensity.scoring.criteria import Codes
    from propensity.scoring.score import ScoredParts
    from propensity.sources.canonical import Canonical

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute
PROSPECT, NO_PROSPECT = "prospect", "no prospect"
ONLINE, OFFLINE, ORIGIN_UNKNOWN = "online", "offline", "unknown"
OFF_LIST = {LEAVE: LEFT_ALONE, NURTURE: NURTURED, REFERRAL: REFERRAL_SOURCE}
"""The actions that are nobody's to call for, and the cause under which such a lead leaves the list."""
_STATES = tuple((f"criterion_{name}", pa.string()) for name in CRITERIA)
_EVIDENCE = tuple(
    column for name in CRITERIA for column in ((f"{name}_evidence", pa.string()), (f"{name}_on", pa.date32()))
)
DECIDED = pa.schema(
    [
        ("lead_id", pa.string()), ("verdict", pa.string()), ("verdict_because", pa.string()), *_STATES, *_EVIDENCE,
        ("next_action", pa.string()), ("action_because", pa.string()), ("follow_up_on", pa.date32()),
        ("channel", pa.string()), ("opening", pa.string()), ("segment", pa.string()), ("topic", pa.string()),
        ("arm", pa.string()), ("origin", pa.string()), ("position", pa.string()), ("gated", pa.string()),
        ("off_list", pa.string()),
    ]
)  # fmt: skip
SCORE_MORE = ("verdict", *(name for name, _ in _STATES), "next_action")
"""What every scored lead shows of its qualification."""
LIST_MORE = (
    *SCORE_MORE, "verdict_because", *(name for name, _ in _EVIDENCE), "action_because", "follow_up_on", "channel", "opening",
)  # fmt: skip
"""What a listed lead shows."""
FILE = tuple(name for name in DECIDED.names if name not in ("gated", "off_list", "segment", "topic", "arm"))
"""The file beside the scores: each criterion with its evidence and date."""
_AT_ONCE = 2
"""Batches that are decided together: Arrow lets others work while it does, and each costs memory."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which probability on a lead counts, and where that comes from."""

    probability: float
    by: Literal["capacity", "cost", "fixed"]
    why: str

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {"probability": self.probability, "by": self.by, "why": self.why}


@dataclass(frozen=True)
class Qualified:
    """Every lead's qualification in the engine, and what holds for all of them.

    Attributes
    ----------
    table
        A row a lead: verdict, criteria, action and so on; `gated` is the gate's cause, `off_list` that of the action.
    facts
        What they were decided from: `scoring.facts.lead_facts`.
    scores
        `scoring.score.SCORE_COLUMNS` of the same leads.
    threshold
        The probability that the verdicts are made with.
    states
        Criterion to state to leads.
    why_unknown
        Criterion to why it is unknown for every lead.
    """

    table: ir.Table
    facts: ir.Table
    scores: ir.Table
    threshold: Threshold
    states: dict[str, dict[str, int]]
    why_unknown: dict[str, str]


def qualify(
    canonical: Canonical,
    parts: ScoredParts,
    gated: ir.Table,
    as_of: datetime | None,
    *,
    capacity: int | None,
    ranges: Ranges | None = None,
) -> Qualified:
    """Judge every lead, find the threshold, and decide what to do next.

    Parameters
    ----------
    canonical
        The tables.
    parts
        What scoring left on disk; the qualification's own parts go beside it and stay as long.
    gated
        `lead_id` and `removed`, as `scoring.gate.gate` gives them.
    as_of
        Where we stand; None for data without dates.
    capacity
        Leads that the list holds; None for all.
    ranges
        The scored leads in ranges, where they were scored range by range.
    """
    engine, config, seen = canonical.engine, canonical.config, observed(canonical)
    decide = Decisions(config, seen)
    kept = Path(tempfile.mkdtemp(prefix="qualify-", dir=parts.scores.parent))
    for name in ("known", "facts", "decided"):
        (kept / name).mkdir()
    scores: Any = engine.read_parts(parts.scores)
    known = engine.read_parts(parts.features)
    judged_by = _judged_by(canonical, known, scores, gated, as_of)

    def more(facts: Any) -> Any:
        return facts.join(judged_by, SNAPSHOT)

    if ranges is None:
        spine = _spine(canonical, parts)
        batches = engine.stream(
            more(lead_facts(canonical, spine, as_of=as_of, known=known)), config.lists.batch_rows
        )
    else:
        batches = facts_by_ranges(canonical, ranges, kept / "known", as_of=as_of, known=known, more=more)
    eligible = [np.zeros(0)]
    for number, batch in enumerate(ahead(batches)):
        table = pa.Table.from_batches([batch])
        eligible.append(decide.eligible(table))
        pq.write_table(table, kept / "facts" / f"{number:06d}.parquet", compression="lz4")
    threshold = threshold_of(config, np.concatenate(eligible), capacity)
    _decide(decide, threshold, kept / "facts", kept / "decided")
    facts: Any = engine.read_parts(kept / "facts").drop("probability", "gated", "position")
    return Qualified(
        engine.read_parts(kept / "decided"), facts, scores, threshold, decide.counts(), seen.why_unknown()
    )


def _judged_by(
    canonical: Canonical, features: Any, scores: Any, gated: Any, as_of: datetime | None
) -> ir.Table:
    """Beside the facts, per snapshot: `probability`, `gated` and `position`.

    Step by step, since each holds a table of all leads; and in the order of the snapshots, which makes them easy to find by ranges.
    """
    engine = canonical.engine
    table: Any = features.select(SNAPSHOT, "lead_id").join(scores.select("lead_id", "probability"), "lead_id")
    for number, beside in enumerate((gated.select("lead_id", gated="removed"), positions(canonical, as_of))):
        table = engine.materialise(table, f"qualify_beside_{number}").join(beside, "lead_id")
    return engine.materialise(table.drop("lead_id").order_by(SNAPSHOT), "qualify_beside")


def _decide(decide: Decisions, threshold: Threshold, facts: Path, decided: Path) -> None:
    """Decide for each part in `facts`, and leave one of that name in `decided`."""

    def one(path: Path) -> None:
        pq.write_table(decide.table(pq.read_table(path), threshold), decided / path.name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, sorted(facts.glob("*.parquet"))))


def _spine(canonical: Canonical, parts: ScoredParts) -> ir.Table:
    """The leads and as_of that were scored, from the parts: the engine's spine may be of a later scoring by now."""
    keys: Any = canonical.engine.read_parts(parts.features).select(
        *(key for key in SPINE if key != "created_at")
    )
    leads = canonical.tables["leads"].select("lead_id", "created_at")
    return canonical.engine.materialise(keys.join(leads, "lead_id").select(*SPINE), "spine_qualify")


def threshold_of(config: Config, eligible: np.ndarray[Any, Any], capacity: int | None) -> Threshold:
    """The threshold as configured.

    Parameters
    ----------
    config
        The configuration.
    eligible
        Probabilities (float64, shape (leads,)) of the leads that could be called: not gated, no hard criterion failed,
        not to be left alone.
    capacity
        Leads that the list holds; None for all.
    """
    rule = config.qualification.threshold
    if rule.by == "fixed" and rule.probability is not None:
        return Threshold(rule.probability, "fixed", "qualification.threshold.probability")
    if rule.by == "cost" and rule.call_cost is not None and rule.prospect_value is not None:
        why = f"a call costs {rule.call_cost:g}, a prospect is worth {rule.prospect_value:g}"
        return Threshold(rule.call_cost / rule.prospect_value, "cost", why)
    if capacity is None:
        return Threshold(0.0, "capacity", "the list holds every lead, so that every probability is enough")
    if len(eligible) <= capacity:
        why = f"the list holds {capacity:,} and {len(eligible):,} can be called, so that every probability is enough"
        return Threshold(0.0, "capacity", why)
    at = float(np.sort(eligible)[-capacity])
    return Threshold(
        at, "capacity", f"the {capacity:,} that the list holds of {len(eligible):,} that can be called"
    )


class Decisions:
    """Turns batches of facts into batches of decisions, and counts the states."""

    def __init__(self, config: Config, seen: Observed) -> None:
        self._rules = config.qualification
        self._judge = Judge(config, seen)
        self._askable = frozenset(CRITERIA) - seen.why_unknown().keys()
        self._leaves = pa.array([OFF_LIST.get(rule.action) for rule in self._rules.actions], pa.string())
        self._counting = Lock()
        self._counts = {name: np.zeros(len(ALL_STATES), np.int64) for name in CRITERIA}

    def eligible(self, table: pa.Table) -> Floats:
        """The probabilities of the leads that could be called if their probability were high enough."""
        facts = self._judge.facts(table.filter(pc.is_null(table["gated"])))
        found = self._situations(facts, self._judge.states(facts), 0.0)
        stays = pc.is_null(self._off_list(found)).to_numpy(zero_copy_only=False)
        return found.probability[stays & ~found.failed]

    def table(self, table: pa.Table, threshold: Threshold) -> pa.Table:
        """Decide for a batch."""
        facts = self._judge.facts(table)
        judged, at = self._judge.all(facts), threshold.probability
        with self._counting:
            for name, codes in judged.states.items():
                self._counts[name] += np.bincount(codes, minlength=len(ALL_STATES))
        found = self._situations(facts, judged.states, at)
        is_prospect = found.over_threshold & ~found.failed
        decided = {
            "lead_id": facts.column("lead_id"),
            "verdict": where(is_prospect, PROSPECT, NO_PROSPECT),
            "verdict_because": _whys(found),
            **{f"criterion_{name}": state_names(codes) for name, codes in judged.states.items()},
            **{f"{name}_evidence": words for name, words in judged.evidence.items()},
            **{f"{name}_on": days for name, days in judged.on.items()},
            "channel": facts.column("channel"),
            "origin": _origins(facts),
            "position": facts.column("position"),
            "gated": facts.column("gated"),
        }
        # Nothing is to be done about whom the gate removes: what is not given is null.
        rows = np.flatnonzero(~facts.known("gated"))
        for name, part in self._open(found.of(rows), threshold).items():
            decided[name] = scattered([(rows, part)], len(facts), DECIDED.field(name).type)
        return pa.table(
            [decided[name].cast(DECIDED.field(name).type) for name in DECIDED.names], schema=DECIDED
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Criterion to state to leads decided so far."""
        shown = (MET, NOT_MET, UNKNOWN)
        return {
            name: {state: int(found[ALL_STATES.index(state)]) for state in shown}
            for name, found in self._counts.items()
        }

    def _open(self, found: Situations, threshold: Threshold) -> dict[str, pa.Array]:
        """What to do about leads that may be called or written to."""
        does = next_actions(found, self._rules.actions, self._rules.follow_up)
        leaves = self._off_list(found)
        if threshold.by == "capacity":
            # Whom the capacity leaves out is ranked all the same, and counted as beyond the capacity.
            leaves = where(found.over_threshold, leaves, self._off_list(replace(found, threshold=0.0)))
        facts, rules = found.facts, self._rules.nurture
        leads = facts.column("lead_id").to_pylist()
        return {
            "next_action": does.action,
            "action_because": does.because,
            "follow_up_on": does.on,
            "opening": openings(facts, self._judge),
            "segment": segments(facts, self._judge, rules),
            "topic": interests(facts, self._judge),
            "arm": pa.array([arm(lead, rules.arms, rules.salt) for lead in leads], pa.string()),
            "off_list": leaves,
        }

    def _situations(self, facts: Facts, states: Mapping[str, Codes], threshold: float) -> Situations:
        return Situations(
            facts, states, self._judge.hard, self._askable, facts.number("probability"), threshold
        )

    def _off_list(self, found: Situations) -> pa.Array:
        """The cause under which the next action takes a lead off the list (string); null where it does not."""
        return self._leaves.take(pa.array(first_rules(found, self._rules.actions)))


def _whys(found: Situations) -> pa.Array:
    """Why a verdict is what it is."""
    failed = found.by_states(lambda states: failing(states, found.hard, "; ", " not met"))
    chance, at = percents(found.probability), percent(found.threshold)
    under = where(~found.over_threshold, sentence("probability ", chance, " is below ", at))
    none = sentence("probability ", chance, ", threshold ", at, "; no hard criterion failed")
    reasons = joined("; ", where(filled(failed), failed), under)
    return where(filled(reasons), reasons, none)


def _origins(facts: Facts) -> pa.Array:
    """Offline: an offline source, and never an act of the lead's own on the web."""
    offline = facts.number("source_is_offline")
    unknown = where(offline == 1, OFFLINE, pa.repeat(ORIGIN_UNKNOWN, len(facts)))
    return where(facts.known("last_web_us") | (offline == 0), ONLINE, unknown)
