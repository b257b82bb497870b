"""What the lead did, what we did, and whether it is a dialogue."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal

import ibis

from propensity.features.counters import Counter, Momentum, Ratio
from propensity.features.spec import DAY_US, HOUR_US, Feature, Over
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
_MOMENTUM_DAYS = 7
_MOMENTUM_BASE_DAYS = 30


def engagement_features(config: FeaturesConfig) -> list[Feature]:
    """Features over the lead's activities."""
    features: list[Feature] = []
    for kind, act in config.types.items():
        features += [_type_count(kind, act, days) for days in config.windows_days]
    for days in config.windows_days:
        features += _counts(days)
    features += _intent(config)
    for channel in config.channels:
        features += [_channel_count(channel), _channel_value(channel)]
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
    table = activities.mutate(days_ago=((activities["age_us"] - 1) / DAY_US).floor().cast("int64"))
    # One order for all windows, so that the engine sorts once.
    older = ibis.window(group_by=SNAPSHOT, order_by=table["age_us"].desc())
    every = ibis.window(group_by=SNAPSHOT, order_by=table["age_us"].desc(), rows=(None, None))
    gap = table["age_us"].lag(1).over(older) - table["age_us"]
    day_before = table["days_ago"].lag(1).over(older)
    last_inbound = table["age_us"].min(where=table["direction"] == "inbound").over(every)
    first_outbound = table["age_us"].max(where=table["direction"] == "outbound").over(every)
    answers = [kind for kind, act in config.types.items() if act.reply]
    meetings = [kind for kind, act in config.types.items() if act.two_way]
    answered = (
        table["type"].isin(answers) & (table["direction"] == "inbound") & (table["age_us"] < first_outbound)
    )
    met = table["type"].isin(meetings)
    spoke = table["type"].isin(answers) & (table["direction"] == "inbound")
    unknown = ibis.literal(False)
    # In order of falling age, the acts whose age is less are those that came strictly later.
    later = ibis.window(group_by=SNAPSHOT, order_by=table["age_us"].desc(), range=(1, None))
    next_reply = table["age_us"].max(where=spoke).over(later)
    approach = table["direction"] == "outbound"
    response = ibis.cases((approach, table["age_us"] - next_reply), else_=ibis.null("int64"))
    columns = {
        "gap_us": gap,
        "is_new_day": day_before.isnull() | (day_before != table["days_ago"]),
        "response_us": response,
        "last_inbound_us": last_inbound,
        "is_answer": (answered | met).fill_null(unknown).cast("int8"),
        "is_dialogue": (spoke | met).fill_null(unknown),
    }
    return table.mutate(**{name: value for name, value in columns.items() if used is None or name in used})


def _type_count(kind: str, act: ActivityType, days: int) -> Feature:
    return engagement_feature(
        f"{kind}_count_{days}d", _concept(kind), "acts", f"{act.phrase} {{times}} in the last {days} days", "activities",
        Counter(days, kinds=(kind,)), empty=0, zero=f"no {_concept(kind)} in the last {days} days",
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
    intent = [kind for kind, act in config.types.items() if act.intent]
    if not intent:
        return []
    features = [
        engagement_feature(
            f"intent_count_{days}d", "signs of buying", "acts",
            f"showed signs of buying {{times}} in the last {days} days", "activities",
            Counter(days, kinds=tuple(sorted(intent))), empty=0, zero=f"no sign of buying in the last {days} days",
        )
        for days in config.windows_days
    ]  # fmt: skip
    features.append(
        engagement_feature(
            "days_since_intent", "signs of buying", "days", "last showed signs of buying {value} days ago", "activities",
            lambda t: t["age_us"].min(where=t["type"].isin(intent)).cast("float64") / DAY_US,
            null_when="never showed a sign of buying",
        )
    )  # fmt: skip
    return features


def _channel_count(channel: str) -> Feature:
    word = channel.replace("_", " ")
    return engagement_feature(
        f"{channel}_channel_count_90d", f"contact by {word}", "acts",
        f"{{value}} contacts by {word} in the last 90 days", "activities",
        Counter(90, channel=channel), empty=0, zero=f"no contact by {word} in the last 90 days",
    )  # fmt: skip


def _channel_value(channel: str) -> Feature:
    word = channel.replace("_", " ")

    def total(table: Table) -> Value:
        value = table["value"].clip(-MOST_VALUE, MOST_VALUE)
        parts = (value * VALUE_SCALE).round().cast("int64")
        where = (table["channel"] == channel) & (table["age_us"] <= 90 * DAY_US)
        return parts.sum(where=where).cast("float64") / VALUE_SCALE

    return engagement_feature(
        f"{channel}_channel_value_sum_90d", f"contact by {word}", "the value's own",
        f"contact by {word} adds up to {{value}} (minutes, pages) in the last 90 days", "activities", total,
        null_when=f"no contact by {word} with a value in the last 90 days",
    )  # fmt: skip


def _decayed(config: FeaturesConfig, half_life_days: float) -> list[Feature]:
    intent = [kind for kind, act in config.types.items() if act.intent]

    def over(which: Callable[[Table], Value]) -> Callable[[Table], Value]:
        def total(table: Table) -> Value:
            weight = ibis.literal(2.0) ** (-table["age_us"].cast("float64") / (half_life_days * DAY_US))
            parts = (weight * WEIGHT_SCALE).round().cast("int64")
            return parts.sum(where=which(table)).cast("float64") / WEIGHT_SCALE

        return total

    rows: list[tuple[str, str, str, str, Callable[[Table], Value]]] = [
        ("inbound", "own initiative", "has been active of late", "has never been active", _is("inbound")),
        (
            "outbound",
            "our approaches",
            "has been approached of late",
            "was never approached",
            _is("outbound"),
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
        rows.append(("intent", "signs of buying", *bought, lambda t: t["type"].isin(intent)))
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


def _is(direction: str) -> Callable[[Table], Value]:
    return lambda t: t["direction"] == direction


def _recency() -> list[Feature]:
    def since(which: Callable[[Table], Value]) -> Callable[[Table], Value]:
        return lambda t: t["age_us"].min(where=which(t)).cast("float64") / DAY_US

    return [
        engagement_feature(
            "days_since_inbound", "last own act", "days", "last acted {value} days ago", "activities",
            since(_is("inbound")), null_when="never acted",
        ),
        engagement_feature(
            "days_since_outbound", "last approach", "days", "was last approached {value} days ago", "activities",
            since(_is("outbound")), null_when="was never approached",
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
    replies = [kind for kind, act in config.types.items() if act.reply]
    features = [
        engagement_feature(
            "is_two_way", "dialogue", "", "answered after we got in touch", "activities",
            lambda t: t["is_answer"].max().cast("float64"), empty=0, zero="has not answered us so far",
        ),
        engagement_feature(
            "unanswered_count", "approaches without an answer", "acts", "was approached {times} without an answer",
            "activities",
            lambda t: t.count(
                where=(t["direction"] == "outbound")
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
                        Counter(days, kinds=tuple(sorted(replies)), direction="inbound"),
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
