"""Qualification of every lead: criteria, threshold, verdict, next action, opening; in batches, kept on disk."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from propensity.config.qualify import LEAVE, NURTURE, REFERRAL
from propensity.scoring.actions import Situation, first_rule, next_action, situation
from propensity.scoring.causes import LEFT_ALONE, NURTURED, REFERRAL_SOURCE
from propensity.scoring.criteria import CRITERIA, Judge, Judgement, Row, act
from propensity.scoring.facts import Observed, lead_facts, observed
from propensity.scoring.gate import positions
from propensity.scoring.opening import opening
from propensity.scoring.segments import arm, interest, places, segment
from propensity.timeline.snapshots import SPINE

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.config import Config
    from propensity.features.ranges import Ranges
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
_SCHEMA = pa.schema(
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
FILE = tuple(name for name in _SCHEMA.names if name not in ("gated", "off_list", "segment", "topic", "arm"))
"""The file beside the scores: each criterion with its evidence and date."""
_SLICE = 5_000


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
    decide = _Decisions(config, seen)
    kept = Path(tempfile.mkdtemp(prefix="qualify-", dir=parts.scores.parent))
    for name in ("known", "facts", "decided"):
        (kept / name).mkdir()
    facts: Any = lead_facts(
        canonical,
        _spine(canonical, parts),
        as_of=as_of,
        known=engine.read_parts(parts.features),
        ranges=ranges,
        folder=kept / "known",
    )
    scores: Any = engine.read_parts(parts.scores)
    joined = facts.join(scores.select("lead_id", "probability"), "lead_id")
    joined = joined.left_join(gated.select("lead_id", gated="removed"), "lead_id").drop("lead_id_right")
    joined = joined.left_join(positions(canonical, as_of), "lead_id").drop("lead_id_right")
    eligible = [np.zeros(0)]
    for number, batch in enumerate(engine.stream(joined, config.lists.batch_rows)):
        table = pa.Table.from_batches([batch])
        eligible.append(np.array(decide.eligible(table)))
        pq.write_table(table, kept / "facts" / f"{number:06d}.parquet", compression="lz4")
    threshold = threshold_of(config, np.concatenate(eligible), capacity)
    for path in sorted((kept / "facts").glob("*.parquet")):
        pq.write_table(decide.table(pq.read_table(path), threshold), kept / "decided" / path.name)
        path.unlink()
    return Qualified(
        engine.read_parts(kept / "decided"), facts, scores, threshold, decide.counts(), seen.why_unknown()
    )


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


class _Decisions:
    """Turns rows of facts into rows of decisions, and counts the states."""

    def __init__(self, config: Config, seen: Observed) -> None:
        self._rules, self._zone = config.qualification, config.data.zone
        self._judge = Judge(config, seen)
        self._askable = frozenset(CRITERIA) - seen.why_unknown().keys()
        self._counts = {name: Counter[str]({"met": 0, "not met": 0, "unknown": 0}) for name in CRITERIA}

    def eligible(self, table: pa.Table) -> list[float]:
        """The probabilities of the leads that could be called if their probability were high enough."""
        found: list[float] = []
        for row in (row for rows in _slices(table.filter(pc.is_null(table["gated"]))) for row in rows):
            judged = self._judge.all(row)
            if not self._judge.failed(judged) and self._off_list(self._situation(row, judged, 0.0)) is None:
                found.append(row["probability"])
        return found

    def table(self, table: pa.Table, threshold: Threshold) -> pa.Table:
        """Decide for a batch."""
        slices = [
            pa.Table.from_pylist([self._row(row, threshold) for row in rows], schema=_SCHEMA)
            for rows in _slices(table)
        ]
        return pa.concat_tables(slices) if slices else _SCHEMA.empty_table()

    def counts(self) -> dict[str, dict[str, int]]:
        """Criterion to state to leads decided so far."""
        return {name: dict(found) for name, found in self._counts.items()}

    def _row(self, row: Row, threshold: Threshold) -> dict[str, Any]:
        judged = self._judge.all(row)
        for name, one in judged.items():
            self._counts[name][one.state] += 1
        failed, at = self._judge.failed(judged), threshold.probability
        decided = {
            "lead_id": row["lead_id"],
            "verdict": NO_PROSPECT if failed or row["probability"] < at else PROSPECT,
            "verdict_because": _why(failed, row["probability"], at),
            **{f"criterion_{name}": one.state for name, one in judged.items()},
            **{f"{name}_evidence": one.evidence for name, one in judged.items()},
            **{f"{name}_on": one.on for name, one in judged.items()},
            "channel": row["channel"],
            "origin": _origin(row),
            "position": row["position"],
            "gated": row["gated"],
        }
        # Nothing is to be done about whom the gate removes: what is not given is null.
        return decided if row["gated"] is not None else {**decided, **self._open(row, judged, threshold)}

    def _open(self, row: Row, judged: Mapping[str, Judgement], threshold: Threshold) -> dict[str, Any]:
        """What to do about a lead that may be called or written to."""
        found = self._situation(row, judged, threshold.probability)
        does = next_action(
            found,
            self._rules.actions,
            self._rules.follow_up,
            response_hours=row["response_hours"],
            as_of=row["as_of"],
            zone=self._zone,
        )
        # Whom the capacity leaves out is ranked all the same, and counted as beyond the capacity.
        by_capacity = threshold.by == "capacity" and not found.over_threshold
        leaves = self._off_list(replace(found, threshold=0.0)) if by_capacity else OFF_LIST.get(does.action)
        rules = self._rules.nurture
        return {
            "next_action": does.action,
            "action_because": does.because,
            "follow_up_on": does.on,
            "opening": opening(row, self._judge, self._zone),
            "segment": segment(places(row, self._judge), rules),
            "topic": interest(row, self._judge),
            "arm": arm(row["lead_id"], rules.arms, rules.salt),
            "off_list": leaves,
        }

    def _situation(self, row: Row, judged: Mapping[str, Judgement], threshold: float) -> Situation:
        return situation(
            row,
            {name: one.state for name, one in judged.items()},
            failed=self._judge.failed(judged),
            askable=self._askable,
            probability=row["probability"],
            threshold=threshold,
        )

    def _off_list(self, found: Situation) -> str | None:
        return OFF_LIST.get(first_rule(found, self._rules.actions).action)


def _why(failed: tuple[str, ...], probability: float, threshold: float) -> str:
    reasons = [f"{name} not met" for name in failed]
    if probability < threshold:
        reasons.append(f"probability {probability:.1%} is below {threshold:.1%}")
    return (
        "; ".join(reasons)
        or f"probability {probability:.1%}, threshold {threshold:.1%}; no hard criterion failed"
    )


def _origin(row: Row) -> str:
    """Offline: an offline source, and never an act of the lead's own on the web."""
    if act(row["last_web"]) is not None or row["source_is_offline"] == 0:
        return ONLINE
    return OFFLINE if row["source_is_offline"] == 1 else ORIGIN_UNKNOWN


def _slices(table: pa.Table) -> Iterator[list[Row]]:
    """Rows as mappings; a few thousand at a time, since they are many times as large as in Arrow."""
    names = table.column_names
    for start in range(0, table.num_rows, _SLICE):
        columns = [_values(column.combine_chunks()) for column in table.slice(start, _SLICE).columns]
        yield [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pa.Array) -> list[Any]:
    """A column's values; instants, which are slow to make and mostly alike, are made once each."""
    if not pa.types.is_timestamp(column.type):
        return column.to_pylist()
    encoded = column.dictionary_encode()
    instants = encoded.dictionary.to_pylist()
    return [None if place is None else instants[place] for place in encoded.indices.to_pylist()]
