"""Fit to the ideal customer that the configuration describes: a feature a criterion, and the share that is met."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import ibis

from propensity.errors import ConfigError
from propensity.features.spec import Feature
from propensity.features.words import holds, pattern_of
from propensity.timeline.history import ACCOUNT_PREFIX

if TYPE_CHECKING:
    from propensity.config import ExtraColumn, FeaturesConfig
    from propensity.config.features import ExtraCriterion
    from propensity.engines.untyped import Table, Value

Test = Callable[["Table"], "Value"]
_CONCEPT = "fit to the ideal customer"


def fit_features(
    config: FeaturesConfig,
    lead_columns: Collection[str],
    account_columns: Collection[str],
    extras: Mapping[str, Mapping[str, ExtraColumn]],
) -> list[Feature]:
    """The features of `features.ideal_customer`; none where it gives no criterion.

    Parameters
    ----------
    config
        The criteria, and how titles are read.
    lead_columns, account_columns
        The canonical columns that are mapped.
    extras
        The company's own columns by the prefix of their columns in the attributes.

    Raises
    ------
    ConfigError
        A criterion names a column that is not mapped, or is not of its type.
    """
    tests = _criteria(config, lead_columns, account_columns)
    for name, criterion in config.ideal_customer.extra.items():
        tests[name] = _extra_test(name, criterion, extras)
    features = [_criterion(name, test) for name, test in tests.items()]
    if features:
        features.append(_total(list(tests.values())))
    return features


def _criteria(
    config: FeaturesConfig, lead_columns: Collection[str], account_columns: Collection[str]
) -> dict[str, Test]:
    ideal, tests = config.ideal_customer, dict[str, Test]()
    if ideal.industry:
        _need("industry", accounts="industry" in account_columns)
        industry = pattern_of(ideal.industry)
        tests["industry"] = lambda t: holds(t[ACCOUNT_PREFIX + "industry"], industry)
    if ideal.country:
        where = _place("country", lead_columns, account_columns)
        countries = [word.strip().lower() for word in ideal.country]
        tests["country"] = lambda t: where(t).lower().isin(countries)
    if ideal.region:
        at = _place("region", lead_columns, account_columns)
        region = pattern_of(ideal.region)
        tests["region"] = lambda t: holds(at(t), region)
    for name, span in (("employee_count", ideal.employee_count), ("annual_revenue", ideal.annual_revenue)):
        if span is not None:
            _need(name, accounts=name in account_columns)
            tests[name] = _within(ACCOUNT_PREFIX + name, span.min, span.max)
    if ideal.seniority is not None:
        _need("seniority", "title", leads="title" in lead_columns)
        least = ideal.seniority
        tests["seniority"] = lambda t: t["firmographic_seniority_rank"] >= least
    return tests


def _place(column: str, lead_columns: Collection[str], account_columns: Collection[str]) -> Test:
    """The company's country or region; the lead's own where the company's is unknown."""
    names = [ACCOUNT_PREFIX + column] if column in account_columns else []
    names += [column] if column in lead_columns else []
    _need(column, leads=bool(names), accounts=bool(names))
    return lambda t: ibis.coalesce(*(t[name] for name in names))


def _need(criterion: str, column: str | None = None, **mapped: bool) -> None:
    if any(mapped.values()):
        return
    column = column or criterion
    needed = " or ".join(f"{table}.{column}" for table in mapped)
    if "accounts" in mapped:
        needed += " (and leads.account_id)"
    raise ConfigError(
        f"features.ideal_customer.{criterion} needs {needed}, which is not mapped. Map it under "
        f"{' or '.join(f'tables.{table}.columns' for table in mapped)}, or leave the criterion out."
    )


def _extra_test(
    name: str, criterion: ExtraCriterion, extras: Mapping[str, Mapping[str, ExtraColumn]]
) -> Test:
    place = f"features.ideal_customer.extra.{name}"
    found = [(prefix + name, columns[name]) for prefix, columns in extras.items() if name in columns]
    if not found:
        known = sorted({name for columns in extras.values() for name in columns})
        raise ConfigError(
            f"{place} names no column of your own; there are {', '.join(known) or 'none'}. Declare it under "
            "tables.leads.extra or tables.accounts.extra, or leave the criterion out."
        )
    if len(found) > 1:
        raise ConfigError(f"{place}: leads and accounts both have an extra column of that name. Rename one.")
    column, extra = found[0]
    if bool(criterion.words) != (extra.type == "category"):
        wanted = "`words`" if extra.type == "category" else "`min` or `max`"
        raise ConfigError(f"{place}: the column is a {extra.type}, so that the criterion needs {wanted}.")
    if not criterion.words:
        return _within(column, criterion.min, criterion.max)
    pattern = pattern_of(criterion.words)
    return lambda t: holds(t[column], pattern)


def _within(column: str, least: float | None, most: float | None) -> Test:
    def test(table: Table) -> Value:
        value = table[column].cast("float64")
        if least is None:
            return value <= most
        return value >= least if most is None else (value >= least) & (value <= most)

    return test


def _criterion(name: str, test: Test) -> Feature:
    word = {"employee_count": "company size", "annual_revenue": "company revenue"}.get(
        name, name.replace("_", " ")
    )
    return Feature(
        f"firmographic_fits_{name}", "firmographic", _CONCEPT, "",
        f"the {word} is that of our ideal customer", "features", lambda t: test(t).cast("float64"),
        null_when=f"{word} is unknown", zero=f"the {word} is not that of our ideal customer",
    )  # fmt: skip


def _total(tests: Sequence[Test]) -> Feature:
    def share(table: Table) -> Value:
        met: Value = ibis.literal(0.0)
        known: Value = ibis.literal(0.0)
        for test in tests:
            result = test(table).cast("float64")
            met += result.fill_null(0.0)
            known += result.notnull().cast("float64")
        return met / known.nullif(0)

    return Feature(
        "firmographic_ideal_customer_share", "firmographic", _CONCEPT, "share of the known criteria",
        "meets {value} of what is known of our ideal customer", "features", share, tellable=False,
        null_when="none of the criteria is known", zero="meets none of the known criteria of our ideal customer",
    )  # fmt: skip
