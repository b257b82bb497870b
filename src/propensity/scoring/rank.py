"""A total order over the leads that may be called, and what each row of a list says beside its rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from propensity.scoring.causes import SAME_PERSON

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.sources.canonical import Canonical

SCORES = (
    "lead_id", "account_id", "as_of", "probability", "probability_low", "probability_high", "evidence", "margin", "tier", "rank", "removed", "owner", "deal_value",
    "expected_value",
)  # fmt: skip
CONTACT = ("contact_name", "title", "company", "email", "phone", "source", "country", "product")
_MOST_DECIMALS = 2


def ranked(canonical: Canonical, scores: ir.Table, leaving: ir.Table) -> ir.Table:
    """Join scores, gate and leads, keep the best of each person, and rank.

    Parameters
    ----------
    canonical
        The tables, for what a list shows of a lead, and `lists.order`.
    scores
        `scoring.score.SCORE_COLUMNS`, a row a lead.
    leaving
        `lead_id`, `person`, `by_person` and `removed` (the cause; null for leads that may be called).

    Returns
    -------
    A row a scored lead: SCORES, CONTACT, `tie`, `by_person` and `same_as`. `rank` (int64) counts the callable leads from 1, by falling
    expected value where `lists.order` says so (0 where it is not known), then by falling probability, then margin, then a
    stable hash, then lead_id; it is null for leads that are removed. Of the callable leads of one person all but the first are
    removed as same_person; `same_as` (string) is then the first one's id.
    """
    table: Any = scores.left_join(leaving, "lead_id").drop("lead_id_right")
    leads = canonical.tables["leads"]
    shown = [name for name in CONTACT if name != "company"]
    table = table.left_join(leads.select("lead_id", "owner", "deal_value", *shown), "lead_id")
    table = _with_company(canonical, table.drop("lead_id_right"))
    table = table.mutate(
        expected_value=(table["probability"] * table["deal_value"]).round(_MOST_DECIMALS),
        _person=ibis.cases((table["removed"].isnull(), table["person"]), else_=ibis.null("string")),
    )
    place: Any = ibis.row_number()
    of_person = ibis.window(group_by="_person", order_by=_order(canonical, table))
    table = table.mutate(
        _again=table["_person"].notnull() & (place.over(of_person) > 0),
        _first=table["lead_id"].first().over(of_person),
    )
    table = table.mutate(
        removed=ibis.cases((table["_again"], SAME_PERSON), else_=table["removed"]),
        same_as=ibis.cases((table["_again"], table["_first"]), else_=ibis.null("string")),
    )
    number = place.over(group_by=table["removed"].isnull(), order_by=_order(canonical, table)) + 1
    rank = ibis.cases((table["removed"].isnull(), number), else_=ibis.null("int64")).cast("int64")
    return table.mutate(rank=rank).select(*SCORES, *CONTACT, "tie", "same_as", "by_person")


def _order(canonical: Canonical, table: Any) -> list[Any]:
    order = [table["probability"].desc(), table["margin"].desc(), table["tie"], table["lead_id"]]
    if canonical.config.lists.order == "expected_value":
        return [table["expected_value"].fill_null(0).desc(), *order]
    return order


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
