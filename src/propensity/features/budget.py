"""Whether the lead has the means: what was stated, quoted, raised and spent, against what the product costs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ibis

from propensity.features.spec import DAY_US, Feature, Over
from propensity.timeline.history import ACCOUNT_PREFIX, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from propensity.config import Config, FeaturesConfig
    from propensity.engines.untyped import Table, Value

_KINDS = {
    "stated": ("stated budget", "stated a budget of {value}"),
    "quote": ("quoted amount", "was quoted {value}"),
    "funding": ("funding", "raised {value}"),
    "spend": ("past spend", "spent {value} before"),
}


def budget_features(
    config: Config, budget_columns: Collection[str], account_columns: Collection[str], *, priced: bool
) -> list[Feature]:
    """The features that budgets, prices and revenue allow; `priced` says that leads' products have a price."""
    features: list[Feature] = []
    # Where nobody says what kind of budget it is, any is taken as what the lead has to spend.
    capacity = "budget_latest_amount"
    if budget_columns:
        features += _facts()
        if "kind" in budget_columns:
            features += [_latest_of(kind) for kind in config.features.budget_kinds]
            features.append(_capacity())
            capacity = features[-1].name
    if priced:
        features += _against_price(
            capacity if budget_columns else None, revenue="annual_revenue" in account_columns
        )
    return features


def _against_price(capacity: str | None, *, revenue: bool) -> list[Feature]:
    """What the product costs, and whether the budget (`capacity`: the feature that holds it) or revenue reaches it."""
    features = [
        _feature(
            "product_price", "price", "base currency", "the product costs {value}", "attributes", lambda t: t["price"],
            actionable=False,
        )
    ]  # fmt: skip
    if capacity is not None:
        features += [
            _feature(
                "to_price_ratio", "budget against price", "", "has {value} times the price as budget", "features",
                lambda t: t["budget_latest_amount"] / t["budget_product_price"].nullif(0),
                null_when="the last budget or the price is unknown",
            ),
            _feature(
                "covers_price", "budget against price", "", "the budget covers the price", "features",
                lambda t: (t[capacity] >= t["budget_product_price"]).cast("float64"),
                null_when="no stated or quoted budget is known, or the price is unknown",
                zero="the budget does not cover the price",
            ),
        ]  # fmt: skip
    if revenue:
        features.append(
            _feature(
                "revenue_to_price_ratio", "revenue against price", "",
                "the company's revenue a year is {value} times the price", "attributes",
                lambda t: t[ACCOUNT_PREFIX + "annual_revenue"] / t["price"].nullif(0),
                null_when="revenue or price is unknown",
            )
        )  # fmt: skip
    return features


def _facts() -> list[Feature]:
    return [
        _feature(
            "fact_count", "budget known", "facts", "named money {times}", "budgets", lambda t: t.count(),
            empty=0, null_when="never", zero="no budget is known",
        ),
        _feature(
            "latest_amount", "budget", "base currency", "has a budget of {value}", "budgets", _latest,
            null_when="no budget is known, or the last one is in a currency without a rate",
        ),
        _feature(
            "largest_amount", "budget", "base currency", "once had a budget of {value}", "budgets",
            lambda t: t["amount"].max(), null_when="no amount is known",
        ),
        _feature(
            "age_days", "age of the budget", "days", "last spoke of money {value} days ago", "budgets",
            lambda t: t["age_us"].min().cast("float64") / DAY_US, null_when="no budget is known",
        ),
        _feature(
            "is_known", "budget known", "", "the budget is known", "budgets", lambda t: (t.count() > 0).cast("float64"),
            empty=0, null_when="never", zero="no budget is known",
        ),
    ]  # fmt: skip


def _latest(table: Table) -> Value:
    """The amount recorded last; of several at the same instant the largest, so that no order of rows decides."""
    return table["amount"].max(where=table["is_latest"])


def _capacity() -> Feature:
    return _feature(
        "capacity_amount", "budget", "base currency", "last stated or was quoted {value}", "budgets",
        lambda t: t["amount"].max(where=t["is_latest_capacity"]),
        null_when="no stated or quoted budget is known, or the last one is in a currency without a rate",
    )  # fmt: skip


def _latest_of(kind: str) -> Feature:
    concept, sentence = _KINDS.get(kind, (f"{kind} amount", f"{kind}: {{value}}"))
    return _feature(
        f"{kind}_amount", concept, "base currency", sentence, "budgets",
        lambda t: t["amount"].max(where=t["is_latest_of_kind"] & (t["kind"] == kind)),
        null_when=f"no {concept} is known, or the last one is in a currency without a rate",
    )  # fmt: skip


def prepared(budgets: Table, config: FeaturesConfig) -> Table:
    """Mark, per snapshot, the budgets recorded last: of all, of each kind, and of the kinds that must cover the price."""
    youngest = budgets["age_us"].min().over(group_by=SNAPSHOT)
    table = budgets.mutate(is_latest=budgets["age_us"] == youngest)
    of_kind = table["age_us"].min().over(group_by=[SNAPSHOT, "kind"])
    capable = table["kind"].isin(list(config.capacity_kinds)).fill_null(ibis.literal(False))
    youngest_capable = table["age_us"].min(where=capable).over(group_by=SNAPSHOT)
    return table.mutate(
        is_latest_of_kind=table["age_us"] == of_kind,
        is_latest_capacity=capable & (table["age_us"] == youngest_capable),
    )


def _feature(  # noqa: PLR0913
    name: str,
    concept: str,
    unit: str,
    sentence: str,
    over: Over,
    expression: Callable[[Table], Value],
    *,
    empty: float | None = None,
    null_when: str = "price is unknown",
    zero: str = "",
    actionable: bool | None = None,
) -> Feature:
    return Feature(
        f"budget_{name}", "budget", concept, unit, sentence, over, expression,
        empty=empty, null_when=null_when, zero=zero, actionable=actionable,
    )  # fmt: skip
