"""Specs to one Ibis expression, a row a snapshot: one code path for training and scoring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.operations as ops

from propensity.features import budget, engagement, stages
from propensity.features.counters import Counted, packed
from propensity.features.own import value_of
from propensity.features.spec import DAY_US, Feature, Over
from propensity.sources.acts import coded
from propensity.timeline.history import SNAPSHOT, History, joined_left
from propensity.timeline.past import COUNTS, EVERY, Keep, past_column, past_groups, unkept

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table, Value
    from propensity.sources.canonical import Canonical

_PREPARED: dict[Over, Callable[[Any, FeaturesConfig], Any]] = {
    "stages": stages.prepared,
    "budgets": budget.prepared,
}
_ACCOUNT_KEYS = ("account_id", "as_of")
_OF_ACCOUNTS: tuple[Over, ...] = ("account_leads", "account_activities")
_OWN = "_own"


def assemble(
    history: History,
    features: Sequence[Feature],
    keys: Sequence[str],
    config: FeaturesConfig,
    *,
    most_acts: int | None = None,
    keep: Keep = unkept,
) -> Table:
    """Build the feature table.

    Parameters
    ----------
    history
        Tables cut at as_of, as `timeline.history.cut` gives them.
    features
        The specs, whose order is the columns' order.
    keys
        Columns of the spine to keep in front, such as snapshot_id and lead_id.
    config
        What the acts mean.
    most_acts
        No lead has more acts; where that is known, the acts of all windows are counted at once.
    keep
        Computes the totals of accounts once, where `history` is of a range of snapshots only.

    Returns
    -------
    One row a snapshot: `keys`, then the features; numbers float64, categories string; null means unknown.
    """
    by_table: dict[Over, list[Feature]] = {}
    for feature in features:
        by_table.setdefault(feature.over, []).append(feature)
    attributes = by_table.pop("attributes", [])
    derived = by_table.pop("features", [])
    table = history.attributes.mutate(
        **{f.name: _typed(f, value_of(f, history.attributes)) for f in attributes}
    )
    acts = by_table.pop("activities", [])
    of_accounts: dict[Over, list[Feature]] = {
        over: by_table.pop(over) for over in _OF_ACCOUNTS if over in by_table
    }
    for over, specs in by_table.items():
        facts = _PREPARED[over](history.facts[over], config)
        table = joined_left(table, _totals(facts, (SNAPSHOT,), specs), SNAPSHOT)
        table = table.mutate(**{f.name: _typed(f, table[f.name]) for f in specs})
    if of_accounts:
        table = joined_left(table, _account_totals(history, of_accounts, config, keep), *_ACCOUNT_KEYS)
    # Last, since nothing is joined to more columns than need be.
    if acts:
        shared = of_accounts.get("account_activities", ())
        table = _with_acts(table, history.facts["activities"], acts, shared, config, most_acts)
    for over, specs in of_accounts.items():
        table = _of_others(table, history, over, specs, config)
    table = table.mutate(**{f.name: _typed(f, value_of(f, table)) for f in derived if not f.origin})
    # Those of the data scientist's own may be made of each other.
    for feature in (f for f in derived if f.origin):
        table = table.mutate(**{feature.name: _typed(feature, value_of(feature, table))})
    return table.select(*keys, *(feature.name for feature in features))


def needed(attributes: Table, kept: Sequence[Feature], possible: Sequence[Feature]) -> tuple[Feature, ...]:
    """Of all features those that are kept, and those that they are made of."""
    kinds = {f.name: "string" if f.kind == "category" else "float64" for f in possible}
    every = ibis.table({**dict(attributes.schema().items()), **kinds})
    names: set[str] = set()
    found = {f.name for f in kept}
    while found - names:
        news = [f for f in possible if f.name in found - names and f.over == "features"]
        names |= found
        found = fields_of(news, every)
    return tuple(f for f in possible if f.name in names)


def asks_past(canonical: Canonical, attributes: Table, features: Sequence[Feature]) -> bool:
    """Whether a feature reads what became of earlier leads."""
    counts = {past_column(group, count) for group in (*past_groups(canonical), EVERY) for count in COUNTS}
    every = ibis.table({**dict(attributes.schema().items()), **dict.fromkeys(counts, "int64")})
    return not counts.isdisjoint(fields_of([f for f in features if f.over == "attributes"], every))


def fields_of(specs: Sequence[Feature], table: Table) -> set[str]:
    """The columns of a table that the expressions read."""
    # What the table's own columns are made of is not asked.
    bare = ibis.table(table.schema(), name="every")
    return {field.name for f in specs for field in value_of(f, bare).op().find(ops.Field)}


def _totals(facts: Table, keys: Sequence[str], specs: Sequence[Feature], suffix: str = "") -> Table:
    return facts.group_by(list(keys)).aggregate(**{f.name + suffix: value_of(f, facts) for f in specs})


def _with_acts(
    table: Table,
    acts: Table,
    specs: Sequence[Feature],
    of_accounts: Sequence[Feature],
    config: FeaturesConfig,
    most_acts: int | None,
) -> Table:
    """Features over acts; where the most are known, counts are packed, and the shares in accounts' totals beside them.

    The counts are unpacked when the totals are joined already, so that the join carries less.
    """
    facts = engagement.prepared(acts, config, fields_of(specs, engagement.prepared(acts, config)))
    if most_acts is None:
        joined = joined_left(table, _totals(facts, (SNAPSHOT,), specs), SNAPSHOT)
        return joined.mutate(**{f.name: _typed(f, joined[f.name]) for f in specs})
    counted = {f.name: f.expression for f in specs if isinstance(f.expression, Counted) and not f.origin}
    shares = {f.name + _OWN: f.expression for f in of_accounts if isinstance(f.expression, Counted)}
    others = {f.name: partial(value_of, f) for f in specs if f.name not in counted}
    found = packed(facts, (SNAPSHOT,), counted | shares, others, most_acts=most_acts)
    joined = joined_left(table, found.totals, SNAPSHOT)
    unpacked = found.unpacked(joined)
    values = {
        f.name: unpacked[f.name].cast("float64") if f.name in counted else _typed(f, joined[f.name])
        for f in specs
    }
    return joined.select(*table.columns, **values, **{name: unpacked[name] for name in shares})


def _account_totals(
    history: History, of_accounts: Mapping[Over, Sequence[Feature]], config: FeaturesConfig, keep: Keep
) -> Table:
    """Totals over all of the account's leads, the lead itself among them."""
    found: list[Table] = []
    for over, specs in of_accounts.items():
        source = history.account_leads if over == "account_leads" else history.account_activities
        if source is None:
            raise ValueError(
                f"features over {over} need accounts"
            )  # the catalogue does not offer them otherwise
        if over == "account_activities":
            source = _recent(coded(source, config), specs)
        found.append(keep(_totals(source, _ACCOUNT_KEYS, specs), f"totals_{over}"))
    # An account with acts has leads, and those come first.
    return reduce(lambda left, right: joined_left(left, right, *_ACCOUNT_KEYS), found)


def _of_others(
    table: Table, history: History, over: Over, specs: Sequence[Feature], config: FeaturesConfig
) -> Table:
    """Of the account's totals what is left without the lead's own share."""
    if over == "account_leads":
        own = {feature.name: ibis.literal(1.0) for feature in specs}
    else:
        if any(feature.name + _OWN not in table.columns for feature in specs):
            acts = _recent(coded(history.facts["activities"], config), specs)
            table = joined_left(table, _totals(acts, (SNAPSHOT,), specs, _OWN), SNAPSHOT)
        own = {f.name: table[f.name + _OWN].cast("float64").fill_null(0.0) for f in specs}
    values = {
        feature.name: ibis.cases(
            (table["account_id"].isnull(), ibis.null("float64")),
            else_=table[feature.name].cast("float64").fill_null(0.0) - own[feature.name],
        )
        for feature in specs
    }
    helpers = [feature.name + _OWN for feature in specs if feature.name + _OWN in table.columns]
    return table.mutate(**values).drop(*helpers)


def _recent(acts: Table, specs: Sequence[Feature]) -> Table:
    """Without the acts that are too old for all of the counts; all acts where it is not only counts."""
    counted = [spec.expression for spec in specs if isinstance(spec.expression, Counted)]
    if len(counted) < len(specs):
        return acts
    days = max(counter.days for what in counted for counter in what.counters)
    return acts.filter(acts["age_us"] <= days * DAY_US)


def _typed(feature: Feature, value: Value) -> Value:
    if feature.kind == "category":
        return value.cast("string")
    number = value.cast("float64")
    return number if feature.empty is None else number.fill_null(float(feature.empty))
