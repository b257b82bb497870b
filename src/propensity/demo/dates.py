"""The world's calendar: midnights in UTC, days counted from the start."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from propensity.errors import UsageError


@dataclass(frozen=True)
class Calendar:
    """From `start` to `end`, both midnights in UTC; the drift begins two thirds through."""

    start: datetime
    end: datetime

    @property
    def days(self) -> int:
        """Number of days simulated."""
        return (self.end - self.start).days

    @property
    def drift_day(self) -> int:
        """First day of the changed world."""
        return self.days * 2 // 3

    @property
    def first_weekday(self) -> int:
        """Weekday of day 0, Monday is 0."""
        return self.start.weekday()

    def date(self, day: int) -> datetime:
        """Midnight at which `day` begins."""
        return self.start + timedelta(days=day)

    def day_of(self, instant: datetime) -> int:
        """Count the whole days before a midnight of this calendar.

        Raises
        ------
        UsageError
            If the instant is no UTC midnight, or not after the start and at most at the end.
        """
        if not is_midnight(instant) or not self.start < instant <= self.end:
            raise UsageError(
                f"as_of must be a UTC midnight after {self.start:%Y-%m-%d} and at most {self.end:%Y-%m-%d}; "
                f"found {instant.isoformat()}. Truth is known at midnights only."
            )
        return (instant - self.start).days

    def month_starts(self) -> list[datetime]:
        """First-of-month midnights after the start, and the end, ascending."""
        dates = [self.date(day) for day in range(1, self.days + 1)]
        return [date for date in dates if date.day == 1 or date == self.end]


def is_midnight(instant: datetime) -> bool:
    """Tell whether an instant is a midnight in UTC; naive instants are not.

    >>> is_midnight(datetime(2026, 6, 1, tzinfo=UTC)), is_midnight(datetime(2026, 6, 1))  # noqa: DTZ001
    (True, False)
    """
    return instant.utcoffset() == timedelta(0) and instant == datetime(*instant.timetuple()[:3], tzinfo=UTC)


def make_calendar(end: datetime, months: int) -> Calendar:
    """Build the calendar of the `months` calendar months before `end`.

    >>> make_calendar(datetime(2026, 6, 1, tzinfo=UTC), 24).start.date().isoformat()
    '2024-06-01'

    Raises
    ------
    UsageError
        If `end` is no UTC midnight or `months` is below 1.
    """
    if not is_midnight(end) or months < 1:
        raise UsageError(
            f"A world needs an end at a UTC midnight and at least 1 month; found {end.isoformat()}, {months}."
        )
    year, month = divmod(end.year * 12 + end.month - 1 - months, 12)
    day = min(end.day, calendar.monthrange(year, month + 1)[1])
    return Calendar(start=datetime(year, month + 1, day, tzinfo=UTC), end=end.astimezone(UTC))
