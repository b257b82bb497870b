"""How an unattended run ended, for a person in ten seconds and for a machine; kept on disk also where it failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.delivery.figures import write_figures
from propensity.errors import DeliveryError
from propensity.results import shown

if TYPE_CHECKING:
    from propensity.unattended.past import PastNight

LAST_RUN = "last-run.json"
OUTCOMES: Mapping[int, str] = {
    0: "done",
    1: "failed by a mistake in propensity",
    2: "refused: usage or configuration",
    3: "refused: the data",
    4: "refused: no usable model",
    5: "not delivered in full",
    6: "done, with warnings",
    7: "done, and the champion stays: the gate refused",
    8: "not begun: another run holds the lock",
    130: "stopped",
    143: "stopped",
}


@dataclass(frozen=True)
class StepTold:
    """One step: whether it was `done`, `failed` or `skipped`, how long it took, and a note."""

    name: str
    status: str
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Told:
    """How a run ended.

    Attributes
    ----------
    command : `nightly` or `retrain`.
    run_id : of the run; in its log's name too.
    started : UTC.
    seconds : that it took.
    exit_code : of the process.
    why : it failed, without values of the data; None where it did not.
    facts : what it found and made, JSON types.
    steps : in their order.
    warnings : what a person should look at.
    standing : the newest whole list, for runs that left none.
    """

    command: str
    run_id: str
    started: datetime
    seconds: float
    exit_code: int
    why: str | None
    facts: Mapping[str, Any]
    steps: tuple[StepTold, ...]
    warnings: tuple[str, ...] = ()
    standing: PastNight | None = field(default=None, repr=False)

    @property
    def outcome(self) -> str:
        """In words."""
        return OUTCOMES.get(self.exit_code, f"ended with {self.exit_code}")

    def to_dict(self) -> dict[str, Any]:
        """What --json prints, what is kept, and what who is notified gets."""
        return {
            "command": self.command,
            "run": self.run_id,
            "started": shown(self.started),
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "outcome": self.outcome,
            "why": self.why,
            **self.facts,
            "steps": [
                {"step": step.name, "status": step.status, "seconds": step.seconds, "note": step.note}
                for step in self.steps
            ],
            "warnings": list(self.warnings),
            "newest_whole_list": None if self.standing is None else str(self.standing.folder),
        }


def keep(state: Path, told: Told) -> tuple[str, ...]:
    """Write `state`/last-run.json, whole or not at all; return a warning where that fails."""
    try:
        write_figures(state / LAST_RUN, told.to_dict(), setting="paths.state")
    except DeliveryError as error:
        return (str(error),)
    return ()
