"""One unattended run at a time: a lock that the kernel gives back when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propensity.errors import DeliveryError, LockError
from propensity.session import clock_at

if TYPE_CHECKING:
    from propensity.config import Config

LOCK = "nightly.lock"
_POLL_SECONDS = 0.2
_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700


@contextmanager
def held(
    folder: Path,
    *,
    run_id: str,
    started: datetime,
    wait_seconds: float = 0,
    sleep: Callable[[float], None] = time.sleep,
) -> Generator[Path]:
    """Hold the lock of `folder`, which is made where it is missing.

    The lock is `flock` on a file that stays: what a dead run left in it blocks nobody. It says who holds it, for the
    message that the other run gives. Only runs on one machine exclude each other where the folder lies on a network
    drive that does not carry locks over.

    Raises
    ------
    LockError
        Another run holds it, also after `wait_seconds`.
    DeliveryError
        The folder or the file cannot be made.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE)
    except OSError as error:
        raise DeliveryError(
            f"the lock {path} cannot be made: {error.strerror}. Let paths.state be a folder that can be written."
        ) from error
    try:
        _take(number, path, wait_seconds, sleep)
        _write(number, {"pid": os.getpid(), "run": run_id, "started": started.isoformat()})
        yield path
        # Who reads it now shall not take a finished run for one that holds it.
        _write(number, {})
    finally:
        os.close(number)


@contextmanager
def alone(config: Config, command: str) -> Generator[None]:
    """Hold the lock for a command that a person runs, so that no unattended run writes beside it; raises what `held` does."""
    started = clock_at(None)()
    name = f"{started:%Y%m%dT%H%M%SZ}-{os.getpid()}-{command}"
    wait_seconds = config.nightly.wait_seconds
    with held(config.paths.state_folder, run_id=name, started=started, wait_seconds=wait_seconds):
        yield


def _take(number: int, path: Path, wait_seconds: float, sleep: Callable[[float], None]) -> None:
    waited = 0.0
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if waited >= wait_seconds:
                raise LockError(_held_by(path)) from error
            sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
        else:
            return


def _write(number: int, content: dict[str, Any]) -> None:
    try:
        os.ftruncate(number, 0)
        os.pwrite(number, (json.dumps(content) + "\n").encode(), 0)
    except OSError:
        # The lock holds all the same; a full disk only costs the other run the name of its holder.
        return


def _held_by(path: Path) -> str:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        holder = f"run {found['run']} (process {found['pid']}) holds it since {found['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        holder = "another run holds it"
    return (
        f"{path}: {holder}. Nothing was done. Wait until it ends, or let this run wait with nightly.wait_seconds; if the "
        "process hangs, end it: the lock goes with it, and there is no file to delete."
    )
