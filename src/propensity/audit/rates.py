"""How often leads of each source, industry, country ... converted, with intervals. A description, not a feature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import ibis

from propensity.features.rare import FEWEST_LEADS
from propensity.features.titles import department
from propensity.stats import wilson
from propensity.timeline.labels import ends_of_leads, labelled, last_matured

if TYPE_CHECKING:
    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

_LEAD_COLUMNS = ("source", "country", "region", "product")
_ACCOUNT_COLUMNS = ("industry", "country", "region")
_MOST_VALUES = 8
_MOST_EXTRAS = 20
_FEWEST_OF_EITHER = 5
_KNOWN = "profile_known_leads"


@dataclass(frozen=True, slots=True)
class ValueRate:
    """Leads with a value, how many converted, the rate with its 95 % interval (Wilson 1927), and whether that tells much.

    `enough`: at least 5 that converted and 5 that did not.
    """

    value: str
    leads: int
    conversions: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        """Conversions over leads, in [0, 1]."""
        return self.conversions / self.leads

    @property
    def enough(self) -> bool:
        """Whether the rate tells anything."""
        return min(self.conversions, self.leads - self.conversions) >= _FEWEST_OF_EITHER

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "leads": self.leads,
            "conversions": self.conversions,
            "rate": round(self.rate, 6),
            "low": round(self.low, 6),
            "high": round(self.high, 6),
            "enough": self.enough,
        }


@dataclass(frozen=True, slots=True)
class Rates:
    """The rates by column; `definition` says of which leads, and what counts."""

    definition: str
    leads: int
    conversions: int
    columns: tuple[tuple[str, tuple[ValueRate, ...]], ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        columns = {name: {each.value: each.to_dict() for each in values} for name, values in self.columns}
        return {
            "definition": self.definition,
            "leads": self.leads,
            "conversions": self.conversions,
            "columns": columns,
        }


def conversion_rates(canonical: Canonical, through: datetime | None) -> Rates | None:
    """The rates of the leads whose outcome is known; None where nothing says who converted, or no outcome is known yet.

    The eight most frequent values a column; of a category of the company's own, those alone that FEWEST_LEADS leads share.
    Accounts as they are in their newest row.
    """
    known = _known_leads(canonical, through)
    if known is None:
        return None
    table, definition = known
    kept: Any = canonical.engine.materialise(_described(canonical, table), _KNOWN)
    row = canonical.engine.collect(
        kept.aggregate(n=kept.count(), yes=kept["label"].sum().cast("int64"))
    ).to_pylist()[0]
    if not row["n"]:
        return None
    extras = canonical.config.tables["leads"].extra
    fewest = {name: FEWEST_LEADS for name, extra in extras.items() if extra.type == "category"}
    columns = [
        (name, _by(canonical, kept, name, fewest.get(name, 1)))
        for name in kept.columns
        if name not in ("lead_id", "label")
    ]
    return Rates(
        definition, row["n"], row["yes"], tuple((name, values) for name, values in columns if values)
    )


def _known_leads(canonical: Canonical, through: datetime | None) -> tuple[Table, str] | None:
    """Leads with `label` (0 or 1) and `account_id`, those alone whose outcome is known."""
    config, leads = canonical.config, canonical.tables["leads"]
    horizon = timedelta(days=config.outcome.horizon_days)
    last = None
    if through is not None:
        last = last_matured(through, horizon, timedelta(days=config.outcome.recording_lag_days))
    if canonical.flat:
        known: Any = leads.filter(leads["outcome"].notnull())
        if last is not None and canonical.dated:
            known = known.filter(known["created_at"] <= ibis.literal(last, type="timestamp('UTC', 6)"))
        return known.mutate(
            label=known["outcome"].cast("int8")
        ), "leads with an outcome; conversion: the outcome is yes"
    if "stages" not in canonical.tables or last is None:
        return None
    old: Any = leads.filter(leads["created_at"] <= ibis.literal(last, type="timestamp('UTC', 6)"))
    spine = old.mutate(as_of=old["created_at"])
    ends = ends_of_leads(canonical.tables["stages"], config.outcome)
    spine = spine.left_join(ends, "lead_id").drop("lead_id_right")
    days = config.outcome.horizon_days
    definition = (
        f"leads created by {last:%Y-%m-%d}, so that {days} days are known of each; conversion: "
        f"{config.outcome.stage} or later within {days} days of creation"
    )
    return labelled(spine, horizon), definition


def _described(canonical: Canonical, known: Any) -> Table:
    """`lead_id`, `label` and the categories of lead and account, under names that tell which is which."""
    present = canonical.present["leads"]
    columns: dict[str, Any] = {name: known[name] for name in _LEAD_COLUMNS if name in present}
    if "title" in present:
        columns["department"] = department(known["title"], canonical.config.features)
    extras = canonical.config.tables["leads"].extra
    categories = [name for name, extra in extras.items() if extra.type != "number"][:_MOST_EXTRAS]
    columns |= {name: known[name].cast("string") for name in categories}
    table: Any = known.select("lead_id", "label", "account_id", **columns)
    if "accounts" not in canonical.tables or "account_id" not in present:
        return table.drop("account_id")
    accounts: Any = canonical.tables["accounts"]
    wanted = [name for name in _ACCOUNT_COLUMNS if name in canonical.present["accounts"]]
    newest = accounts.mutate(
        _place=ibis.row_number().over(
            group_by="account_id", order_by=accounts["valid_from"].desc(nulls_first=False)
        )
    )
    newest = newest.filter(newest["_place"] == 0)
    named = newest.select("account_id", **{f"account's {name}": newest[name] for name in wanted})
    return table.left_join(named, "account_id").drop("account_id", "account_id_right")


def _by(canonical: Canonical, known: Any, column: str, fewest: int) -> tuple[ValueRate, ...]:
    """The rates by a column's values that at least `fewest` leads share, the most frequent first."""
    groups = known.select(value=known[column], label=known["label"]).filter(lambda t: t["value"].notnull())
    rows = canonical.engine.collect(
        groups.group_by("value")
        .aggregate(n=lambda t: t.count(), yes=lambda t: t["label"].sum().cast("int64"))
        .filter(lambda t: t["n"] >= fewest)
        .order_by(lambda t: t["n"].desc(), "value")
        .limit(_MOST_VALUES)
    ).to_pylist()
    if not rows:
        return ()
    lows, highs = wilson([row["yes"] for row in rows], [row["n"] for row in rows])
    return tuple(
        ValueRate(row["value"], row["n"], row["yes"], float(low), float(high))
        for row, low, high in zip(rows, lows, highs, strict=True)
    )
