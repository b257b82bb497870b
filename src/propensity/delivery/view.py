"""A listed lead as a page shows it: plain JSON types, text made legible, links only those that we build. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from propensity.delivery.contact import legible, mail_link, phone_link
from propensity.scoring.columns import DAY_US
from propensity.scoring.criteria import CRITERIA
from propensity.scoring.reasons import percent, shown

Row = Mapping[str, Any]
REASONS: Final = ("reason_1", "reason_2", "reason_3")
_FACTS: Final = (
    ("Product", "product"), ("Source", "source"), ("Country", "country"), ("Owner", "owner"), ("Lead", "lead_id"),
    ("Account", "account_id"),
)  # fmt: skip
_CHANGES: Final = (
    ("new facts", "change_by_facts"), ("time passing", "change_by_time"), ("a new model", "change_by_model"),
)  # fmt: skip
_ENOUGH: Final = "enough evidence"
_LEAST_POINTS: Final = 0.05


@dataclass(frozen=True)
class Night:
    """What holds for every list of a night.

    Attributes
    ----------
    as_of
        Where the night stands (UTC); None for data without dates.
    zone
        Of the days that are shown.
    currency
        Of amounts.
    threshold
        The probability from which a lead counts as a prospect.
    model
        Name and version of the model, in words.
    """

    as_of: datetime | None
    zone: ZoneInfo
    currency: str
    threshold: float
    model: str

    @property
    def instant(self) -> str | None:
        """ISO 8601 in UTC with Z."""
        return None if self.as_of is None else self.as_of.isoformat().replace("+00:00", "Z")

    @property
    def day(self) -> date | None:
        """The date that the night's folder is named by."""
        return None if self.as_of is None else self.as_of.date()


def day_words(day: date | None) -> str | None:
    """A day to act on, or that of the list, with its weekday.

    >>> day_words(date(2026, 6, 1))
    'Mon 2026-06-01'
    """
    # All days on a page are ISO, as in the sentences beside them, which the files hold too. The weekday helps with a day that is
    # planned for; days that are past go without.
    return None if day is None else f"{day:%a} {day.isoformat()}"


def lead_view(row: Row, acts: Sequence[Row], night: Night) -> dict[str, Any]:
    """One lead.

    Parameters
    ----------
    row
        Of the list: `scoring.lists.LIST_COLUMNS`; what other parts of the night add is shown where it is there.
    acts
        What it did lately: `scoring.recent.ACTS`, newest first.
    night
        What holds for all of them.
    """
    text = {
        key: None if row[key] is None else legible(row[key])
        for key in (
            "contact_name", "title", "company", "email", "phone", "tier", "evidence", "verdict", "verdict_because",
            "next_action", "action_because", "channel", "opening",
        )
    }  # fmt: skip
    return {
        "id": row["lead_id"],
        "rank": row["rep_rank"],
        "name": text["contact_name"] or f"Lead {legible(row['lead_id'])}",
        "title": text["title"],
        "company": text["company"],
        "email": text["email"],
        "phone": text["phone"],
        "mail": mail_link(row["email"]),
        "tel": phone_link(row["phone"]),
        "tier": text["tier"],
        "probability": round(row["probability"], 6),
        "percent": percent(row["probability"]),
        "range": _range(row),
        "evidence": _ENOUGH if text["evidence"] == "enough" else text["evidence"],
        "for": [found for key in REASONS if (found := _reason(row, key)) is not None],
        "against": _reason(row, "against"),
        "verdict": text["verdict"],
        "verdictBecause": text["verdict_because"],
        "criteria": [_criterion(row, name) for name in CRITERIA],
        "action": text["next_action"],
        "because": text["action_because"],
        "on": _iso(row["follow_up_on"]),
        "onWords": day_words(row["follow_up_on"]),
        "channel": text["channel"],
        "opening": text["opening"],
        "value": row["expected_value"],
        "explored": row["selection"] == "explored",
        "facts": _facts(row, night),
        "acts": [_act(act, night) for act in acts],
        "trend": _trend(row),
        "question": _question(row),
    }


def _reason(row: Row, key: str) -> dict[str, Any] | None:
    return None if row[key] is None else {"text": legible(row[key]), "act": bool(row[f"{key}_act"])}


def _criterion(row: Row, name: str) -> list[str | None]:
    evidence = row[f"{name}_evidence"]
    day = row[f"{name}_on"]
    return [name, row[f"criterion_{name}"], None if evidence is None else legible(evidence), _iso(day)]


def _range(row: Row) -> str | None:
    low, high = row["probability_low"], row["probability_high"]
    return None if low is None or high is None else f"{percent(low)} to {percent(high)}"


def _facts(row: Row, night: Night) -> list[list[str]]:
    found = [[label, legible(row[key])] for label, key in _FACTS if row[key] is not None]
    worth = (("Deal value", "deal_value"), ("Expected value", "expected_value"))
    return [
        [label, f"{shown(row[key])} {night.currency}"] for label, key in worth if row[key] is not None
    ] + found


def _act(act: Row, night: Night) -> list[str | None]:
    day = act["occurred_at"].astimezone(night.zone).date()
    channel = None if act["channel"] is None else legible(str(act["channel"]).replace("_", " "))
    times = "" if act["times"] == 1 else f" ({act['times']:,} times)"
    return [
        day.isoformat(),
        legible(act["what"]) + times,
        act["direction"],
        channel,
        _ago(act, night),
    ]


def _ago(act: Row, night: Night) -> str | None:
    if night.as_of is None:
        return None
    past = night.as_of - act["occurred_at"]
    days = int(past.total_seconds() * 1_000_000 // DAY_US)
    return "less than a day ago" if days < 1 else f"{days:,} day{'s' if days > 1 else ''} ago"


def _trend(row: Row) -> dict[str, Any] | None:
    """What the ledger knows of it; None where the night has no such columns, or the lead is new."""
    word, was = row.get("trend"), row.get("previous_probability")
    changed = row.get("changed")
    if word is None and was is None and changed is None:
        return None
    since: datetime | None = row.get("previous_as_of")
    parts = [(label, row.get(key)) for label, key in _CHANGES]
    return {
        "word": None if word is None else legible(word),
        "was": None if was is None else percent(was),
        "since": None if since is None else since.date().isoformat(),
        "changed": None if changed is None else legible(changed),
        "parts": [[label, _points(by)] for label, by in parts if by is not None],
    }


def _points(difference: float) -> str:
    points = difference * 100
    return "no change" if abs(points) < _LEAST_POINTS else f"{points:+.1f} points".replace("-", "\u2212")


def _question(row: Row) -> dict[str, Any] | None:
    """The next best question, and what each answer would make of the verdict; None where there is none."""
    asked = row.get("question")
    if asked is None:
        return None
    about = row.get("question_about")
    answers: list[list[str | None]] = []
    for words, end in (("If so", "met"), ("If not", "not")):
        verdict, probability = (
            row.get(f"question_verdict_if_{end}"),
            row.get(f"question_probability_if_{end}"),
        )
        if verdict is not None or probability is not None:
            answers.append(
                [
                    words,
                    None if verdict is None else legible(verdict),
                    None if probability is None else percent(probability),
                ]
            )
    return {"text": legible(asked), "about": None if about is None else legible(about), "answers": answers}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
