"""Python's cyclic garbage collector, set aside while an expression is built or compiled.

Ibis and sqlglot make hundreds of thousands of small objects for one large query, and each full collection walks all of
them, and every imported library, again: on the feature expression that was half of the time. What they leave behind is
collected as soon as the collector is back.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """Leave cyclic garbage alone within the block; nested blocks, and a collector that was off, stay as they were."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def settled() -> Generator[None]:
    """What is there already, imported libraries above all, is not walked again by the collections within the block.

    Where somebody keeps objects from the collector already, it stays as it is.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
