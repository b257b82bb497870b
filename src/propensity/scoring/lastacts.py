"""Of each lead the youngest act of several kinds, as one text each, and the channel it answers to most."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import ibis

from propensity.features.acts import of_channel, of_direction, of_kinds, places
from propensity.sources.acts import KIND, VIA, WAY, coded
from propensity.timeline.history import SNAPSHOT, joined_left

if TYPE_CHECKING:
    from propensity.config import Config, FeaturesConfig
    from propensity.engines.untyped import Table, Value

AGE_DIGITS = 20
SEPARATOR = "\x1f"
"""Between the parts of a packed fact: a sign that no name of a kind or channel holds."""
_PLACE_DIGITS = 10
_MOST_ANSWERS = 10**_PLACE_DIGITS - 1
_ANSWER = "last_answer"
ACTS = (
    "last_intent", _ANSWER, "last_message", "last_outbound", "last_call", "last_mention", "last_inbound", "last_web", "channel",
)  # fmt: skip
"""Packed: the age in microseconds in 20 digits, the kind, the channel; `channel` is that of most answers, plain."""


def intent_kinds(config: Config) -> list[str]:
    """The kinds of acts that speak of buying."""
    own = config.qualification.need.acts
    return [kind for kind, act in config.features.types.items() if act.intent] if own is None else list(own)


def last_acts(activities: Table, config: Config) -> Table:
    """Per snapshot, the packed ACTS of its activities, cut at as_of; no row for a snapshot without any of them.

    Acts are put together first that say the same of a snapshot: of each kind, direction and channel the youngest and the oldest.
    """
    acts = coded(activities, config.features)
    table, which = _alike(acts, config.features), _which(config)
    ages = {f"_{name}": table["age_us"].min(where=where(table)) for name, where in which.items()}
    first_outbound = table["oldest_us"].max(where=of_direction("outbound")(table))
    youngest = table.group_by(SNAPSHOT).aggregate(**ages, _first_outbound=first_outbound)
    table = table.join(youngest, SNAPSHOT)
    # Of acts that say the same, one is an answer where the youngest is.
    table = table.mutate(_answered=_answers(table, config))
    here = {name: where(table) & (table["age_us"] == table[f"_{name}"]) for name, where in which.items()}
    told = table.filter(reduce(or_, here.values(), table["_answered"]))
    told = told.mutate(_packed=packed(told["age_us"], told["type"], told["channel"]))
    totals = told.group_by(SNAPSHOT).aggregate(**{
        _ANSWER: told["_packed"].min(where=told["_answered"]),
        **{
            name: told["_packed"].min(where=where(told) & (told["age_us"] == told[f"_{name}"]))
            for name, where in which.items()
        },
    })  # fmt: skip
    return joined_left(totals, _favourite(acts, youngest, config), SNAPSHOT)


def _alike(acts: Table, config: FeaturesConfig) -> Table:
    """Per snapshot and words: the words, their numbers, `age_us` of the youngest act and `oldest_us`; of known words the texts are not read."""
    nothing = ibis.null("string")
    others = {
        "_type": ibis.cases((acts[KIND] == 0, acts["type"]), else_=nothing),
        "_channel": ibis.cases((acts[VIA] == 0, acts["channel"]), else_=nothing),
    }
    acts = acts.mutate(**others)
    table = acts.group_by(SNAPSHOT, KIND, WAY, VIA, "_type", "_channel").aggregate(
        age_us=acts["age_us"].min(), oldest_us=acts["age_us"].max()
    )
    words = {"type": (KIND, tuple(config.types)), "channel": (VIA, config.channels)}
    return table.mutate(**{
        name: ibis.cases(*((table[code] == place, word) for place, word in enumerate(known, 1)), else_=table[f"_{name}"])
        for name, (code, known) in words.items()
    })  # fmt: skip


def packed(age_us: Value, *texts: Value) -> Value:
    """Text whose order is that of the ages, then of the texts: the least of several is the youngest, by a total order."""
    found = age_us.cast("string").lpad(AGE_DIGITS, "0")
    for text in texts:
        found = found + SEPARATOR + text.fill_null("")
    return found


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


def _answers(table: Table, config: Config) -> Value:
    """A message or call of the lead's own after we first got in touch, or a meeting: `engagement.prepared`'s is_answer."""
    spoke, met = _speaking(config)
    after = (table["age_us"] < table["_first_outbound"]).fill_null(ibis.literal(False))
    return (spoke(table) & after) | met(table)


def _speaking(config: Config) -> tuple[Callable[[Table], Value], Callable[[Table], Value]]:
    """Whether an act is a message or call of the lead's own; whether it is a meeting."""
    types, known = config.features.types, config.features
    spoke, inbound = _of(known, [kind for kind, act in types.items() if act.reply]), of_direction("inbound")
    met = _of(known, [kind for kind, act in types.items() if act.two_way])
    return (lambda t: spoke(t) & inbound(t)), met


def _favourite(acts: Table, youngest: Table, config: Config) -> Table:
    """Per snapshot the channel of most answers, of several the one answered through last."""
    spoke, met = _speaking(config)
    speaking = acts.filter(spoke(acts) | met(acts)).join(
        youngest.select(SNAPSHOT, "_first_outbound"), SNAPSHOT
    )
    answers = speaking.filter(_answers(speaking, config) & speaking["channel"].notnull())
    by_channel = answers.group_by([SNAPSHOT, "channel"]).aggregate(
        answers=answers.count(), youngest=answers["age_us"].min()
    )
    order = (_MOST_ANSWERS - by_channel["answers"]).cast("string").lpad(_PLACE_DIGITS, "0")
    order += by_channel["youngest"].cast("string").lpad(AGE_DIGITS, "0") + by_channel["channel"]
    best = by_channel.mutate(order=order)
    best = best.group_by(SNAPSHOT).aggregate(channel=best["order"].min())
    return best.mutate(channel=best["channel"].substr(_PLACE_DIGITS + AGE_DIGITS))


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
