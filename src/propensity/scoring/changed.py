"""Why a listed lead's probability moved since the list before: new facts, time passing, or a new model.

The split is exact. Three probabilities of today's model lie between the one of then and the one of now: of the features as they
were at the earlier as_of, of the features at today's as_of with nothing learned since, and of today's features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from propensity.features.frame import features_of
from propensity.scoring.trend import since
from propensity.timeline.history import known_before
from propensity.timeline.snapshots import spine_of

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines.untyped import Table
    from propensity.model.bundle import Bundle
    from propensity.scoring.ledger import Night
    from propensity.sources.canonical import Canonical

PARTS = ("change_by_facts", "change_by_time", "change_by_model")
CHANGED = pa.schema(
    [("lead_id", pa.string()), ("changed", pa.string()), *((name, pa.float64()) for name in PARTS)]
)
"""A row a listed lead that the earlier night holds; the parts add up to probability - previous_probability."""
_MOST_ACTS = 2
_WHOLE_PERCENT = 0.1
_INSTANT = "timestamp('UTC', 6)"
_NEWS = "news of their company and of leads like them"


@dataclass(frozen=True, slots=True)
class Parts:
    """What moved a probability; the three add up to the whole."""

    facts: float
    time: float
    model: float


@dataclass(frozen=True, slots=True)
class News:
    """What is new of one lead, in a rep's words.

    Attributes
    ----------
    acts
        Phrases of its new acts, the most telling first; of risen leads what they did, of fallen ones what we did.
    budget
        Whether a budget became known.
    silence
        What time passing means for it, such as `24 days without an answer`; None where nothing can be said.
    """

    acts: tuple[str, ...] = ()
    budget: bool = False
    silence: str | None = None


def changes(
    canonical: Canonical,
    bundle: Bundle,
    night: Night | None,
    listed: pa.Table,
    as_of: datetime | None,
    *,
    threads: int | None,
) -> pa.Table:
    """CHANGED, for the rows of `listed` (`lead_id`, `probability`, `previous_probability`) that have an earlier probability.

    A lead of whom today's data say that it was created after the earlier night has no row: nothing can be compared.
    """
    known = listed.filter(listed["previous_probability"].is_valid())
    if night is None or as_of is None or not known.num_rows:
        return CHANGED.empty_table()
    leads = canonical.engine.register("listed_before", known.select(["lead_id"]))
    same_model = night.model.get("digest") == bundle.digest
    then, without_news = _hypothetical(canonical, bundle, leads, night.as_of, as_of, threads)
    news = _news(canonical, leads, night.as_of, as_of)
    config, day = canonical.config, since(canonical, night.as_of)
    rows: list[dict[str, Any]] = []
    for row in known.to_pylist():
        lead, now, before = row["lead_id"], row["probability"], row["previous_probability"]
        if canonical.flat:
            parts = split(before, now, now, now, same_model=same_model)
        elif lead in then and lead in without_news:
            parts = split(before, then[lead], without_news[lead], now, same_model=same_model)
        else:
            continue
        found = news.of(lead, config, rising=now > before)
        values = (parts.facts, parts.time, parts.model)
        rows.append(
            {"lead_id": lead, "changed": sentence(before, now, parts, found, day)}
            | dict(zip(PARTS, values, strict=True))
        )
    return pa.Table.from_pylist(rows, schema=CHANGED)


def split(before: float, then: float, without_news: float, now: float, *, same_model: bool) -> Parts:
    """Split `now - before`.

    Parameters
    ----------
    before
        What the earlier night said.
    then
        Today's model on the features as of the earlier night.
    without_news
        Today's model at today's as_of, with the facts known strictly before the earlier one.
    now
        Today's probability.
    same_model
        Whether the earlier night had today's model. Then `then` differs from `before` only where the CRM rewrote what it had said:
        that is news, and no new model.

    >>> split(0.12, 0.14, 0.10, 0.31, same_model=False)
    Parts(facts=0.21, time=-0.04000000000000001, model=0.020000000000000018)
    """
    facts, time, model = now - without_news, without_news - then, then - before
    return Parts(facts + model, time, 0.0) if same_model else Parts(facts, time, model)


def sentence(before: float, now: float, parts: Parts, news: News, day: str) -> str | None:
    """What changed, led by the biggest part in the direction of the change; None where the percentages read the same.

    >>> news = News(acts=("asked for a quote", "visited pricing"))
    >>> sentence(0.12, 0.31, Parts(0.17, -0.02, 0.04), news, "2026-05-25")
    'Up from 12 % to 31 % since 2026-05-25: asked for a quote; visited pricing'
    """
    was, became = _percent(before), _percent(now)
    if was == became:
        return None
    sign = 1 if now > before else -1
    named = {"facts": parts.facts, "time": parts.time, "model": parts.model}
    biggest = max(named, key=lambda name: (sign * named[name], name))
    why = {"facts": _facts(news), "time": _time(news, sign), "model": "a new model"}[biggest]
    return f"{'Up' if sign > 0 else 'Down'} from {was} to {became} since {day}: {why}"


def _facts(news: News) -> str:
    if news.acts:
        return "; ".join(news.acts[:_MOST_ACTS])
    return "a budget became known" if news.budget else _NEWS


def _time(news: News, sign: int) -> str:
    return "time passing" if news.silence is None or sign > 0 else f"time passing: {news.silence}"


def _percent(share: float) -> str:
    """Whole from 10 % on, with one decimal below."""
    percent = f"{100 * share:.1f}"
    return f"{percent} %" if float(percent) < 100 * _WHOLE_PERCENT else f"{100 * share:.0f} %"


def _hypothetical(
    canonical: Canonical,
    bundle: Bundle,
    leads: Table,
    before: datetime,
    as_of: datetime,
    threads: int | None,
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Lead to today's model's probability: of the features as of `before`; and at `as_of` with what was known before `before`.

    Leads created since are in neither. Flat data are looked at as of each lead's creation: there time does not pass.
    """
    if canonical.flat:
        return {}, {}
    # At `before` itself, what became known since is cut off anyway: the same tables serve for both, in one query.
    old = known_before(canonical, before)
    spine = spine_of(old, leads, (before, as_of), name="spine_before")
    found: dict[datetime, dict[str, float]] = {before: {}, as_of: {}}
    for batch in features_of(old, spine).stream(canonical.config.lists.batch_rows):
        p = bundle.probability(bundle.margin(batch, threads=threads or 0)).tolist()
        rows = zip(batch["as_of"].to_pylist(), batch["lead_id"].to_pylist(), p, strict=True)
        for at, lead, probability in rows:
            found[at][lead] = probability
    return found[before], found[as_of]


@dataclass(frozen=True)
class _Told:
    """What is new of the listed leads: rows by lead."""

    acts: Mapping[str, Sequence[Mapping[str, Any]]]
    last: Mapping[str, Mapping[str, Any]]
    budgets: frozenset[str]
    as_of: datetime

    def of(self, lead: str, config: Config, *, rising: bool) -> News:
        """The news of one lead."""
        types = config.features.types

        def weight(act: Mapping[str, Any]) -> tuple[Any, ...]:
            kind = types.get(act["type"])
            theirs = act["direction"] == "inbound" or (kind is not None and kind.two_way)
            speaks = kind is not None and (kind.intent or kind.two_way)
            told = (speaks, theirs) if rising else (not theirs,)
            return (*told, act["at"], act["type"])

        acts = sorted(self.acts.get(lead, ()), key=weight, reverse=True)
        phrases = [
            types[act["type"]].phrase if act["type"] in types else str(act["type"]).replace("_", " ")
            for act in acts
        ]
        return News(tuple(dict.fromkeys(phrases)), lead in self.budgets, self._silence(lead))

    def _silence(self, lead: str) -> str | None:
        last = self.last.get(lead)
        if last is None:
            return None
        theirs, ours = last["theirs"], last["ours"]
        if theirs is None:
            return "no answer so far" if ours is not None else None
        days = (self.as_of - theirs) // timedelta(days=1)
        if days < 1:
            return None
        counted = f"{days:,} day{'' if days == 1 else 's'}"
        answered = ours is None or ours < theirs
        return f"{counted} since their last act" if answered else f"{counted} without an answer"


def _news(canonical: Canonical, leads: Table, before: datetime, as_of: datetime) -> _Told:
    """What became known in between, of the leads themselves."""
    tables, engine = canonical.tables, canonical.engine
    acts: dict[str, list[dict[str, Any]]] = {}
    last: dict[str, dict[str, Any]] = {}
    budgets: set[str] = set()
    if "activities" in tables and not canonical.flat:
        known: Any = _known(tables["activities"].semi_join(leads, "lead_id"), "occurred_at", as_of)
        fresh = known.filter((known["occurred_at"] >= _at(before)) | (known["recorded_at"] >= _at(before)))
        kinds = fresh.group_by("lead_id", "type", "direction").aggregate(at=fresh["occurred_at"].max())
        for row in engine.collect(kinds).to_pylist():
            acts.setdefault(row["lead_id"], []).append(row)
        ways = {
            name: known["occurred_at"].max(where=known["direction"] == way)
            for name, way in (("theirs", "inbound"), ("ours", "outbound"))
        }
        for row in engine.collect(known.group_by("lead_id").aggregate(**ways)).to_pylist():
            last[row["lead_id"]] = row
    if "budgets" in tables and not canonical.flat:
        found = tables["budgets"].semi_join(leads, "lead_id")
        found = found.filter((found["recorded_at"] >= _at(before)) & (found["recorded_at"] < _at(as_of)))
        budgets = set(engine.collect(found.select("lead_id").distinct())["lead_id"].to_pylist())
    return _Told(acts, last, frozenset(budgets), as_of)


def _known(facts: Any, happened: str, at: datetime) -> Any:
    return facts.filter((facts[happened] < _at(at)) & (facts["recorded_at"] < _at(at)))


def _at(instant: datetime) -> Any:
    return ibis.literal(instant, type=_INSTANT)
