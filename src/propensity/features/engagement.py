"""What the lead did, what we did, and whether it is a dialogue."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal

import ibis

from propensity.features.acts import of_channel, of_direction, of_kinds, places
from propensity.features.counters import Counter, Momentum, Ratio
from propensity.features.spec import DAY_US, HOUR_US, Feature, Over
from propensity.sources.acts import coded
from propensity.timeline.history import SNAPSHOT

if TYPE_CHECKING:
    from propensity.config import ActivityType, FeaturesConfig
    from propensity.engines.untyped import Table, Value

WEIGHT_SCALE = 1e12
"""Decayed weights are rounded to this many parts and summed as integers: the same sum in any order of the rows."""
VALUE_SCALE = 1e3
"""Values are rounded to thousandths and summed as integers, for the same reason."""
MOST_VALUE = 1e12
"""A value beyond this, on either side of zero, counts as this much: no integer holds the thousandths of any float."""
_LOOKS = {
    "gap_us": "_before_us",
    "is_new_day": "_before_us",
    "response_us": "_next_reply_us",
    "last_inbound_us": "last_inbound_us",
    "is_answer": "_first_outbound_us",
}
"""What one act alone does not tell, and the look at the lead's other acts that it needs."""
_MOMENTUM_DAYS = 7
_MOMENTUM_BASE_DAYS = 30


def engagement_features(config: FeaturesConfig) -> list[Feature]:
    """Features over the lead's activities."""
    features: list[Feature] = []
    for kind, act in config.types.items():
        features += [_type_count(kind, act, days, places([kind], config)) for days in config.windows_days]
    for days in config.windows_days:
        features += _counts(days)
    features += _intent(config)
    for place, channel in enumerate(config.channels, 1):
        features += [_channel_count(channel, place), _channel_value(channel, place)]
    features += _recency()
    for half_life in config.half_lives_days:
        features += _decayed(config, half_life)
    return features + _dialogue(config)


def prepared(activities: Table, config: FeaturesConfig, used: Collection[str] | None = None) -> Table:
    """Add what one act alone does not tell.

    days_ago: whole days before as_of. is_new_day: the first act of its day. gap_us: time since the act before it (null for the first). last_inbound_us: age
    of the lead's last own act. is_dialogue: the lead's own message or call, or an act that is two-way by nature.
    is_answer: the same, but a message or call only after we first got in touch. response_us: of our approaches, the time
    to the lead's next message or call after them (null where none followed).

    Of those, all but days_ago are left out where `used` does not name them: the engine would order and look back for nothing.
    """
    table = coded(activities, config)
    answers = places([kind for kind, act in config.types.items() if act.reply], config)
    meetings = places([kind for kind, act in config.types.items() if act.two_way], config)
    inbound, outbound = of_direction("inbound"), of_direction("outbound")
    spoke, age = of_kinds(answers)(table) & inbound(table), table["age_us"]
    # One order for all windows, so that the engine sorts once.
    older = ibis.window(group_by=SNAPSHOT, order_by=age.desc())
    every = ibis.window(group_by=SNAPSHOT, order_by=age.desc(), rows=(None, None))
    # In order of falling age, the acts whose age is less are those that came strictly later.
    later = ibis.window(group_by=SNAPSHOT, order_by=age.desc(), range=(1, None))
    looks: dict[str, Callable[[], Value]] = {
        "_before_us": lambda: age.lag(1).over(older),
        "last_inbound_us": lambda: age.min(where=inbound(table)).over(every),
        "_first_outbound_us": lambda: age.max(where=outbound(table)).over(every),
        "_next_reply_us": lambda: age.max(where=spoke).over(later),
    }
    wanted = [name for name in (*_LOOKS, "is_dialogue") if used is None or name in used]
    back = dict.fromkeys(_LOOKS[name] for name in wanted if name in _LOOKS)
    seen = table.mutate(**{look: looks[look]() for look in back})
    made = _made(answers, meetings)
    told = seen.mutate(
        days_ago=_days(seen["age_us"]).cast("int64"), **{name: made[name](seen) for name in wanted}
    )
    return told.drop(*(look for look in back if look.startswith("_")))


def _made(answers: Collection[int], meetings: Collection[int]) -> dict[str, Callable[[Table], Value]]:
    """What `prepared` adds, from an act and the looks at the others."""
    inbound, outbound = of_direction("inbound"), of_direction("outbound")
    unknown = ibis.literal(False)
    return {
        "gap_us": lambda t: t["_before_us"] - t["age_us"],
        "is_new_day": lambda t: t["_before_us"].isnull() | (_days(t["_before_us"]) != _days(t["age_us"])),
        "response_us": lambda t: ibis.cases(
            (outbound(t), t["age_us"] - t["_next_reply_us"]), else_=ibis.null("int64")
        ),
        "last_inbound_us": lambda t: t["last_inbound_us"],
        "is_answer": lambda t: (
            (of_kinds(answers)(t) & inbound(t) & (t["age_us"] < t["_first_outbound_us"])).fill_null(unknown)
            | of_kinds(meetings)(t)
        ).cast("int8"),
        "is_dialogue": lambda t: (of_kinds(answers)(t) & inbound(t)) | of_kinds(meetings)(t),
    }


def _days(age_us: Value) -> Value:
    """Whole days before as_of (float64)."""
    return ((age_us - 1) / DAY_US).floor()


def _type_count(kind: str, act: ActivityType, days: int, numbers: tuple[int, ...]) -> Feature:
    return engagement_feature(
        f"{kind}_count_{days}d", _concept(kind), "acts", f"{act.phrase} {{times}} in the last {days} days", "activities",
        Counter(days, kinds=numbers), empty=0, zero=f"no {_concept(kind)} in the last {days} days",
    )  # fmt: skip


def _concept(kind: str) -> str:
    return kind.replace("_", " ")


def _counts(days: int) -> list[Feature]:
    return [
        engagement_feature(
            f"inbound_count_{days}d", "own initiative", "acts", f"acted {{times}} in the last {days} days", "activities",
            Counter(days, direction="inbound"), empty=0, zero=f"did nothing in the last {days} days",
        ),
        engagement_feature(
            f"outbound_count_{days}d", "our approaches", "acts", f"was approached {{times}} in the last {days} days",
            "activities", Counter(days, direction="outbound"), empty=0,
            zero=f"was not approached in the last {days} days",
        ),
        engagement_feature(
            f"active_days_{days}d", "active days", "days", f"something happened on {{value}} of the last {days} days",
            "activities", Counter(days, flag="is_new_day"), empty=0,
            zero=f"nothing happened in the last {days} days",
        ),
    ]  # fmt: skip


def _intent(config: FeaturesConfig) -> list[Feature]:
    intent = places([kind for kind, act in config.types.items() if act.intent], config)
    if not intent:
        return []
    features = [
        engagement_feature(
            f"intent_count_{days}d", "signs of buying", "acts",
            f"showed signs of buying {{times}} in the last {days} days", "activities",
            Counter(days, kinds=intent), empty=0, zero=f"no sign of buying in the last {days} days",
        )
        for days in config.windows_days
    ]  # fmt: skip
    features.append(
        engagement_feature(
            "days_since_intent", "signs of buying", "days", "last showed signs of buying {value} days ago", "activities",
            lambda t: t["age_us"].min(where=of_kinds(intent)(t)).cast("float64") / DAY_US,
            null_when="never showed a sign of buying",
        )
    )  # fmt: skip
    return features


def _channel_count(channel: str, place: int) -> Feature:
    word = channel.replace("_", " ")
    return engagement_feature(
        f"{channel}_channel_count_90d", f"contact by {word}", "acts",
        f"{{value}} contacts by {word} in the last 90 days", "activities",
        Counter(90, channel=place), empty=0, zero=f"no contact by {word} in the last 90 days",
    )  # fmt: skip


def _channel_value(channel: str, place: int) -> Feature:
    word = channel.replace("_", " ")

    def total(table: Table) -> Value:
        value = table["value"].clip(-MOST_VALUE, MOST_VALUE)
        parts = (value * VALUE_SCALE).round().cast("int64")
        where = of_channel(place)(table) & (table["age_us"] <= 90 * DAY_US)
        return parts.sum(where=where).cast("float64") / VALUE_SCALE

    return engagement_feature(
        f"{channel}_channel_value_sum_90d", f"contact by {word}", "the value's own",
        f"contact by {word} adds up to {{value}} (minutes, pages) in the last 90 days", "activities", total,
        null_when=f"no contact by {word} with a value in the last 90 days",
    )  # fmt: skip


def _decayed(config: FeaturesConfig, half_life_days: float) -> list[Feature]:
    intent = places([kind for kind, act in config.types.items() if act.intent], config)

    def over(which: Callable[[Table], Value]) -> Callable[[Table], Value]:
        def total(table: Table) -> Value:
            weight = ibis.literal(2.0) ** (-table["age_us"].cast("float64") / (half_life_days * DAY_US))
            parts = (weight * WEIGHT_SCALE).round().cast("int64")
            return parts.sum(where=which(table)).cast("float64") / WEIGHT_SCALE

        return total

    rows: list[tuple[str, str, str, str, Callable[[Table], Value]]] = [
        (
            "inbound",
            "own initiative",
            "has been active of late",
            "has never been active",
            of_direction("inbound"),
        ),
        (
            "outbound",
            "our approaches",
            "has been approached of late",
            "was never approached",
            of_direction("outbound"),
        ),
        (
            "dialogue",
            "dialogue",
            "has talked with us of late",
            "has never talked with us",
            lambda t: t["is_dialogue"],
        ),
    ]
    if intent:
        bought = "has shown signs of buying of late", "has never shown a sign of buying"
        rows.append(("intent", "signs of buying", *bought, of_kinds(intent)))
    unit = f"acts, halved every {half_life_days:g} days"
    return [
        engagement_feature(
            f"{name}_decayed_{half_life_days:g}d",
            concept,
            unit,
            words,
            "activities",
            over(which),
            empty=0,
            zero=zero,
            tellable=False,
        )
        for name, concept, words, zero, which in rows
    ]


def _recency() -> list[Feature]:
    def since(which: Callable[[Table], Value]) -> Callable[[Table], Value]:
        return lambda t: t["age_us"].min(where=which(t)).cast("float64") / DAY_US

    return [
        engagement_feature(
            "days_since_inbound", "last own act", "days", "last acted {value} days ago", "activities",
            since(of_direction("inbound")), null_when="never acted",
        ),
        engagement_feature(
            "days_since_outbound", "last approach", "days", "was last approached {value} days ago", "activities",
            since(of_direction("outbound")), null_when="was never approached",
        ),
        engagement_feature(
            "days_since_dialogue", "dialogue", "days", "last talked with us {value} days ago", "activities",
            since(lambda t: t["is_dialogue"]), null_when="has never talked with us",
        ),
        engagement_feature(
            "days_since_any", "last contact", "days", "last contact {value} days ago", "activities",
            lambda t: t["age_us"].min().cast("float64") / DAY_US, null_when="there was no contact",
        ),
        engagement_feature(
            "longest_silence_days", "longest silence", "days", "was once silent for {value} days", "activities",
            lambda t: t["gap_us"].max().cast("float64") / DAY_US, null_when="fewer than two acts",
        ),
        engagement_feature(
            "momentum", "momentum", "", "acts {value} times as often in the last 7 days as in the 30 before",
            "activities", Momentum(_MOMENTUM_DAYS, _MOMENTUM_BASE_DAYS), null_when="no act in the 30 days before the last 7",
            zero="no act in the last 7 days after acts in the 30 before",
        ),
    ]  # fmt: skip


def _dialogue(config: FeaturesConfig) -> list[Feature]:
    replies = places([kind for kind, act in config.types.items() if act.reply], config)
    features = [
        engagement_feature(
            "is_two_way", "dialogue", "", "answered after we got in touch", "activities",
            lambda t: t["is_answer"].max().cast("float64"), empty=0, zero="has not answered us so far",
        ),
        engagement_feature(
            "unanswered_count", "approaches without an answer", "acts", "was approached {times} without an answer",
            "activities",
            lambda t: t.count(
                where=of_direction("outbound")(t)
                & (t["last_inbound_us"].isnull() | (t["age_us"] < t["last_inbound_us"]))
            ),
            empty=0, zero="has answered our last approach",
        ),
    ]  # fmt: skip
    if replies:
        features.append(_response_time())
    features += [
        engagement_feature(
            f"dialogue_count_{days}d", "dialogue", "acts", f"talked with us {{times}} in the last {days} days",
            "activities", Counter(days, flag="is_dialogue"), empty=0,
            zero=f"has not talked with us in the last {days} days",
        )
        for days in config.windows_days
    ]  # fmt: skip
    for days in (30, 365):
        features.append(
            engagement_feature(
                f"inbound_share_{days}d", "dialogue", "", f"{{value}} of the acts of the last {days} days were the lead's own",
                "activities", Ratio(Counter(days, direction="inbound"), Counter(days)),
                null_when=f"no act in the last {days} days",
            )
        )  # fmt: skip
        if replies:
            features.append(
                engagement_feature(
                    f"reply_ratio_{days}d", "replies", "", f"{{value}} replies for each approach in the last {days} days",
                    "activities",
                    Ratio(
                        Counter(days, kinds=replies, direction="inbound"),
                        Counter(days, direction="outbound"),
                    ),
                    null_when=f"was not approached in the last {days} days",
                    zero=f"replied to no approach in the last {days} days",
                )
            )  # fmt: skip
    return features


def _response_time() -> Feature:
    return engagement_feature(
        "median_response_hours", "response time", "hours", "usually answers within {hours}", "activities",
        lambda t: t["response_us"].median().cast("float64") / HOUR_US, null_when="has answered no approach",
    )  # fmt: skip


def engagement_feature(  # noqa: PLR0913
    name: str,
    concept: str,
    unit: str,
    sentence: str,
    over: Over,
    expression: Callable[[Table], Value],
    *,
    empty: float | None = None,
    null_when: str = "never",
    zero: str = "",
    kind: Literal["number", "category"] = "number",
    tellable: bool = True,
) -> Feature:
    """A feature of this family, without the family's name in front of `name`."""
    return Feature(
        f"engagement_{name}", "engagement", concept, unit, sentence, over, expression,
        empty=empty, null_when=null_when, zero=zero, kind=kind, tellable=tellable,
    )  # fmt: skip
