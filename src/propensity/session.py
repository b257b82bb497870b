"""The data of a configuration, read, checked and open in an engine; and who is told how far the work is.

The wall clock is read in one place, `wall_clock`, and only to tell recorded times that lie in the future.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from propensity.engines import open_engine
from propensity.features.cache import cached_frame
from propensity.features.frame import FeatureFrame, features_of
from propensity.features.rare import without_rare
from propensity.scratch import sweep
from propensity.sources.canonical import Canonical, load
from propensity.timeline.history import data_through, future_findings
from propensity.timeline.snapshots import training_spine

if TYPE_CHECKING:
    from propensity.config import Config


class Progress:
    """Told what happens; this one says nothing."""

    def step(self, title: str) -> None:
        """A part of the work begins."""

    def advance(self, rows: int) -> None:
        """So many rows of the present part are done."""


@dataclass(frozen=True)
class Session:
    """Checked data, open in an engine, and how far they reach."""

    canonical: Canonical
    through: datetime | None


def wall_clock() -> datetime:
    """Now, UTC."""
    return datetime.now(UTC)


def clock_at(now: datetime | None) -> Callable[[], datetime]:
    """A clock that stands at `now`, for simulations and tests; the wall clock where it is None."""
    return wall_clock if now is None else lambda: now


@contextmanager
def opened(
    config: Config, progress: Progress, clock: Callable[[], datetime] = wall_clock
) -> Generator[Session]:
    """Open and check the data of a configuration; the engine is closed afterwards."""
    progress.step("Reading and checking the data")
    session = open_session(config, clock)
    try:
        yield session
    finally:
        session.canonical.engine.close()


def open_session(config: Config, clock: Callable[[], datetime] = wall_clock) -> Session:
    """Open and check the data of a configuration; the caller closes the engine.

    What killed runs worked with goes first: it holds personal data, as large as the tables, and they could not delete it.
    """
    sweep()
    engine = open_engine(config)
    try:
        canonical = load(engine, config)
        if not canonical.dated:
            return Session(canonical, None)
        now = clock()
        canonical = replace(canonical, report=canonical.report.with_findings(future_findings(canonical, now)))
        return Session(canonical, data_through(canonical, not_after=now))
    except BaseException:
        engine.close()
        raise


def training_frame(session: Session, say: Callable[[str], None] = lambda _: None) -> FeatureFrame:
    """Features and labels of all matured snapshots; from `paths.cache` where they were computed before.

    Values of extra categories that few leads share are unknown. `say` is told where the snapshots are too many and some are
    drawn; frames of an engine that may draw are not kept.
    """
    canonical = session.canonical

    def build() -> FeatureFrame:
        return features_of(canonical, training_spine(canonical, session.through, say=say)).collect()

    folder = canonical.config.paths.cache if canonical.engine.training_rows is None else None
    return without_rare(cached_frame(canonical, session.through, folder, build), canonical.config)
