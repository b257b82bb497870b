"""What each command gives: a frozen result that says itself in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.selection.practice import at_capacity

if TYPE_CHECKING:
    from propensity.audit.leakage import Court
    from propensity.audit.profile import Profile
    from propensity.selection.backtest import Backtest
    from propensity.selection.gate import GateResult
    from propensity.selection.practice import Practices
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
    """A training: what was learned, how it did, where it is registered, and where its evidence pack lies (None: nowhere).

    practices
        What the test's lists held under the model and under today's practices; None without a test.
    """

    trained: Trained
    registered: Registered
    report: CheckReport
    through: datetime | None
    leads: int
    warnings: tuple[str, ...]
    court: Court
    evidence: Path | None = None
    practices: Practices | None = None

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
            "stability": None if self.trained.stability is None else self.trained.stability.to_dict(),
            "recalibration": final["recalibration"],
            "court": self.court.to_dict(),
            "evidence": None if self.evidence is None else str(self.evidence),
            "at_capacity": None if self.practices is None else at_capacity(self.practices),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class ScoreResult:
    """A list: who is on it, who is not and why, and where it lies; `later` leads were created after it stands, and have no score."""

    as_of: datetime | None
    scored: int
    listed: int
    removed: dict[str, int]
    out: Path
    manifest: Path
    model: str
    version: str
    warnings: tuple[str, ...]
    qualification: dict[str, Any]
    holdout: dict[str, Any] | None = None
    later: int = 0

    def to_dict(self) -> dict[str, Any]:
        """What `score --json` prints."""
        return {
            "as_of": shown(self.as_of),
            "scored": self.scored,
            "later": self.later,
            "listed": self.listed,
            "removed": self.removed,
            "out": str(self.out),
            "manifest": str(self.manifest),
            "model": self.model,
            "version": self.version,
            "qualification": self.qualification,
            "holdout": self.holdout,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class BacktestResult:
    """A backtest, the data that it read (`lineage`, JSON types), and the file that holds it."""

    backtest: Backtest
    lineage: Mapping[str, Any]
    path: Path
    warnings: tuple[str, ...]

    def figures(self) -> dict[str, Any]:
        """What the file holds: nothing that hangs on when or where it ran."""
        return {
            **self.backtest.to_dict(),
            "data": dict(self.lineage),
            "warnings": list(self.warnings),
        }

    def to_dict(self) -> dict[str, Any]:
        """What `backtest --json` prints: the file's figures and its path."""
        return {**self.figures(), "path": str(self.path)}


@dataclass(frozen=True)
class PromoteResult:
    """Who is champion now, who was before, what the gate found (None: it was champion already), and why it was forced."""

    champion: Version
    former: Version | None
    gate: GateResult | None
    reason: str | None = None

    @property
    def comparison(self) -> Comparison | None:
        """How both compared; None where there was no champion, it is the same, or they could not be compared."""
        return None if self.gate is None else self.gate.comparison

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the gate could not tell."""
        return () if self.gate is None else self.gate.warnings

    @property
    def overridden(self) -> tuple[str, ...]:
        """Names of the checks that failed and were overridden."""
        return () if self.gate is None else tuple(check.name for check in self.gate.failed)

    def to_dict(self) -> dict[str, Any]:
        """What `promote --json` prints."""
        return {
            "model": self.champion.name,
            "champion": self.champion.number,
            "former": self.former.number if self.former else None,
            "changed": self.gate is not None,
            "forced": self.reason is not None,
            "reason": self.reason,
            "overridden": list(self.overridden),
            "gate": self.gate.to_dict() if self.gate else None,
            "comparison": self.comparison.to_dict() if self.comparison else None,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Standing:
    """What a champion is or was.

    Attributes
    ----------
    rung : of the ladder.
    as_of : first and last snapshot that it learned from.
    rows, conversions : that it learned from.
    metrics : of its forward test, by name.
    why : it was promoted; None where nothing was kept.
    problem : why nothing else is known: its files cannot be read.
    """

    rung: str | None = None
    as_of: tuple[str, str] | None = None
    rows: int | None = None
    conversions: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    why: str | None = None
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {**asdict(self), "as_of": None if self.as_of is None else list(self.as_of)}


@dataclass(frozen=True)
class RollbackResult:
    """The champion that is back, the one that went, and what each is; `deleted` are later ones that are gone."""

    restored: Version
    replaced: Version
    back: Standing
    gone: Standing
    deleted: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What `rollback --json` prints."""
        return {
            "model": self.restored.name,
            "champion": self.restored.number,
            "replaced": self.replaced.number,
            "restored_model": self.back.to_dict(),
            "replaced_model": self.gone.to_dict(),
            "deleted": list(self.deleted),
        }


def shown(instant: datetime | None) -> str | None:
    """ISO 8601 in UTC with a Z, or None."""
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
