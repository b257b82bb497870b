"""Which acts: by the small numbers of `sources.acts`, so that ordering and counting moves a few bytes instead of texts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import ibis

from propensity.sources.acts import DIRECTIONS, KIND, VIA, WAY

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table, Value


def places(kinds: Collection[str], config: FeaturesConfig) -> tuple[int, ...]:
    """The numbers of types of acts, rising."""
    return tuple(place for place, kind in enumerate(config.types, 1) if kind in kinds)


def of_kinds(kinds: Collection[int]) -> Callable[[Table], Value]:
    """Whether an act is of one of the types with these numbers."""
    return lambda t: _one_of(t[KIND], kinds)


def of_direction(direction: str) -> Callable[[Table], Value]:
    """Whether an act went this way."""
    return lambda t: _one_of(t[WAY], (DIRECTIONS.index(direction) + 1,))


def of_channel(place: int) -> Callable[[Table], Value]:
    """Whether an act used the channel with this number."""
    return lambda t: _one_of(t[VIA], (place,))


def _one_of(column: Value, numbers: Collection[int]) -> Value:
    if not numbers:
        return ibis.literal(False)
    known = [ibis.literal(number, "int16") for number in numbers]
    return column == known[0] if len(known) == 1 else column.isin(known)
