"""What follows a delivered list. Each step takes the night, and says in a few words what it did; None: there is nothing to do.

A step may run again for the same night, after a run that died: it must then leave everything as if it had run once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from propensity import watch, workflow
from propensity.errors import DeliveryError
from propensity.nights import Nights
from propensity.session import Progress

if TYPE_CHECKING:
    from datetime import datetime

    from propensity.model.bundle import Bundle
    from propensity.results import ScoreResult
    from propensity.session import Session
    from propensity.tracking.registry import Version


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
    return Done("written to the database") if workflow.publish(config, night.scored, Progress()) else None


def monitor(night: Night) -> Done | None:
    """Compare inputs, scores and matured lists with what was expected."""
    found = watch.monitor(night.session.canonical.config, session=night.session)
    return Done(f"{len(found.alarms)} alarms, {len(found.warnings)} warnings; {found.page}", found.warnings)


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
