"""Splits that go forward in time, with a gap of one horizon, so that no label window reaches into the next part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from propensity.errors import HistoryError

_HASH_BYTES = 8


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to report on (boolean arrays, shape (rows,)), disjoint.

    `gap` counts the rows in neither: their label windows reach into the test. `kind` is `forward`, `random`, or `none` where a short
    history leaves no test;
    `boundary` is the time order at which the test begins (None for a random split).
    """

    past: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]
    gap: int
    kind: str
    boundary: int | None


def forward_split(order: npt.NDArray[np.int64], *, test_share: float, gap: int) -> Split:
    """Put the newest `test_share` of the rows into the test; rows with the same time stay together.

    Parameters
    ----------
    order
        Time of each row (int64, shape (rows,)): microseconds of as_of, or a position.
    test_share
        Wanted share of rows in the test, in (0, 1). The boundary nearest to it is taken.
    gap
        The horizon in units of `order`: rows in (boundary - gap, boundary) belong to neither part.

    Raises
    ------
    HistoryError
        There is one moment only, or nothing is left before the gap.
    """
    moments, counts = np.unique(order, return_counts=True)
    if len(moments) < 2:  # noqa: PLR2004 - a past and a test
        raise HistoryError(
            f"the snapshots lie at {len(moments)} moment(s); a forward test needs at least 2. Bring a longer history or "
            "take smaller steps (snapshots.every)."
        )
    newer = counts[::-1].cumsum()[::-1]
    wanted = test_share * len(order)
    first = 1 + int(np.argmin(np.abs(newer[1:] - wanted)))
    boundary = int(moments[first])
    test = order >= boundary
    past = order <= boundary - gap if gap > 0 else order < boundary
    if not past.any():
        raise HistoryError(
            f"no snapshot lies a whole horizon before the test of {int(test.sum()):,} rows. Bring a longer history, "
            "lower outcome.horizon_days, or take smaller steps (snapshots.every)."
        )
    return Split(past, test, int((~past & ~test).sum()), "forward", boundary)


def random_split(groups: Sequence[str], *, test_share: float, seed: int) -> Split:
    """Put about `test_share` of the groups (accounts, else leads) into the test, by a hash of group and seed."""
    limit = int(test_share * 2 ** (8 * _HASH_BYTES))
    place = {group: _hashed(group, seed) < limit for group in set(groups)}
    test = np.fromiter((place[group] for group in groups), dtype=np.bool_, count=len(groups))
    if test.all() or not test.any():
        raise HistoryError(f"{len(place)} accounts or leads are too few to split; bring more rows.")
    return Split(~test, test, 0, "random", None)


def _hashed(group: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\x00{group}".encode()).digest()[:_HASH_BYTES], "big")
