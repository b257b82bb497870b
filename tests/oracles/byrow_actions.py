"""Next actions and whole decisions, row by row, in plain Python: what `scoring.qualify` decides by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from oracles.byrow import Act, Judge, Judgement, Row, act, colleague, interest, opening, places, segment
from propensity.config import Config
from propensity.config.qualify import LEAVE, Action, ActionRule, FollowUpConfig, State, WhenConfig
from propensity.scoring.actions import rhythm_days
from propensity.scoring.columns import day_of
from propensity.scoring.criteria import CRITERIA
from propensity.scoring.facts import Observed
from propensity.scoring.qualify import (
    NO_PROSPECT,
    OFF_LIST,
    OFFLINE,
    ONLINE,
    ORIGIN_UNKNOWN,
    PROSPECT,
    Threshold,
)
from propensity.scoring.reasons import shown
from propensity.scoring.segments import arm


@dataclass(frozen=True, slots=True)
class Situation:
    states: Mapping[str, State]
    askable: frozenset[str]
    failed: tuple[str, ...]
    probability: float
    threshold: float
    wrote: Act | None = None
    approached: Act | None = None
    called: Act | None = None
    unanswered: int = 0
    decider: str | None = None
    price: float | None = None

    @property
    def over_threshold(self) -> bool:
        return self.probability >= self.threshold

    @property
    def is_prospect(self) -> bool:
        return self.over_threshold and not self.failed

    @property
    def wrote_last(self) -> bool:
        return self.wrote is not None and (
            self.approached is None or self.wrote.age_us < self.approached.age_us
        )


@dataclass(frozen=True, slots=True)
class NextAction:
    action: Action
    because: str
    on: date | None


def situation(
    row: Row,
    states: Mapping[str, State],
    *,
    failed: tuple[str, ...],
    askable: frozenset[str],
    probability: float,
    threshold: float,
) -> Situation:
    someone = row["has_authority"] != 1 and states["authority"] == "met"
    return Situation(
        states=states,
        askable=askable,
        failed=failed,
        probability=probability,
        threshold=threshold,
        wrote=act(row, "last_message"),
        approached=act(row, "last_outbound"),
        called=act(row, "last_call"),
        unanswered=int(row["unanswered"] or 0),
        decider=colleague(row) if someone else None,
        price=row["price"],
    )


def next_action(
    found: Situation,
    rules: Sequence[ActionRule],
    follow_up: FollowUpConfig,
    *,
    response_hours: float | None,
    as_of: datetime | None,
    zone: ZoneInfo,
) -> NextAction:
    rule = first_rule(found, rules)
    if as_of is None:
        return NextAction(rule.action, _cause(rule, found, None, None, zone), None)
    if rule.action == LEAVE:
        instant = _after(found.approached, as_of, rule.rest_days)
    elif found.wrote_last or found.approached is None:
        instant = as_of
    else:
        instant = _after(found.approached, as_of, rhythm_days(follow_up, response_hours))
    on = day_of(instant, zone)
    return NextAction(rule.action, _cause(rule, found, on, as_of, zone), on)


def first_rule(found: Situation, rules: Sequence[ActionRule]) -> ActionRule:
    return next(rule for rule in rules if applies(rule.when, found))


def applies(when: WhenConfig, found: Situation) -> bool:
    for criterion in CRITERIA:
        wanted: tuple[State, ...] | None = getattr(when, criterion)
        if wanted is not None and (
            found.states[criterion] not in wanted
            or (found.states[criterion] == "unknown" and criterion not in found.askable)
        ):
            return False
    flags = (
        (when.hard_failed, bool(found.failed)),
        (when.over_threshold, found.over_threshold),
        (when.colleague_decides, found.decider is not None),
    )
    if any(wanted is not None and wanted != is_so for wanted, is_so in flags):
        return False
    if when.unanswered_least is not None and found.unanswered < when.unanswered_least:
        return False
    wrote = found.wrote if found.wrote_last else None
    within = (
        (when.wrote_last_within_days, wrote),
        (when.approached_within_days, found.approached),
        (when.called_within_days, found.called),
    )
    return all(days is None or (done is not None and done.days <= days) for days, done in within)


def _after(done: Act | None, as_of: datetime, days: float) -> datetime:
    if done is None:
        return as_of
    try:
        return max(as_of, as_of - timedelta(microseconds=done.age_us) + timedelta(days=days))
    except OverflowError:
        return as_of


def _cause(
    rule: ActionRule, found: Situation, until: date | None, as_of: datetime | None, zone: ZoneInfo
) -> str:
    def day(done: Act | None) -> str:
        return "a day that is not known" if done is None or as_of is None else f"{done.on(as_of, zone)}"

    def named(state: State) -> str:
        return ", ".join(name for name in CRITERIA if found.states[name] == state) or "none"

    asked = ", ".join(name for name in CRITERIA if name in found.askable and found.states[name] == "unknown")
    criteria = f"met: {named('met')}" + (f"; still unknown: {asked}" if asked else "")
    return rule.because.format(
        approached_on=day(found.approached),
        called_on=day(found.called),
        wrote_on=day(found.wrote),
        rest_until="a day that is not known" if until is None else f"{until}",
        colleague=found.decider or "nobody else",
        criteria=criteria,
        failed=", ".join(found.failed) or "none",
        met=named("met"),
        unknown=named("unknown"),
        price="an unknown price" if found.price is None else shown(found.price),
        probability=in_a_hundred(found.probability),
        threshold=in_a_hundred(found.threshold),
        unanswered=found.unanswered,
    )


class Decisions:
    def __init__(self, config: Config, seen: Observed) -> None:
        self._rules, self._zone = config.qualification, config.data.zone
        self._judge = Judge(config, seen)
        self._askable = frozenset(CRITERIA) - seen.why_unknown().keys()

    def eligible(self, rows: Sequence[Row]) -> list[float]:
        found: list[float] = []
        for row in rows:
            judged = self._judge.all(row)
            if row["gated"] is not None or self._judge.failed(judged):
                continue
            if self._off_list(self._situation(row, judged, 0.0)) is None:
                found.append(row["probability"])
        return found

    def row(self, row: Row, threshold: Threshold) -> dict[str, Any]:
        judged = self._judge.all(row)
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


def in_a_hundred(probability: float) -> str:
    """One decimal, a space, the sign; the certain ends without one, and nothing that is not certain rounded to them."""
    if probability in {0.0, 1.0}:
        return {0.0: "0.0 %", 1.0: "100 %"}[probability]
    if min(probability, 1 - probability) < 0.001:
        return "below 0.1 %" if probability < 0.5 else "above 99.9 %"
    return f"{probability:.1%}".removesuffix("%") + " %"


def _why(failed: tuple[str, ...], probability: float, threshold: float) -> str:
    reasons = [f"{name} not met" for name in failed]
    if probability < threshold:
        reasons.append(f"probability {in_a_hundred(probability)} is below {in_a_hundred(threshold)}")
    return (
        "; ".join(reasons)
        or f"probability {in_a_hundred(probability)}, threshold {in_a_hundred(threshold)}; no hard criterion failed"
    )


def _origin(row: Row) -> str:
    if act(row, "last_web") is not None or row["source_is_offline"] == 0:
        return ONLINE
    return OFFLINE if row["source_is_offline"] == 1 else ORIGIN_UNKNOWN
