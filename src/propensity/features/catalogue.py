"""Which features there are for a company's tables and configuration: the list that training and scoring share."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from propensity.errors import ConfigError
from propensity.features.budget import budget_features
from propensity.features.colleagues import account_features
from propensity.features.engagement import engagement_features
from propensity.features.firmographic import firmographic_features
from propensity.features.fiscal import fiscal_features
from propensity.features.fit import fit_features
from propensity.features.own import own_digests, own_features
from propensity.features.past_rates import past_rate_features
from propensity.features.spec import Feature
from propensity.features.stages import stage_features
from propensity.schema import TABLES
from propensity.timeline.history import ACCOUNT_PREFIX, EXTRA_PREFIX
from propensity.timeline.past import past_groups

if TYPE_CHECKING:
    from propensity.config import ExtraColumn
    from propensity.schema import TableName
    from propensity.sources.canonical import Canonical


def feature_specs(canonical: Canonical) -> tuple[Feature, ...]:
    """Return the features in their fixed order: firmographic, budget, engagement, then the company's own columns.

    Raises
    ------
    ConfigError
        `features.exclude` names no feature, or two features share a name.
    """
    features, exclude = possible_features(canonical), canonical.config.features.exclude
    names = [feature.name for feature in features]
    for name in exclude:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise ConfigError(
                f"features.exclude: there is no feature {name!r}{f'; do you mean {near[0]!r}?' if near else ''}."
            )
    return tuple(feature for feature in features if feature.name not in exclude)


def possible_features(canonical: Canonical) -> tuple[Feature, ...]:
    """Every feature, those of `features.exclude` too, for others may be made of them.

    A table or a column that is not mapped gives no features: they would be null in every row.

    Raises
    ------
    ConfigError
        Two features share a name.
    """
    config, present = canonical.config, canonical.present
    leads = present["leads"]
    by_account = "account_id" in leads
    accounts = present.get("accounts", frozenset[str]()) if by_account else frozenset[str]()
    budgets = present.get("budgets", frozenset[str]())
    if "lead_id" not in budgets and not by_account:
        budgets = frozenset[str]()
    features = firmographic_features(config, leads, accounts, canonical.engine.functions)
    features += fit_features(
        config.features, leads, accounts, _declared_extras(canonical, by_account=by_account)
    )
    features += past_rate_features(past_groups(canonical), config.features.past_rate_pseudo_leads)
    priced = "products" in present and "product" in leads
    features += budget_features(config, budgets, accounts, priced=priced)
    if canonical.dated:
        features += fiscal_features(config, leads, accounts, canonical.engine.functions)
    if "activities" in present:
        features += engagement_features(config.features)
    if "stages" in present:
        features += stage_features()
    if by_account and canonical.dated and not canonical.flat:
        features += account_features(with_activities="activities" in present)
    features += _extras(canonical, "leads", EXTRA_PREFIX)
    if by_account:
        features += _extras(canonical, "accounts", ACCOUNT_PREFIX + EXTRA_PREFIX)
    features += _own(canonical)
    _refuse_same_names(features)
    return tuple(features)


def parameters(canonical: Canonical) -> dict[str, Any]:
    """The part of the configuration that shapes what the features' values mean (JSON types)."""
    config = canonical.config
    return {
        "features": config.features.model_dump(mode="json", exclude={"exclude", "own"}),
        "own": own_digests(config.features),
        "currency": config.data.currency,
        "timezone": config.data.timezone,
        "converting": list(config.outcome.converting),
        "disqualifying": list(config.outcome.disqualified_stages),
        "horizon_days": config.outcome.horizon_days,
        "recording_lag_days": config.outcome.recording_lag_days,
    }


def _declared_extras(canonical: Canonical, *, by_account: bool) -> dict[str, Mapping[str, ExtraColumn]]:
    """The company's own columns by the prefix of their columns in the attributes."""
    tables = canonical.config.tables
    extras = {EXTRA_PREFIX: tables["leads"].extra}
    if by_account and "accounts" in tables:
        extras[ACCOUNT_PREFIX + EXTRA_PREFIX] = tables["accounts"].extra
    return extras


def _extras(canonical: Canonical, table: TableName, prefix: str) -> list[Feature]:
    if table not in canonical.tables:
        return []
    return [
        _extra(name, extra, prefix + name) for name, extra in canonical.config.tables[table].extra.items()
    ]


def _extra(name: str, extra: ExtraColumn, column: str) -> Feature:
    concept = extra.concept or name
    number = extra.type != "category"
    return Feature(
        f"{extra.family}_{name}",
        extra.family,
        concept,
        extra.unit,
        f"{concept}: {{value}}",
        "attributes",
        (lambda t: t[column].cast("float64")) if number else (lambda t: t[column]),
        kind="number" if number else "category",
        null_when=f"{concept} is unknown" + ("" if extra.static else " or was not known yet"),
    )


def _own(canonical: Canonical) -> list[Feature]:
    features = own_features(canonical.config.features)
    for feature in features:
        if feature.over in TABLES and feature.over not in canonical.tables:
            raise ConfigError(
                f"features.own: {feature.origin}: feature {feature.name!r} is over {feature.over!r}, which is not mapped. "
                f"Map tables.{feature.over}, or leave the feature out."
            )
    return features


def _refuse_same_names(features: list[Feature]) -> None:
    """To an engine, names that differ only in case are the same."""
    counts = Counter(feature.name.lower() for feature in features)
    twice = [feature for feature in features if counts[feature.name.lower()] > 1]
    if twice:
        names = ", ".join(sorted(f.name + (f" ({f.origin})" if f.origin else "") for f in twice))
        raise ConfigError(
            f"features named twice: {names}. Rename the extra columns, channels, activity types or features of your own."
        )
