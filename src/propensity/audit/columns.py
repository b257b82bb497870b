"""What each column of the canonical tables holds: a few aggregates a table, in the engine. No value of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from propensity.features.rare import FEWEST_LEADS
from propensity.schema import TABLES, TableName

if TYPE_CHECKING:
    from propensity.sources.canonical import Canonical

Kind = Literal["id", "category", "number", "time", "yes/no", "personal"]
PERSONAL = frozenset({"contact_name", "email", "phone", "owner"})
"""Columns that may say who a person is: only how full they are is told."""
_NAMES = frozenset({"name", "domain"})
_MOST_FREQUENT = 5
_MOST_CATEGORIES = 1_000
_AT_A_TIME = 20


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column of a canonical table, or an extra column.

    `rows` and `known` count rows; `distinct` counts values (None for times); `low`, `median` and `high` are of numbers,
    `first` and `last` of times (UTC); `top` the most frequent values of categories and yes/no with their counts, of an extra
    column those alone that FEWEST_LEADS leads share (accounts, in the table of accounts).
    """

    name: str
    kind: Kind
    rows: int
    known: int
    distinct: int | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    first: datetime | None = None
    last: datetime | None = None
    top: tuple[tuple[str, int], ...] = ()

    @property
    def filled(self) -> float:
        """Share of rows with a value, in [0, 1]; 0 for a table without rows."""
        return self.known / self.rows if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it; what does not apply is left out."""
        values: dict[str, Any] = {"kind": self.kind, "known": self.known, "filled": round(self.filled, 6)}
        more = {
            "distinct": self.distinct,
            "min": self.low,
            "median": self.median,
            "max": self.high,
            "first": iso(self.first),
            "last": iso(self.last),
            "top": dict(self.top) or None,
        }
        return values | {key: value for key, value in more.items() if value is not None}


def iso(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with a Z, or None."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def columns_of(canonical: Canonical, name: TableName) -> tuple[ColumnProfile, ...]:
    """The columns that a table's sources have, then the extra ones, in order."""
    own = [
        (column.name, column.type)
        for column in TABLES[name].columns
        if column.name in canonical.present[name]
    ]
    kinds: dict[str, Kind] = {
        column: "personal" if column in PERSONAL else _kind(column, type_) for column, type_ in own
    }
    extra_kinds: dict[str, Kind] = {"number": "number", "category": "category", "boolean": "yes/no"}
    kinds |= {extra: extra_kinds[said.type] for extra, said in canonical.config.tables[name].extra.items()}
    table: Any = canonical.tables[name]
    names = list(kinds)
    extras = frozenset(canonical.config.tables[name].extra)
    found: list[ColumnProfile] = []
    for start in range(0, len(names), _AT_A_TIME):
        some: dict[str, Kind] = {column: kinds[column] for column in names[start : start + _AT_A_TIME]}
        found += _counted(canonical, table, some, extras)
    return tuple(found)


def _kind(column: str, type_: str) -> Kind:
    if column in _NAMES or type_ == "id":
        return "id"
    kinds: dict[str, Kind] = {
        "text": "category",
        "timestamp": "time",
        "number": "number",
        "boolean": "yes/no",
    }
    return kinds[type_]


def _counted(
    canonical: Canonical, table: Any, kinds: dict[str, Kind], extras: frozenset[str]
) -> list[ColumnProfile]:
    values: dict[str, Any] = {"rows": table.count()}
    for place, (column, kind) in enumerate(kinds.items()):
        value = table[column]
        values[f"known_{place}"] = value.count()
        if kind == "time":
            values |= {f"first_{place}": value.min(), f"last_{place}": value.max()}
        else:
            values[f"distinct_{place}"] = value.nunique()
        if kind == "number":
            values |= {
                f"low_{place}": value.min(),
                f"median_{place}": value.quantile(0.5),
                f"high_{place}": value.max(),
            }
    row = canonical.engine.collect(table.aggregate(**values)).to_pylist()[0]
    return [
        ColumnProfile(
            column,
            kind,
            row["rows"],
            row[f"known_{place}"],
            top=_top(
                canonical, table, column, kind, row.get(f"distinct_{place}", 0), rare=column not in extras
            ),
            **{
                key: row.get(f"{key}_{place}")
                for key in ("distinct", "low", "median", "high", "first", "last")
            },
        )
        for place, (column, kind) in enumerate(kinds.items())
    ]


def _top(
    canonical: Canonical, table: Any, column: str, kind: Kind, distinct: int, *, rare: bool
) -> tuple[tuple[str, int], ...]:
    """The most frequent values; unless `rare`, no category that few share: it may say who somebody is."""
    if kind not in ("category", "yes/no") or not 0 < distinct <= _MOST_CATEGORIES:
        return ()
    who = next(key for key in ("lead_id", "account_id", column) if key in table.columns)
    groups = table.select(value=table[column].cast("string"), who=table[who])
    groups = groups.filter(groups["value"].notnull())
    counted = groups.group_by("value").aggregate(n=groups.count(), sharing=groups["who"].nunique())
    if kind == "category" and not rare:
        counted = counted.filter(counted["sharing"] >= FEWEST_LEADS)
    top = counted.order_by(counted["n"].desc(), "value").limit(_MOST_FREQUENT)
    return tuple((row["value"], row["n"]) for row in canonical.engine.collect(top).to_pylist())


def find_column(columns: Sequence[ColumnProfile], name: str) -> ColumnProfile | None:
    """The column of that name, or None."""
    return next((column for column in columns if column.name == name), None)
