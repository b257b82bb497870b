"""Which snapshots count and what became of them, row by row, in plain Python."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from oracles.canonical import Crm, Row
from propensity.config import Config, parse_step

DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Snapshot:
    """One row to learn from."""

    as_of: datetime
    lead_id: str
    label: int


def first_instant(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local day (of the next one that exists, where a zone skipped it), found by bisection."""
    low = datetime(day.year, day.month, day.day, tzinfo=UTC) - 2 * DAY
    high = low + 4 * DAY
    while high - low > timedelta(microseconds=1):
        middle = low + (high - low) / 2
        low, high = (low, middle) if middle.astimezone(zone).date() >= day else (middle, high)
    return high


def calendar(first: datetime, last: datetime, step: str, zone: ZoneInfo) -> list[datetime]:
    """Each count-th of the local midnights after `first` that begin a month, a week, or a day."""
    count, unit = parse_step(step)
    begins = {
        "months": lambda day: day.day == 1,
        "weeks": lambda day: day.weekday() == 0,
        "days": lambda _: True,
    }
    day, midnights = first.astimezone(zone).date(), list[datetime]()
    while day <= last.astimezone(zone).date():
        instant = first_instant(day, zone)
        if begins[unit](day) and instant > first and instant not in midnights:
            midnights.append(instant)
        day += DAY
    return [instant for instant in midnights[::count] if instant <= last]


def training(crm: Crm, through: datetime) -> list[Snapshot]:
    """All eligible, matured snapshots with their labels, by time and lead."""
    config = crm.config
    horizon = timedelta(days=config.outcome.horizon_days)
    last = through - horizon - timedelta(days=config.outcome.recording_lag_days)
    shared = _calendar_of(config, min(row["created_at"] for row in crm.leads.values()), last)
    found: list[Snapshot] = []
    for lead in crm.leads.values():
        for as_of in shared if config.snapshots.age_days is None else _at_age(config, lead):
            label = _label(crm, lead, as_of, horizon)
            if label is not None and as_of <= last:
                found.append(Snapshot(as_of, lead["lead_id"], label))
    return sorted(found)


def flat_training(crm: Crm, through: datetime) -> list[Snapshot]:
    """One snapshot a lead at its creation, where its outcome is known and old enough."""
    config = crm.config.outcome
    last = through - timedelta(days=config.horizon_days + config.recording_lag_days)
    return sorted(
        Snapshot(lead["created_at"], lead["lead_id"], int(lead["outcome"]))
        for lead in crm.leads.values()
        if lead["outcome"] is not None and lead["created_at"] <= last
    )


def _at_age(config: Config, lead: Row) -> list[datetime]:
    start, at = config.snapshots.start, lead["created_at"] + timedelta(days=config.snapshots.age_days)
    return [at] if start is None or at >= start else []


def _calendar_of(config: Config, first_created: datetime, last: datetime) -> list[datetime]:
    start = config.snapshots.start
    first = first_created if start is None else start - timedelta(microseconds=1)
    return calendar(first, last, config.snapshots.every or "1 month", config.data.zone)


def _label(crm: Crm, lead: Row, as_of: datetime, horizon: timedelta) -> int | None:
    """1 or 0; None where the lead is not eligible."""
    outcome = crm.config.outcome
    if not lead["created_at"] < as_of:
        return None
    stages = crm.stages.get(lead["lead_id"], [])
    ends = {*outcome.converting, *outcome.disqualified_stages}
    if any(row["stage"] in ends and row["entered_at"] < as_of for row in stages):
        return None
    converted = [row["entered_at"] for row in stages if row["stage"] in outcome.converting]
    disqualified = [row["entered_at"] for row in stages if row["stage"] in outcome.disqualified_stages]
    if not converted or min(converted) >= as_of + horizon:
        return 0
    return int(not disqualified or min(disqualified) >= min(converted))
