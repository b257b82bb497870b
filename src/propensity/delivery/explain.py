"""Why a lead is where it is, or why it is on no list: read from the newest night that was delivered."""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from propensity.delivery.folders import MANIFEST
from propensity.delivery.lists import LIST, QUALIFICATION, SCORES
from propensity.errors import UsageError
from propensity.scoring.feedback import Feedback

pc: Any = pyarrow.compute
_MOST_NEAR = 3


@dataclass(frozen=True)
class Explained:
    """What one night says of one lead.

    Attributes
    ----------
    folder
        Of the night.
    manifest
        What led to it.
    score
        The lead's row of scores.parquet.
    qualification
        Its row of qualification.parquet.
    listed
        Its row of list.parquet; None where it is on no list.
    reports
        What reps reported of it, by time: outcome, reported_on, list_as_of, rep, note.
    """

    folder: Path
    manifest: Mapping[str, Any]
    score: Mapping[str, Any]
    qualification: Mapping[str, Any]
    listed: Mapping[str, Any] | None
    reports: tuple[Mapping[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        rows = {"score": self.score, "qualification": self.qualification, "listed": self.listed}
        told = {
            name: None if row is None else {key: _plain(value) for key, value in row.items()}
            for name, row in rows.items()
        }
        model = self.manifest["model"]
        reports = [{key: _plain(value) for key, value in report.items()} for report in self.reports]
        return {
            "folder": str(self.folder),
            "as_of": self.manifest["as_of"],
            "model": model,
            **told,
            "reports": reports,
        }


def explained(
    lead_id: str, out: Path, *, night: Path | None = None, quarantine: Path, ledger: Path | None = None
) -> Explained:
    """Look a lead up in a night's files.

    Parameters
    ----------
    lead_id
        Of the lead.
    out
        The folder of the nights; the one with the newest as_of is read.
    night
        The folder of one night, instead.
    quarantine
        Where rows that broke a rule are: a lead that was set aside is on no list.

    ledger
        Where reps' reports are kept; None to leave them out.

    Raises
    ------
    LedgerError
        A file of reports is damaged.
    UsageError
        There is no night, or the lead is not in it; with what is known of it.
    """
    folder, manifest = newest_night(out) if night is None else _night(night)
    score = _row(folder / SCORES, lead_id)
    if score is None:
        raise UsageError(_not_there(lead_id, folder, quarantine))
    return Explained(
        folder,
        manifest,
        score,
        _row(folder / QUALIFICATION, lead_id) or {},
        _row(folder / LIST, lead_id),
        () if ledger is None else _reports(lead_id, ledger),
    )


def _reports(lead_id: str, ledger: Path) -> tuple[Mapping[str, Any], ...]:
    told = ("outcome", "reported_on", "list_as_of", "rep", "note")
    return tuple(
        {name: getattr(report, name) for name in told}
        for report in Feedback(ledger).reports()
        if report.lead_id == lead_id
    )


def newest_night(out: Path) -> tuple[Path, Mapping[str, Any]]:
    """The night with the newest as_of below `out`, and its manifest.

    Raises
    ------
    UsageError
        There is none.
    """
    # A folder whose name begins with a dot is one that a run is writing, or was killed over.
    found = (path.parent for path in sorted(out.glob(f"*/{MANIFEST}")))
    nights = [_night(folder) for folder in found if not folder.name.startswith(".")]
    if not nights:
        raise UsageError(
            f"{out} holds no list yet. Run `propensity score` first, or name a list's folder with --out."
        )
    return max(nights, key=lambda found: (found[1]["as_of"] or "", str(found[0])))


def _night(folder: Path) -> tuple[Path, Mapping[str, Any]]:
    path = folder / MANIFEST
    try:
        return folder, json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"{folder} is no list: {MANIFEST} is missing. Name the folder that `score` wrote."
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}. Run `propensity score` again.") from error


def _row(path: Path, lead_id: str) -> dict[str, Any] | None:
    try:
        rows = pq.read_table(path, filters=[("lead_id", "==", lead_id)]).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read: {error}. Run `propensity score` again.") from error
    return rows[0] if rows else None


def _not_there(lead_id: str, folder: Path, quarantine: Path) -> str:
    rule = _set_aside(quarantine / "leads.csv", lead_id)
    if rule is not None:
        return f"lead {lead_id!r} was set aside when the data were read: {rule} ({quarantine / 'leads.csv'}). Mend the row, and score again."
    known = pq.read_table(folder / SCORES, columns=["lead_id"])["lead_id"]
    near = difflib.get_close_matches(lead_id, known.to_pylist(), n=_MOST_NEAR) if len(known) else []
    hint = f" Near to it: {', '.join(near)}." if near else ""
    return (
        f"lead {lead_id!r} is not among the {len(known):,} that {folder} scored: not in the data then, or created at or after "
        f"its as_of.{hint} Check the id, or score again."
    )


def _set_aside(path: Path, lead_id: str) -> str | None:
    """The rule that a lead's row broke; None where no row of the quarantine is the lead's."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row.get("lead_id") == lead_id:
                return row.get("_rule")
    return None


def _plain(value: Any) -> Any:
    """Dates as ISO 8601; everything else as JSON has it."""
    return value.isoformat() if hasattr(value, "isoformat") else value
