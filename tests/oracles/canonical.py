"""Raw canonical rows to what the features mean by them: defaults filled, amounts in the base currency. Plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from propensity.config import Config

Row = Mapping[str, Any]
US = timedelta(microseconds=1)
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class World:
    """Tables by canonical name, each a list of rows under canonical column names; every row has every column.

    `columns` holds the columns of each table, for a table may have no row. Extras go by their own name, with their
    time under `<name>__known_at`. Times are aware datetimes.
    """

    tables: Mapping[str, Sequence[Row]]
    columns: Mapping[str, tuple[str, ...]]

    def has(self, table: str, *columns: str) -> bool:
        return table in self.tables and set(columns) <= set(self.columns[table])

    def rows(self, table: str) -> Sequence[Row]:
        return self.tables.get(table, ())

    def with_rows(self, **tables: Sequence[Row]) -> World:
        return World({**self.tables, **tables}, self.columns)


@dataclass(frozen=True)
class Crm:
    """A world made ready to be asked: facts by lead and by account."""

    world: World
    config: Config

    @cached_property
    def leads(self) -> dict[str, Row]:
        return {row["lead_id"]: row for row in self.world.rows("leads")}

    @cached_property
    def leads_of_account(self) -> dict[str, list[Row]]:
        return _grouped([row for row in self.world.rows("leads") if row.get("account_id")], "account_id")

    @cached_property
    def accounts(self) -> dict[str, list[Row]]:
        return _grouped(self._in_base("accounts", "annual_revenue"), "account_id")

    @cached_property
    def activities(self) -> dict[str, list[Row]]:
        types = self.config.features.types
        filled: list[Row] = []
        for row in self.world.rows("activities"):
            act = types.get(row["type"])
            direction, channel = row.get("direction"), row.get("channel")
            filled.append(
                {
                    **row,
                    "recorded_at": row.get("recorded_at") or row["occurred_at"],
                    "direction": direction.lower() if direction else act.direction if act else None,
                    "channel": channel or (act.channel if act else None),
                    "value": row.get("value"),
                }
            )
        return _grouped(filled, "lead_id")

    @cached_property
    def stages(self) -> dict[str, list[Row]]:
        rows = self.world.rows("stages")
        return _grouped(
            [{**row, "recorded_at": row.get("recorded_at") or row["entered_at"]} for row in rows], "lead_id"
        )

    @cached_property
    def own_budgets(self) -> dict[str, list[Row]]:
        return _grouped([row for row in self._in_base("budgets", "amount") if row.get("lead_id")], "lead_id")

    @cached_property
    def shared_budgets(self) -> dict[str, list[Row]]:
        """Budgets of an account that name no lead."""
        rows = [row for row in self._in_base("budgets", "amount") if not row.get("lead_id")]
        return _grouped(rows, "account_id")

    @cached_property
    def prices(self) -> dict[str, float | None]:
        return {row["product"]: row["price"] for row in self._in_base("products", "price")}

    def _in_base(self, table: str, amount: str) -> list[Row]:
        told: dict[str, set[float]] = defaultdict(set)
        for row in self.world.rows("rates"):
            told[row["currency"].upper()].add(row["to_base"])
        rates = {code: min(values) for code, values in told.items() if len(values) == 1}
        converted: list[Row] = []
        for row in self.world.rows(table):
            value, currency = row.get(amount), (row.get("currency") or self.config.data.currency).upper()
            if value is not None and currency != self.config.data.currency.upper():
                value = value * rates[currency] if currency in rates else None
            converted.append({**row, amount: value})
        return converted


def account_at(crm: Crm, lead: Row, as_of: datetime | None) -> Row:
    """The lead's account as it was valid strictly before as_of; an empty row where nothing is known."""
    rows = crm.accounts.get(lead.get("account_id") or "", [])
    always = [row for row in rows if row.get("valid_from") is None]
    dated = [row for row in rows if row.get("valid_from") is not None]
    before = [row for row in dated if as_of is not None and row["valid_from"] < as_of]
    if before:
        return max(before, key=lambda row: row["valid_from"])
    return always[0] if always else {}


def known(facts: Iterable[Row], happened: str, as_of: datetime | None) -> list[Row]:
    """Facts that happened and were recorded strictly before as_of, with their age in microseconds."""
    if as_of is None:
        return []
    return [
        {**fact, "age": (as_of - fact[happened]) // US}
        for fact in facts
        if fact[happened] < as_of and fact["recorded_at"] < as_of
    ]


def _grouped(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return groups
