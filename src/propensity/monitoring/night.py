"""What a night leaves for monitoring: `profile.json`, counts of its leads and of what its tables received. No row, no name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import ibis

from propensity.features.spec import DAY_US

if TYPE_CHECKING:
    from propensity.model.bundle import Bundle
    from propensity.scoring.profile import NightProfile
    from propensity.scoring.surprises import Surprises
    from propensity.sources.canonical import Canonical

PROFILE: Final = "profile.json"
VERSION: Final = 1
WEEKS: Final = 9
"""Weeks of arrivals that are kept: the newest, and the eight that say what is usual."""
DAYS: Final = 7 * WEEKS
_CLOCKS: Final = {
    "leads": "created_at",
    "activities": "recorded_at",
    "stages": "recorded_at",
    "budgets": "recorded_at",
}
_FEWEST_LEADS: Final = 10


def night_profile(
    canonical: Canonical,
    bundle: Bundle,
    *,
    as_of: str | None,
    moment: datetime | None,
    data_through: str | None,
    model: Mapping[str, Any],
    profile: NightProfile,
    surprises: Surprises,
) -> dict[str, Any]:
    """The content of `profile.json` (JSON types).

    Parameters
    ----------
    canonical, bundle
        The tables and the model of the night.
    as_of, moment, data_through
        Where it stands, as text and as an instant; and how far the data reach.
    model
        Name, version and digest.
    profile, surprises
        What scoring counted.
    """
    return {
        "version": VERSION,
        "as_of": as_of,
        "data_through": data_through,
        "model": dict(model),
        "conversions_learned": bundle.metadata.get("conversions"),
        "reference": profile.reference,
        "night": profile.to_dict(),
        "tables": {} if moment is None else arrivals(canonical, moment),
        "surprises": {"empty": list(surprises.empty), "new": _pooled(surprises.new)},
    }


def arrivals(canonical: Canonical, as_of: datetime) -> dict[str, Any]:
    """Per table with a clock: `rows` known before as_of, `newest` (ISO 8601), `days`, rows by day before as_of, and `reaches`.

    `days` has DAYS numbers: the first is the day that ends at as_of.
    """
    instant = ibis.literal(as_of, type="timestamp('UTC', 6)")
    epoch = canonical.engine.functions.epoch_us
    found: dict[str, Any] = {}
    for name, clock in _CLOCKS.items():
        table: Any = canonical.tables.get(name)  # type: ignore[call-overload]
        if table is None or clock not in table.columns:
            continue
        known = table.filter(table[clock] < instant)
        # as_of itself is not known: a fact of the last microsecond is of the first day.
        day = ((epoch(instant) - epoch(known[clock]) - 1) / DAY_US).floor().cast("int64")
        day = ibis.least(day, DAYS)
        grouped = known.group_by(day=day).aggregate(rows=known.count(), newest=known[clock].max())
        rows = canonical.engine.collect(grouped).to_pylist()
        days = [0] * (DAYS + 1)
        for row in rows:
            days[row["day"]] = row["rows"]
        newest = max((row["newest"] for row in rows), default=None)
        # `reaches` says how many whole days the table goes back: what lies before its first row is no silence.
        found[name] = {
            "rows": sum(days),
            "newest": None if newest is None else _shown(newest),
            "days": days[:DAYS],
            "reaches": min(max((row["day"] for row in rows), default=0), DAYS),
        }
    return found


def _pooled(new: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """By feature the new values and their leads; those that few leads share are counted together as `others`."""
    found: dict[str, Any] = {}
    for name, values in new.items():
        named = {value: count for value, count in values.items() if count >= _FEWEST_LEADS}
        rest = sum(count for count in values.values() if count < _FEWEST_LEADS)
        found[name] = {"values": named, "others": rest}
    return found


def _shown(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
