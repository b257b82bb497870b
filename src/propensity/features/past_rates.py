"""How often leads like this one converted before, by source, industry and account, drawn towards the base rate."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ibis

from propensity.features.spec import Feature
from propensity.timeline.past import EVERY, past_column

if TYPE_CHECKING:
    from propensity.engines.untyped import Table, Value

_GROUPS = {
    "source": ("leads from the same source", "source"),
    "industry": ("leads of the same industry", "account_industry"),
    "account": ("leads of the same company", "account_id"),
}


def past_rate_features(groups: Collection[str], pseudo_leads: float) -> list[Feature]:
    """One feature a group that `timeline.past` counts.

    With n past leads of the group, c of them converted, k pseudo leads and the base rate b of all past leads:
    100 (c + k b) / (n + k). That is the posterior mean of a beta prior with mean b and weight k.
    """
    return [_rate(group, pseudo_leads) for group in _GROUPS if group in groups]


def _rate(group: str, pseudo_leads: float) -> Feature:
    words, column = _GROUPS[group]

    def rate(table: Table) -> Value:
        leads, conversions, every, converted = (
            table[past_column(which, count)].cast("float64")
            for which in (group, EVERY)
            for count in ("leads", "conversions")
        )
        base = converted / every.nullif(0)
        value = 100 * (conversions + pseudo_leads * base) / (leads + pseudo_leads)
        return ibis.cases((table[column].isnull(), ibis.null("float64")), else_=value)

    return Feature(
        f"firmographic_{group}_past_rate", "firmographic", f"past success with {words}", "conversions per 100 leads",
        f"of 100 earlier {words}, about {{value}} converted", "attributes", rate,
        null_when=f"{group} is unknown, or no earlier lead is old enough to tell",
        zero=f"none of the earlier {words} converted",
    )  # fmt: skip
