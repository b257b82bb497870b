"""Of each lead the youngest act of several kinds: how old it is and what it was; and the channel it answers to most."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Self

import ibis

from propensity.features.acts import of_channel, of_direction, of_kinds, places
from propensity.sources.acts import KIND, VIA, coded, word_of, worded
from propensity.timeline.history import SNAPSHOT, joined_left

if TYPE_CHECKING:
    from propensity.config import Config, FeaturesConfig
    from propensity.engines.untyped import Table, Value

_INT64_BITS = 63
_ANSWER, _MENTION = "last_answer", "last_mention"
_TOLD = ("last_intent", _ANSWER, _MENTION, "last_inbound")
_AGED = (*_TOLD, "last_message", "last_outbound", "last_call", "last_web")
ACTS = {
    **{f"{name}_us": "int64" for name in _AGED},
    **{f"{name}_kind": "string" for name in _TOLD},
    f"{_MENTION}_channel": "string",
    "channel": "string",
}
"""`<act>_us`: the age of the youngest one in microseconds; `<act>_kind` and `_channel`: what it was; null where there is none. `channel`
is that of most answers."""
_SEPARATOR = "\x1f"
"""Comes before every sign of a word, so that an order by words is one by kind, then by channel."""
_AGE_DIGITS = 20
_PLACE_DIGITS = 10
_MOST_ANSWERS = 10**_PLACE_DIGITS - 1


@dataclass(frozen=True)
class _Packing:
    """An act's age, type and channel in one integer, whose order is that of the ages, then of the numbers of type and channel.

    The least of several is then the youngest, by a total order. An act older than `oldest_us`, which is centuries, counts as
    that old.
    """

    kind_bits: int
    channel_bits: int

    @classmethod
    def of(cls, config: FeaturesConfig) -> Self:
        return cls(len(config.types).bit_length(), len(config.channels).bit_length())

    @property
    def oldest_us(self) -> int:
        return (1 << (_INT64_BITS - self.kind_bits - self.channel_bits)) - 1

    def packed(self, acts: Table) -> Value:
        kind, channel = acts[KIND].cast("int64"), acts[VIA].cast("int64")
        return (acts["age_us"] * (1 << self.kind_bits) + kind) * (1 << self.channel_bits) + channel

    def age_us(self, packed: Value) -> Value:
        return packed >> (self.kind_bits + self.channel_bits)

    def kind(self, packed: Value) -> Value:
        return (packed >> self.channel_bits) & ((1 << self.kind_bits) - 1)

    def channel(self, packed: Value) -> Value:
        return packed & ((1 << self.channel_bits) - 1)


def intent_kinds(config: Config) -> list[str]:
    """The kinds of acts that speak of buying."""
    own = config.qualification.need.acts
    return [kind for kind, act in config.features.types.items() if act.intent] if own is None else list(own)


def last_acts(activities: Table, config: Config) -> Table:
    """Per snapshot, ACTS of its activities, cut at as_of; no row for a snapshot without any of them.

    Of acts of the same age, the one whose type, then channel, comes first in the configuration, words that are not in it before all.
    """
    acts, packing, which = coded(activities, config.features), _Packing.of(config.features), _which(config)
    acts = acts.mutate(age_us=ibis.least(acts["age_us"], packing.oldest_us))
    acts = acts.mutate(_packed=packing.packed(acts))
    spoke, met = _speaking(config)
    youngest = acts.group_by(SNAPSHOT).aggregate(
        **{name: acts["_packed"].min(where=where(acts)) for name, where in which.items()},
        _spoke=acts["_packed"].min(where=spoke(acts)),
        _met=acts["_packed"].min(where=met(acts)),
        _first_outbound=acts["age_us"].max(where=of_direction("outbound")(acts)),
    )
    # If any message came after we first got in touch, the youngest did.
    after = packing.age_us(youngest["_spoke"]) < youngest["_first_outbound"]
    answered, met_at = ibis.cases((after, youngest["_spoke"]), else_=ibis.null("int64")), youngest["_met"]
    youngest = youngest.mutate(
        **{_ANSWER: ibis.cases((answered.isnull() | (met_at < answered), met_at), else_=answered)}
    )
    told = _with_words(acts, youngest, config, packing)
    return joined_left(told, _favourite(acts, youngest, config), SNAPSHOT)


def _with_words(acts: Table, youngest: Table, config: Config, packing: _Packing) -> Table:
    """The ages of the youngest acts, and what some of them were: by their numbers, but for words that have none."""
    known = config.features
    nothing = ibis.null("string")
    table = joined_left(youngest, _unnumbered(acts, youngest, config), SNAPSHOT)
    found = {f"{name}_us": packing.age_us(table[name]) for name in _AGED}
    for name in _TOLD:
        kind = word_of(packing.kind(table[name]), tuple(known.types), nothing)
        found[f"{name}_kind"] = ibis.coalesce(table[f"_{name}_kind"], kind)
    channel = word_of(packing.channel(table[_MENTION]), known.channels, nothing)
    found[f"{_MENTION}_channel"] = ibis.coalesce(table[f"_{_MENTION}_channel"], channel)
    return table.select(SNAPSHOT, **found)


def _unnumbered(acts: Table, youngest: Table, config: Config) -> Table:
    """Per snapshot the words of its youngest acts that have a word without a number; null for all others.

    Of several such acts that are alike in age and numbers, the one whose words come first.
    """
    unknown = ((acts[KIND] == 0) & acts["type"].notnull()) | ((acts[VIA] == 0) & acts["channel"].notnull())
    table = worded(acts.filter(unknown), config.features)
    table = table.mutate(_kind_told=table["type"].fill_null(""), _channel_told=table["channel"].fill_null(""))
    table = table.mutate(_words=table["_kind_told"] + _SEPARATOR + table["_channel_told"])
    table = table.join(youngest.select(SNAPSHOT, *_TOLD), SNAPSHOT)
    spoke, met = _speaking(config)
    which = {**_which(config), _ANSWER: lambda t: spoke(t) | met(t)}
    here = {name: which[name](table) & (table["_packed"] == table[name]) for name in _TOLD}
    found = {f"_{name}_kind": table["_kind_told"].argmin(table["_words"], where=here[name]) for name in _TOLD}
    channel = table["_channel_told"].argmin(table["_words"], where=here[_MENTION])
    return table.group_by(SNAPSHOT).aggregate(**found, **{f"_{_MENTION}_channel": channel.nullif("")})


def _which(config: Config) -> Mapping[str, Callable[[Table], Value]]:
    """The acts that each of ACTS is the youngest of, but for answers."""
    types, rules, known = config.features.types, config.qualification, config.features
    inbound, outbound = of_direction("inbound"), of_direction("outbound")
    replies = [kind for kind, act in types.items() if act.reply]
    met = _of(known, [kind for kind, act in types.items() if act.two_way])
    wrote, intent = _of(known, [*replies, *rules.messages]), _of(known, intent_kinds(config))
    unsaid, aloud, web = _of(known, rules.not_mentioned), _by(known, "phone", "in_person"), _by(known, "web")
    return {
        "last_intent": intent,
        "last_message": lambda t: inbound(t) & wrote(t),
        "last_outbound": lambda t: outbound(t) | met(t),
        "last_call": lambda t: (outbound(t) & aloud(t)) | met(t),
        "last_mention": lambda t: (inbound(t) | met(t)) & ~unsaid(t),
        "last_inbound": inbound,
        "last_web": lambda t: inbound(t) & web(t),
    }


def _speaking(config: Config) -> tuple[Callable[[Table], Value], Callable[[Table], Value]]:
    """Whether an act is a message or call of the lead's own; whether it is a meeting."""
    types, known = config.features.types, config.features
    spoke, inbound = _of(known, [kind for kind, act in types.items() if act.reply]), of_direction("inbound")
    met = _of(known, [kind for kind, act in types.items() if act.two_way])
    return (lambda t: spoke(t) & inbound(t)), met


def _favourite(acts: Table, youngest: Table, config: Config) -> Table:
    """Per snapshot the channel of most answers, of several the one answered through last."""
    spoke, met = _speaking(config)
    speaking = acts.filter(spoke(acts) | met(acts))
    speaking = speaking.join(youngest.select(SNAPSHOT, "_first_outbound"), SNAPSHOT)
    # A message or call of the lead's own after we first got in touch, or a meeting: `engagement.prepared`'s is_answer.
    after = (speaking["age_us"] < speaking["_first_outbound"]).fill_null(ibis.literal(False))
    named = (speaking[VIA] != 0) | speaking["channel"].notnull()
    answers = speaking.filter(((spoke(speaking) & after) | met(speaking)) & named)
    unknown = ibis.cases((answers[VIA] == 0, answers["channel"]), else_=ibis.null("string"))
    answers = answers.mutate(_channel=unknown)
    by_channel = answers.group_by([SNAPSHOT, VIA, "_channel"]).aggregate(
        answers=answers.count(), youngest=answers["age_us"].min()
    )
    channel = word_of(by_channel[VIA], config.features.channels, by_channel["_channel"])
    order = (_MOST_ANSWERS - by_channel["answers"]).cast("string").lpad(_PLACE_DIGITS, "0")
    order += by_channel["youngest"].cast("string").lpad(_AGE_DIGITS, "0") + channel
    best = by_channel.mutate(order=order)
    best = best.group_by(SNAPSHOT).aggregate(channel=best["order"].min())
    return best.mutate(channel=best["channel"].substr(_PLACE_DIGITS + _AGE_DIGITS))


def _of(known: FeaturesConfig, kinds: Collection[str]) -> Callable[[Table], Value]:
    """Whether an act is of one of these kinds, by number where they have one."""
    numbers, others = places(kinds, known), [kind for kind in kinds if kind not in known.types]
    if not others:
        return of_kinds(numbers)
    return lambda t: of_kinds(numbers)(t) | t["type"].isin(others)


def _by(known: FeaturesConfig, *channels: str) -> Callable[[Table], Value]:
    """Whether an act used one of these channels, by number where they have one."""
    numbers = [of_channel(known.channels.index(name) + 1) for name in channels if name in known.channels]
    others = [name for name in channels if name not in known.channels]

    def used(t: Table) -> Value:
        tests = [test(t) for test in numbers]
        if others:
            tests.append(t["channel"].isin(others).fill_null(ibis.literal(False)))
        return reduce(or_, tests)

    return used
