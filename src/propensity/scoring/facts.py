"""What qualification looks at: one row a lead, from the tables cut at as_of, by the features' own definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from propensity.features import budget, engagement
from propensity.features.assemble import assemble
from propensity.features.catalogue import possible_features
from propensity.timeline.history import SNAPSHOT, cut, joined_left

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines.untyped import Table, Value
    from propensity.sources.canonical import Canonical

LEADS_A_RANGE = 25_000
"""So many leads, with the usual number of acts, take some 150 MB while their facts are derived."""
AGE_DIGITS = 20
SEPARATOR = "\x1f"
"""Between the parts of a packed fact: a sign that no name of a kind or channel holds."""
_PLACE_DIGITS = 10
_MOST_ANSWERS = 10**_PLACE_DIGITS - 1
_FITS = "firmographic_fits_"
_KEYS = (
    SNAPSHOT, "lead_id", "account_id", "as_of", "created_at", "contact_name", "title", "source", "country", "region",
    "product",
)  # fmt: skip
_ACCOUNT = ("account_name", "account_industry", "account_country", "account_region", "account_annual_revenue")
_FEATURES = {
    "seniority_rank": "firmographic_seniority_rank",
    "has_authority": "firmographic_has_authority",
    "source_is_offline": "firmographic_source_is_offline",
    "employee_count": "firmographic_employee_count",
    "unanswered": "engagement_unanswered_count",
    "response_hours": "engagement_median_response_hours",
    "stage": "engagement_stage",
    "budget_facts": "budget_fact_count",
}
_TEXTS = {"stage"}
ACTS = (
    "last_intent", "last_answer", "last_message", "last_outbound", "last_call", "last_mention", "last_inbound",
    "last_web", "channel",
)  # fmt: skip
"""Packed: the age in microseconds in 20 digits, the kind, the channel; `channel` is that of most answers, plain."""
_PERSON = ("id", "name", "title")


@dataclass(frozen=True)
class Observed:
    """What the mapped tables can tell at all: a criterion that they cannot is unknown for every lead.

    Attributes
    ----------
    fit
        The parts of the ideal customer that are configured.
    amounts, revenue, titles, acts, intents
        Budgets; revenue of companies; job titles; activities with dates; a kind of act that speaks of buying.
    priced
        There is something to hold an amount against.
    """

    fit: tuple[str, ...]
    amounts: bool
    revenue: bool
    priced: bool
    titles: bool
    acts: bool
    intents: bool

    def why_unknown(self) -> dict[str, str]:
        """Criterion to what would have to be mapped or configured, for those that are unknown for every lead."""
        found: dict[str, str] = {}
        if not self.fit:
            found["fit"] = "features.ideal_customer names none of its parts"
        if not self.priced or not (self.amounts or self.revenue):
            found["budget"] = (
                "needs a price (tables.products, or qualification.budget.price) and tables.budgets or revenue"
            )
        if not self.titles:
            found["authority"] = "tables.leads maps no title"
        if not self.acts:
            found["need"] = found["dialogue"] = "needs tables.activities, and leads with dates"
        elif not self.intents:
            found["need"] = "no kind of act is marked as intent"
        return found


def observed(canonical: Canonical) -> Observed:
    """What the mapped tables and the configuration allow to be known."""
    present, config = canonical.present, canonical.config
    rules, leads = config.qualification, present["leads"]
    by_account = "account_id" in leads
    accounts = present.get("accounts", frozenset[str]()) if by_account else frozenset[str]()
    names = {feature.name for feature in possible_features(canonical)}
    acts = "activities" in present and canonical.dated
    return Observed(
        fit=tuple(part for part in rules.fit.parts if _FITS + part in names),
        amounts="budget_fact_count" in names,
        revenue="annual_revenue" in accounts and rules.budget.revenue_times_price is not None,
        priced="budget_product_price" in names
        or rules.budget.price is not None
        or (rules.budget.deal_value and "deal_value" in leads),
        titles="title" in leads,
        acts=acts,
        intents=acts and bool(intent_kinds(config)),
    )


def intent_kinds(config: Config) -> list[str]:
    """The kinds of acts that speak of buying."""
    own = config.qualification.need.acts
    return [kind for kind, act in config.features.types.items() if act.intent] if own is None else list(own)


def lead_facts(
    canonical: Canonical, spine: Table, *, name: str = "qualify_facts", folder: Path | None = None
) -> Table:
    """What is known of each lead of `spine`, kept in the engine under `name`.

    Parameters
    ----------
    canonical
        The tables.
    spine
        The leads; their snapshots are numbered from 0.
    name
        Of the table.
    folder
        An empty folder for what is known of the leads alone, which is then derived by ranges of LEADS_A_RANGE, so that memory
        does not grow with their number; it must stay as long as the table is read. None where they are few.

    Returns
    -------
    One row a snapshot: `lead_id`, `account_id`, `as_of`, `created_at` and attributes; `fits_<part>` (1, 0, null),
    `amount` (float64, base currency), `price`, `last_budget` (packed: age and kind), the features of `_FEATURES`, the
    packed ACTS; `colleague_*`, a person at the account who may decide (`others_decide`: how many do), and `talker_*`, the
    one who answered last, with `talker_answer` (packed). Null means unknown.
    """
    ranges = 1 if folder is None else math.ceil(_count(canonical, spine) / LEADS_A_RANGE)
    if folder is None or ranges <= 1:
        base = canonical.engine.materialise(_of_the_lead(canonical, spine), f"{name}_own")
    else:
        base = _by_ranges(canonical, spine, f"{name}_part", folder, ranges)
    if "account_id" in canonical.present["leads"] and canonical.dated and not canonical.flat:
        table = _with_colleagues(base)
    else:
        texts = [f"{who}_{part}" for who in ("colleague", "talker") for part in _PERSON]
        table = base.mutate(
            others_decide=ibis.literal(0, "int64"),
            **{column: ibis.null("string") for column in (*texts, "talker_answer")},
        )
    return canonical.engine.materialise(table, name)


def _by_ranges(canonical: Canonical, spine: Table, name: str, folder: Path, ranges: int) -> Table:
    """Derive what is known of the leads range by range, and read it back from the parts that it leaves in `folder`."""
    engine = canonical.engine
    place = (spine[SNAPSHOT] / LEADS_A_RANGE).floor().cast("int64")
    facts = _of_the_lead(canonical, engine.materialise(spine.filter(place == 0), name))
    for number in range(ranges):
        # The table of that name holds another range each time: the expression stays the same.
        engine.materialise(spine.filter(place == number), name)
        for within, batch in enumerate(engine.stream(facts, LEADS_A_RANGE)):
            path = folder / f"{number:06d}-{within:06d}.parquet"
            pq.write_table(pa.Table.from_batches([batch]), path, compression="lz4")
    return engine.read_parts(folder)


def _count(canonical: Canonical, table: Table) -> int:
    return canonical.engine.collect(table.count().as_table()).column(0)[0].as_py()


def _of_the_lead(canonical: Canonical, spine: Table) -> Table:
    config = canonical.config
    history = cut(canonical, spine)
    possible = {feature.name: feature for feature in possible_features(canonical)}
    fits = [_FITS + part for part in observed(canonical).fit]
    amount = "budget_capacity_amount" if "budget_capacity_amount" in possible else "budget_latest_amount"
    wanted = {*_FEATURES.values(), *fits, amount, "budget_product_price"}
    features = [feature for name, feature in possible.items() if name in wanted]
    keys = [*_KEYS, *(column for column in _ACCOUNT if column in history.attributes.columns)]
    table = assemble(history, features, keys, config.features)
    built = table.columns
    renamed = {
        **_FEATURES,
        "amount": amount,
        "product_price": "budget_product_price",
        **{"fits_" + name[len(_FITS) :]: name for name in fits},
    }
    columns: dict[str, Value] = {key: table[key] for key in keys}
    columns |= {key: ibis.null("string") for key in _ACCOUNT[:-1] if key not in columns}
    columns.setdefault(_ACCOUNT[-1], ibis.null("float64"))
    for short, long in renamed.items():
        kind = "string" if short in _TEXTS else "float64"
        columns[short] = table[long] if long in built else ibis.null(kind)
    table = table.select(**columns)
    table = _with_current_state(canonical, table)
    if "activities" in history.facts:
        acts = _acts(history.facts["activities"], config)
        table = joined_left(table, acts, SNAPSHOT)
    else:
        table = table.mutate(**{column: ibis.null("string") for column in ACTS})
    if "budgets" in history.facts:
        told = "kind" in canonical.present["budgets"]
        return joined_left(table, _last_budget(history.facts["budgets"], config, kinds_told=told), SNAPSHOT)
    return table.mutate(last_budget=ibis.null("string"))


def _with_current_state(canonical: Canonical, table: Table) -> Table:
    """The price, and who asked not to be contacted: the latter as of today, as the gate reads it."""
    rules = canonical.config.qualification.budget
    leads = canonical.tables["leads"]
    state = leads.select(
        "lead_id", silent=leads["do_not_contact"].fill_null(ibis.literal(False)), _deal="deal_value"
    )
    table = joined_left(table, state, "lead_id")
    prices = [table["product_price"], *([table["_deal"]] if rules.deal_value else [])]
    prices += [] if rules.price is None else [ibis.literal(float(rules.price))]
    return table.mutate(price=ibis.coalesce(*prices)).drop("product_price", "_deal")


def _acts(activities: Table, config: Config) -> Table:
    """Per snapshot, the packed ACTS."""
    types, rules = config.features.types, config.qualification
    table = engagement.prepared(activities, config.features)
    inbound, outbound = table["direction"] == "inbound", table["direction"] == "outbound"
    replies = [kind for kind, act in types.items() if act.reply]
    meetings = [kind for kind, act in types.items() if act.two_way]
    met, answered = table["type"].isin(meetings), table["is_answer"] == 1
    wrote = inbound & table["type"].isin([*replies, *rules.messages])
    wheres = {
        "last_intent": table["type"].isin(intent_kinds(config)),
        "last_answer": answered,
        "last_message": wrote,
        "last_outbound": outbound | met,
        "last_call": (outbound & table["channel"].isin(["phone", "in_person"])) | met,
        "last_mention": (inbound | met) & table["type"].notin(list(rules.not_mentioned)),
        "last_inbound": inbound,
        "last_web": inbound & (table["channel"] == "web"),
    }
    packed = _packed(table["age_us"], table["type"], table["channel"])
    table = table.mutate(_packed=packed, _answered=answered & table["channel"].notnull())
    totals = table.group_by(SNAPSHOT).aggregate(
        **{name: table["_packed"].min(where=where) for name, where in wheres.items()}
    )
    told = table.filter(table["_answered"])
    by_channel = told.group_by([SNAPSHOT, "channel"]).aggregate(
        answers=told.count(), youngest=told["age_us"].min()
    )
    order = (_MOST_ANSWERS - by_channel["answers"]).cast("string").lpad(_PLACE_DIGITS, "0")
    order += by_channel["youngest"].cast("string").lpad(AGE_DIGITS, "0") + by_channel["channel"]
    best = by_channel.mutate(order=order)
    best = best.group_by(SNAPSHOT).aggregate(channel=best["order"].min())
    best = best.mutate(channel=best["channel"].substr(_PLACE_DIGITS + AGE_DIGITS))
    return joined_left(totals, best, SNAPSHOT)


def _last_budget(budgets: Table, config: Config, *, kinds_told: bool) -> Table:
    """Per snapshot, the last fact of the kinds that must cover the price (any kind where none is told), packed."""
    table = budget.prepared(budgets, config.features)
    capable = table["is_latest_capacity"] if kinds_told else table["is_latest"]
    packed = _packed(table["age_us"], table["kind"], ibis.literal(""))
    return table.group_by(SNAPSHOT).aggregate(last_budget=packed.min(where=capable))


def _packed(age_us: Value, *texts: Value) -> Value:
    """Text whose order is that of the ages, then of the texts: the least of several is the youngest, by a total order."""
    packed = age_us.cast("string").lpad(AGE_DIGITS, "0")
    for text in texts:
        packed = packed + SEPARATOR + text.fill_null("")
    return packed


def _with_colleagues(table: Table) -> Table:
    """Add who else at the account may decide, and who of them answered last; never who asked not to be contacted."""
    decides = (table["has_authority"] == 1).fill_null(ibis.literal(False))
    table = table.mutate(_decides=decides & table["account_id"].notnull())
    members = table.filter(table["_decides"])
    counts = members.group_by("account_id").aggregate(_deciders=members.count())
    table = joined_left(table, counts, "account_id")
    own = table["_decides"].cast("int64")
    table = table.mutate(others_decide=table["_deciders"].fill_null(0) - own)
    open_to_us = table["account_id"].notnull() & ~table["silent"]
    deciders = table.filter(open_to_us & table["_decides"])
    order = [deciders["seniority_rank"].desc(), deciders["lead_id"]]
    table = _someone_else(table, deciders, order, "colleague")
    talkers = table.filter(open_to_us & table["last_answer"].notnull())
    order = [talkers["last_answer"].substr(0, AGE_DIGITS), talkers["lead_id"]]
    table = _someone_else(table, talkers, order, "talker", answer="last_answer")
    return table.drop("_decides", "_deciders")


def _someone_else(table: Table, candidates: Table, order: Sequence[Value], who: str, **more: str) -> Table:
    """Add the first candidate of the same account who is not the lead itself: the first two suffice to find one."""
    place = ibis.row_number().over(group_by="account_id", order_by=list(order))
    columns = {"id": "lead_id", "name": "contact_name", "title": "title", **more}
    first_two = candidates.mutate(_place=place)
    first_two = first_two.filter(first_two["_place"] <= 1)
    for number in (0, 1):
        one = first_two.filter(first_two["_place"] == number)
        one = one.select(
            "account_id", **{f"_{part}{number}": one[column] for part, column in columns.items()}
        )
        table = joined_left(table, one, "account_id")
    itself = (table["_id0"] == table["lead_id"]).fill_null(ibis.literal(False))
    chosen = {
        f"{who}_{part}": ibis.cases((itself, table[f"_{part}1"]), else_=table[f"_{part}0"])
        for part in columns
    }
    return table.mutate(**chosen).drop(*(f"_{part}{number}" for part in columns for number in (0, 1)))
