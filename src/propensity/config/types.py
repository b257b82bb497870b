"""The kinds of values that the configuration is made of, and what all its models share."""

from __future__ import annotations

import difflib
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_ZONES_OF_THIS_MACHINE = frozenset({"localtime", "Factory", "posixrules"})
_LONGEST_ZONE = 60
MOST_DAYS = 36_500
"""A hundred years: no span of time here is longer, and none overflows."""


def _as_text(value: object) -> object:
    """YAML reads `1`, `true` and `2024-01-01` as other types; a null word or a raw value is always text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return str(value)
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_as_text)]


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"a number is wanted, not {str(value).lower()}")  # noqa: TRY004 - pydantic wants ValueError
    return value


Whole = Annotated[int, BeforeValidator(_no_truth)]
Real = Annotated[float, BeforeValidator(_no_truth)]


def _instant(value: object) -> object:
    """A date or a time without a zone is UTC."""
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
    if isinstance(found, date) and not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day, tzinfo=UTC)
    # The first and the last year have instants that no other zone can show.
    if isinstance(found, datetime) and MINYEAR < found.year < MAXYEAR:
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if value is None:
        return None
    raise ValueError(f"{value!r} is no ISO 8601 date or time, such as 2026-06-01 or 2026-06-01T06:00+02:00")


Instant = Annotated[datetime, BeforeValidator(_instant)]


def _known_zone(name: str) -> str:
    zones = available_timezones() - _ZONES_OF_THIS_MACHINE
    if name not in zones:
        near = difflib.get_close_matches(name[:_LONGEST_ZONE], zones, 1)
        raise ValueError(f"{name!r} is no IANA time zone{f'; do you mean {near[0]!r}?' if near else ''}")
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Model(BaseModel):
    """What all parts of the configuration share: frozen, and no key that is not known."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),
        validate_default=True,
        allow_inf_nan=False,
        # What does not fit may be a password in the wrong place.
        hide_input_in_errors=True,
    )
