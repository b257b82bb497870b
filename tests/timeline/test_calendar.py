"""The instants at which history is looked at: local midnights, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles import spine
from propensity.timeline.snapshots import calendar

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Havana",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Africa/Cairo",
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_months_begin_at_local_midnight_in_winter_and_summer():
    found = calendar(at("2026-02-10"), at("2026-05-15"), "1 month", BERLIN)
    assert found == [at("2026-02-28T23:00"), at("2026-03-31T22:00"), at("2026-04-30T22:00")]


def test_days_are_local_days_across_the_change_of_clocks():
    found = calendar(at("2026-03-28T12:00"), at("2026-03-31T12:00"), "1 day", BERLIN)
    assert found == [at("2026-03-28T23:00"), at("2026-03-29T22:00"), at("2026-03-30T22:00")]


def test_weeks_begin_on_monday():
    found = calendar(at("2026-01-01"), at("2026-01-20"), "1 week", ZoneInfo("UTC"))
    assert found == [at("2026-01-05"), at("2026-01-12"), at("2026-01-19")]


def test_longer_steps_begin_with_the_first_month_there_is():
    assert calendar(at("2026-01-15"), at("2026-07-01"), "2 months", ZoneInfo("UTC")) == [
        at("2026-02-01"),
        at("2026-04-01"),
        at("2026-06-01"),
    ]


def test_december_is_followed_by_january():
    found = calendar(at("2025-11-30"), at("2026-02-01"), "1 month", ZoneInfo("UTC"))
    assert found == [at("2025-12-01"), at("2026-01-01"), at("2026-02-01")]


def test_the_first_instant_is_after_first_and_last_is_included():
    day = at("2026-02-01")
    assert calendar(day, day, "1 month", ZoneInfo("UTC")) == []
    assert calendar(day - timedelta(microseconds=1), day, "1 month", ZoneInfo("UTC")) == [day]


def test_a_day_that_a_zone_skipped_gives_no_second_snapshot():
    found = calendar(at("2011-12-28"), at("2012-01-02"), "1 day", ZoneInfo("Pacific/Apia"))
    assert len(found) == len(set(found))


@pytest.mark.parametrize("zone", ["America/Havana", "Africa/Cairo", "America/Sao_Paulo"])
def test_a_midnight_that_is_skipped_or_twice_begins_the_day(zone):
    """Clocks change at midnight there; the first instant of each local day counts."""
    for instant in calendar(at("2015-01-01"), at("2016-01-01"), "1 day", ZoneInfo(zone)):
        before = instant - timedelta(microseconds=1)
        assert before.astimezone(ZoneInfo(zone)).date() < instant.astimezone(ZoneInfo(zone)).date()


@settings(max_examples=60, deadline=None)
@given(
    first=st.datetimes(at("2010-01-01").replace(tzinfo=None), at("2018-01-01").replace(tzinfo=None)),
    length=st.integers(0, 150),
    count=st.integers(1, 9),
    unit=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(ZONES),
)
def test_calendar_is_what_the_oracle_says(first, length, count, unit, zone):
    start = first.replace(tzinfo=UTC)
    last = start + timedelta(days=length)
    expected = spine.calendar(start, last, f"{count} {unit}s", ZoneInfo(zone))
    assert calendar(start, last, f"{count} {unit}s", ZoneInfo(zone)) == expected
