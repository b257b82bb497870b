"""Criteria, openings and segments, row by row, in plain Python: each lead by itself.

The package judges by column; this says the same of one row of `scoring.facts.lead_facts`, as a mapping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from propensity.config import Config
from propensity.config.qualify import NurtureConfig, State
from propensity.scoring.columns import DAY_US, day_of, plain
from propensity.scoring.criteria import CRITERIA, MET, NOT_MET, PARTS, UNKNOWN
from propensity.scoring.facts import Observed
from propensity.scoring.reasons import shown

Row = Mapping[str, Any]
_KINDS = {"stated": "stated", "quote": "was quoted"}


@dataclass(frozen=True, slots=True)
class Judgement:
    state: State
    evidence: str | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Act:
    age_us: int
    kind: str
    channel: str

    @property
    def days(self) -> float:
        return self.age_us / DAY_US

    def on(self, as_of: datetime, zone: ZoneInfo) -> date:
        return day_of(as_of - timedelta(microseconds=self.age_us), zone)


class Judge:
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
        return {
            name: self._judged[name](row) if name in self._judged else Judgement(UNKNOWN) for name in CRITERIA
        }

    def failed(self, found: Mapping[str, Judgement]) -> tuple[str, ...]:
        return tuple(name for name in self.hard if found[name].state == NOT_MET)

    def fit(self, row: Row) -> Judgement:
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
        rule, price, amount = self._rules.budget, row["price"], row["amount"]
        fact = act(row, "last_budget")
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
        has, title = row["has_authority"], plain(row["title"])
        if has == 1:
            return Judgement(MET, f"title: {title}")
        if self._rules.authority.colleagues and row["others_decide"]:
            return Judgement(MET, f"not by title, but at the company: {colleague(row)}")
        if has is None:
            return Judgement(UNKNOWN, "the title is unknown")
        return Judgement(NOT_MET, f"title: {title}; nobody else at the company is known to decide")

    def need(self, row: Row) -> Judgement:
        rule, last = self._rules.need, act(row, "last_intent")
        if last is not None and last.age_us <= rule.within_days * DAY_US:
            return Judgement(MET, self.phrase(last), self._day(last, row))
        if last is not None:
            return Judgement(
                NOT_MET, f"{self.phrase(last)}, longer than {rule.within_days} days ago", self._day(last, row)
            )
        inbound = act(row, "last_inbound")
        if inbound is None:
            return Judgement(UNKNOWN, "has not acted so far")
        return Judgement(
            NOT_MET, f"last {self.phrase(inbound)}; never a sign of buying", self._day(inbound, row)
        )

    def dialogue(self, row: Row) -> Judgement:
        rule, last = self._rules.dialogue, act(row, "last_answer")
        if last is not None:
            young = rule.within_days is None or last.age_us <= rule.within_days * DAY_US
            told = (
                self.phrase(last)
                if young
                else f"{self.phrase(last)}, longer than {rule.within_days} days ago"
            )
            return Judgement(MET if young else NOT_MET, told, self._day(last, row))
        ours = act(row, "last_outbound")
        if ours is None:
            return Judgement(UNKNOWN, "we have not been in touch so far")
        return Judgement(NOT_MET, "has not answered us so far", self._day(ours, row))

    def phrase(self, done: Act) -> str:
        known = self._types.get(done.kind)
        return known.phrase if known is not None else plain(done.kind.replace("_", " "))

    def _day(self, done: Act, row: Row) -> date:
        return done.on(row["as_of"], self._zone)


def act(row: Row, name: str) -> Act | None:
    age_us = row[f"{name}_us"]
    if age_us is None:
        return None
    return Act(age_us, row.get(f"{name}_kind") or "", row.get(f"{name}_channel") or "")


def colleague(row: Row, who: str = "colleague") -> str:
    if row[f"{who}_id"] is None:
        return "someone who asked not to be contacted"
    name = plain(row[f"{who}_name"]) or f"lead {plain(row[f'{who}_id'])}"
    title = plain(row[f"{who}_title"])
    return f"{name} ({title})" if title else name


def _told(row: Row, parts: list[str]) -> str:
    told: list[str] = []
    for part in parts:
        word, columns = PARTS[part]
        value = next((row[column] for column in columns if row[column] is not None), None)
        told.append(f"{word} {shown(value) if isinstance(value, float) else plain(value)}")
    return ", ".join(told)


def opening(row: Row, judge: Judge, zone: ZoneInfo) -> str | None:
    as_of: datetime | None = row["as_of"]
    parts: list[str] = []
    done, product, source = act(row, "last_mention"), plain(row["product"]), plain(row["source"])
    if done is not None and as_of is not None:
        parts.append(f"on {done.on(as_of, zone)} {judge.phrase(done)}{_by(done)}")
    elif source:
        created: datetime | None = row["created_at"]
        since = "" if created is None else f" on {day_of(created, zone)}"
        parts.append(f"came in through {source}{since}")
    if product:
        parts.append(f"interested in {product}")
    talked = act(row, "talker_answer")
    if row["talker_id"] is not None and talked is not None and as_of is not None:
        parts.append(
            f"at the same company {colleague(row, 'talker')} {judge.phrase(talked)} on {talked.on(as_of, zone)}"
        )
    elif row["colleague_id"] is not None and row["has_authority"] != 1:
        parts.append(f"at the same company {colleague(row)} may decide")
    if not parts:
        return None
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _by(done: Act) -> str:
    channel = plain(done.channel.replace("_", " "))
    return f" ({channel})" if channel else ""


def interest(row: Row, judge: Judge) -> str | None:
    done = act(row, "last_mention")
    return plain(row["product"]) or (judge.phrase(done) if done is not None else None)


def places(row: Row, judge: Judge) -> dict[str, str | None]:
    return {
        "industry": plain(row["account_industry"]) or None,
        "country": plain(row["account_country"]) or plain(row["country"]) or None,
        "region": plain(row["account_region"]) or plain(row["region"]) or None,
        "interest": interest(row, judge),
        "stage": plain(row["stage"]) or None,
        "source": plain(row["source"]) or None,
    }


def segment(found: Mapping[str, str | None], rules: NurtureConfig) -> str:
    return " / ".join(found[axis] or "unknown" for axis in rules.segment_by) or "everyone"
