"""The next of something while the last is still worked on: the engine derives features while the model predicts."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
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
