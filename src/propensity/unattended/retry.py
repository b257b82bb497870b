"""Once more, and a little later: for what may pass by itself, and for nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from propensity.errors import PropensityError
from propensity.stopping import heed
from propensity.unattended.events import told

if TYPE_CHECKING:
    from propensity.config.nightly import RetryConfig
    from propensity.unattended.events import Log

T = TypeVar("T")


def waits(retry: RetryConfig) -> Iterator[float]:
    """Seconds before the second try, the third, ... No chance in it: the same failure takes the same time.

    >>> from propensity.config.nightly import RetryConfig
    >>> list(waits(RetryConfig(attempts=5, first_wait_seconds=2, factor=4, longest_wait_seconds=20)))
    [2.0, 8.0, 20.0, 20.0]
    """
    wait = float(retry.first_wait_seconds)
    for _ in range(retry.attempts - 1):
        yield min(wait, float(retry.longest_wait_seconds))
        wait *= retry.factor


def persisted(
    work: Callable[[], T],
    retry: RetryConfig,
    log: Log,
    *,
    what: str,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Do `work`; where it fails by what may pass, wait and do it again. The last failure is the one that counts.

    Parameters
    ----------
    work
        What to do; nothing of a failed try must be left over.
    retry
        How often, and how long to wait.
    log
        Told of each try that failed.
    what
        The work's name there.
    """
    for wait in waits(retry):
        try:
            return work()
        except PropensityError as error:
            heed()
            if not error.transient:
                raise
            log.event("retry", step=what, wait_seconds=wait, why=told(error))
            sleep(wait)
    return work()
