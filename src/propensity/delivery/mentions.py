"""Where a file of a list speaks of a lead: the rows of a CSV that are the lead's, and pages and workbooks that name it."""

from __future__ import annotations

import csv
import html
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from propensity.whole import written_whole

_MOST_SIGNS = 1 << 26
_NAMES_A_LEAD = frozenset({"id", "recordid", "externalid"})
_WORKBOOKS = frozenset({".xlsx"})
BECAUSE, ANOTHER = "removed_because", "the same person as another lead"
"""Where a lead's row may name another as the same person, and what it says once that is forgotten."""


@dataclass(frozen=True)
class Cleared:
    """Rows that were removed from a CSV, and rows that are left."""

    removed: int
    left: int


def named_as_same(lead_id: str) -> str:
    """What BECAUSE says of a lead that is the same person as this one."""
    return f"the same person as lead {lead_id}"


def csv_without(path: Path, lead_id: str, *, loose: bool = False) -> Cleared | None:
    """Remove the rows of a lead from a CSV; every other byte stays.

    Parameters
    ----------
    path
        The file, UTF-8 with or without a byte order mark; it is only touched where a row goes.
    lead_id
        Of the lead. A row is the lead's where a column that names leads (`lead_id`, `Id`, `Record ID`, ...) holds it.
    loose
        Whether a row that names no lead in such a column, as a line that was no row does, goes where any cell names it.

    Returns
    -------
    What was done; None where no column names leads.
    """
    csv.field_size_limit(_MOST_SIGNS)
    spelled, word = {lead_id, f"'{lead_id}"}, _word(lead_id)
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        records = _records(file)
        head = next(records, None)
        if head is None:
            return Cleared(0, 0)
        columns = [place for place, name in enumerate(head[1]) if _names_leads(name)]
        if not columns:
            return None

        def theirs(cells: list[str]) -> bool:
            named = [cells[place] for place in columns if place < len(cells)]
            return not spelled.isdisjoint(named) or (
                loose and not any(named) and any(word.search(cell) for cell in cells)
            )

        removed = left = 0
        for _, cells in records:
            if theirs(cells):
                removed += 1
            else:
                left += 1
        if removed:
            file.seek(0)
            records = _records(file)
            with (
                written_whole(path) as scratch,
                scratch.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
            ):
                for place, (text, cells) in enumerate(records):
                    if not place or not theirs(cells):
                        out.write(text)
    return Cleared(removed, left)


def mentions(path: Path, lead_id: str) -> bool:
    """Whether a page, a workbook or any other file names a lead, however the text is escaped."""
    word = _word(lead_id)
    if path.suffix in _WORKBOOKS:
        try:
            with zipfile.ZipFile(path) as book:
                return any(_named(book.read(part), word) for part in book.namelist())
        except zipfile.BadZipFile:
            pass
    return _named(path.read_bytes(), word)


def _named(data: bytes, word: re.Pattern[str]) -> bool:
    return word.search(data.decode("utf-8", errors="replace")) is not None


def _word(lead_id: str) -> re.Pattern[str]:
    """The lead's id as a whole word, each sign as plain text, HTML, XML, JSON or a script may spell it."""
    return re.compile(rf"(?<![0-9A-Za-z]){''.join(map(_spellings, lead_id))}(?![0-9A-Za-z])")


def _spellings(sign: str) -> str:
    number = ord(sign)
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    script = "".join(rf"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    spelled = [re.escape(sign), f"(?i:{script})", f"&#0*{number};", f"(?i:&#x0*{number:x};)"]
    if html.escape(sign) != sign:
        spelled.append(html.escape(sign))
    if json.dumps(sign) != f'"{sign}"':
        spelled.append(re.escape(json.dumps(sign)[1:-1]))
    return f"(?:{'|'.join(spelled)})"


def _names_leads(header: str) -> bool:
    plain = "".join(sign for sign in header.casefold() if sign.isalnum())
    return plain in _NAMES_A_LEAD or "leadid" in plain


def _records(file: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    """The text of each record, line ends and all, and its cells."""
    lines: list[str] = []

    def kept() -> Iterator[str]:
        for line in file:
            lines.append(line)
            yield line

    for cells in csv.reader(kept()):
        text = "".join(lines)
        lines.clear()
        yield text, cells
