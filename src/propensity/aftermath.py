"""Wiring of what comes after a list: the reps' reports, what came of past lists, and forgetting a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.delivery.forget import Forgotten, forget_lead
from propensity.results import shown
from propensity.scoring.feedback import OUTCOMES, Feedback
from propensity.scoring.ledger import Ledger
from propensity.scoring.promises import Results
from propensity.scoring.promises import results as compare
from propensity.scoring.reading import Read, read_outcomes
from propensity.session import Progress, opened

if TYPE_CHECKING:
    from propensity.config import Config


@dataclass(frozen=True)
class FeedbackResult:
    """What reps reported: the files as they were read, and how many reports were new."""

    files: tuple[Read, ...]
    added: int
    ledger: Path
    problems: tuple[str, ...] = ()

    @property
    def accepted(self) -> int:
        """Rows that say something about a lead of ours."""
        return sum(len(file.reports) for file in self.files)

    @property
    def outcomes(self) -> dict[str, int]:
        """Accepted rows by outcome; every outcome is named, also with 0."""
        found = [report.outcome for file in self.files for report in file.reports]
        return {outcome: found.count(outcome) for outcome in OUTCOMES}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Each row that was refused, with its line; and what of the ledger could not be read."""
        refused = (f"{file.path}, line {row.line}: {row.why}" for file in self.files for row in file.refused)
        return (*refused, *self.problems)

    def to_dict(self) -> dict[str, Any]:
        """What `feedback --json` prints."""
        files = [
            {
                "file": str(file.path),
                "rows": file.rows,
                "accepted": len(file.reports),
                "refused": [{"line": row.line, "why": row.why} for row in file.refused],
            }
            for file in self.files
        ]
        return {
            "files": files,
            "accepted": self.accepted,
            "added": self.added,
            "known_already": self.accepted - self.added,
            "outcomes": self.outcomes,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class ResultsResult:
    """What came of past lists, and what of the ledger could not be read."""

    found: Results
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What `results --json` prints."""
        found = self.found
        groups = {"by_tier": found.by_tier, "by_rep": found.by_rep, "by_list": found.by_list}
        return {
            "nights": found.nights,
            "matured": found.matured,
            "first_as_of": shown(found.first),
            "next_on": shown(found.next_on),
            "data_through": shown(found.through),
            "listed": None if found.every is None else found.every.to_dict(),
            **{name: {key: came.to_dict() for key, came in group.items()} for name, group in groups.items()},
            "calibration": dict(found.calibration),
            "holdout": found.holdout,
            "exploration": found.exploration,
            "warnings": list(self.warnings),
        }


def feedback(config: Config, files: Sequence[Path]) -> FeedbackResult:
    """Read the files that reps' pages exported, and keep what is new.

    Raises
    ------
    SourceError, SchemaError
        A file cannot be read, or lacks a column; nothing of any file was kept.
    LedgerError
        Earlier reports are damaged, or the ledger cannot be written.
    """
    ledger = Ledger(config.paths.ledger)
    read = tuple(read_outcomes(path, ledger.known) for path in files)
    added = Feedback(config.paths.ledger).add(report for file in read for report in file.reports)
    problems = ledger.problems
    if not ledger.nights() and any(file.rows for file in read):
        problems = (
            *problems,
            f"the ledger {config.paths.ledger} holds no list yet, so that no lead is known",
        )
    return FeedbackResult(read, added, config.paths.ledger, problems)


def results(config: Config, progress: Progress | None = None) -> ResultsResult:
    """Say, for the ledger's matured lists, what was promised and what came.

    Raises
    ------
    HistoryError
        The data have no stage history.
    LedgerError
        A night is damaged.
    """
    progress = progress or Progress()
    ledger = Ledger(config.paths.ledger)
    with opened(config, progress) as session:
        progress.step("Comparing past lists with what came")
        found = compare(session.canonical, ledger, session.through)
    return ResultsResult(found, ledger.problems)


def forget(config: Config, lead_id: str, *, more: Sequence[Path] = ()) -> Forgotten:
    """Remove a person from everything that propensity keeps; `more` are folders of lists outside `paths.out`.

    Raises
    ------
    UsageError
        A folder of `more` holds no list.
    DeliveryError
        A file or a table of `lists.database` cannot be rewritten; what was done before stays done, and the same command goes on from there.
    """
    return forget_lead(lead_id, config.paths, more=more, database=config.lists.database)
