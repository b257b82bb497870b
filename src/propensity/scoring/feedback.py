"""What reps reported: kept beside the ledger as signal with who and when, never as a label.

Each report is a row (REPORTS) of a file `feedback/<digest>.parquet` that is named by its content and never altered. A report that is
kept already adds nothing, in whatever file it comes again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from propensity.errors import LedgerError
from propensity.scoring.causes import COOL_DOWN, DO_NOT_CONTACT, NOT_NOW, REPORTED_QUALIFIED, WRONG_PERSON
from propensity.scoring.gate import back_from
from propensity.whole import written_whole

if TYPE_CHECKING:
    from propensity.config.lists import ListsConfig

FEEDBACK = "feedback"
REACHED, QUALIFIED, LATER, WRONG, DO_NOT_CALL = (
    "reached",
    "qualified",
    "not_now",
    "wrong_person",
    "do_not_call",
)
OUTCOMES = (REACHED, QUALIFIED, LATER, WRONG, DO_NOT_CALL)
COLUMNS = ("lead_id", "list_as_of", "rep", "outcome", "reported_on", "note")
_INSTANT = pa.timestamp("us", tz="UTC")
REPORTS = pa.schema(
    [
        ("lead_id", pa.string()), ("list_as_of", _INSTANT), ("rep", pa.string()), ("outcome", pa.string()),
        ("reported_on", _INSTANT), ("note", pa.string()), ("source_sha256", pa.string()), ("source_line", pa.int64()),
    ]
)  # fmt: skip
"""Who reported what of whom, when, and the file and line that said so."""
REPORTED = pa.schema([("lead_id", pa.string()), ("reported", pa.string())])
"""What `scoring.gate.gate` takes."""
_DIGITS = 32
_CAUSES = {QUALIFIED: REPORTED_QUALIFIED, WRONG: WRONG_PERSON}
"""What holds until the CRM says otherwise."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a rep.

    Attributes
    ----------
    lead_id
        Of whom.
    list_as_of
        The list that the lead was on (UTC).
    rep
        Who reports; None for the list without a rep's name.
    outcome
        One of OUTCOMES.
    reported_on
        When (UTC).
    note
        Free text; None for none.
    source_sha256, source_line
        The file that said so, and the line in it.
    """

    lead_id: str
    list_as_of: datetime
    rep: str | None
    outcome: str
    reported_on: datetime
    note: str | None
    source_sha256: str
    source_line: int

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes two reports the same, whatever file they came in."""
        return tuple(getattr(self, name) for name in COLUMNS)


class Feedback:
    """The reports below a folder.

    Parameters
    ----------
    folder
        `paths.ledger`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FEEDBACK

    def files(self) -> list[Path]:
        """Their files, by name."""
        return sorted(path for path in self.folder.glob("*.parquet") if not path.name.startswith("."))

    def reports(self) -> list[Report]:
        """Every report once, by time, then by what it says.

        Raises
        ------
        LedgerError
            A file is damaged. Nobody is listed then: it may hold who asked not to be called.
        """
        found: dict[tuple[Any, ...], Report] = {}
        for path in self.files():
            try:
                table = pq.ParquetFile(path).read().cast(REPORTS)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise LedgerError(
                    f"{path} cannot be read ({_first_line(error)}). It may hold who asked not to be called, so that no list is made "
                    "without it. Restore it from a backup, or delete it and bring the reps' files again (`propensity feedback`)."
                ) from error
            for row in table.to_pylist():
                report = Report(**row)
                found.setdefault(report.key, report)
        return sorted(found.values(), key=_order)

    def add(self, reports: Iterable[Report]) -> int:
        """Keep those that are not there yet, in one new file; return how many these were.

        Raises
        ------
        LedgerError
            A kept file is damaged, or the folder cannot be written.
        """
        known = {report.key for report in self.reports()}
        fresh = {report.key: report for report in reports if report.key not in known}
        rows = sorted(fresh.values(), key=_order)
        if not rows:
            return 0
        path = self.folder / f"{_digest(rows)}.parquet"
        try:
            write_reports(path, rows)
        except OSError as error:
            raise LedgerError(
                f"{self.folder} cannot be written: {error.strerror}. Nothing was kept."
            ) from error
        return len(rows)


def write_reports(path: Path, rows: list[Report]) -> None:
    """Write REPORTS as one file."""
    records = [{name: getattr(row, name) for name in REPORTS.names} for row in rows]
    with written_whole(path) as scratch:
        pq.write_table(pa.Table.from_pylist(records, schema=REPORTS), scratch, compression="zstd")


def reported(reports: Iterable[Report], as_of: datetime | None, rules: ListsConfig) -> pa.Table:
    """What the gate must know of `reports` at as_of: REPORTED, by lead, several rows a lead at most.

    `do_not_call` counts always, whenever it was said. Everything else counts only where it was reported strictly before as_of:
    `wrong_person` and `qualified` from then on, `not_now` for `lists.not_now_days`, `reached` for the cool-down. Of what one rep
    reported of one lead on one list the last word counts; a `do_not_call` is never taken back by a later one. Without dates
    (as_of None) there is no time to count: then `wrong_person` and `qualified` count as well, and the others do not.
    """
    found: set[tuple[str, str]] = set()
    last: dict[tuple[str, datetime, str | None], Report] = {}
    for report in sorted(reports, key=_order):
        if report.outcome == DO_NOT_CALL:
            found.add((report.lead_id, DO_NOT_CONTACT))
        elif as_of is None or report.reported_on < as_of:
            last[report.lead_id, report.list_as_of, report.rep] = report
    for report in last.values():
        if report.outcome in _CAUSES:
            found.add((report.lead_id, _CAUSES[report.outcome]))
        elif as_of is None:
            continue
        elif report.outcome == LATER and report.reported_on >= back_from(as_of, rules.not_now_days):
            found.add((report.lead_id, NOT_NOW))
        elif report.outcome == REACHED and report.reported_on >= back_from(as_of, rules.cool_down_days):
            found.add((report.lead_id, COOL_DOWN))
    rows = [{"lead_id": lead, "reported": cause} for lead, cause in sorted(found)]
    return pa.Table.from_pylist(rows, schema=REPORTED)


def _order(report: Report) -> tuple[Any, ...]:
    return (
        report.reported_on, report.lead_id, report.list_as_of, report.rep or "", report.outcome, report.note or "",
        report.source_sha256, report.source_line,
    )  # fmt: skip


def _digest(rows: list[Report]) -> str:
    text = "\x1e".join("\x1f".join(str(getattr(row, name)) for name in REPORTS.names) for row in rows)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
