"""What qualification looks at: one row a lead, from the tables cut at as_of, by the features' own definitions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from propensity.features import budget
from propensity.features.assemble import assemble
from propensity.features.catalogue import possible_features
from propensity.scoring.colleagues import accounts_of, with_colleagues
from propensity.scoring.lastacts import ACTS, intent_kinds, last_acts
from propensity.timeline.history import SNAPSHOT, cut, joined_left, lead_key

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines.untyped import Table, Value
    from propensity.features.ranges import Ranges
    from propensity.features.spec import Feature
    from propensity.sources.canonical import Canonical

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


def lead_facts(
    canonical: Canonical,
    spine: Table,
    *,
    name: str = "qualify_facts",
    as_of: datetime | None = None,
    known: Table | None = None,
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
    as_of
        Where all of them stand, if that is one instant.
    known
        Features that were derived already, of all snapshots of `spine` by their numbers: they need not be derived again.

    Returns
    -------
    One row a snapshot: `lead_id`, `account_id`, `as_of`, `created_at` and attributes; `fits_<part>` (1, 0, null),
    `amount` (float64, base currency), `price`, `last_budget_us` (age in microseconds) and `last_budget_kind`, the features of
    `_FEATURES`, `lastacts.ACTS`; `colleague_*`, a person at the account who may decide (`others_decide`: how many do), and
    `talker_*`, the one who answered last, with `talker_answer_us` and `talker_answer_kind`. Null means unknown.
    """
    engine = canonical.engine
    told = None if known is None else _told_already(canonical, known, name)
    base = engine.materialise(_of_the_lead(canonical, spine, as_of, told), f"{name}_own")
    return engine.materialise(with_colleagues(base, accounts_of(canonical, base, f"{name}_accounts")), name)


def facts_by_ranges(
    canonical: Canonical,
    ranges: Ranges,
    folder: Path,
    *,
    as_of: datetime | None,
    known: Table,
    more: Callable[[Table], Table] = lambda facts: facts,
    name: str = "qualify_facts",
) -> Iterator[pa.RecordBatch]:
    """What `lead_facts` gives, range by range and in batches, nothing of it kept in the engine.

    Parameters
    ----------
    canonical
        The tables.
    ranges
        The leads in ranges.
    folder
        An empty folder, for what is known of the leads alone: who else is at their accounts is looked for in all of that.
    as_of, known
        As for `lead_facts`.
    more
        What is joined to the facts of a range.
    name
        What the names of tables begin with.
    """
    engine, rows = canonical.engine, canonical.config.lists.batch_rows
    facts = _of_the_lead(canonical, ranges.part, as_of, _told_already(canonical, known, name))
    for number in ranges.in_turn(engine):
        (folder / f"{number:06d}").mkdir()
        for within, batch in enumerate(engine.stream(facts, rows)):
            path = folder / f"{number:06d}" / f"{within:06d}.parquet"
            pq.write_table(pa.Table.from_batches([batch]), path, compression="lz4")
    accounts = accounts_of(canonical, engine.read_parts(folder / "*"), f"{name}_accounts")

    def of(number: int) -> Table:
        """The parts of a range: looked for in all of them, each range would read the key of every lead."""
        return engine.read_parts(folder / f"{number:06d}", f"{name}_here")

    here = of(0)
    if accounts is not None:
        accounts = accounts.semi_join(here, "account_id")
    told = more(with_colleagues(here, accounts))
    for number in range(ranges.count):
        of(number)
        yield from engine.stream(told, rows)


def _told_already(canonical: Canonical, known: Table, name: str) -> Table:
    columns = [SNAPSHOT, *(feature for feature in _wanted(canonical) if feature in known.columns)]
    return canonical.engine.materialise(known.select(*columns), f"{name}_known")


def _wanted(canonical: Canonical) -> dict[str, Feature]:
    """The features that facts are made of, of those that the tables allow."""
    possible = {feature.name: feature for feature in possible_features(canonical)}
    fits = [_FITS + part for part in observed(canonical).fit]
    wanted = {*_FEATURES.values(), *fits, _amount(possible), "budget_product_price"}
    return {name: feature for name, feature in possible.items() if name in wanted}


def _amount(possible: Collection[str]) -> str:
    return "budget_capacity_amount" if "budget_capacity_amount" in possible else "budget_latest_amount"


def _of_the_lead(canonical: Canonical, spine: Table, as_of: datetime | None, known: Table | None) -> Table:
    config = canonical.config
    history = cut(canonical, spine, as_of=as_of)
    wanted = _wanted(canonical)
    fits = [_FITS + part for part in observed(canonical).fit]
    amount = _amount(wanted)
    features = [feature for name, feature in wanted.items() if known is None or name not in known.columns]
    keys = [*_KEYS, *(column for column in _ACCOUNT if column in history.attributes.columns)]
    table = assemble(history, features, keys, config.features)
    if known is not None:
        # Each snapshot is among them: an inner join lets the engine look for those of a range alone.
        table = table.join(known, SNAPSHOT)
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
    table = _with_current_state(canonical, table, spine)
    if "activities" in history.facts:
        table = joined_left(table, last_acts(history.facts["activities"], config), SNAPSHOT)
    else:
        table = table.mutate(**{column: ibis.null(kind) for column, kind in ACTS.items()})
    if "budgets" in history.facts:
        told = "kind" in canonical.present["budgets"]
        return joined_left(table, _last_budget(history.facts["budgets"], config, kinds_told=told), SNAPSHOT)
    return table.mutate(last_budget_us=ibis.null("int64"), last_budget_kind=ibis.null("string"))


def _with_current_state(canonical: Canonical, table: Table, spine: Table) -> Table:
    """The price, and who asked not to be contacted: the latter as of today, as the gate reads it."""
    rules = canonical.config.qualification.budget
    leads = canonical.tables["leads"]
    key = lead_key(leads, spine)
    state = leads.select(
        key, silent=leads["do_not_contact"].fill_null(ibis.literal(False)), _deal="deal_value"
    )
    state = spine.select(SNAPSHOT, key).join(state, key).drop(key)
    table = table.join(state, SNAPSHOT)
    prices = [table["product_price"], *([table["_deal"]] if rules.deal_value else [])]
    prices += [] if rules.price is None else [ibis.literal(float(rules.price))]
    return table.mutate(price=ibis.coalesce(*prices)).drop("product_price", "_deal")


def _last_budget(budgets: Table, config: Config, *, kinds_told: bool) -> Table:
    """Per snapshot, age and kind of the last fact of the kinds that must cover the price (any kind where none is told)."""
    table = budget.prepared(budgets, config.features)
    capable = table["is_latest_capacity"] if kinds_told else table["is_latest"]
    return table.group_by(SNAPSHOT).aggregate(
        last_budget_us=table["age_us"].min(where=capable), last_budget_kind=table["kind"].min(where=capable)
    )
