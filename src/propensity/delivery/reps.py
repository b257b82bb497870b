"""Each rep's part of a night: who it is for, under which id, and the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from propensity.scoring.assign import Reps

EVERYBODY = "everybody"
"""The id of the one list where no rep is named; no id of a name, since those are hexadecimal."""
FOLDER = "reps"
_ID_LENGTH = 16


@dataclass(frozen=True)
class RepList:
    """One rep's list.

    Attributes
    ----------
    rep_id
        What its files are called by: the name never decides a path.
    name
        The rep; None for the list for everybody.
    capacity
        Places; None for any number.
    rows
        The listed leads, in the rep's order.
    """

    rep_id: str
    name: str | None
    capacity: int | None
    rows: pa.Table

    @property
    def expected(self) -> float:
        """Prospects to be expected: the sum of the probabilities."""
        return float(np.sum(self.rows["probability"].to_numpy(), dtype=np.float64))

    def tiers(self) -> dict[str, int]:
        """Leads by tier, by name."""
        found: dict[str, int] = {}
        for tier in self.rows["tier"].to_pylist():
            found[tier] = found.get(tier, 0) + 1
        return dict(sorted(found.items()))

    def file(self, ending: str) -> str:
        """The path of one of its files in the night's folder."""
        return f"{FOLDER}/{self.rep_id}.{ending}"

    @property
    def has_files(self) -> bool:
        """Whether it is written: a rep without places (on holiday) gets no list."""
        return self.rows.num_rows > 0 or self.capacity != 0

    def to_dict(self) -> Mapping[str, Any]:
        """JSON types, for the manifest."""
        return {
            "name": self.name,
            "id": self.rep_id,
            "capacity": self.capacity,
            "listed": self.rows.num_rows,
            "expected_prospects": round(self.expected, 6),
        }


def rep_id(name: str | None) -> str:
    """Hexadecimal digits of the name's SHA-256: they say nothing, and are no path.

    >>> rep_id("../../etc")
    '74ccf3c5b4c19a81'
    >>> rep_id(None)
    'everybody'
    """
    return EVERYBODY if name is None else hashlib.sha256(name.encode()).hexdigest()[:_ID_LENGTH]


def rep_lists(listed: pa.Table, reps: Reps) -> tuple[RepList, ...]:
    """The lists, in the order in which the reps are configured; rows are grouped once.

    Parameters
    ----------
    listed
        `scoring.lists.LIST_COLUMNS` and what else the night adds, by rank.
    reps
        Who calls.
    """
    place = {name: number for number, name in enumerate(reps.names)}
    whose = np.array([place[name] for name in listed["rep"].to_pylist()], dtype=np.int64)
    order = np.lexsort((listed["rep_rank"].to_numpy(), whose))
    grouped = listed.take(pa.array(order)).combine_chunks()
    ends = np.searchsorted(whose[order], np.arange(len(reps.names)), side="right")
    starts = np.concatenate(([0], ends[:-1]))
    return tuple(
        RepList(rep_id(name), name, capacity, grouped.slice(int(start), int(end - start)))
        for name, capacity, start, end in zip(reps.names, reps.capacities, starts, ends, strict=True)
    )
