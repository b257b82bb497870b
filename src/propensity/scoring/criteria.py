"""The five criteria as pure rules over what is known of a lead: met, not met or unknown, with evidence and its date.

Each rule takes one row of `scoring.facts.lead_facts` (a mapping) and gives a `Judgement`. Null means unknown, and unknown
is never a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from propensity.scoring.facts import Observed
from propensity.scoring.lastacts import AGE_DIGITS, SEPARATOR
from propensity.scoring.reasons import shown

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.config.qualify import State

CRITERIA = ("fit", "budget", "authority", "need", "dialogue")
MET: State = "met"
NOT_MET: State = "not met"
UNKNOWN: State = "unknown"
DAY_US = 86_400_000_000
_LONGEST = 80
PARTS = {
    "industry": ("industry", ("account_industry",)),
    "country": ("country", ("account_country", "country")),
    "region": ("region", ("account_region", "region")),
    "employee_count": ("company size", ("employee_count",)),
    "annual_revenue": ("company revenue", ("account_annual_revenue",)),
    "seniority": ("seniority", ("seniority_rank",)),
}
_KINDS = {"stated": "stated", "quote": "was quoted"}

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One criterion of one lead.

    Attributes
    ----------
    state
        met, not met or unknown.
    evidence
        The fact behind it, in words; None where nothing is known.
    on
        The day of that fact in the zone of the data; None for what has no day.
    """

    state: State
    evidence: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One act: its age at as_of in microseconds, its kind and its channel (empty where not told)."""

    age_us: int
    kind: str
    channel: str

    @property
    def days(self) -> float:
        """Age in days."""
        return self.age_us / DAY_US

    def on(self, as_of: datetime, zone: ZoneInfo) -> date:
        """The day it happened, in the zone."""
        return day_of(as_of - timedelta(microseconds=self.age_us), zone)


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
        self._zone = config.data.zone
        self._unknown = seen.why_unknown()
        rules: dict[str, Callable[[Row], Judgement]] = {
            "fit": self.fit,
            "budget": self.budget,
            "authority": self.authority,
            "need": self.need,
            "dialogue": self.dialogue,
        }
        self._judged = {name: rule for name, rule in rules.items() if name not in self._unknown}
        self.hard = tuple(name for name in CRITERIA if getattr(self._rules, name).hard)

    def all(self, row: Row) -> dict[str, Judgement]:
        """Every criterion; one that the tables cannot tell is unknown."""
        return {
            name: self._judged[name](row) if name in self._judged else Judgement(UNKNOWN) for name in CRITERIA
        }

    def failed(self, found: Mapping[str, Judgement]) -> tuple[str, ...]:
        """The hard criteria that are not met."""
        return tuple(name for name in self.hard if found[name].state == NOT_MET)

    def fit(self, row: Row) -> Judgement:
        """Met where every part is, not met where one is not; else unknown."""
        parts = {part: row[f"fits_{part}"] for part in self._seen.fit}
        failing = [part for part, fits in parts.items() if fits == 0]
        if failing:
            return Judgement(NOT_MET, f"{_told(row, failing)}: not our ideal customer")
        known = [part for part, fits in parts.items() if fits == 1]
        if len(known) == len(parts):
            return Judgement(MET, _told(row, known))
        missing = ", ".join(PARTS[part][0] for part in parts if part not in known)
        return Judgement(UNKNOWN, f"{missing} unknown")

    def budget(self, row: Row) -> Judgement:
        """The last amount that was stated or quoted against the price; where there is none, the revenue."""
        rule, price, amount = self._rules.budget, row["price"], row["amount"]
        fact = act(row["last_budget"])
        if price is None:
            return Judgement(UNKNOWN, "the price is unknown")
        if fact is not None:
            on = self._day(fact, row)
            if amount is None:
                return Judgement(UNKNOWN, "the last amount is in a currency without a rate", on)
            said = _KINDS.get(fact.kind, "has")
            reaches = amount >= rule.least_share * price
            return Judgement(
                MET if reaches else NOT_MET, f"{said} {shown(amount)}; the price is {shown(price)}", on
            )
        revenue = row["account_annual_revenue"]
        if not self._seen.revenue or revenue is None or rule.revenue_times_price is None:
            return Judgement(UNKNOWN, "no stated or quoted amount is known")
        told = f"no amount is known; revenue {shown(revenue)} a year, the price is {shown(price)}"
        if revenue < price:
            return Judgement(NOT_MET, told)
        return Judgement(MET if revenue >= rule.revenue_times_price * price else UNKNOWN, told)

    def authority(self, row: Row) -> Judgement:
        """The lead's own title, else that of someone else at the account, who is named."""
        has, title = row["has_authority"], plain(row["title"])
        if has == 1:
            return Judgement(MET, f"title: {title}")
        if self._rules.authority.colleagues and row["others_decide"]:
            return Judgement(MET, f"not by title, but at the company: {colleague(row)}")
        if has is None:
            return Judgement(UNKNOWN, "the title is unknown")
        return Judgement(NOT_MET, f"title: {title}; nobody else at the company is known to decide")

    def need(self, row: Row) -> Judgement:
        """An act that speaks of buying, young enough; unknown for who has not acted at all."""
        rule, last = self._rules.need, act(row["last_intent"])
        if last is not None and last.age_us <= rule.within_days * DAY_US:
            return Judgement(MET, self.phrase(last), self._day(last, row))
        if last is not None:
            return Judgement(
                NOT_MET, f"{self.phrase(last)}, longer than {rule.within_days} days ago", self._day(last, row)
            )
        inbound = act(row["last_inbound"])
        if inbound is None:
            return Judgement(UNKNOWN, "has not acted so far")
        return Judgement(
            NOT_MET, f"last {self.phrase(inbound)}; never a sign of buying", self._day(inbound, row)
        )

    def dialogue(self, row: Row) -> Judgement:
        """An answer after we got in touch, or a meeting; unknown for whom we never approached."""
        rule, last = self._rules.dialogue, act(row["last_answer"])
        if last is not None:
            young = rule.within_days is None or last.age_us <= rule.within_days * DAY_US
            told = (
                self.phrase(last)
                if young
                else f"{self.phrase(last)}, longer than {rule.within_days} days ago"
            )
            return Judgement(MET if young else NOT_MET, told, self._day(last, row))
        ours = act(row["last_outbound"])
        if ours is None:
            return Judgement(UNKNOWN, "we have not been in touch so far")
        return Judgement(NOT_MET, "has not answered us so far", self._day(ours, row))

    def phrase(self, done: Act) -> str:
        """An act in a rep's words."""
        known = self._types.get(done.kind)
        return known.phrase if known is not None else plain(done.kind.replace("_", " "))

    def _day(self, done: Act, row: Row) -> date:
        return done.on(row["as_of"], self._zone)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The day of an instant in a zone; that of UTC where the calendar ends before the zone's day."""
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()


def act(packed: str | None) -> Act | None:
    """Read what `scoring.facts` packed."""
    if packed is None:
        return None
    _, kind, channel = [*packed.split(SEPARATOR), "", ""][:3]
    return Act(int(packed[:AGE_DIGITS]), kind, channel)


def colleague(row: Row, who: str = "colleague") -> str:
    """Someone else at the account by name and title; in general words where nobody may be named."""
    if row[f"{who}_id"] is None:
        return "someone who asked not to be contacted"
    name = plain(row[f"{who}_name"]) or f"lead {plain(row[f'{who}_id'])}"
    title = plain(row[f"{who}_title"])
    return f"{name} ({title})" if title else name


def plain(text: str | None) -> str:
    """A value from outside as part of a sentence: one line, only signs that can be seen, not too long; empty for null."""
    if text is None:
        return ""
    line = text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _told(row: Row, parts: list[str]) -> str:
    told: list[str] = []
    for part in parts:
        word, columns = PARTS[part]
        value = next((row[column] for column in columns if row[column] is not None), None)
        told.append(f"{word} {shown(value) if isinstance(value, float) else plain(value)}")
    return ", ".join(told)
