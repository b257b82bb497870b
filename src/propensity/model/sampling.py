"""Fewer rows to learn from, the rarer class first of all kept, each that is kept standing for those that are not."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_HASH_BYTES: Final = 8


@dataclass(frozen=True)
class Sample:
    """Which rows are learned from, and how many each stands for.

    Attributes
    ----------
    weights : (n,) of a row that was drawn, its class's rows over those drawn of it; 0 of one that was not. They add up to
        each class's rows, so that what is learned has the base rate of all rows.
    """

    weights: Floats

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """Numbers of the rows that were drawn."""
        return np.flatnonzero(self.weights > 0)

    def described(self, y: npt.NDArray[Any]) -> dict[str, int]:
        """Return what was drawn of what, as JSON."""
        drawn = self.weights > 0
        return {
            "rows": int(drawn.sum()),
            "of": int(y.size),
            "conversions": int(y[drawn].sum()),
            "of_conversions": int(y.sum()),
        }


def sampled(y: npt.NDArray[np.int64], places: Floats, most: int) -> Sample | None:
    """Draw about `most` rows; None where there are no more than that.

    All rows of the rarer class, as far as they leave half the places to the other; of that as many as fit. Whether a row
    is drawn depends on its own place and on the share alone, not on the other rows.

    Parameters
    ----------
    y : (n,) labels, 0 and 1.
    places : (n,) uniform in [0, 1), see `places_of`.
    most : at least 2.
    """
    if y.size <= most:
        return None
    counts = np.bincount(y, minlength=2)
    rarer = int(np.argmin(counts))
    kept = min(int(counts[rarer]), most // 2)
    weights = np.zeros(y.size)
    for label, places_left in ((rarer, kept), (1 - rarer, most - kept)):
        members = np.flatnonzero(y == label)
        drawn = members[places[members] < places_left / max(1, members.size)]
        # By luck none of a few: then the first in line.
        if members.size and not drawn.size:
            drawn = members[[int(np.argmin(places[members]))]]
        weights[drawn] = members.size / max(1, drawn.size)
    return Sample(weights)


def places_of(keys: Iterable[str]) -> Floats:
    """Return each key's place in [0, 1): the same wherever and whenever it is asked for.

    >>> places_of(["lead 1 at 0", "lead 2 at 0"]).round(3).tolist()
    [0.584, 0.802]
    """
    digests = b"".join(blake2b(key.encode(), digest_size=_HASH_BYTES).digest() for key in keys)
    # 53 bits are what a float64 holds: rounding up would give 1.
    return (np.frombuffer(digests, dtype=">u8") >> np.uint64(11)) / float(1 << 53)
