"""Suspects: companies that fit the market, and no lead of theirs has shown a sign of interest yet."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis

from propensity.features.catalogue import possible_features
from propensity.scoring.facts import observed
from propensity.timeline.history import ACCOUNT_PREFIX, SNAPSHOT, accounts_at

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

COLUMNS = ("account_id", "name", "domain", "industry", "employee_count", "country", "region")
_OF_COMPANIES = ("industry", "country", "region", "employee_count", "annual_revenue")


def suspects(canonical: Canonical, facts: ir.Table, as_of: datetime | None) -> ir.Table | None:
    """The suspects at as_of, COLUMNS, a row an account, ordered by account_id.

    A sign of interest is an own act, an answer or a meeting of a lead of the account, or that one came from a source that is
    not offline. The company's country and region count, not those of a lead; a part of the ideal customer for which
    accounts have no column says nothing here.

    Parameters
    ----------
    canonical
        The tables.
    facts
        What `scoring.facts.lead_facts` gives for as_of.
    as_of
        Where we stand.

    Returns
    -------
    None where nothing can tell: no accounts, no dates, or no ideal customer.
    """
    present = canonical.present
    parts = [
        part
        for part in observed(canonical).fit
        if part in _OF_COMPANIES and part in present.get("accounts", ())
    ]
    if as_of is None or canonical.flat or "account_id" not in present["leads"] or not parts:
        return None
    found: Any = _accounts(canonical, as_of)
    fits = {feature.name: feature for feature in possible_features(canonical)}
    for part in parts:
        test = fits[f"firmographic_fits_{part}"].expression(found)
        found = found.filter((test == 1).fill_null(ibis.literal(False)))
    table: Any = facts
    online = (table["source_is_offline"] != 1) | table["source_is_offline"].isnull()
    interested = table.filter(online | table["last_inbound_us"].notnull() | table["last_answer_us"].notnull())
    found = found.anti_join(interested.filter(interested["account_id"].notnull()), "account_id")
    shown = {name: found[ACCOUNT_PREFIX + name] for name in COLUMNS[1:]}
    return found.select("account_id", **shown).order_by("account_id")


def _accounts(canonical: Canonical, as_of: datetime) -> Table:
    """Every account as it was at as_of, in the columns that the features' tests read."""
    instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
    ids = canonical.tables["accounts"].select("account_id").distinct()
    spine: Any = ids.mutate(
        **{SNAPSHOT: ibis.row_number().over(order_by=ids["account_id"]), "as_of": instant}
    )
    known: Any = accounts_at(canonical, spine)
    table = known.join(spine.select(SNAPSHOT, "account_id"), SNAPSHOT)
    return table.mutate(country=ibis.null("string"), region=ibis.null("string"))
