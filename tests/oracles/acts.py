"""What activities mean for a lead, and for its colleagues, in plain Python."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from oracles.canonical import DAY_US, Crm, Row, known

MOST_VALUE = 1e12
Acts = Sequence[Row]


def activity_values(crm: Crm, lead_id: str, as_of: datetime | None) -> dict[str, Any]:
    acts = _known(crm, lead_id, as_of)
    settings = crm.config.features
    intent = {name for name, act in settings.types.items() if act.intent}
    talks = [act for act in acts if _is_dialogue(crm, act)]
    inbound = [act for act in acts if act["direction"] == "inbound"]
    outbound = [act for act in acts if act["direction"] == "outbound"]
    buying = [act for act in acts if act["type"] in intent]
    groups = {"inbound": inbound, "outbound": outbound, "dialogue": talks}
    if intent:
        groups["intent"] = buying
    values: dict[str, Any] = {}
    for days in settings.windows_days:
        for kind in settings.types:
            values[f"{kind}_count_{days}d"] = _count([a for a in acts if a["type"] == kind], days)
        for name, group in groups.items():
            values[f"{name}_count_{days}d"] = _count(group, days)
        # Stretches of 24 hours counted back from as_of; the first holds what is up to a whole day old.
        values[f"active_days_{days}d"] = float(len({(a["age"] - 1) // DAY_US for a in _within(acts, days)}))
    for half_life in settings.half_lives_days:
        for name, group in groups.items():
            values[f"{name}_decayed_{half_life:g}d"] = _decayed(group, half_life)
    for name, group in {**groups, "any": acts}.items():
        values[f"days_since_{name}"] = min((act["age"] / DAY_US for act in group), default=None)
    for channel in settings.channels:
        recent = _within([act for act in acts if act["channel"] == channel], 90)
        values[f"{channel}_channel_count_90d"] = float(len(recent))
        values[f"{channel}_channel_value_sum_90d"] = _sum_of_thousandths(recent)
    values |= _rhythm(acts) | _answers(crm, acts, inbound, outbound)
    return {f"engagement_{name}": value for name, value in values.items()}


def account_values(crm: Crm, lead: Row, as_of: datetime) -> dict[str, Any]:
    """The other leads of the account that were created before as_of; null where the lead has no account."""
    names = ["account_other_leads"]
    if "activities" in crm.world.tables:
        names += [f"account_others_{way}_count_{d}d" for d in (30, 90) for way in ("inbound", "outbound")]
    if lead["account_id"] is None:
        return {f"engagement_{name}": None for name in names}
    others = [
        row
        for row in crm.leads_of_account[lead["account_id"]]
        if row["lead_id"] != lead["lead_id"] and row["created_at"] < as_of
    ]
    acts = [act for row in others for act in _known(crm, row["lead_id"], as_of)]
    values = {"engagement_account_other_leads": float(len(others))}
    for name in names[1:]:
        _, _, way, _, days = name.split("_")
        matching = [act for act in acts if act["direction"] == way]
        values[f"engagement_{name}"] = _count(matching, int(days[:-1]))
    return values


def _known(crm: Crm, lead_id: str, as_of: datetime | None) -> list[Row]:
    """Oldest first."""
    acts = known(crm.activities.get(lead_id, []), "occurred_at", as_of)
    return sorted(acts, key=lambda act: -act["age"])


def _within(acts: Acts, days: int) -> list[Row]:
    return [act for act in acts if act["age"] <= days * DAY_US]


def _count(acts: Acts, days: int) -> float:
    return float(len(_within(acts, days)))


def _decayed(acts: Acts, half_life_days: float) -> float:
    weights = (2.0 ** (-act["age"] / (half_life_days * DAY_US)) for act in acts)
    return sum(_rounded(weight * 1e12) for weight in weights) / 1e12


def _sum_of_thousandths(acts: Acts) -> float | None:
    """Values rounded to thousandths; a value beyond a million million counts as that much."""
    values = [act["value"] for act in acts if act["value"] is not None]
    clipped = (max(-MOST_VALUE, min(MOST_VALUE, value)) for value in values)
    return sum(_rounded(value * 1000) for value in clipped) / 1000 if values else None


def _rounded(number: float) -> int:
    """The nearest integer, halves away from zero."""
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def _rhythm(acts: Acts) -> dict[str, Any]:
    gaps = [earlier["age"] - later["age"] for earlier, later in pairwise(acts)]
    recent = _count(acts, 7)
    before = _count(acts, 37) - recent
    return {
        "longest_silence_days": max((gap / DAY_US for gap in gaps), default=None),
        "momentum": (recent / 7) / (before / 30) if before else None,
    }


def _answers(crm: Crm, acts: Acts, inbound: Acts, outbound: Acts) -> dict[str, Any]:
    types = crm.config.features.types
    replies = [act for act in inbound if act["type"] in types and types[act["type"]].reply]
    met = any(act["type"] in types and types[act["type"]].two_way for act in acts)
    first_approach = max((act["age"] for act in outbound), default=None)
    answered = first_approach is not None and any(act["age"] < first_approach for act in replies)
    last_own = min((act["age"] for act in inbound), default=None)
    values: dict[str, Any] = {
        "is_two_way": float(met or answered),
        "unanswered_count": float(sum(last_own is None or act["age"] < last_own for act in outbound)),
    }
    if any(act.reply for act in types.values()):
        values["median_response_hours"] = _median_response(outbound, replies)
    for days in (30, 365):
        values[f"inbound_share_{days}d"] = _share(inbound, acts, days)
        if any(act.reply for act in types.values()):
            values[f"reply_ratio_{days}d"] = _share(replies, outbound, days)
    return values


def _median_response(outbound: Acts, replies: Acts) -> float | None:
    """Hours from each approach to the first reply strictly after it; the median over the approaches that got one."""
    times: list[int] = []
    for approach in outbound:
        later = [reply["age"] for reply in replies if reply["age"] < approach["age"]]
        if later:
            times.append(approach["age"] - max(later))
    return statistics.median(times) / (DAY_US / 24) if times else None


def _share(part: Acts, whole: Acts, days: int) -> float | None:
    return _count(part, days) / _count(whole, days) if _within(whole, days) else None


def _is_dialogue(crm: Crm, act: Row) -> bool:
    """The lead's own message or call, or an act that is two-way by its nature."""
    kind = crm.config.features.types.get(act["type"])
    return kind is not None and (kind.two_way or (kind.reply and act["direction"] == "inbound"))
