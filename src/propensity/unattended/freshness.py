"""Whether tonight's data are fit to make a list from: new enough, no older than last night's, and as many as usual."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from propensity.errors import NightRefused
from propensity.results import shown

if TYPE_CHECKING:
    from propensity.config.nightly import VolumeConfig
    from propensity.unattended.past import PastNight

_ANYWAY = "To take the data as they are this once: --accept-data."


def refuse_stale(through: datetime | None, now: datetime, most_stale_hours: float | None) -> None:
    """Refuse data that end too long before `now`; data without dates have no age.

    Raises
    ------
    NightRefused
        They do.
    """
    if through is None or most_stale_hours is None:
        return
    age = now - through
    if age > timedelta(hours=most_stale_hours):
        raise NightRefused(
            f"the data reach {shown(through)}, {_hours(age)} before {shown(now)}; nightly.most_stale_hours allows "
            f"{most_stale_hours:g}. Look whether the export ran, and whether the clock is right. {_ANYWAY}"
        )


def refuse_backwards(through: datetime | None, nights: Sequence[PastNight]) -> None:
    """Refuse data that reach less far than those of an earlier list: an old export, or a clock that was set back.

    Raises
    ------
    NightRefused
        They do.
    """
    reached = [night for night in nights if night.data_through is not None]
    if through is None or not reached:
        return
    last = reached[-1]
    if last.data_through is not None and through < last.data_through:
        raise NightRefused(
            f"the data reach {shown(through)}; those of the list {last.folder.name} reached {shown(last.data_through)} already. "
            "Either an older export lies there, or this machine's clock was set back, so that the newest rows seem to be in "
            f"the future. {_ANYWAY}"
        )


def refuse_volumes(rows: Mapping[str, int], nights: Sequence[PastNight], volume: VolumeConfig) -> None:
    """Refuse tables that have far fewer or more rows than in each of the last nights.

    Parameters
    ----------
    rows
        Of each table tonight.
    nights
        Earlier ones, the newest last.
    volume
        How many of them count, and the bounds.

    Raises
    ------
    NightRefused
        A table is out of bounds against each night; with all such tables.
    """
    looked_at = nights[max(0, len(nights) - volume.nights) :] if volume.nights else ()
    off: list[str] = []
    for table, count in rows.items():
        least, most = volume.of(table)
        before = [night.rows[table] for night in looked_at if table in night.rows]
        if before and not any(least * then <= count <= most * then for then in before):
            off.append(
                f"{table} has {count:,} rows, the last night {before[-1]:,} (allowed: {least:g} to {most:g} times)"
            )
    gone = sorted({table for night in looked_at for table in night.rows} - set(rows))
    if off:
        raise NightRefused(
            f"{'; '.join(off)}. Look whether the export is whole; bounds are nightly.volume. {_ANYWAY}"
            + (f" No longer configured, and not looked at: {', '.join(gone)}." if gone else "")
        )


def _hours(age: timedelta) -> str:
    hours = age / timedelta(hours=1)
    return f"{hours:,.1f} hours"
