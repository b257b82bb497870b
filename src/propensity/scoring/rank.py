"""A total order over the leads that may be called, and what each row of a list says beside its rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from propensity.scoring.gate import OVER_CAPACITY

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

SCORES = (
    "lead_id", "account_id", "as_of", "probability", "probability_low", "probability_high", "evidence", "margin", "tier", "rank", "removed", "owner", "deal_value",
    "expected_value",
)  # fmt: skip
CONTACT = ("contact_name", "title", "company", "email", "phone", "source", "country", "product")
_MOST_DECIMALS = 2


def ranked(canonical: Canonical, scores: ir.Table, gated: ir.Table, capacity: int | None) -> ir.Table:
    """Join scores, gate and leads, and rank.

    Parameters
    ----------
    canonical
        The tables, for what a list shows of a lead.
    scores
        `scoring.score.SCORE_COLUMNS`, a row a lead.
    gated
        `lead_id` and `removed`, as `scoring.gate.gate` gives them.
    capacity
        Leads that the list holds; all callable ones where None.

    Returns
    -------
    A row a scored lead: SCORES, CONTACT and `tie`. `rank` (int64) counts the callable leads from 1, by falling
    probability, then margin, then a stable hash, then lead_id; it is null for leads that the gate removed. Leads beyond
    the capacity keep their rank and are removed as over_capacity.
    """
    table: Any = scores.left_join(gated, "lead_id").drop("lead_id_right")
    leads = canonical.tables["leads"]
    shown = leads.select(
        "lead_id",
        "owner",
        "deal_value",
        "contact_name",
        "title",
        "email",
        "phone",
        "source",
        "country",
        "product",
    )
    table = table.left_join(shown, "lead_id").drop("lead_id_right")
    table = _with_company(canonical, table)
    order = [table["probability"].desc(), table["margin"].desc(), table["tie"], table["lead_id"]]
    place = ibis.row_number().over(group_by=table["removed"].isnull(), order_by=order) + 1
    rank = ibis.cases((table["removed"].isnull(), place), else_=ibis.null("int64")).cast("int64")
    table = table.mutate(
        rank=rank, expected_value=(table["probability"] * table["deal_value"]).round(_MOST_DECIMALS)
    )
    if capacity is not None:
        table = table.mutate(
            removed=ibis.cases((table["rank"] > capacity, OVER_CAPACITY), else_=table["removed"])
        )
    return table.select(*SCORES, *CONTACT, "tie")


def in_order(table: ir.Table) -> ir.Table:
    """Ranked leads first, in their order; then the removed ones, by the same rule."""
    keys = [
        table["rank"].asc(nulls_first=False),
        table["probability"].desc(),
        table["margin"].desc(),
        table["tie"],
        table["lead_id"],
    ]
    return table.order_by(keys)


def _with_company(canonical: Canonical, table: ir.Table) -> ir.Table:
    """The account's name; of several versions of an account, the last by name."""
    if "accounts" not in canonical.tables:
        return table.mutate(company=ibis.null("string"))
    accounts = canonical.tables["accounts"]
    names = accounts.group_by("account_id").aggregate(company=accounts["name"].max())
    return table.left_join(names, "account_id").drop("account_id_right")
