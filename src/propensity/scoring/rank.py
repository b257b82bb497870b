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
"""What is known of a lead beside its scores; `contacts` gives it."""
PLACE = "_place"
"""The place of a lead among all scored ones, from 0 (int64): by rank, then those that are removed, by falling probability."""
_MOST_DECIMALS = 2


def ranked(canonical: Canonical, scores: ir.Table, leaving: ir.Table) -> ir.Table:
    """Join scores, gate and leads, keep the best of each person, and rank.

    Parameters
    ----------
    canonical
        The tables, for owners and deal values, and `lists.order`.
    scores
        `scoring.score.SCORE_COLUMNS`, a row a lead.
    leaving
        `lead_id`, `person`, `by_person` and `removed` (the cause; null for leads that may be called).

    Returns
    -------
    A row a scored lead: SCORES, PLACE, `tie`, `by_person` and `same_as`. `rank` (int64) counts the callable leads from 1, by falling
    expected value where `lists.order` says so (0 where it is not known), then by falling probability, then margin, then a
    stable hash, then lead_id; it is null for leads that are removed. Of the callable leads of one person all but the first are
    removed as same_person; `same_as` (string) is then the first one's id.
    """
    engine = canonical.engine
    leads: Any = canonical.tables["leads"]
    table: Any = scores.left_join(leaving, "lead_id").drop("lead_id_right")
    table = table.left_join(leads.select("lead_id", "deal_value", "owner"), "lead_id").drop("lead_id_right")
    value = (table["probability"] * table["deal_value"]).round(_MOST_DECIMALS)
    table = engine.materialise(table.mutate(expected_value=value), "ranked_scores")
    # What orders is narrow.
    again = _again(canonical, table.filter(table["removed"].isnull()))
    table = table.left_join(again, "lead_id").drop("lead_id_right")
    known = ibis.cases((table["same_as"].notnull(), SAME_PERSON), else_=table["removed"])
    table = table.mutate(removed=known)
    number: Any = ibis.row_number()
    place = number.over(order_by=_places(canonical, table)).cast("int64")
    places = engine.materialise(table.select("lead_id", **{PLACE: place}), "ranked_places")
    table = table.left_join(places, "lead_id").drop("lead_id_right")
    never: Any = ibis.null("int64")
    table = table.mutate(rank=ibis.cases((table["removed"].isnull(), table[PLACE] + 1), else_=never))
    return table.select(*SCORES, PLACE, "tie", "same_as", "by_person")


def contacts(canonical: Canonical, listed: ir.Table) -> ir.Table:
    """`lead_id` and CONTACT of the leads in `listed` (`lead_id`, `account_id`): of all leads that would be a wide table."""
    leads: Any = canonical.tables["leads"]
    shown = [name for name in CONTACT if name != "company"]
    table: Any = listed.select("lead_id", "account_id").left_join(leads.select("lead_id", *shown), "lead_id")
    return _with_company(canonical, table.drop("lead_id_right")).select("lead_id", *CONTACT)


def _again(canonical: Canonical, waiting: Any) -> Any:
    """Of the leads that may be called those that are somebody who comes before them: `lead_id`, and `same_as`, who that is."""
    people = waiting.filter(waiting["person"].notnull())
    place: Any = ibis.row_number()
    of_person = ibis.window(group_by="person", order_by=_order(canonical, people))
    people = people.select(
        "lead_id", _place=place.over(of_person), same_as=people["lead_id"].first().over(of_person)
    )
    people = people.filter(people["_place"] > 0).drop("_place")
    return canonical.engine.materialise(people, "ranked_again")


def _order(canonical: Canonical, table: Any, value: Any = None) -> list[Any]:
    order = [table["probability"].desc(), table["margin"].desc(), table["tie"], table["lead_id"]]
    if canonical.config.lists.order == "expected_value":
        worth = table["expected_value"] if value is None else value
        return [worth.fill_null(0).desc(), *order]
    return order


def _places(canonical: Canonical, table: Any) -> list[Any]:
    """Who may be called, in order; then the others, whatever they would be worth."""
    off = table["removed"].notnull()
    return [off, *_order(canonical, table, ibis.cases((off, 0.0), else_=table["expected_value"]))]


def _with_company(canonical: Canonical, table: ir.Table) -> ir.Table:
    """The account's name; of several versions of an account, the last by name."""
    if "accounts" not in canonical.tables:
        return table.mutate(company=ibis.null("string"))
    accounts = canonical.tables["accounts"].semi_join(table, "account_id")
    names = accounts.group_by("account_id").aggregate(company=accounts["name"].max())
    return table.left_join(names, "account_id").drop("account_id_right")
