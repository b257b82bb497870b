"""Asked to stop: by a person with Ctrl-C (SIGINT), or by a scheduler (SIGTERM). Both end in one word and a code of their own.

What comes up where a run is stopped need not say so: DuckDB makes a RuntimeError of an interruption, an import an ImportError.
So that it was asked for is kept in mind here, and whoever would make something else of a failure heeds it first.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, Final

INTERRUPTED: Final = 128 + signal.SIGINT
_ASKING: Final = (signal.SIGINT, signal.SIGTERM)
_SAME_SECONDS: Final = 1.0
_SOON_SECONDS: Final = 0.01
_IMPORTING: Final = "<frozen importlib"
_SAID: Final = "propensity: stopped\n"
_SHOW_CURSOR: Final = "\x1b[?25h"


class Stopped(KeyboardInterrupt):
    """The process was asked to stop; no mistake of anybody's, so that nothing catches it but to tidy up.

    A class of its own: where a KeyboardInterrupt passes through an `exec`, Python ends by the signal, whatever exit code is given.
    """

    def __init__(self, by: signal.Signals) -> None:
        super().__init__(f"stopped by {by.name}")
        self.code: Final = 128 + by


@dataclass
class _Asked:
    """By which signal it was asked, and when."""

    by: signal.Signals | None = None
    at: float = 0.0


_asked = _Asked()


@contextmanager
def stoppable() -> Generator[None]:
    """Whatever becomes of a stop in the block: the process ends with "stopped" and 130 (SIGINT) or 143 (SIGTERM).

    A signal that is ignored when the block begins, as `nohup` and `&` have it, stays ignored.
    """
    # Python tries out the temporary folder by a file in it, once: a stop that fell in between would leave that file behind.
    tempfile.gettempdir()
    # Python gives signals to the main thread alone, and lets nobody else ask for them.
    main = threading.current_thread() is threading.main_thread()
    heard = [number for number in _ASKING if main and signal.getsignal(number) is not signal.SIG_IGN]
    again = [signal.SIGALRM] if main else []
    former = {number: signal.signal(number, _noted) for number in (*heard, *again)}
    hook = sys.unraisablehook
    sys.unraisablehook = partial(_unraisable, hook)
    try:
        yield
        heed()
    except BaseException as error:
        stop = asked()
        if stop is None and not isinstance(error, KeyboardInterrupt):
            raise
        sys.stderr.write(_SAID)
        raise SystemExit(INTERRUPTED if stop is None else stop.code) from error
    finally:
        if again:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in former.items():
            signal.signal(number, handler)
        sys.unraisablehook = hook
        _asked.by = None


def asked() -> Stopped | None:
    """What ends a run that was asked to stop; None where it was not."""
    return None if _asked.by is None else Stopped(_asked.by)


def heed() -> None:
    """Raise what ends a run that was asked to stop; do nothing where it was not."""
    stop = asked()
    if stop is not None:
        raise stop


def _noted(number: int, frame: FrameType | None) -> None:
    if number in _ASKING and _noted_before(signal.Signals(number)):
        return
    if frame is not None and frame.f_code.co_filename.startswith(_IMPORTING):
        # Raised here, it could leave the lock of all imports held: a thread that imports would wait for ever, and we for it.
        signal.setitimer(signal.ITIMER_REAL, _SOON_SECONDS)
        return
    heed()


def _noted_before(by: signal.Signals) -> bool:
    """Keep in mind the first request; one that comes right after is the same (`timeout` sends two), a later one ends at once."""
    if _asked.by is None:
        _asked.by, _asked.at = by, time.monotonic()
        return False
    if time.monotonic() - _asked.at > _SAME_SECONDS:
        # Nobody asks twice who would wait for what is tidied up; the next run does it, as after a kill.
        os.write(2, ((_SHOW_CURSOR if os.isatty(2) else "") + _SAID).encode())
        os._exit(128 + _asked.by)
    return True


def _unraisable(former: Callable[[Any], Any], found: Any) -> None:
    """Where a stop falls into something that cannot raise, such as a finaliser, it is raised again a little later."""
    if isinstance(found.exc_value, Stopped):
        signal.setitimer(signal.ITIMER_REAL, _SOON_SECONDS)
    else:
        former(found)
