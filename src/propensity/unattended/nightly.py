"""The night's job: model, check, list, and what follows a list, as one run."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pyarrow as pa

from propensity.delivery.lists import UNDELIVERED
from propensity.errors import DeliveryError, PropensityError
from propensity.listing import list_night, night_folder
from propensity.nights import Nights
from propensity.results import shown
from propensity.session import open_session
from propensity.stopping import heed
from propensity.unattended.after import LATE, Late, Night
from propensity.unattended.champion import InUse, champion_in_use
from propensity.unattended.events import told
from propensity.unattended.freshness import refuse_backwards, refuse_stale, refuse_volumes
from propensity.unattended.past import past_nights
from propensity.unattended.retention import forget_old_nights, forget_scratch
from propensity.unattended.retry import persisted
from propensity.unattended.run import Run, unattended

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.results import ScoreResult
    from propensity.session import Progress, Session
    from propensity.unattended.summary import Told


def nightly(
    config: Config,
    *,
    as_of: datetime | None = None,
    now: datetime | None = None,
    accept_data: bool = False,
    strict: bool = False,
    progress: Progress | None = None,
    echo: IO[str] | None = None,
) -> Told:
    """Check the data, score, rank, deliver, record and monitor, as one run under a lock.

    Parameters
    ----------
    config
        The configuration that the model was trained with.
    as_of
        The instant to stand at (UTC); how far the data reach by default.
    now
        Instead of the wall clock, for simulations.
    accept_data
        Do not compare the data's age, reach and rows with the clock and with earlier nights.
    strict, progress, echo
        As in `unattended`.

    Returns
    -------
    How it ended. What propensity knows to go wrong is in it, with its exit code, and is not raised.
    """

    def work(run: Run) -> None:
        _night(run, as_of, accept_data=accept_data)

    return unattended("nightly", config, work, now=now, strict=strict, progress=progress, echo=echo)


def _night(run: Run, as_of: datetime | None, *, accept_data: bool) -> None:
    with run.step("model") as facts:
        model = champion_in_use(run.config, run.log)
        run.warn(*model.warnings)
        run.facts |= {"model": model.version.name, "version": model.version.number}
        facts["version"] = model.version.number
    with _checked(run, accept_data=accept_data) as session:
        with run.step("list") as facts:
            scored = _listed(run, session, model, as_of)
            facts.update({"scored": scored.scored, "listed": scored.listed})
        night = Night(session, model.version, model.bundle, scored, run.log.now)
        for late in LATE:
            _late(run, late, night)
    with run.step("retention") as facts:
        _forget(run, facts)


@contextmanager
def _checked(run: Run, *, accept_data: bool) -> Generator[Session]:
    """The data, open, once nothing speaks against them."""
    with run.step("check") as facts:
        run.progress.step("Reading and checking the data")
        session = persisted(
            lambda: open_session(run.config, run.clock), run.config.nightly.retry, run.log, what="check"
        )
        try:
            rows = {name: table.rows for name, table in session.canonical.report.tables.items()}
            run.facts |= {"data_through": shown(session.through), "rows": rows}
            facts.update({"data_through": shown(session.through), "rows": rows})
            if not accept_data:
                nights = past_nights(run.config.paths.out)
                # Which of them speaks tells what is wrong: a clock set back makes the newest rows future ones.
                refuse_backwards(session.through, nights)
                refuse_stale(session.through, run.log.started, run.config.nightly.most_stale_hours)
                refuse_volumes(rows, nights, run.config.nightly.volume)
        except BaseException:
            session.canonical.engine.close()
            raise
    try:
        yield session
    finally:
        session.canonical.engine.close()


def _listed(run: Run, session: Session, model: InUse, as_of: datetime | None) -> ScoreResult:
    """Score, rank and deliver; where the list's place cannot be written, keep it elsewhere and say so.

    Raises
    ------
    DeliveryError
        It could not be delivered.
    """
    folder = night_folder(run.config, as_of if as_of is not None else session.through)
    try:
        scored = _score(run, session, model, as_of, folder, delivers=True)
    except DeliveryError as error:
        heed()
        kept = run.config.paths.state_folder / UNDELIVERED / folder.name
        try:
            scored = _score(run, session, model, as_of, kept, delivers=False)
        except DeliveryError as again:
            raise DeliveryError(f"{error} Nor could the scores be kept: {again}") from error
        run.facts |= {"kept": str(kept)}
        raise DeliveryError(
            f"{error} Scores and list are kept in {kept}. Make room or mend the permissions, and run again: the same data "
            "give the same list."
        ) from error
    # What could not be delivered on this night or before is superseded now.
    shutil.rmtree(run.config.paths.state_folder / UNDELIVERED, ignore_errors=True)
    run.warn(*scored.warnings)
    run.facts |= {
        "as_of": shown(scored.as_of),
        "scored": scored.scored,
        "listed": scored.listed,
        "removed": scored.removed,
        "out": str(scored.out),
        "manifest": str(scored.manifest),
    }
    return scored


def _score(
    run: Run, session: Session, model: InUse, as_of: datetime | None, out: Path, *, delivers: bool
) -> ScoreResult:
    nights = Nights(run.config)
    try:
        scored = list_night(
            session,
            model.version,
            model.bundle,
            nights,
            out=out,
            as_of=as_of,
            delivers=delivers,
            progress=run.progress,
        )
    except OSError as error:
        raise DeliveryError(
            f"{out} could not be written: {error.strerror or 'the disk did not take it'}."
        ) from error
    return replace(scored, warnings=(*scored.warnings, *nights.warnings))


def _late(run: Run, late: Late, night: Night) -> None:
    """Do a step after delivery: whatever becomes of it, the list stays and the others are done."""
    try:
        with run.step(late.name) as facts:
            done = persisted(lambda: late.work(night), run.config.nightly.retry, run.log, what=late.name)
            facts["status"] = "skipped" if done is None else "done"
            if done is not None:
                facts["note"] = done.note
                run.warn(*done.warnings)
    except (PropensityError, OSError, pa.ArrowException) as error:
        said = f"the list is delivered, but `{late.name}` failed: {told(error)}"
        if late.needed:
            run.owed = run.owed or DeliveryError(f"{said} Run again: nothing is done twice.")
        else:
            run.warn(said)


def _forget(run: Run, facts: dict[str, object]) -> None:
    try:
        forget_scratch(run.config.paths.out, run.log.now)
        gone = forget_old_nights(run.config.paths.out, run.config.nightly.keep_nights)
        facts["note"] = f"{len(gone)} old lists deleted" if gone else ""
    except OSError as error:
        run.warn(f"old lists could not be deleted: {error.strerror}")
