"""What to do next about a lead, and why: the first rule of a table that applies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from propensity.config.qualify import LEAVE
from propensity.scoring.criteria import CRITERIA, DAY_US, Act, Row, act, colleague, day_of
from propensity.scoring.reasons import shown

if TYPE_CHECKING:
    from propensity.config.qualify import Action, ActionRule, FollowUpConfig, State, WhenConfig

_HOUR_US = DAY_US // 24


@dataclass(frozen=True, slots=True)
class Situation:
    """What the table of next actions looks at, for one lead.

    Attributes
    ----------
    states
        Criterion to met, not met or unknown.
    askable
        The criteria that the mapped tables can tell: nobody is asked for what has no place to be written down.
    failed
        The hard criteria that are not met.
    probability, threshold
        Of conversion; from which one on a lead counts.
    wrote, approached, called
        The lead's last message, our last approach and our last call or meeting; None where there was none.
    unanswered
        Approaches since the lead's last sign.
    decider
        Who else at the account may decide, in words; None where the lead may, or nobody is known.
    price
        What the lead's product costs, in the base currency; None where that is unknown.
    """

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
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold

    @property
    def is_prospect(self) -> bool:
        """The verdict: the probability reaches the threshold, and no hard criterion failed."""
        return self.over_threshold and not self.failed

    @property
    def wrote_last(self) -> bool:
        """Whether their message is strictly younger than our last approach."""
        return self.wrote is not None and (
            self.approached is None or self.wrote.age_us < self.approached.age_us
        )


@dataclass(frozen=True, slots=True)
class NextAction:
    """What to do, its cause, and on which day to get in touch (`leave alone`: not before it)."""

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
    """The situation of one row of `scoring.facts.lead_facts`."""
    someone = row["has_authority"] != 1 and states["authority"] == "met"
    return Situation(
        states=states,
        askable=askable,
        failed=failed,
        probability=probability,
        threshold=threshold,
        wrote=act(row["last_message"]),
        approached=act(row["last_outbound"]),
        called=act(row["last_call"]),
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
    """The first rule that applies, its cause in words, and the day.

    Parameters
    ----------
    found
        The lead's situation.
    rules
        The table; its last rule always applies.
    follow_up
        How a lead's rhythm makes a day.
    response_hours
        The lead's median time to an answer; None where it has answered nothing.
    as_of
        Where we stand; None for data without dates, which give no day.
    zone
        Of the days.
    """
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
    """The first rule of the table that applies; the last always does."""
    return next(rule for rule in rules if applies(rule.when, found))


def rhythm_days(follow_up: FollowUpConfig, response_hours: float | None) -> float:
    """Days to leave the lead for an answer: a multiple of its own median, within bounds.

    >>> from propensity.config.qualify import FollowUpConfig
    >>> [rhythm_days(FollowUpConfig(), hours) for hours in (None, 2.0, 48.0, 9_999.0)]
    [7.0, 1.0, 4.0, 30.0]
    """
    if response_hours is None:
        days = follow_up.default_days
    else:
        days = follow_up.times_response * response_hours * _HOUR_US / DAY_US
    return min(max(days, follow_up.least_days), follow_up.most_days)


def applies(when: WhenConfig, found: Situation) -> bool:
    """Whether everything that a rule asks for holds."""
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
    """So many days after an act, and never before as_of."""
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
        probability=f"{found.probability:.1%}",
        threshold=f"{found.threshold:.1%}",
        unanswered=found.unanswered,
    )
