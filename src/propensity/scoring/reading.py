"""The CSV of outcomes that a rep's page exports, as it comes back: straight, or saved again by a spreadsheet."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from propensity.errors import SchemaError, SourceError
from propensity.scoring.feedback import COLUMNS, OUTCOMES, Report

_DELIMITERS = ",;\t"
_MOST_BYTES = 64 << 20
_MOST_SIGNS = 1 << 22
_NEEDED = tuple(name for name in COLUMNS if name not in ("rep", "note"))
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r", "\n")
_MOST_SHOWN = 40


@dataclass(frozen=True)
class Refused:
    """A row that was not taken: the line in its file, and why."""

    line: int
    why: str


@dataclass(frozen=True)
class Read:
    """One file: what it says, and the rows that were refused."""

    path: Path
    reports: tuple[Report, ...]
    refused: tuple[Refused, ...]

    @property
    def rows(self) -> int:
        """Rows in the file, blank ones left out."""
        return len(self.reports) + len(self.refused)


def read_outcomes(path: Path, known: Callable[[Collection[str]], Collection[str]]) -> Read:
    """Read one file of outcomes.

    Taken as they come: a byte order mark, UTF-16 as spreadsheets write it, the old Windows encoding, commas, semicolons or tabs, any
    quoting, columns in any order and case, blank lines, outcomes in any case with blanks or hyphens (`Do not call`).

    Parameters
    ----------
    path
        The file.
    known
        Which of some lead_ids were ever scored.

    Raises
    ------
    SourceError
        The file cannot be read, or is no text.
    SchemaError
        A column is missing.
    """
    data = _bytes(path)
    rows = _rows(path, _text(path, data))
    sha256 = hashlib.sha256(data).hexdigest()
    leads = known({spelled for _, row in rows for spelled in (row["lead_id"], _plain(row["lead_id"]))})
    reports: list[Report] = []
    refused: list[Refused] = []
    for line, row in rows:
        try:
            reports.append(_report(row, leads, sha256, line))
        except ValueError as error:
            refused.append(Refused(line, str(error)))
    return Read(path, tuple(reports), tuple(refused))


def _rows(path: Path, text: str) -> list[tuple[int, dict[str, str]]]:
    """The line on which each row begins, and its values by column; blank rows are left out."""
    head = text.lstrip("\r\n").partition("\n")[0]
    csv.field_size_limit(_MOST_SIGNS)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=head.count))
    places: dict[str, int] | None = None
    rows: list[tuple[int, dict[str, str]]] = []
    end = 0
    try:
        for cells in lines:
            line, end = end + 1, lines.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if places is None:
                places = _places(path, cells)
                continue
            rows.append(
                (line, {name: cells[at].strip() if at < len(cells) else "" for name, at in places.items()})
            )
    except csv.Error as error:
        raise SourceError(
            f"{path} cannot be read as CSV at line {lines.line_num}: {error}. Export it again."
        ) from error
    if places is None:
        raise SchemaError(f"{path} is empty: its first line must be {','.join(COLUMNS)}. Export it again.")
    return rows


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}. Name a file of outcomes.") from error
    if len(data) > _MOST_BYTES:
        raise SourceError(f"{path} is larger than {_MOST_BYTES >> 20} MB: that is no file of outcomes.")
    return data


def _text(path: Path, data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SourceError(f"{path} is no text. Give the CSV that a rep's page exports.")


def _places(path: Path, cells: Collection[str]) -> dict[str, int]:
    names = [cell.strip().casefold() for cell in cells]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        shown = ", ".join(repr(name[:_MOST_SHOWN]) for name in names[: len(COLUMNS)])
        raise SchemaError(
            f"{path} lacks {', '.join(missing)}; found {shown}. Its first line must be {','.join(COLUMNS)}."
        )
    return {name: names.index(name) for name in COLUMNS if name in names}


def _report(row: dict[str, str], known: Collection[str], sha256: str, line: int) -> Report:
    """The report of a row; ValueError says why it is none."""
    return Report(
        _lead(row["lead_id"], known),
        _instant("list_as_of", row["list_as_of"]),
        _plain(row.get("rep", "")) or None,
        _outcome(row["outcome"]),
        _instant("reported_on", row["reported_on"]),
        _plain(row.get("note", "")) or None,
        sha256,
        line,
    )


def _lead(text: str, known: Collection[str]) -> str:
    if not text:
        raise ValueError("lead_id is empty")
    for lead in (text, _plain(text)):
        if lead in known:
            return lead
    raise ValueError(f"lead {_shown(text)} is on no list of the ledger")


def _outcome(text: str) -> str:
    found = "_".join(text.casefold().replace("-", " ").replace("_", " ").split())
    if found not in OUTCOMES:
        raise ValueError(f"outcome {_shown(text)} is none of {', '.join(OUTCOMES)}")
    return found


def _instant(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{name} {_shown(text)} is no ISO 8601 time, such as 2026-06-01T08:30:00Z"
        ) from error


def _plain(text: str) -> str:
    """Without the apostrophe that keeps a spreadsheet from running a text."""
    return text[1:] if text.startswith("'") and text[1:].lstrip().startswith(_FORMULA) else text


def _shown(text: str) -> str:
    """A short form in which no sign can do harm."""
    return ascii(text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}...")
