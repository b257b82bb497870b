"""Two things at once: the next of something while the last is still worked on, or one thing beside another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Generator[T]:
    """The items in their order, each one fetched by another thread while the caller is busy with the one before.

    One item more than without is held at a time. Only the other thread must use what the items come from in the meantime. What
    fetching raises is raised here.

    >>> list(ahead(iter([1, 2, 3])))
    [1, 2, 3]
    """

    def fetch() -> tuple[T, ...]:
        """One item, or nothing at the end: a StopIteration cannot pass from thread to thread."""
        for item in items:
            return (item,)
        return ()

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(fetch)
        while fetched := coming.result():
            coming = pool.submit(fetch)
            yield fetched[0]


@contextmanager
def meanwhile(work: Callable[[], T]) -> Generator[Callable[[], T]]:
    """Do `work` in another thread while the block runs; what is given waits for its result.

    If both fail, it is the failure of `work` that is raised, as if it had been done before the block.

    >>> with meanwhile(lambda: 1) as found:
    ...     print(found() + 1)
    2
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="meanwhile") as pool:
        coming = pool.submit(work)
        try:
            yield coming.result
        except Exception:
            failed = coming.exception()
            if failed is not None:
                raise failed from None
            raise
