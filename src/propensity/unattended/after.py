"""What follows a delivered list. Each step takes the night, and says in a few words what it did; None: there is nothing to do.

A step may run again for the same night, after a run that died: it must then leave everything as if it had run once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from propensity import serving, watch
from propensity.errors import DeliveryError
from propensity.nights import Nights
from propensity.session import Progress

if TYPE_CHECKING:
    from datetime import datetime

    from propensity.model.bundle import Bundle
    from propensity.monitoring.findings import Severity
    from propensity.monitoring.judge import MonitorResult
    from propensity.results import ScoreResult
    from propensity.session import Session
    from propensity.tracking.registry import Version

_MOST_TOLD = 5


@dataclass(frozen=True)
class Night:
    """A list that lies in its place, and what it was made from; the data are still open."""

    session: Session
    model: Version
    bundle: Bundle
    scored: ScoreResult
    now: datetime


@dataclass(frozen=True)
class Done:
    """What a step did, and what a person should look at."""

    note: str
    warnings: tuple[str, ...] = field(default=())


def record(night: Night) -> Done | None:
    """Enter the night into the ledger.

    Raises
    ------
    DeliveryError
        It cannot be written.
    """
    nights = Nights(night.session.canonical.config)
    nights.record(night.scored.out)
    if nights.warnings:
        raise DeliveryError(" ".join(nights.warnings))
    return Done("recorded in the ledger")


def publish(night: Night) -> Done | None:
    """Write scores and list to the database that is configured; None where none is."""
    config = night.session.canonical.config
    if config.lists.database is None:
        return None
    serving.publish(config, night.scored, Progress())
    return Done("written to the database")


def monitor(night: Night) -> Done | None:
    """Compare inputs, scores and matured lists with what was expected."""
    found = watch.monitor(night.session.canonical.config, session=night.session)
    note = f"{_counted(len(found.alarms), 'alarm')}, {_counted(len(found.warnings), 'warning')}; {found.page}"
    return Done(note, (*_told(found, "alarm"), *_told(found, "warning")))


def _told(found: MonitorResult, severity: Severity) -> list[str]:
    """What is wrong, and for an alarm what to do, the worst first; beyond what a person reads at night, the page has it."""
    held = [one for one in found.judged.findings if one.severity == severity]
    said = [f"alarm: {one.what}. {one.do}" if severity == "alarm" else one.what for one in held[:_MOST_TOLD]]
    if len(held) > _MOST_TOLD:
        said.append(f"{_counted(len(held) - _MOST_TOLD, f'more {severity}')}: see {found.page}")
    return said


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Late:
    """A step after delivery. The list stays whatever becomes of it; where it is `needed`, its failure is exit code 5, else a warning."""

    name: str
    work: Callable[[Night], Done | None]
    needed: bool


LATE: tuple[Late, ...] = (
    Late("record", record, needed=True),
    Late("publish", publish, needed=True),
    Late("monitor", monitor, needed=False),
)
