"""What is worked out of leads and activities once, when they are checked, so that no later query does it again.

`_lead_number` numbers leads in the order of their ids (int64), and stands in their activities too: to join and to group by
it costs a fraction of what the texts do. `_kind` is the place of an act's type in `features.types`, `_way` that of
its direction in DIRECTIONS and `_via` that of its channel in `features.channels`, each from 1 (int16); 0 for every other
word, and for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from propensity.config import FeaturesConfig
    from propensity.engines.untyped import Table, Value
    from propensity.schema import TableName

LEAD_NUMBER = "_lead_number"
KIND, WAY, VIA = "_kind", "_way", "_via"
DERIVED = (LEAD_NUMBER, KIND, WAY, VIA)
DIRECTIONS = ("inbound", "outbound")


def coded(acts: Table, config: FeaturesConfig, *, unfilled: bool = False) -> Table:
    """Add the numbers of its words to activities; as they are where they have them already.

    Of `unfilled` ones the words stay as they are, and the numbers are those that they have when they are filled.
    """
    if KIND in acts.columns:
        return acts
    words = {"direction": acts["direction"], "channel": acts["channel"]}
    words |= _filled(acts, config) if unfilled else {}
    return acts.mutate(**{
        KIND: _place(acts["type"], tuple(config.types)),
        WAY: _place(words["direction"], DIRECTIONS),
        VIA: _place(words["channel"], config.channels),
    })  # fmt: skip


def unworded(acts: Table, good: Value) -> Table:
    """Numbered acts without the words that their numbers say: to store those of all acts would take longer than to read them.

    Rows that are not `good` keep theirs.
    """
    told = {"type": KIND, "direction": WAY, "channel": VIA}
    return acts.mutate(**{
        word: ibis.cases((good & (acts[number] != 0), ibis.null("string")), else_=acts[word])
        for word, number in told.items()
    })  # fmt: skip


def worded(acts: Table, config: FeaturesConfig) -> Table:
    """The words of `unworded` acts again; directions and channels are those of the type where the source is silent."""
    return acts.mutate(
        type=word_of(acts[KIND], tuple(config.types), acts["type"]),
        direction=word_of(acts[WAY], DIRECTIONS, acts["direction"].lower()),
        channel=word_of(acts[VIA], config.channels, acts["channel"]),
    )


def word_of(places: Value, known: Sequence[str], other: Value) -> Value:
    """The words that numbers say, each its place in `known` from 1; `other` for every other number, and for none."""
    if not known:
        return other
    return ibis.cases(*((places == place, word) for place, word in enumerate(known, 1)), else_=other)


def underived(tables: Mapping[TableName, Table]) -> dict[TableName, Table]:
    """The tables without what is worked out here, for who changes what it is worked out of."""
    return {
        name: table.drop(*(column for column in DERIVED if column in table.columns))
        for name, table in tables.items()
    }


def _filled(acts: Table, config: FeaturesConfig) -> dict[str, Value]:
    types = config.types
    ways = {kind: str(act.direction) for kind, act in types.items() if act.direction is not None}
    channels = {kind: act.channel for kind, act in types.items() if act.channel is not None}
    return {
        "direction": ibis.coalesce(acts["direction"].lower(), _looked_up(acts["type"], ways)),
        "channel": ibis.coalesce(acts["channel"], _looked_up(acts["type"], channels)),
    }


def _place(words: Value, known: Sequence[str]) -> Value:
    nothing = ibis.literal(0, "int16")
    if not known:
        return nothing
    cases = [(words == word, ibis.literal(place, "int16")) for place, word in enumerate(known, 1)]
    return ibis.cases(*cases, else_=nothing)


def _looked_up(column: Value, values: Mapping[str, str]) -> Value:
    if not values:
        return ibis.null("string")
    return ibis.cases(*((column == key, value) for key, value in values.items()), else_=ibis.null("string"))
