"""What answers to a question look like among the leads whose answer is known: how often each comes, and its usual form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

from propensity.scoring.criteria import CRITERIA, MET, NOT_MET
from propensity.scoring.gate import LEAD
from propensity.scoring.lastacts import intent_kinds
from propensity.sources.acts import KIND, VIA, WAY, coded, worded

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

SIMILAR = ("industry", "source", "tier")
"""Leads are similar that share these; null is a value like any other."""
PSEUDO_LEADS = 20.0
"""The overall share counts as so many leads beside those that are similar: few leads say little."""
FIT_COLUMNS = {
    "industry": "account_industry",
    "country": "country",
    "region": "region",
    "employee_count": "employee_count",
    "annual_revenue": "account_annual_revenue",
    "seniority": "title",
}
"""A part of the ideal customer, and the column of the facts that holds its value."""

_READ = (
    "lead_id", "source", "title", "employee_count", "amount", "price", "last_budget_us", "response_hours", "has_authority",
    "account_industry", "account_annual_revenue",
)  # fmt: skip
_DAY_HOURS = 24.0
"""Taken where nobody has answered yet."""

Kind = tuple[str, Any, Any]
"""Type, direction and channel of an act."""


@dataclass(frozen=True)
class Shares:
    """How often a criterion is met where it is known.

    Attributes
    ----------
    overall
        Criterion to (met, known): leads, whole numbers.
    similar
        Values of SIMILAR to the same.
    """

    overall: Mapping[str, tuple[int, int]]
    similar: Mapping[tuple[str | None, ...], Mapping[str, tuple[int, int]]]

    def weights(self, criterion: str, like: tuple[str | None, ...]) -> tuple[float, float] | None:
        """The shares of `met` and `not met` among similar leads, shrunken to those of all; they add up to 1.

        None where the criterion is known of nobody.

        >>> known = Shares({"budget": (30, 40)}, {("Energy", "web", "A"): {"budget": (0, 20)}})
        >>> known.weights("budget", ("Energy", "web", "A")), known.weights("budget", (None, None, "D"))
        ((0.375, 0.625), (0.75, 0.25))
        """
        met, known = self.overall.get(criterion, (0, 0))
        if not known:
            return None
        here, of = self.similar.get(like, {}).get(criterion, (0, 0))
        share = (here + PSEUDO_LEADS * met / known) / (of + PSEUDO_LEADS)
        return share, 1 - share


@dataclass(frozen=True)
class Usual:
    """What an answer usually looks like; None for what nobody has ever answered or done.

    Attributes
    ----------
    budget
        State to the median of the amounts that brought it about, as a share of the price.
    title
        State of the authority to the most frequent title.
    fit
        (part, 1 or 0: it fits or not) to the most frequent value, for numbers the median.
    intent, other, approach, answer
        The most frequent act that speaks of buying; that of a lead's own that says nothing; approach of ours; answer.
    response_hours
        Median of the leads' times to an answer.
    """

    budget: Mapping[str, float | None]
    title: Mapping[str, str | None]
    fit: Mapping[tuple[str, int], Any]
    intent: Kind | None
    other: Kind | None
    approach: Kind | None
    answer: Kind | None
    response_hours: float


def open_leads(found: ir.Table, facts: ir.Table, tiers: ir.Table) -> Table:
    """Leads that have neither converted nor been disqualified, with criteria, tier, and the facts that answers are made of.

    Parameters
    ----------
    found
        `scoring.qualify.Qualified.table`.
    facts
        `scoring.facts.lead_facts`.
    tiers
        `lead_id` and `tier`.
    """
    states: Any = found
    states = states.filter(states["position"] == LEAD)
    states = states.select("lead_id", *(f"criterion_{name}" for name in CRITERIA))
    table: Any = facts
    # All that `usual` and `shares` read, and no more: they are many, and kept.
    fits = [f"fits_{part}" for part in FIT_COLUMNS if f"fits_{part}" in table.columns]
    places = {name: table[f"account_{name}"].coalesce(table[name]) for name in ("country", "region")}
    table = table.select(*_READ, *fits, industry=table["account_industry"], **places)
    return table.join(states, "lead_id").join(tiers, "lead_id")


def shares(canonical: Canonical, known: Table) -> Shares:
    """Count, over what `open_leads` gives."""
    counts = {
        f"{name}_{what}": states.sum().cast("int64")
        for name in CRITERIA
        for what, states in (
            ("met", known[f"criterion_{name}"] == MET),
            ("known", known[f"criterion_{name}"].isin([MET, NOT_MET])),
        )
    }
    rows = canonical.engine.collect(known.group_by(list(SIMILAR)).aggregate(**counts)).to_pylist()
    similar = {
        tuple(row[name] for name in SIMILAR): {
            name: (int(row[f"{name}_met"]), int(row[f"{name}_known"])) for name in CRITERIA
        }
        for row in rows
    }
    overall = {
        name: (sum(one[name][0] for one in similar.values()), sum(one[name][1] for one in similar.values()))
        for name in CRITERIA
    }
    return Shares(overall, similar)


def usual(canonical: Canonical, known: Table, as_of: datetime | None, parts: tuple[str, ...]) -> Usual:
    """Look, over what `open_leads` gives, and over the acts that were known strictly before as_of."""
    engine = canonical.engine
    ratio = known["amount"] / known["price"].nullif(0)
    named = known["last_budget_us"].notnull()
    medians = {
        state: ratio.median(where=named & (known["criterion_budget"] == state)) for state in (MET, NOT_MET)
    }
    row = engine.collect(
        known.aggregate(met=medians[MET], not_met=medians[NOT_MET], hours=known["response_hours"].median())
    ).to_pylist()[0]
    titles = {
        state: _most_frequent(canonical, known.filter(known["has_authority"] == has), "title")
        for state, has in ((MET, 1), (NOT_MET, 0))
    }
    fits = {(part, fits): _of_part(canonical, known, part, fits) for part in parts for fits in (1, 0)}
    acts = _acts(canonical, as_of)
    types, intents = canonical.config.features.types, set(intent_kinds(canonical.config))
    replies = {kind for kind, act in types.items() if act.reply}
    meetings = {kind for kind, act in types.items() if act.two_way}
    inbound = [act for act in acts if act[1] == "inbound"]
    return Usual(
        {MET: row["met"], NOT_MET: row["not_met"]},
        titles,
        fits,
        intent=_first(act for act in inbound if act[0] in intents),
        other=_first(act for act in inbound if act[0] not in intents | replies | meetings),
        approach=_first(act for act in acts if act[1] == "outbound" and act[0] not in meetings),
        answer=_first(act for act in inbound if act[0] in replies),
        response_hours=_DAY_HOURS if row["hours"] is None else float(row["hours"]),
    )


def _first(acts: Any) -> Kind | None:
    return next(iter(acts), None)


def _most_frequent(canonical: Canonical, table: Table, column: str) -> Any:
    told = table.filter(table[column].notnull())
    counts = told.group_by(column).aggregate(_rows=told.count())
    best = counts.order_by([counts["_rows"].desc(), counts[column]]).limit(1)
    found = canonical.engine.collect(best.select(column))[column].to_pylist()
    return found[0] if found else None


def _of_part(canonical: Canonical, known: Table, part: str, fits: int) -> Any:
    column = FIT_COLUMNS[part]
    table = known.filter(known[f"fits_{part}"] == fits)
    if table[column].type().is_string():
        return _most_frequent(canonical, table, column)
    # The lower of the two in the middle: a value that someone has, so that it does fit.
    place = ibis.row_number().over(order_by=[table[column], table["lead_id"]])
    ordered = table.filter(table[column].notnull()).mutate(_place=place)
    half = ordered.filter(ordered["_place"] == ((ordered.count() - 1) / 2).floor().cast("int64"))
    found = canonical.engine.collect(half.select(column))[column].to_pylist()
    return found[0] if found else None


def _acts(canonical: Canonical, as_of: datetime | None) -> list[Kind]:
    """The kinds of acts, the most frequent first."""
    if "activities" not in canonical.tables:
        return []
    config = canonical.config.features
    acts: Any = coded(canonical.tables["activities"], config)
    if as_of is not None:
        instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
        acts = acts.filter((acts["occurred_at"] < instant) & (acts["recorded_at"] < instant))
    # By their numbers: only words that have none are read.
    numbers = {"type": KIND, "direction": WAY, "channel": VIA}
    others = {word: ibis.cases((acts[number] == 0, acts[word])) for word, number in numbers.items()}
    acts = acts.select(*numbers.values(), **others)
    counts = acts.group_by(acts.columns).aggregate(_rows=acts.count())
    counts = worded(counts, config)
    order = [counts["_rows"].desc(), *(counts[word].asc(nulls_first=False) for word in numbers)]
    found = canonical.engine.collect(counts.order_by(order).limit(1_000))
    return [(row["type"], row["direction"], row["channel"]) for row in found.to_pylist()]
