"""What each command gives: a frozen result that says itself in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from propensity.audit.leakage import Court
    from propensity.audit.profile import Profile
    from propensity.selection.promotion import Comparison
    from propensity.selection.training import Trained
    from propensity.sources.report import CheckReport
    from propensity.tracking.experiment import Registered
    from propensity.tracking.registry import Version


@dataclass(frozen=True)
class CheckResult:
    """What the checks found, how far the data reach (None: no dates), and, where asked for, what they hold and verdicts."""

    report: CheckReport
    through: datetime | None
    profile: Profile | None = None
    court: Court | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What --strict counts: findings of the checks, and mapped columns that may leak."""
        found = tuple(finding.message for finding in self.report.warnings)
        return found if self.court is None else (*found, *self.court.warnings)

    def to_dict(self) -> dict[str, Any]:
        """`tables`, `findings`, `data_through`, `profile`, `court`."""
        held = None if self.profile is None else self.profile.to_dict()
        court = None if self.court is None else self.court.to_dict()
        return {
            **self.report.to_dict(),
            "data_through": shown(self.through),
            "profile": held,
            "court": court,
        }


@dataclass(frozen=True)
class TrainResult:
    """A training: what was learned, how it did, and where it is registered."""

    trained: Trained
    registered: Registered
    report: CheckReport
    through: datetime | None
    leads: int
    warnings: tuple[str, ...]
    court: Court

    def to_dict(self) -> dict[str, Any]:
        """What `train --json` prints."""
        evaluations = {name: evaluation.to_dict() for name, evaluation in self.trained.evaluations.items()}
        final = self.trained.final.metadata
        model = evaluations.get("model", {"metrics": {}})
        return {
            "metrics": model["metrics"],
            "snapshots": final["rows"],
            "conversions": final["conversions"],
            "model": self.registered.name,
            "version": self.registered.version,
            "run_id": self.registered.run_id,
            "data_through": shown(self.through),
            "split": final["split"],
            "test": {key: value for key, value in model.items() if key != "metrics"},
            "beside": {name: found["metrics"] for name, found in evaluations.items() if name != "model"},
            "trees": final.get("n_trees"),
            "ladder": final["ladder"],
            "court": self.court.to_dict(),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class ScoreResult:
    """A list: who is on it, who is not and why, and where it lies."""

    as_of: datetime | None
    scored: int
    listed: int
    removed: dict[str, int]
    out: Path
    manifest: Path
    model: str
    version: str
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """What `score --json` prints."""
        return {
            "as_of": shown(self.as_of),
            "scored": self.scored,
            "listed": self.listed,
            "removed": self.removed,
            "out": str(self.out),
            "manifest": str(self.manifest),
            "model": self.model,
            "version": self.version,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class PromoteResult:
    """Who is champion now, who was before, and how they compared (None: there was none, or it is the same)."""

    champion: Version
    former: Version | None
    comparison: Comparison | None

    def to_dict(self) -> dict[str, Any]:
        """What `promote --json` prints."""
        return {
            "model": self.champion.name,
            "champion": self.champion.number,
            "former": self.former.number if self.former else None,
            "comparison": self.comparison.to_dict() if self.comparison else None,
        }


@dataclass(frozen=True)
class RollbackResult:
    """The champion that is back, and the one that went."""

    restored: Version
    replaced: Version

    def to_dict(self) -> dict[str, Any]:
        """What `rollback --json` prints."""
        return {
            "model": self.restored.name,
            "champion": self.restored.number,
            "replaced": self.replaced.number,
        }


def shown(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with a Z, or None."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
