"""How the CRM writes facts down: clock times, channels, values, stages, and a few defects.

Nothing here depends on a hidden state beyond the facts and fates it is given, so no column says more than
they do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from propensity.demo import words
from propensity.demo.laws import ANSWERS, BUDGETS, KINDS, MAX_LAG_DAYS, Kind
from propensity.demo.people import DAY_SECONDS
from propensity.demo.process import CONVERTED, DISQUALIFIED

if TYPE_CHECKING:
    from datetime import datetime

    from propensity.demo.laws import Flags, Floats, Ints
    from propensity.demo.people import People
    from propensity.demo.process import Facts, Fates

TIMESTAMP: Final = pa.timestamp("us", tz="UTC")
TYPES: Final = (
    "web_visit",
    "pricing_view",
    "content_download",
    "form_submit",
    "email_sent",
    "email_open",
    "email_click",
    "email_reply",
    "call",
    "meeting",
    "demo_request",
    "quote_request",
)
CHANNELS: Final = ("web", "email", "phone", "in_person", "chat")
DIRECTIONS: Final = ("inbound", "outbound")
STAGES: Final = ("lead", "contacted", "prospect", "opportunity", "customer", "disqualified")
BUDGET_KINDS: Final = ("stated", "quote", "funding", "spend")
UNKNOWN_LEAD_SHARE: Final = 0.001

_HOUR: Final = 3600
_LATE_STAGE_SHARE: Final = 0.12


@dataclass(frozen=True)
class Rows:
    """Activities before they become a table; times in seconds since the start, value nan for none."""

    lead: Ints
    occurred_s: Ints
    recorded_s: Ints
    type: Ints
    direction: Ints
    channel: Ints
    value: Floats

    def where(self, keep: Ints | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Rows:
        """Select or reorder rows."""
        return Rows(
            *(
                getattr(self, name)[keep] for name in self.__dataclass_fields__
            )  # a flat record of equal-length arrays
        )


@dataclass(frozen=True)
class Stages:
    """Stage history before it becomes a table; times in seconds since the start."""

    lead: Ints
    stage: Ints
    entered_s: Ints
    recorded_s: Ints

    def where(self, keep: Ints | Flags) -> Stages:
        """Select or reorder rows."""
        return Stages(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


def join_rows(parts: list[Rows]) -> Rows:
    """Put parts one after the other."""
    return Rows(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__dataclass_fields__)
    )


def timestamps(seconds: Ints, start: datetime) -> pa.Array:
    """Seconds since the start as UTC timestamps."""
    return pa.array((seconds + round(start.timestamp())) * 1_000_000, type=pa.int64()).cast(TIMESTAMP)


def strings(values: tuple[str, ...] | list[str], codes: Ints) -> pa.Array:
    """Pick strings by code; code -1 is null."""
    return pa.array(values, type=pa.string()).take(pa.array(codes, mask=codes < 0))


def _within_day(rng: np.random.Generator, kind: Ints) -> Ints:
    """Second of the day: e-mails leave in the morning, so that answers of the same day come after them."""
    first, last = np.full(KINDS, 6 * _HOUR), np.full(KINDS, 22 * _HOUR)
    last[Kind.EMAIL_SENT] = 12 * _HOUR
    first[ANSWERS] = 12 * _HOUR
    for human in (Kind.CALL_IN, Kind.MEETING, Kind.CALL_ANSWERED, Kind.CALL_UNANSWERED, *range(8, 12)):
        first[human], last[human] = 8 * _HOUR, 18 * _HOUR
    return rng.integers(first[kind], last[kind])


def _occurred(rng: np.random.Generator, facts: Facts, created_s: Ints) -> Ints:
    created = created_s[facts.lead]
    left = (facts.day + 1) * DAY_SECONDS - created
    # On the day of birth only the rest of the day is left.
    since_birth = created + 1 + np.floor(rng.random(len(created)) * (left - 2)).astype(np.int64)
    plain = facts.day * DAY_SECONDS + _within_day(rng, facts.kind)
    return np.where(facts.day == created // DAY_SECONDS, since_birth, plain)


def _recorded(rng: np.random.Generator, occurred_s: Ints, lag_days: Ints, *, by_hand: Flags) -> Ints:
    midnight = occurred_s // DAY_SECONDS * DAY_SECONDS
    same_day = occurred_s + np.floor(
        rng.random(len(occurred_s)) * (midnight + DAY_SECONDS - occurred_s)
    ).astype(np.int64)
    late = midnight + lag_days * DAY_SECONDS + rng.integers(7 * _HOUR, 19 * _HOUR, len(occurred_s))
    return np.where(lag_days > 0, late, np.where(by_hand, same_day, occurred_s))


def _types() -> Ints:
    names = [kind.name.lower() for kind in Kind]
    alias = {"call_in": "call", "call_answered": "call", "call_unanswered": "call"}
    known = {name: code for code, name in enumerate(TYPES)}
    return np.array([known.get(alias.get(name, name), -1) for name in names], dtype=np.int64)


def _channels(rng: np.random.Generator, kind: Ints) -> Ints:
    share = np.zeros((KINDS, len(CHANNELS)))
    share[:, 0] = 1.0
    for code in (Kind.EMAIL_SENT, *range(ANSWERS.start, ANSWERS.stop)):
        share[code] = (0, 1, 0, 0, 0)
    for code in (Kind.CALL_IN, Kind.CALL_ANSWERED, Kind.CALL_UNANSWERED):
        share[code] = (0, 0, 1, 0, 0)
    share[Kind.MEETING] = (0.65, 0, 0, 0.35, 0)
    share[Kind.DEMO_REQUEST] = (0.7, 0.1, 0, 0, 0.2)
    share[Kind.QUOTE_REQUEST] = (0.3, 0.5, 0.15, 0, 0.05)
    edges = share.cumsum(axis=1)[kind][:, :-1]
    return (rng.random(len(kind))[:, None] >= edges).sum(axis=1).astype(np.int64)


def _values(rng: np.random.Generator, kind: Ints) -> Floats:
    """Pages of a visit or minutes talked; zero minutes is a call nobody answered."""
    value = np.full(len(kind), np.nan)
    minutes = np.rint(1.0 + rng.gamma(2.0, 3.5, len(kind)))
    for code in (Kind.CALL_IN, Kind.CALL_ANSWERED):
        value = np.where(kind == code, minutes, value)
    value = np.where(kind == Kind.CALL_UNANSWERED, 0.0, value)
    value = np.where(kind == Kind.WEB_VISIT, np.minimum(rng.geometric(0.35, len(kind)), 30), value)
    return np.where(kind == Kind.MEETING, rng.choice([30.0, 45.0, 60.0], len(kind)), value)


def activity_rows(rng: np.random.Generator, facts: Facts, people: People) -> Rows:
    """Write down all facts but budgets."""
    keep = (facts.kind < BUDGETS.start) | (facts.kind >= BUDGETS.stop)
    kind, lag = facts.kind[keep], facts.lag_days[keep]
    occurred = _occurred(rng, facts, people.created_s)[keep]
    by_hand = np.isin(kind, (Kind.CALL_IN, Kind.MEETING, Kind.CALL_ANSWERED, Kind.CALL_UNANSWERED))
    outbound = (kind >= Kind.EMAIL_SENT) | ((kind == Kind.MEETING) & (rng.random(len(kind)) < 0.5))  # noqa: PLR2004
    return Rows(
        lead=facts.lead[keep],
        occurred_s=occurred,
        recorded_s=_recorded(rng, occurred, lag, by_hand=by_hand),
        type=_types()[kind],
        direction=outbound.astype(np.int64),
        channel=_channels(rng, kind),
        value=_values(rng, kind),
    )


def budget_seconds(rng: np.random.Generator, facts: Facts, created_s: Ints) -> Ints:
    """Draw the second at which each fact is put on record, for budgets: on the day they come up."""
    return _occurred(rng, facts, created_s)


def first_forms(people: People) -> Rows:
    """Write the form by which an online lead came in: at its creation, so it tells nothing new."""
    online = np.array([*(source.online for source in words.SOURCES), False])[people.source]
    lead = np.flatnonzero(online)
    return _plain(lead, people.created_s[lead], TYPES.index("form_submit"), direction=0, channel=0)


def _plain(lead: Ints, at_s: Ints, kind: int, *, direction: int, channel: int) -> Rows:
    full = np.full(len(lead), 1, dtype=np.int64)
    return Rows(lead, at_s, at_s, full * kind, full * direction, full * channel, np.full(len(lead), np.nan))


def end_seconds(rng: np.random.Generator, fates: Fates) -> Ints:
    """Instant of each lead's end, in office hours of its day; meaningless for open leads."""
    day = np.where(fates.day < np.iinfo(np.int64).max, fates.day, 0)
    return day * DAY_SECONDS + rng.integers(9 * _HOUR, 18 * _HOUR, len(day))


def afterlife(rng: np.random.Generator, prospects: Ints, entered_s: Ints) -> tuple[Rows, Floats]:
    """Draw the activities from conversion on, and the minutes of each qualifying call.

    The call happens at the very instant of the stage entry, so no as_of sees it before the lead's end.
    """
    minutes = np.rint(8.0 + rng.gamma(3.0, 6.0, len(prospects)))
    call, meeting, email = TYPES.index("call"), TYPES.index("meeting"), TYPES.index("email_sent")
    talk = _plain(prospects, entered_s, call, direction=1, channel=2)
    talk.value[:] = minutes
    again = np.repeat(np.arange(len(prospects)), rng.poisson(4.0, len(prospects)))
    at = entered_s[again] + 1 + np.floor(rng.random(len(again)) * 45 * DAY_SECONDS).astype(np.int64)
    later = _plain(prospects[again], at, email, direction=1, channel=1)
    is_meeting = rng.random(len(again)) < 0.3  # noqa: PLR2004 - the rest are e-mails
    later.type[is_meeting], later.channel[is_meeting], later.value[is_meeting] = meeting, 0, 45.0
    return join_rows([talk, later]), minutes


def stage_rows(rng: np.random.Generator, rows: Rows, people: People, fates: Fates, entered_s: Ints) -> Stages:
    """Write the stage history of every lead, entries after the world's end included."""
    leads = np.arange(len(people.created_s))
    ended = fates.day < np.iinfo(np.int64).max
    first_touch = np.full(len(leads), np.iinfo(np.int64).max)
    # Not by meetings: those depend on interest, and an entry must not tell of one still to be recorded.
    touch = (rows.direction == 1) & (rows.type != TYPES.index("meeting"))
    np.minimum.at(first_touch, rows.lead[touch], rows.occurred_s[touch])
    contacted = np.flatnonzero(first_touch < np.where(ended, entered_s, np.iinfo(np.int64).max))
    prospects = np.flatnonzero(fates.fate == CONVERTED)
    deals = prospects[rng.random(len(prospects)) < 0.55]  # noqa: PLR2004
    deal_at = entered_s[deals] + np.rint((3.0 + rng.exponential(14.0, len(deals))) * DAY_SECONDS).astype(
        np.int64
    )
    won = rng.random(len(deals)) < 0.4  # noqa: PLR2004
    won_at = deal_at[won] + np.rint((10.0 + rng.exponential(35.0, int(won.sum()))) * DAY_SECONDS).astype(
        np.int64
    )
    refused = np.flatnonzero(fates.fate == DISQUALIFIED)
    groups = [
        (leads, people.created_s),
        (contacted, first_touch[contacted]),
        (prospects, entered_s[prospects]),
        (deals, deal_at),
        (deals[won], won_at),
        (refused, entered_s[refused]),
    ]
    lead = np.concatenate([group for group, _ in groups])
    stage = np.repeat(np.arange(len(STAGES)), [len(group) for group, _ in groups])
    entered = np.concatenate([at for _, at in groups])
    late = (rng.random(len(lead)) < _LATE_STAGE_SHARE) & (stage > 0)
    lag = np.where(late, rng.integers(1, MAX_LAG_DAYS + 1, len(lead)), 0)
    recorded = _recorded(rng, entered, lag, by_hand=np.zeros(len(lead), dtype=np.bool_))
    return Stages(lead, stage, entered, recorded).where(np.lexsort((lead, stage, entered)))


def strangers(rng: np.random.Generator, rows: Rows, leads: int) -> Rows:
    """Make a few rows belong to leads that nobody knows: copies under ids beyond the last lead."""
    count = round(len(rows.lead) * UNKNOWN_LEAD_SHARE)
    copies = rows.where(rng.integers(len(rows.lead), size=count))
    copies.lead[:] = leads + np.arange(count)
    return copies
