"""What became of a snapshot: conversion within the horizon, as far as the data can know."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    from propensity.config import OutcomeConfig
    from propensity.engines.untyped import Table


def ends_of_leads(stages: Table, outcome: OutcomeConfig) -> Table:
    """Per lead: `converted_at`, `disqualified_at` and `settled_at`, the earlier of both (timestamps, null if never).

    By the time of entry alone: what was recorded late still happened then.
    """
    converted = stages["entered_at"].min(where=stages["stage"].isin(list(outcome.converting)))
    disqualified = stages["entered_at"].min(where=stages["stage"].isin(list(outcome.disqualified_stages)))
    table = stages.group_by("lead_id").aggregate(converted_at=converted, disqualified_at=disqualified)
    return table.mutate(settled_at=ibis.least(table["converted_at"], table["disqualified_at"]))


def labelled(spine: Table, horizon: timedelta) -> Table:
    """Add `label` (int8): 1 where converted_at lies in [as_of, as_of + horizon) and no disqualification came first."""
    step = ibis.interval(days=horizon.days)
    in_time = (spine["converted_at"] >= spine["as_of"]) & (spine["converted_at"] < spine["as_of"] + step)
    first = spine["disqualified_at"].isnull() | (spine["disqualified_at"] >= spine["converted_at"])
    return spine.mutate(label=(in_time & first).fill_null(ibis.literal(False)).cast("int8"))


def last_matured(through: datetime, horizon: timedelta, recording_lag: timedelta) -> datetime:
    """The newest as_of whose label is known: as_of + horizon + recording lag <= through."""
    return through - horizon - recording_lag
