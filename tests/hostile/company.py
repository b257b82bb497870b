"""A small company's export that is right, and what each of its rows must become: the ground that mutations start from."""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Rows = list[list[str]]
WEB = [["No", "Opened", "Person", "Firm", "Came by", "Worth"]] + [
    [str(n), f"2024-01-{n:02} 10:00:00", f"p{n}", f"f{n % 3}", "Web", f"{n}.5"] for n in range(1, 9)
]
FAIR = [
    ["badge", "day", "Person"],
    ["1", "05.01.2024", "p2"],
    ["2", "06.02.2024", "p3"],
    ["3", "07.02.2024", "p4"],
]
PEOPLE = [["Contact", "Job", "Mail"]] + [[f"p{n}", "Head of IT", f"a{n}@x.example"] for n in range(1, 9)]
FIRMS = [
    ["id", "called", "staff", "turnover"],
    ["f0", "Ärzte & Co", "200-499", "€ 1.234,50"],
    ["f1", 'Ann "A" Lee, Ltd', "1000+", "5,0"],
    ["f2", "Two\nlines", "under 10", ""],
]
SESSIONS = [["number", "on", "views", "prices"]] + [
    [str(n), f"2024-02-{n:02}", str(n % 4), str(n % 2)] for n in range(1, 9)
]
DEALS = [["lead", "touched", "closed", "state"]] + [
    [str(n), f"2024-02-{n:02}", f"2024-03-{n:02}" if n % 2 else "", "Won" if n % 2 else "Open"]
    for n in range(1, 8)
]
MONEY = [["No", "amount", "known"]] + [[str(n), f"{n}000", f"2024-02-{n:02}"] for n in range(1, 5)]
FILES: Mapping[str, Rows] = {
    "web.csv": WEB,
    "fair.csv": FAIR,
    "people.csv": PEOPLE,
    "firms.csv": FIRMS,
    "sessions.csv": SESSIONS,
    "deals.csv": DEALS,
    "money.csv": MONEY,
}
TABLES: Mapping[str, Any] = {
    "leads": [
        {
            "path": "web.csv",
            "null_words": ["(unknown)"],
            "lookups": {"who": {"path": "people.csv", "on": {"Person": "Contact"}, "optional": True}},
            "columns": {
                "lead_id": "No",
                "created_at": "Opened",
                "account_id": "Firm",
                "title": "who.Job",
                "email": "who.Mail",
                "source": "Came by",
                "deal_value": "Worth",
            },
            "values": {"source": {"Web": "website_form"}},
        },
        {
            "path": "fair.csv",
            "columns": {
                "lead_id": {"column": "badge", "prefix": "fair-"},
                "created_at": {"column": "day", "format": "%d.%m.%Y"},
                "source": {"constant": "trade_show"},
            },
        },
    ],
    "accounts": {
        "path": "firms.csv",
        "columns": {
            "account_id": "id",
            "name": "called",
            "employee_count": {"column": "staff", "band": "middle"},
            "annual_revenue": {"column": "turnover", "decimal": ","},
        },
    },
    "activities": {
        "path": "sessions.csv",
        "columns": {"lead_id": "number", "occurred_at": "on"},
        "rows": [
            {"columns": {"type": {"constant": "web_visit"}}, "repeat": "views"},
            {"columns": {"type": {"constant": "pricing_view"}}, "repeat": "prices"},
        ],
    },
    "stages": {
        "path": "deals.csv",
        "columns": {"lead_id": "lead"},
        "rows": [
            {
                "columns": {"stage": {"constant": "contacted"}, "entered_at": "touched"},
                "when_known": "touched",
            },
            {
                "columns": {"stage": {"constant": "prospect"}, "entered_at": "closed"},
                "where": {"state": "Won"},
            },
        ],
    },
    "budgets": {"path": "money.csv", "columns": {"lead_id": "No", "recorded_at": "known"}},
}
FEEDS = {
    "leads": ("web.csv", "fair.csv", "people.csv"),
    "accounts": ("firms.csv",),
    "activities": ("sessions.csv",),
    "stages": ("deals.csv",),
    "budgets": ("money.csv",),
}
"""The files that each table is made of."""


@dataclass
class Company:
    """One export: cells that are still tables, bytes of files that are not, and the configuration's tree."""

    cells: dict[str, Rows]
    tree: dict[str, Any]
    raw: dict[str, bytes] = field(default_factory=dict)
    """Files whose bytes are not what their cells would give."""

    def write(self, folder: Path) -> None:
        """Write all files."""
        for name, rows in self.cells.items():
            (folder / name).write_bytes(self.raw.get(name, as_csv(rows)))


def company(*tables: str) -> Company:
    """The export of these tables and of the leads, as it should be."""
    chosen = ("leads", *tables)
    files = [file for table in chosen for file in FEEDS[table]]
    return Company(
        copy.deepcopy({file: FILES[file] for file in files}),
        {
            "data": {"timezone": "Europe/Berlin", "through": "2024-06-01"},
            "tables": copy.deepcopy({table: TABLES[table] for table in chosen}),
            "outcome": {"horizon_days": 30},
        },
    )


def as_csv(rows: Rows) -> bytes:
    """The bytes of a table, quoted where it must be."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def rows_due(cells: Mapping[str, Rows], table: str) -> int:
    """How many rows of a canonical table the records must become, counted in plain Python."""
    if table == "activities":
        return sum(
            times(record, name) for record in records(cells["sessions.csv"]) for name in ("views", "prices")
        )
    if table == "stages":
        deals = records(cells["deals.csv"])
        return sum(blank(record["touched"]) != "" for record in deals) + sum(
            blank(record["state"]) == "Won" for record in deals
        )
    sources = {"leads": ("web.csv", "fair.csv"), "accounts": ("firms.csv",), "budgets": ("money.csv",)}
    return sum(len(list(records(cells[file]))) for file in sources[table])


def records(rows: Rows) -> list[dict[str, str]]:
    """What stands below the header, without lines that hold nothing."""
    header, *body = rows
    return [dict(zip(header, row, strict=True)) for row in body]


def blank(text: str) -> str:
    """A text without what cannot be seen around it."""
    return text.strip(" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u200b\u200e\u200f\u202e\u2028\u2029\u3000\ufeff")


def times(record: Mapping[str, str], name: str) -> int:
    """How many rows a count makes: what is no count makes one, which is bad."""
    text = blank(record[name])
    if not text:
        return 0
    try:
        number = float(text) if text.isascii() and "_" not in text else -1.0
    except ValueError:
        return 1
    return int(number) if 0 <= number <= 10_000 and number == int(number) else 1
