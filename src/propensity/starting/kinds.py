"""What a column is, told from counts over its values. Pure: counts in, a kind out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Kind = Literal[
    "empty",
    "time",
    "e-mail",
    "phone",
    "yes/no",
    "number",
    "band",
    "id",
    "category",
    "free text",
    "decimal comma",
]
MOST = 0.95
"""So much of a column's values must be of a kind; exports hold a few strays."""
_PHONES = 0.8
_BANDS = 0.8
_MOST_CATEGORIES = 100
_SHARE_OF_CATEGORIES = 0.5
_UNIQUE = 0.95
_LONGEST_ID = 64
_FEW_ROWS = 20


@dataclass(frozen=True, slots=True)
class Times:
    """How a column writes times.

    `format` is None for ISO 8601; `other` a format that reads every value as well (day and month may be swapped);
    `dates` and `zoned` say whether all values are dates without a time of day, or carry a zone.
    """

    format: str | None
    other: str | None
    dates: bool
    zoned: bool
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the rows that were looked at: how many values a column has, and how many are of each shape.

    `rows`, `known` (not blank and no null word), `distinct`; `low` and `high` are of the numbers (None: no number);
    `longest` is in characters.
    """

    rows: int
    known: int
    distinct: int
    numbers: int = 0
    whole: int = 0
    commas: int = 0
    booleans: int = 0
    emails: int = 0
    phones: int = 0
    bands: int = 0
    spaced: int = 0
    longest: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def filled(self) -> float:
        """Share of rows with a value, in [0, 1]."""
        return self.known / self.rows if self.rows else 0.0

    @property
    def unique(self) -> float:
        """Distinct values over known values, in [0, 1]."""
        return self.distinct / self.known if self.known else 0.0


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file: what it is called, what it is, and what it holds.

    `place` counts from 1; `null_words` are the words for unknown as they stand there; `values` the most frequent values
    with their counts, of categories and yes/no only.
    """

    name: str
    place: int
    kind: Kind
    counts: Counts
    times: Times | None = None
    null_words: tuple[str, ...] = ()
    values: tuple[tuple[str, int], ...] = field(default=())

    @property
    def key(self) -> bool:
        """Whether it may name rows: filled and unique in almost every row."""
        return (
            self.counts.filled >= MOST
            and self.counts.unique >= _UNIQUE
            and self.kind not in ("time", "empty")
        )


def kind_of(counts: Counts, times: Times | None, *, wide: bool) -> Kind:
    """The kind that most values of a column are of; `wide`: its numbers are too wide to be quantities of a few digits.

    The order of the questions matters: 0 and 1 are numbers too, and a number may look like a phone's.
    """
    known = counts.known
    few = counts.distinct <= _MOST_CATEGORIES and (counts.unique <= _SHARE_OF_CATEGORIES or known < _FEW_ROWS)
    ids = counts.unique >= 1 and counts.spaced == 0 and known >= _FEW_ROWS
    phones = counts.phones >= _PHONES * known and counts.whole < known and (counts.numbers < known or wide)
    asked: tuple[tuple[bool, Kind], ...] = (
        (known == 0, "empty"),
        (times is not None, "time"),
        (counts.emails >= MOST * known, "e-mail"),
        (counts.booleans >= known and counts.distinct <= 2, "yes/no"),  # noqa: PLR2004 - yes and no
        (phones, "phone"),
        (counts.numbers >= MOST * known, "number"),
        (counts.commas > 0 and counts.commas + counts.whole >= MOST * known, "decimal comma"),
        (counts.bands >= _BANDS * known and counts.distinct <= _MOST_CATEGORIES, "band"),
        (few and not ids, "category"),
        (counts.longest <= _LONGEST_ID and counts.spaced <= (1 - MOST) * known, "id"),
    )
    for answer, kind in asked:
        if answer:
            return kind
    return "free text"
