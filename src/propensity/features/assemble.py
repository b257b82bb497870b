"""Specs to one Ibis expression, a row a snapshot: one code path for training and scoring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.operations as ops

from propensity.features import budget, engagement, stages
from propensity.features.counters import Counted, packed
from propensity.features.own import value_of
from propensity.features.spec import Feature, Over
from propensity.timeline.history import SNAPSHOT, History, joined_left
from propensity.timeline.past import Keep, unkept

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table, Value

_PREPARED: dict[Over, Callable[[Any, FeaturesConfig], Any]] = {
    "activities": engagement.prepared,
    "stages": stages.prepared,
    "budgets": budget.prepared,
}
_ACCOUNT_KEYS = ("account_id", "as_of")
_OWN = "_own"


def assemble(
    history: History,
    features: Sequence[Feature],
    keys: Sequence[str],
    config: FeaturesConfig,
    *,
    packing: bool = False,
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
    packing
        Count the acts of all windows at once; only where no snapshot has more than `counters.MOST_ACTS` acts.
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
    for over, specs in by_table.items():
        if over in ("account_leads", "account_activities"):
            table = _with_account(table, history, over, specs, keep)
        else:
            facts = _PREPARED[over](history.facts[over], config)
            if over == "activities":
                facts = engagement.prepared(history.facts[over], config, _fields(specs, facts))
            if packing and over == "activities":
                totals = _packed(facts, specs, by_table.get("account_activities", ()))
            else:
                totals = _totals(facts, (SNAPSHOT,), specs)
            table = joined_left(table, totals, SNAPSHOT)
            table = table.mutate(**{f.name: _typed(f, table[f.name]) for f in specs})
    table = table.mutate(**{f.name: _typed(f, value_of(f, table)) for f in derived if not f.origin})
    # Those of the data scientist's own may be made of each other.
    for feature in (f for f in derived if f.origin):
        table = table.mutate(**{feature.name: _typed(feature, value_of(feature, table))})
    return table.select(*keys, *(feature.name for feature in features))


def needed(attributes: Table, kept: Sequence[Feature], possible: Sequence[Feature]) -> tuple[Feature, ...]:
    """Of all features those that are kept, those that others are made of, and what is not over acts, which costs little."""
    kinds = {f.name: "string" if f.kind == "category" else "float64" for f in possible}
    every = ibis.table({**dict(attributes.schema().items()), **kinds}, name="every")
    names = {f.name for f in kept} | _fields([f for f in possible if f.over == "features"], every)
    return tuple(f for f in possible if f.over != "activities" or f.name in names)


def _fields(specs: Sequence[Feature], table: Table) -> set[str]:
    """The columns of a table that the expressions read."""
    return {field.name for f in specs for field in value_of(f, table).op().find(ops.Field)}


def _totals(facts: Table, keys: Sequence[str], specs: Sequence[Feature], suffix: str = "") -> Table:
    return facts.group_by(list(keys)).aggregate(**{f.name + suffix: value_of(f, facts) for f in specs})


def _packed(facts: Table, specs: Sequence[Feature], of_accounts: Sequence[Feature]) -> Table:
    """The same as `_totals`, with what can be computed from counts alone packed; the shares in accounts' totals beside it."""
    counted = {f.name: f.expression for f in specs if isinstance(f.expression, Counted) and not f.origin}
    shares = {f.name + _OWN: f.expression for f in of_accounts if isinstance(f.expression, Counted)}
    others = {f.name: partial(value_of, f) for f in specs if f.name not in counted}
    return packed(facts, (SNAPSHOT,), counted | shares, others)


def _with_account(table: Table, history: History, over: Over, specs: Sequence[Feature], keep: Keep) -> Table:
    """Totals over the account's leads without the lead itself: the account's total less the lead's own share."""
    source = history.account_leads if over == "account_leads" else history.account_activities
    if source is None:
        raise ValueError(f"features over {over} need accounts")  # the catalogue does not offer them otherwise
    totals = keep(_totals(source, _ACCOUNT_KEYS, specs), f"totals_{over}")
    joined = joined_left(table, totals, *_ACCOUNT_KEYS)
    if over == "account_leads":
        own = {feature.name: ibis.literal(1.0) for feature in specs}
    else:
        if any(feature.name + _OWN not in joined.columns for feature in specs):
            shares = _totals(history.facts["activities"], (SNAPSHOT,), specs, _OWN)
            joined = joined_left(joined, shares, SNAPSHOT)
        own = {f.name: joined[f.name + _OWN].cast("float64").fill_null(0.0) for f in specs}
    values = {
        feature.name: ibis.cases(
            (joined["account_id"].isnull(), ibis.null("float64")),
            else_=joined[feature.name].cast("float64").fill_null(0.0) - own[feature.name],
        )
        for feature in specs
    }
    helpers = [feature.name + _OWN for feature in specs if feature.name + _OWN in joined.columns]
    return joined.mutate(**values).drop(*helpers)


def _typed(feature: Feature, value: Value) -> Value:
    if feature.kind == "category":
        return value.cast("string")
    number = value.cast("float64")
    return number if feature.empty is None else number.fill_null(float(feature.empty))
