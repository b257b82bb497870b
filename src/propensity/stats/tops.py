"""How much the top of a list holds when it is called in an order, by one queue or by several workers who share the calls.

Where an order cannot tell rows apart, each of them is in with equal chance; the count is then the expected one, computed and
not drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from propensity.stats.arrays import Floats, Ints, Presorted

if TYPE_CHECKING:
    import numpy.typing as npt

NOBODY: Final = -1


@dataclass(frozen=True)
class Order:
    """In which order the rows of a list are called.

    Attributes
    ----------
    key : (n,) float64, no nulls; the highest of a list is called first, equal ones are told apart by chance.
    worker : (n,) int64, who works the row, NOBODY for none; None where all work one queue. The capacity is dealt
        evenly over the workers of a list; what one of them cannot use goes to the others. Rows of nobody are not called.
    """

    key: Floats
    worker: Ints | None = None


def ordered_by(*keys: npt.ArrayLike) -> Floats:
    """Return one key (n,) for several (n,) without nulls: the first decides, the next among its equals; higher is higher.

    >>> ordered_by([1, 2, 1], [0, 0, 5]).tolist()
    [0.0, 2.0, 1.0]
    """
    columns = [np.asarray(key) for key in keys]
    order = np.lexsort(columns[::-1])
    fresh = np.zeros(order.size, dtype=np.bool_)
    for column in columns:
        held = column[order]
        fresh[1:] |= held[1:] != held[:-1]
    places = np.empty(order.size, dtype=np.float64)
    places[order] = np.cumsum(fresh)
    return places


@dataclass(frozen=True)
class Tops:
    """Lists, sorted once by each of several orders, whose tops are counted under many weightings of the rows.

    Attributes
    ----------
    y : (n,) labels, 0 and 1.
    number : (n,) the list of each row, 0 to lists - 1.
    lists : how many there are.
    orders : in which rows are called.
    capacity : calls a list.
    """

    y: Floats
    number: Ints
    lists: int
    orders: tuple[Order, ...]
    capacity: int

    @cached_property
    def _queues(self) -> list[_Queue]:
        return [_Queue.of(order, self.number) for order in self.orders]

    def held(self, w: Floats) -> Floats:
        """Return (orders, lists) expected conversions among those called, each row weighing w (n,)."""
        converted = w * self.y
        return np.stack([queue.held(w, converted, self.lists, self.capacity) for queue in self._queues])

    def sizes(self, w: Floats) -> Floats:
        """Return (3, lists): leads, leads called, and conversions among all."""
        leads = np.bincount(self.number, w, minlength=self.lists)
        converted = np.bincount(self.number, w * self.y, minlength=self.lists)
        return np.stack([leads, np.minimum(leads, self.capacity), converted]).astype(np.float64)


@dataclass(frozen=True)
class _Queue:
    """The rows that a practice may call, by list and worker, in its order."""

    rows: Ints
    sorted: Presorted
    list_of: Ints

    @classmethod
    def of(cls, order: Order, number: Ints) -> _Queue:
        worker = np.zeros(number.size, dtype=np.int64) if order.worker is None else order.worker
        rows = np.flatnonzero(worker != NOBODY)
        pairs = np.stack([number[rows], worker[rows]])
        queues, part = np.unique(pairs, axis=1, return_inverse=True)
        return cls(rows, Presorted.of(order.key[rows], part.ravel()), queues[0])

    def held(self, w: Floats, converted: Floats, lists: int, capacity: int) -> Floats:
        """Return (lists,) expected conversions among those called; of a tie that the border cuts, a share counts."""
        if not self.rows.size:
            return np.zeros(lists)
        s = self.sorted
        all_, positive = s.sums(w[self.rows]), s.sums(converted[self.rows])
        before = np.cumsum(all_) - all_
        before -= np.repeat(before[s.part_starts], s.part_sizes)
        target = self._dealt(np.add.reduceat(all_, s.part_starts), capacity)
        room = np.clip(np.repeat(target, s.part_sizes) - before, 0, all_)
        taken = np.divide(room, all_, out=np.zeros_like(all_), where=all_ > 0)
        caught = np.add.reduceat(taken * positive, s.part_starts)
        return np.bincount(self.list_of, caught, minlength=lists).astype(np.float64)

    def _dealt(self, total: Floats, capacity: int) -> Floats:
        """Return how many each queue calls: evenly, and what one cannot use goes to the others of its list."""
        dealt = np.minimum(total, np.float64(capacity))
        starts = np.flatnonzero(np.r_[True, self.list_of[1:] != self.list_of[:-1]])
        for first, last in zip(starts.tolist(), [*starts[1:].tolist(), total.size], strict=True):
            if last - first > 1:
                dealt[first:last] = np.minimum(total[first:last], _share(total[first:last], capacity))
        return dealt


def _share(total: Floats, capacity: int) -> float:
    """Return the calls that each may make at most, so that all together make `capacity`, or call everyone."""
    left = float(capacity)
    rising = np.sort(total)
    for done, most in enumerate(rising.tolist()):
        if most * (rising.size - done) >= left:
            return left / (rising.size - done)
        left -= most
    return float("inf")
