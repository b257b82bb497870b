"""The frame of every unattended run: id, lock, log, steps, summary, notification, and one exit code for each end."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

from propensity.errors import DeliveryError, PropensityError
from propensity.scratch import sweep
from propensity.session import Progress, clock_at
from propensity.stopping import INTERRUPTED, Stopped, asked, heed
from propensity.unattended.events import Log, Logged, forget_old_logs, told
from propensity.unattended.lock import held
from propensity.unattended.notify import notified
from propensity.unattended.past import past_nights
from propensity.unattended.summary import StepTold, Told, keep

if TYPE_CHECKING:
    from propensity.config import Config

UNEXPECTED = 1
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)
"""What a disk says that takes no more, or does not let us."""
_WRITING = "write"


@dataclass
class Run:
    """A run on its way: what it has found so far. Steps add to it; the summary is made from it however the run ends."""

    config: Config
    log: Log
    progress: Progress
    clock: Callable[[], datetime]
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    steps: list[StepTold] = field(default_factory=list[StepTold])
    warnings: list[str] = field(default_factory=list[str])
    owed: PropensityError | None = None
    """What went wrong late: the run goes on to its end, and this is its end."""

    @contextmanager
    def step(self, name: str) -> Generator[dict[str, Any]]:
        """Do one step: logged and timed, also where it fails. A `note` and a `status` put into the mapping are kept."""
        heed()
        begun = self.log.seconds
        facts: dict[str, Any] = {}
        status = "failed"
        try:
            with self.log.step(name) as facts:
                yield facts
            status = str(facts.get("status", "done"))
        except Exception:
            # Before anybody takes it for a failure that the run survives, or tries again.
            heed()
            raise
        finally:
            seconds = round(self.log.seconds - begun, 3)
            self.steps.append(StepTold(name, status, seconds, str(facts.get("note", ""))))

    def warn(self, *warnings: str) -> None:
        """Keep what a person should look at, each once."""
        self.warnings += [warning for warning in dict.fromkeys(warnings) if warning not in self.warnings]


def unattended(
    command: str,
    config: Config,
    work: Callable[[Run], None],
    *,
    now: datetime | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    echo: IO[str] | None = None,
) -> Told:
    """Do `work` under the lock, and say how it ended, whatever happens.

    Parameters
    ----------
    command
        `nightly` or `retrain`.
    config
        Of the run.
    work
        What to do; what it raises decides the exit code.
    now
        Instead of the wall clock.
    strict
        Warnings end a run that is else well with exit code 6.
    progress
        Told how far it is.
    echo
        Gets the log's lines too.

    Raises
    ------
    BaseException
        What propensity did not expect, and interruptions; after the summary is kept and somebody told.
    """
    run = _begun(command, config, progress, clock_at(now), echo)
    error, ended = _under_lock(command, run, work, strict=strict)
    # Also where another run holds the lock: it may hang since yesterday, and nobody else would say so.
    ended = _with(ended, notified(config.nightly.notify, ended.to_dict()))
    _close(run, ended)
    if error is not None and not isinstance(error, PropensityError):
        raise error
    return ended


def _begun(
    command: str,
    config: Config,
    progress: Progress | None,
    clock: Callable[[], datetime],
    echo: IO[str] | None,
) -> Run:
    started = clock().astimezone(UTC)
    # The process makes it unlike that of another run in the same second.
    log = Log(f"{started:%Y%m%dT%H%M%SZ}-{os.getpid()}-{command}", started, echo=echo)
    log.open(config.paths.logs_folder)
    log.event("begin", command=command, pid=os.getpid())
    return Run(config, log, Logged(log, progress or Progress()), clock)


def _under_lock(
    command: str, run: Run, work: Callable[[Run], None], *, strict: bool
) -> tuple[BaseException | None, Told]:
    """Do the work under the lock; what ended it early, and the summary, which is kept where the work was begun at all."""
    config = run.config
    try:
        with held(
            config.paths.state_folder,
            run_id=run.log.run_id,
            started=run.log.started,
            wait_seconds=config.nightly.wait_seconds,
        ):
            error = _ended_by(work, run)
            ended = _ended(command, run, error, strict=strict)
            return error, _with(ended, keep(config.paths.state_folder, ended))
    except PropensityError as refused:
        # Not begun: what the run that holds the lock says of itself stays.
        return refused, _ended(command, run, refused, strict=strict)


def _ended_by(work: Callable[[Run], None], run: Run) -> BaseException | None:
    """Do the work; what ended it early: a failure of any kind, an interruption, or an exit that was asked for.

    `unattended` raises it again once the summary is kept and somebody told; a refusal of ours it tells in the summary.
    """
    try:
        # Whatever reads data sweeps; here first, so that the log says it.
        swept = sweep()
        if swept:
            run.log.event("swept", folders=swept)
        _do(work, run)
    except (Exception, KeyboardInterrupt, SystemExit) as raised:  # noqa: BLE001 - nothing goes on: it is raised again
        return asked() or raised
    return None


def _do(work: Callable[[Run], None], run: Run) -> None:
    """Do the work; what a disk that takes no more makes of it is a failed delivery, whoever says so, and in what words."""
    try:
        work(run)
    except Exception as error:
        found = _no_room(error)
        if found is None:
            raise
        raise DeliveryError(_full(found)) from error


def _no_room(error: Exception) -> str | None:
    """Where there is no room; None where that is not what went wrong."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {error.strerror}" if error.errno in _NO_ROOM else None
    # The engine writes its working files while it reads, so that our words may be of reading; its own are not.
    text = str(error.__cause__ or "") if isinstance(error, PropensityError) else str(error)
    found = next((os.strerror(number) for number in _NO_ROOM if os.strerror(number) in text), None)
    if found is None or _WRITING not in text.lower() or isinstance(error, DeliveryError):
        return None
    return f"a working file in {tempfile.gettempdir()}: {found}"


def _full(what: str) -> str:
    return f"there is no room to work: {what}. Make room or mend the permissions, and run again."


def _ended(command: str, run: Run, error: BaseException | None, *, strict: bool) -> Told:
    if run.log.problem is not None:
        run.warn(run.log.problem)
    error = error or run.owed
    code = 0 if error is None else _code(error)
    if code == 0 and strict and run.warnings:
        code = 6
    nights = past_nights(run.config.paths.out)
    whole = next((night for night in reversed(nights) if night.whole()), None)
    return Told(
        command,
        run.log.run_id,
        run.log.started,
        run.log.seconds,
        code,
        None if error is None else told(error),
        run.facts,
        tuple(run.steps),
        tuple(run.warnings),
        whole,
    )


def _code(error: BaseException) -> int:
    if isinstance(error, PropensityError):
        return error.exit_code
    if isinstance(error, Stopped):
        return error.code
    return INTERRUPTED if isinstance(error, KeyboardInterrupt) else UNEXPECTED


def _with(ended: Told, warnings: tuple[str, ...]) -> Told:
    return replace(ended, warnings=(*ended.warnings, *warnings))


def _close(run: Run, ended: Told) -> None:
    run.log.event(
        "end", exit_code=ended.exit_code, outcome=ended.outcome, why=ended.why, warnings=list(ended.warnings)
    )
    run.log.close()
    forget_old_logs(run.config.paths.logs_folder, run.config.nightly.keep_logs)
