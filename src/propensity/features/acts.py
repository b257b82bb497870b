"""Acts with their words as small numbers, so that ordering and counting them moves a few bytes instead of texts.

`_kind` is the place of an act's type in `features.types`, `_way` that of its direction in DIRECTIONS and `_via` that of
its channel in `features.channels`, each from 1 (int16); 0 for every other word, and for none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table, Value

KIND, WAY, VIA = "_kind", "_way", "_via"
DIRECTIONS = ("inbound", "outbound")


def coded(acts: Table, config: FeaturesConfig) -> Table:
    """Add the numbers to activities; as they are where they have them already."""
    if KIND in acts.columns:
        return acts
    return acts.mutate(**{
        KIND: _place(acts["type"], tuple(config.types)),
        WAY: _place(acts["direction"], DIRECTIONS),
        VIA: _place(acts["channel"], config.channels),
    })  # fmt: skip


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


def _place(words: Value, known: Sequence[str]) -> Value:
    nothing = ibis.literal(0, "int16")
    if not known:
        return nothing
    cases = [(words == word, ibis.literal(place, "int16")) for place, word in enumerate(known, 1)]
    return ibis.cases(*cases, else_=nothing)
