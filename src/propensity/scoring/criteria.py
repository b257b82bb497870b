"""The five criteria as pure rules over what is known of leads: met, not met or unknown, with evidence and its date.

Each rule is a table of cases over a batch of `scoring.facts.lead_facts`, of which the first that holds for a lead decides.
Null means unknown, and unknown is never a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from propensity.scoring.columns import (
    DAY_US,
    Acts,
    Facts,
    Flags,
    filled,
    joined,
    plain,
    scattered,
    sentence,
    told,
    told_numbers,
    where,
)
from propensity.scoring.reasons import shown

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.config.qualify import State
    from propensity.scoring.facts import Observed

CRITERIA: tuple[str, ...] = ("fit", "budget", "authority", "need", "dialogue")
MET: State = "met"
NOT_MET: State = "not met"
UNKNOWN: State = "unknown"
ALL_STATES: tuple[State, ...] = (UNKNOWN, MET, NOT_MET)
"""A state's code is its place here."""
PARTS = {
    "industry": ("industry", ("account_industry",)),
    "country": ("country", ("account_country", "country")),
    "region": ("region", ("account_region", "region")),
    "employee_count": ("company size", ("employee_count",)),
    "annual_revenue": ("company revenue", ("account_annual_revenue",)),
    "seniority": ("seniority", ("seniority_rank",)),
}
_KINDS, _OTHER_KIND = {"stated": "stated", "quote": "was quoted"}, "has"

Row = Mapping[str, Any]
Codes = np.ndarray[Any, np.dtype[np.int8]]


@dataclass(frozen=True)
class Case:
    """One line of a criterion's table.

    Attributes
    ----------
    holds
        For which leads, (leads,).
    state
        What the criterion is then.
    says
        The evidence: the words, or what makes them for the leads that the case decides.
    dated
        The column of the act behind it, whose day is that of the evidence; None for what has no day.
    """

    holds: Flags
    state: State
    says: str | Callable[[Facts], pa.Array]
    dated: str | None = None


@dataclass(frozen=True)
class Judged:
    """The criteria of a batch: criterion to an array, (leads,).

    Attributes
    ----------
    states
        Codes: places in ALL_STATES (int8).
    evidence
        The fact behind it, in words (string); null where nothing is known.
    on
        The day of that fact in the zone of the data (date32); null for what has no day.
    """

    states: Mapping[str, Codes]
    evidence: Mapping[str, pa.Array]
    on: Mapping[str, pa.Array]


class Judge:
    """The criteria of one configuration.

    Parameters
    ----------
    config
        Its criteria, its acts and their phrases, its zone.
    seen
        What the mapped tables can tell.
    """

    def __init__(self, config: Config, seen: Observed) -> None:
        self._rules = config.qualification
        self._types = config.features.types
        self._seen = seen
        self.zone = config.data.zone
        unknown = seen.why_unknown()
        rules: dict[str, Callable[[Facts], list[Case]]] = {
            "fit": self.fit,
            "budget": self.budget,
            "authority": self.authority,
            "need": self.need,
            "dialogue": self.dialogue,
        }
        self._judged = {name: rule for name, rule in rules.items() if name not in unknown}
        self.hard = tuple(name for name in CRITERIA if getattr(self._rules, name).hard)

    def facts(self, table: pa.Table) -> Facts:
        """A batch of `scoring.facts.lead_facts`, with its days in the zone of the data."""
        return Facts(table, self.zone)

    def states(self, facts: Facts) -> dict[str, Codes]:
        """Criterion to the code of its state, (leads,); a criterion that the tables cannot tell is unknown."""
        unknown = np.full(len(facts), ALL_STATES.index(UNKNOWN), np.int8)
        return {
            name: _states(cases := self._judged[name](facts), _first(cases))
            if name in self._judged
            else unknown
            for name in CRITERIA
        }

    def all(self, facts: Facts) -> Judged:
        """Every criterion, with its evidence."""
        unknown = np.full(len(facts), ALL_STATES.index(UNKNOWN), np.int8)
        states: dict[str, Codes] = dict.fromkeys(CRITERIA, unknown)
        evidence: dict[str, pa.Array] = dict.fromkeys(CRITERIA, pa.nulls(len(facts), pa.string()))
        on: dict[str, pa.Array] = dict.fromkeys(CRITERIA, pa.nulls(len(facts), pa.date32()))
        for name, rule in self._judged.items():
            cases = rule(facts)
            first = _first(cases)
            states[name] = _states(cases, first)
            evidence[name], on[name] = _evidence(cases, first, facts)
        return Judged(states, evidence, on)

    def failed(self, states: Mapping[str, Codes]) -> Flags:
        """Where a hard criterion is not met."""
        return failed(states, self.hard)

    def fit(self, facts: Facts) -> list[Case]:
        """Met where every part is, not met where one is not; else unknown."""
        fits = {part: facts.number(f"fits_{part}") for part in self._seen.fit}
        every = np.ones(len(facts), np.bool_)

        def told_of(value: int, after: str = "") -> Callable[[Facts], pa.Array]:
            def say(some: Facts) -> pa.Array:
                parts = (
                    where(some.number(f"fits_{part}") == value, _part(some, part)) for part in self._seen.fit
                )
                return sentence(joined(", ", *parts), after)

            return say

        def missing(some: Facts) -> pa.Array:
            parts = (
                where(some.number(f"fits_{part}") != 1, pa.scalar(PARTS[part][0])) for part in self._seen.fit
            )
            return sentence(joined(", ", *parts), " unknown")

        return [
            Case(reduce(or_, (one == 0 for one in fits.values()), ~every), NOT_MET, told_of(0, ": not our ideal customer")),
            Case(np.logical_and.reduce([every, *(one == 1 for one in fits.values())]), MET, told_of(1)),
            Case(every, UNKNOWN, missing),
        ]  # fmt: skip

    def budget(self, facts: Facts) -> list[Case]:
        """The last amount that was stated or quoted against the price; where there is none, the revenue."""
        rule, price, amount = self._rules.budget, facts.number("price"), facts.number("amount")
        fact = facts.acts("last_budget").there
        revenue, times = facts.number("account_annual_revenue"), rule.revenue_times_price
        every = np.ones(len(facts), np.bool_)
        silent = every if not self._seen.revenue or times is None else np.isnan(revenue)
        return [
            Case(np.isnan(price), UNKNOWN, "the price is unknown"),
            Case(fact & np.isnan(amount), UNKNOWN, "the last amount is in a currency without a rate", "last_budget"),
            Case(fact & (amount >= rule.least_share * price), MET, _amount, "last_budget"),
            Case(fact, NOT_MET, _amount, "last_budget"),
            Case(silent, UNKNOWN, "no stated or quoted amount is known"),
            Case(revenue < price, NOT_MET, _revenue),
            Case(revenue >= (times or 0) * price, MET, _revenue),
            Case(every, UNKNOWN, _revenue),
        ]  # fmt: skip

    def authority(self, facts: Facts) -> list[Case]:
        """The lead's own title, else that of someone else at the account, who is named."""
        has, others = facts.number("has_authority"), facts.number("others_decide")
        every = np.ones(len(facts), np.bool_)
        beside = (others > 0) & self._rules.authority.colleagues
        return [
            Case(has == 1, MET, lambda some: sentence("title: ", _title(some))),
            Case(beside, MET, lambda some: sentence("not by title, but at the company: ", colleague(some))),
            Case(np.isnan(has), UNKNOWN, "the title is unknown"),
            Case(every, NOT_MET, lambda some: sentence(
                "title: ", _title(some), "; nobody else at the company is known to decide"
            )),
        ]  # fmt: skip

    def need(self, facts: Facts) -> list[Case]:
        """An act that speaks of buying, young enough; unknown for who has not acted at all."""
        days, last = self._rules.need.within_days, facts.acts("last_intent")
        every = np.ones(len(facts), np.bool_)
        return [
            Case(_young(last, days), MET, self._saying("last_intent"), "last_intent"),
            Case(last.there, NOT_MET, self._saying("last_intent", after=_long_ago(days)), "last_intent"),
            Case(~facts.known("last_inbound_us"), UNKNOWN, "has not acted so far"),
            Case(every, NOT_MET, self._saying("last_inbound", "last ", "; never a sign of buying"), "last_inbound"),
        ]  # fmt: skip

    def dialogue(self, facts: Facts) -> list[Case]:
        """An answer after we got in touch, or a meeting; unknown for whom we never approached."""
        days, last = self._rules.dialogue.within_days, facts.acts("last_answer")
        every = np.ones(len(facts), np.bool_)
        return [
            Case(last.there if days is None else _young(last, days), MET, self._saying("last_answer"), "last_answer"),
            Case(last.there, NOT_MET, self._saying("last_answer", after=_long_ago(days)), "last_answer"),
            Case(~facts.known("last_outbound_us"), UNKNOWN, "we have not been in touch so far"),
            Case(every, NOT_MET, "has not answered us so far", "last_outbound"),
        ]  # fmt: skip

    def phrases(self, facts: Facts, name: str) -> pa.Array:
        """Acts, whose kinds are in the column `<name>_kind`, in a rep's words; null where there is none."""
        return told(facts.column(f"{name}_kind").cast(pa.string()), self.phrase)

    def phrase(self, kind: str) -> str:
        """A kind of act in a rep's words."""
        known = self._types.get(kind)
        return known.phrase if known is not None else plain(kind.replace("_", " "))

    def _saying(self, name: str, before: str = "", after: str = "") -> Callable[[Facts], pa.Array]:
        return lambda some: sentence(before, self.phrases(some, name), after)


def failed(states: Mapping[str, Codes], hard: Sequence[str]) -> Flags:
    """Where one of these criteria is not met."""
    none = np.zeros(len(states[CRITERIA[0]]), np.bool_)
    return reduce(or_, (is_in(states[name], NOT_MET) for name in hard), none)


def is_in(codes: Codes, *states: State) -> Flags:
    """Where a criterion is in one of these states."""
    return np.isin(codes, [ALL_STATES.index(state) for state in states])


def state_names(codes: Codes) -> pa.Array:
    """Codes as the states' names (string)."""
    return pa.array(ALL_STATES, pa.string()).take(pa.array(codes))


def colleague(facts: Facts, who: str = "colleague") -> pa.Array:
    """Someone else at the account by name and title; in general words where nobody may be named."""
    lead, name, title = (facts.text(f"{who}_{part}") for part in ("id", "name", "title"))
    called = where(filled(name), name, sentence("lead ", lead))
    titled = where(filled(title), sentence(called, " (", title, ")"), called)
    return where(facts.known(f"{who}_id"), titled, "someone who asked not to be contacted")


def _first(cases: Sequence[Case]) -> Codes:
    """The place of the first case that holds for each lead; the last always does."""
    return np.select([case.holds for case in cases], range(len(cases)), len(cases) - 1).astype(np.int8)


def _states(cases: Sequence[Case], first: Codes) -> Codes:
    return np.array([ALL_STATES.index(case.state) for case in cases], np.int8)[first]


def _evidence(cases: Sequence[Case], first: Codes, facts: Facts) -> tuple[pa.Array, pa.Array]:
    """What was found in words, and its day, of each lead."""
    words: list[tuple[Any, pa.Array]] = []
    days: list[tuple[Any, pa.Array]] = []
    for place, case in enumerate(cases):
        rows = np.flatnonzero(first == place)
        if not len(rows):
            continue
        some = facts.of(rows)
        said = pa.repeat(case.says, len(rows)) if isinstance(case.says, str) else case.says(some)
        words.append((rows, said))
        if case.dated is not None:
            days.append((rows, some.days_of(some.acts(case.dated))))
    return scattered(words, len(facts), pa.string()), scattered(days, len(facts), pa.date32())


def _young(done: Acts, days: int) -> Flags:
    return done.there & (done.age_us <= days * DAY_US)


def _long_ago(days: int | None) -> str:
    return f", longer than {days} days ago"


def _amount(facts: Facts) -> pa.Array:
    kinds = facts.column("last_budget_kind").cast(pa.string())
    said = told(kinds, lambda kind: _KINDS.get(kind, _OTHER_KIND)).fill_null(_OTHER_KIND)
    amount, price = (told_numbers(facts.number(name), shown) for name in ("amount", "price"))
    return sentence(said, " ", amount, "; the price is ", price)


def _revenue(facts: Facts) -> pa.Array:
    revenue, price = (told_numbers(facts.number(name), shown) for name in ("account_annual_revenue", "price"))
    return sentence("no amount is known; revenue ", revenue, " a year, the price is ", price)


def _title(facts: Facts) -> pa.Array:
    return facts.text("title").fill_null("")


def _part(facts: Facts, part: str) -> pa.Array:
    """A part of the ideal customer, and what the lead's is."""
    word, columns = PARTS[part]
    value: Any = None
    for name in columns:
        column = facts.column(name)
        is_text = pa.types.is_string(column.type) or pa.types.is_null(column.type)
        one = facts.text(name) if is_text else told(column, shown)
        value = one if value is None else value.fill_null(one)
    return sentence(word, " ", value.fill_null(""))
