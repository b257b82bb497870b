"""The canonical tables: what every company's data are mapped to. Pure description, no code that reads.

Types: `id` (string, compared as text), `text` (string), `timestamp` (UTC, microseconds), `number` (float64),
`boolean`. Null always means unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

ColumnType = Literal["id", "text", "timestamp", "number", "boolean"]
TableName = Literal["leads", "accounts", "activities", "stages", "budgets", "products", "rates"]


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column: its name, its type, whether a row is nothing without it, and what it means."""

    name: str
    type: ColumnType
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class TableSchema:
    """One canonical table: its columns in order, and the columns that name a row (empty: rows are facts)."""

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in order."""
        return tuple(column.name for column in self.columns)


def _columns(*rows: tuple[str, ColumnType, str]) -> tuple[Column, ...]:
    """Read `name*` as a required column."""
    return tuple(Column(name.rstrip("*"), kind, name.endswith("*"), meaning) for name, kind, meaning in rows)


_TABLES = (
    TableSchema(
        "leads",
        _columns(
            ("lead_id*", "id", "the lead's id in the CRM"),
            ("created_at*", "timestamp", "when the lead came to be known"),
            ("account_id", "id", "the company the lead works for"),
            ("contact_name", "text", "the person's name; never a feature, never tracked"),
            ("email", "text", "address; only its domain's kind is a feature"),
            ("phone", "text", "number; never a feature"),
            ("title", "text", "job title"),
            ("source", "text", "where the lead came from"),
            ("country", "text", "the lead's country"),
            ("region", "text", "the lead's region"),
            ("product", "text", "the product the lead asked for"),
            ("deal_value", "number", "value of the deal, in the base currency; current state, no feature"),
            ("owner", "text", "the rep who owns the lead; current state, no feature"),
            ("do_not_contact", "boolean", "asked not to be contacted; current state, no feature"),
            ("outcome", "boolean", "converted or not: for flat data that have no stage history"),
        ),
        key=("lead_id",),
    ),
    TableSchema(
        "accounts",
        _columns(
            ("account_id*", "id", "the company's id in the CRM"),
            ("name", "text", "the company's name"),
            ("domain", "text", "the company's web domain"),
            ("industry", "text", "the branch it works in"),
            ("employee_count", "number", "people employed"),
            ("annual_revenue", "number", "revenue a year, in `currency`"),
            ("currency", "text", "currency of annual_revenue; the base currency where null"),
            ("country", "text", "the company's country"),
            ("region", "text", "the company's region"),
            ("founded_on", "timestamp", "when the company was founded"),
            ("valid_from", "timestamp", "from when on this row holds (SCD type 2)"),
        ),
        key=("account_id", "valid_from"),
    ),
    TableSchema(
        "activities",
        _columns(
            ("lead_id*", "id", "whose act it is"),
            ("occurred_at*", "timestamp", "when it happened"),
            ("type*", "text", "what happened, such as pricing_view"),
            ("recorded_at", "timestamp", "when the CRM knew; occurred_at where null"),
            ("direction", "text", "inbound (from the lead) or outbound (from us)"),
            ("channel", "text", "web, email, phone, ..."),
            ("value", "number", "a quantity of the act, such as minutes or pages"),
        ),
    ),
    TableSchema(
        "stages",
        _columns(
            ("lead_id*", "id", "whose stage it is"),
            ("stage*", "text", "the stage that was entered"),
            ("entered_at*", "timestamp", "when it was entered"),
            ("recorded_at", "timestamp", "when the CRM knew; entered_at where null"),
        ),
    ),
    TableSchema(
        "budgets",
        _columns(
            ("lead_id", "id", "the lead who has it; or account_id"),
            ("account_id", "id", "the company that has it; or lead_id"),
            ("amount*", "number", "the amount, in `currency`"),
            ("recorded_at*", "timestamp", "when the CRM knew"),
            ("kind", "text", "stated, quote, funding or spend"),
            ("currency", "text", "currency of amount; the base currency where null"),
        ),
    ),
    TableSchema(
        "products",
        _columns(
            ("product*", "id", "the product's name, as in leads.product"),
            ("price*", "number", "list price, in `currency`"),
            ("currency", "text", "currency of price; the base currency where null"),
        ),
        key=("product",),
    ),
    TableSchema(
        "rates",
        _columns(
            ("currency*", "id", "a currency's code"),
            ("to_base*", "number", "what one unit is worth in the base currency"),
        ),
        key=("currency",),
    ),
)

TABLES: Mapping[TableName, TableSchema] = MappingProxyType({table.name: table for table in _TABLES})
"""The canonical tables by name, in the order in which they are read and checked."""
