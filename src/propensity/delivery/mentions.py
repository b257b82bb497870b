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


@dataclass(frozen=True)
class Cleared:
    """Rows that were removed from a CSV, and rows that are left."""

    removed: int
    left: int


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
    """The lead's id as a whole word, as plain text, HTML, XML and JSON spell it."""
    in_json = (json.dumps(lead_id, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))
    plain = {lead_id, html.escape(lead_id), html.escape(lead_id, quote=False), *in_json}
    spelled = plain | {_in_script(text) for text in plain}
    choices = "|".join(re.escape(text) for text in sorted(spelled, key=len, reverse=True))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{choices})(?![0-9A-Za-z])")


def _in_script(text: str) -> str:
    """JSON as it stands in a page: nothing in it may end the script."""
    for sign in "<>&'":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


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
