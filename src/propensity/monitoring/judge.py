"""A night judged: its drift, what it does to the list, and what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.monitoring.drift import Effect, Shift, effects, shifts
from propensity.monitoring.findings import Finding, findings
from propensity.monitoring.history import History, Night, recent
from propensity.monitoring.outcomes import Pooled

if TYPE_CHECKING:
    from propensity.config import MonitoringConfig


@dataclass(frozen=True)
class Judged:
    """A night with all that was found of it."""

    night: Night
    recent: tuple[Night, ...]
    shifts: tuple[Shift, ...]
    effects: tuple[Effect, ...]
    findings: tuple[Finding, ...]

    def verdict(self) -> dict[str, Any]:
        """What the history keeps: findings, the index by feature, and what each concept moves (JSON types)."""
        index: dict[str, dict[str, float]] = {}
        for shift in self.shifts:
            index.setdefault(shift.feature, {})[f"{shift.population}/{shift.against}"] = round(
                shift.found.beyond, 6
            )
        moves: dict[str, dict[str, float]] = {}
        for effect in self.effects:
            moves.setdefault(effect.concept, {})[effect.against] = round(effect.moves, 9)
        return {
            "as_of": self.night.as_of,
            "model": dict(self.night.model),
            "findings": [one.to_dict() for one in self.findings],
            "psi": index,
            "moves": moves,
        }


@dataclass(frozen=True)
class MonitorResult:
    """What monitoring found tonight, and where its page lies.

    Attributes
    ----------
    outcomes : by as_of, what came of matured nights (JSON types).
    pooled : the newest of them together; None where none is matured.
    nights : how many the history holds.
    """

    judged: Judged
    outcomes: Mapping[str, Mapping[str, Any]]
    pooled: Pooled | None
    nights: int
    page: Path

    @property
    def alarms(self) -> tuple[str, ...]:
        """What --strict counts."""
        return tuple(one.what for one in self.judged.findings if one.severity == "alarm")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is worth a look."""
        return tuple(one.what for one in self.judged.findings if one.severity == "warning")

    def to_dict(self) -> dict[str, Any]:
        """What `monitor --json` prints."""
        night = self.judged.night
        return {
            "as_of": night.as_of,
            "model": dict(night.model),
            "nights": self.nights,
            "findings": [one.to_dict() for one in self.judged.findings],
            "drift": [one.to_dict() for one in self.judged.shifts if one.level],
            "effects": [asdict(one) for one in self.judged.effects],
            "outcomes": [self.outcomes[key] for key in sorted(self.outcomes)],
            "calibration": None if self.pooled is None else self.pooled.to_dict(),
            "page": str(self.page),
            "alarms": list(self.alarms),
            "warnings": list(self.warnings),
        }


def judged(night: Night, nights: Sequence[Night], pooled: Pooled | None, rules: MonitoringConfig) -> Judged:
    """Judge a night among all nights of the history."""
    earlier = [one for one in nights if (one.as_of or "") < (night.as_of or "")]
    before = recent(earlier, night)
    moved, pushed = shifts(night, before, rules), effects(night, before)
    found = findings(night, earlier, before, moved, pushed, pooled, rules)
    return Judged(night, tuple(before), moved, pushed, found)


def caught_up(history: History, left: Sequence[Night], rules: MonitoringConfig) -> list[Night]:
    """Take the nights that were left since into the history, and judge those that it does not know; all of them, by as_of."""
    changed = {night.as_of for night in left if history.add(night)}
    nights, known = history.nights(), history.verdicts()
    for night in nights:
        if night.as_of in changed or (night.as_of or "") not in known:
            history.add_verdict(judged(night, nights, None, rules).verdict())
    return nights
