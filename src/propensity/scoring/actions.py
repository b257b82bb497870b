"""What to do next about leads, and why: the first rule of a table that applies to each. Pure."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from propensity.config.qualify import LEAVE
from propensity.scoring.columns import (
    DAY_US,
    Acts,
    Facts,
    Flags,
    Floats,
    Ints,
    days_of,
    later,
    scattered,
    sentence,
    told_numbers,
    where,
)
from propensity.scoring.criteria import (
    ALL_STATES,
    CRITERIA,
    MET,
    NOT_MET,
    UNKNOWN,
    Codes,
    colleague,
    failed,
    is_in,
)
from propensity.scoring.reasons import percent, shown

if TYPE_CHECKING:
    from propensity.config.qualify import ActionRule, FollowUpConfig, State, WhenConfig

_HOUR_US = DAY_US // 24
_NO_DAY = "a day that is not known"


@dataclass(frozen=True)
class Situations:
    """What the table of next actions looks at, for a batch of leads; arrays are (leads,).

    Attributes
    ----------
    facts
        `scoring.facts.lead_facts` of the leads.
    states
        Criterion to the codes of its states (places in ALL_STATES).
    hard
        The criteria that a prospect must not fail.
    askable
        The criteria that the mapped tables can tell: nobody is asked for what has no place to be written down.
    probability
        Of conversion.
    threshold
        From which probability on a lead counts.
    """

    facts: Facts
    states: Mapping[str, Codes]
    hard: Sequence[str]
    askable: frozenset[str]
    probability: Floats
    threshold: float

    def of(self, rows: Flags | Ints) -> Situations:
        """Those of some of the leads."""
        states = {name: codes[rows] for name, codes in self.states.items()}
        return Situations(
            self.facts.of(rows), states, self.hard, self.askable, self.probability[rows], self.threshold
        )

    @property
    def failed(self) -> Flags:
        """Whether a hard criterion is not met."""
        return failed(self.states, self.hard)

    @property
    def over_threshold(self) -> Flags:
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold

    @property
    def someone_decides(self) -> Flags:
        """Whether the authority is not the lead's own, but that of someone else at the account."""
        return (self.facts.number("has_authority") != 1) & is_in(self.states["authority"], MET)

    @property
    def wrote(self) -> Acts:
        """The leads' last messages."""
        return self.facts.acts("last_message")

    @property
    def approached(self) -> Acts:
        """Our last approaches."""
        return self.facts.acts("last_outbound")

    @property
    def called(self) -> Acts:
        """Our last calls or meetings."""
        return self.facts.acts("last_call")

    @property
    def unanswered(self) -> Ints:
        """Approaches since the lead's last sign."""
        return np.nan_to_num(self.facts.number("unanswered")).astype(np.int64)

    @property
    def wrote_last(self) -> Flags:
        """Whether their message is strictly younger than our last approach."""
        wrote, approached = self.wrote, self.approached
        return wrote.there & (~approached.there | (wrote.age_us < approached.age_us))

    def by_states(self, say: Callable[[Mapping[str, State]], str]) -> pa.Array:
        """What `say` makes of the states of each lead, asked once for states that are the same."""
        code = np.zeros(len(self.probability), np.int64)
        for name in CRITERIA:
            code = code * len(ALL_STATES) + self.states[name]
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
        words = [say({name: ALL_STATES[self.states[name][row]] for name in CRITERIA}) for row in first]
        return pa.array(words, pa.string()).take(pa.array(which))


@dataclass(frozen=True)
class NextActions:
    """What to do (string), its cause (string), and on which day to get in touch (date32; `leave alone`: not before it)."""

    action: pa.Array
    because: pa.Array
    on: pa.Array


def next_actions(found: Situations, rules: Sequence[ActionRule], follow_up: FollowUpConfig) -> NextActions:
    """The first rule that applies to each lead, its cause in words, and the day.

    Parameters
    ----------
    found
        The leads' situations.
    rules
        The table; its last rule always applies.
    follow_up
        How a lead's rhythm makes a day: from `response_hours` of the facts, its median time to an answer.

    Returns
    -------
    Arrays, (leads,); data without dates give no day.
    """
    first = first_rules(found, rules)
    size = len(found.probability)
    because: list[tuple[Ints, pa.Array]] = []
    on: list[tuple[Ints, pa.Array]] = []
    for place, rule in enumerate(rules):
        rows = np.flatnonzero(first == place)
        if len(rows):
            some = found.of(rows)
            day = _days(rule, some, follow_up)
            on.append((rows, day))
            because.append((rows, _causes(rule, some, day)))
    actions = pa.array([rule.action for rule in rules], pa.string()).take(pa.array(first))
    return NextActions(actions, scattered(because, size, pa.string()), scattered(on, size, pa.date32()))


def first_rules(found: Situations, rules: Sequence[ActionRule]) -> Ints:
    """The place of the first rule of the table that applies to each lead, (leads,); the last always does."""
    every = [applies(rule.when, found) for rule in rules]
    return np.select(every, range(len(rules)), len(rules) - 1).astype(np.int64)


def applies(when: WhenConfig, found: Situations) -> Flags:
    """Where everything that a rule asks for holds, (leads,)."""
    holds = np.ones(len(found.probability), np.bool_)
    for criterion in CRITERIA:
        states: tuple[State, ...] | None = getattr(when, criterion)
        if states is not None:
            holds &= is_in(found.states[criterion], *states)
            if criterion not in found.askable:
                holds &= ~is_in(found.states[criterion], UNKNOWN)
    flags: tuple[tuple[bool | None, Callable[[], Flags]], ...] = (
        (when.hard_failed, lambda: found.failed),
        (when.over_threshold, lambda: found.over_threshold),
        (when.colleague_decides, lambda: found.someone_decides),
    )
    for wanted, is_so in flags:
        if wanted is not None:
            holds &= is_so() == wanted
    within: tuple[tuple[float | None, Callable[[float], Flags]], ...] = (
        (when.wrote_last_within_days, lambda days: found.wrote_last & found.wrote.within(days)),
        (when.approached_within_days, found.approached.within),
        (when.called_within_days, found.called.within),
        (when.unanswered_least, lambda least: found.unanswered >= least),
    )
    for limit, is_so_within in within:
        if limit is not None:
            holds &= is_so_within(limit)
    return holds


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


def _days(rule: ActionRule, found: Situations, follow_up: FollowUpConfig) -> pa.Array:
    """When to get in touch (date32): after the rest or the lead's rhythm since our last approach, today where they wait."""
    facts, approached = found.facts, found.approached
    as_of = facts.instants()
    if rule.action == LEAVE:
        waits, rests = approached.there, np.full(len(facts), _microseconds(rule.rest_days))
    else:
        waits, rests = approached.there & ~found.wrote_last, _rhythms(facts, follow_up)
    instants = np.where(waits, later(as_of - approached.age_us, rests, least=as_of), as_of)
    return days_of(instants, facts.known("as_of"), facts.zone)


def _rhythms(facts: Facts, follow_up: FollowUpConfig) -> Ints:
    """Microseconds to leave each lead for an answer."""
    hours, which = np.unique(facts.number("response_hours"), return_inverse=True)
    known = (None if np.isnan(one) else float(one) for one in hours)
    return np.array([_microseconds(rhythm_days(follow_up, one)) for one in known], np.int64)[which]


def _microseconds(days: float) -> int:
    return timedelta(days=days) // timedelta(microseconds=1)


def _causes(rule: ActionRule, found: Situations, until: pa.Array) -> pa.Array:
    """The rule's cause for each lead, its places filled."""
    facts = found.facts
    size = len(facts)

    def day(done: Acts) -> pa.Array:
        return facts.days_of(done).cast(pa.string()).fill_null(_NO_DAY)

    def named(state: State) -> pa.Array:
        return found.by_states(lambda states: _named(states, state))

    fillers: Mapping[str, Callable[[], pa.Array | str]] = {
        "approached_on": lambda: day(found.approached),
        "called_on": lambda: day(found.called),
        "wrote_on": lambda: day(found.wrote),
        "rest_until": lambda: until.cast(pa.string()).fill_null(_NO_DAY),
        "colleague": lambda: where(found.someone_decides, colleague(facts), "nobody else"),
        "criteria": lambda: found.by_states(lambda states: _summary(states, found.askable)),
        "failed": lambda: found.by_states(lambda states: failing(states, found.hard) or "none"),
        "met": lambda: named(MET),
        "unknown": lambda: named(UNKNOWN),
        "price": lambda: told_numbers(facts.number("price"), shown).fill_null("an unknown price"),
        "probability": lambda: percents(found.probability),
        "threshold": lambda: percent(found.threshold),
        "unanswered": lambda: pa.array(found.unanswered).cast(pa.string()),
    }
    parts: list[pa.Array | str] = [pa.repeat("", size)]
    for literal, place, _, _ in string.Formatter().parse(rule.because):
        parts += [literal] if place is None else [literal, fillers[place]()]
    return sentence(*parts)


def percents(values: Floats) -> pa.Array:
    """Probabilities as people read them (string)."""
    return told_numbers(values, percent)


def failing(states: Mapping[str, State], hard: Sequence[str], between: str = ", ", after: str = "") -> str:
    """The hard criteria that are not met, by name; empty for none."""
    return between.join(f"{name}{after}" for name in hard if states[name] == NOT_MET)


def _named(states: Mapping[str, State], state: State) -> str:
    return ", ".join(name for name in CRITERIA if states[name] == state) or "none"


def _summary(states: Mapping[str, State], askable: frozenset[str]) -> str:
    asked = ", ".join(name for name in CRITERIA if name in askable and states[name] == UNKNOWN)
    return f"met: {_named(states, MET)}" + (f"; still unknown: {asked}" if asked else "")
