"""The kinds of values that the configuration is made of, and what all its models share."""

from __future__ import annotations

import difflib
from datetime import UTC, date, datetime
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

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
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if value is None:
        return value
    raise ValueError("write an ISO 8601 date or time, such as 2026-06-01 or 2026-06-01T06:00+02:00")


Instant = Annotated[datetime, BeforeValidator(_instant)]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        near = difflib.get_close_matches(name, available_timezones(), 1)
        raise ValueError(f"{name!r} is no IANA time zone{f'; do you mean {near[0]!r}?' if near else ''}")
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Model(BaseModel):
    """What all parts of the configuration share: frozen, and no key that is not known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), validate_default=True, allow_inf_nan=False
    )
