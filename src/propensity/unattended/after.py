"""What follows a delivered list. Each step takes the night, and says in a few words what it did; None: there is nothing to do.

A step may run again for the same night, after a run that died: it must then leave everything as if it had run once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    """Enter the night, and any delivered one that is missing, into the ledger."""
    _ = night
    return None


def publish(night: Night) -> Done | None:
    """Upsert scores and list into the database table that is configured."""
    _ = night
    return None


def monitor(night: Night) -> Done | None:
    """Compare inputs, scores and matured lists with what was expected."""
    _ = night
    return None


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
