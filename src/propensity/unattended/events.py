"""What an unattended run says while it runs: one JSON object a line, to a file and to whoever listens.

No line holds personal data or secrets: values of the data do not get here, and addresses are masked.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from propensity.errors import DataError, PropensityError
from propensity.masking import mask
from propensity.session import Progress
from propensity.stopping import Stopped, heed

_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
# An apostrophe within a word opens nothing.
_QUOTED = re.compile(r"(?<!\w)(?:'[^'\n]*'|\"[^\"\n]*\")(?!\w)")
_LOG_NAME = re.compile(r"^\d{8}T\d{6}Z-\d+(?:-[a-z]+)?\.jsonl$")
_LONGEST = 2_000


def told(error: BaseException) -> str:
    """What may be said of an error outside the screen: without credentials, and without values of the data.

    >>> from propensity.errors import ContractError
    >>> told(ContractError("leads: 9 rows, such as row 3: 'Ada Lovelace'"))
    "leads: 9 rows, such as row 3: '...'"
    """
    if isinstance(error, Stopped):
        return str(error)
    if not isinstance(error, PropensityError):
        return f"{type(error).__name__}, which propensity did not expect"
    text = mask(str(error))
    return (_QUOTED.sub("'...'", text) if isinstance(error, DataError) else text)[:_LONGEST]


class Log:
    """The events of one run.

    Times are the run's start plus what a steady clock has counted since: a clock that is set back does not disorder them.
    """

    def __init__(self, run_id: str, started: datetime, *, echo: IO[str] | None = None) -> None:
        self.run_id = run_id
        self.started = started
        self.problem: str | None = None
        self._echo = echo
        self._file: IO[str] | None = None
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._begun

    @property
    def now(self) -> datetime:
        """UTC, as far as this run's clocks tell."""
        return (self.started + timedelta(seconds=self.seconds)).astimezone(UTC)

    def open(self, folder: Path) -> None:
        """Write to `folder` as well from now on; where that fails, `problem` says so, and the run goes on."""
        path = folder / f"{self.run_id}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
            self._file = os.fdopen(
                os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, _PRIVATE_FILE), "a", encoding="utf-8"
            )
        except OSError as error:
            self.problem = (
                f"the log {path} cannot be written: {error.strerror}. Set paths.logs to another folder."
            )

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def event(self, name: str, **facts: Any) -> None:
        """Write one line."""
        line = json.dumps(
            {"at": self.now.isoformat(timespec="milliseconds"), "run": self.run_id, "event": name, **facts},
            ensure_ascii=False,
            allow_nan=False,
        )
        if self._echo is not None:
            self._echo.write(line + "\n")
            self._echo.flush()
        if self._file is None:
            return
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            self.problem = f"the log could not be written to its end: {error.strerror}."
            self._file = None

    @contextmanager
    def step(self, name: str) -> Generator[dict[str, Any]]:
        """Tell of one step when it is over, with its seconds, and with what is put into the mapping that this gives."""
        begun = self.seconds
        facts: dict[str, Any] = {}
        try:
            yield facts
        except BaseException as error:
            facts |= {"status": "failed", "error": type(error).__name__, "why": told(error)}
            raise
        else:
            facts = {"status": "done", **facts}
        finally:
            self.event("step", step=name, seconds=round(self.seconds - begun, 3), **facts)


class Logged(Progress):
    """Passes on how far the work is, and logs each part of it as it begins."""

    def __init__(self, log: Log, shown: Progress) -> None:
        self._log = log
        self._shown = shown

    def step(self, title: str) -> None:
        """A part of the work begins."""
        heed()
        self._log.event("part", title=title)
        self._shown.step(title)

    def advance(self, rows: int) -> None:
        """So many rows of the present part are done."""
        self._shown.advance(rows)


def forget_old_logs(folder: Path, keep: int) -> int:
    """Delete all but the newest `keep` logs; return how many went. Other files are left alone."""
    logs = sorted(path for path in folder.glob("*.jsonl") if _LOG_NAME.match(path.name))
    gone = logs[: max(0, len(logs) - keep)]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)
