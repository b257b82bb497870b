"""Connections, and what a server's errors mean: whether waiting may help, what to do, and never a secret."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from propensity.errors import PropensityError

if TYPE_CHECKING:
    import psycopg

    from propensity.postgres.address import Address

_DEFAULTS = {
    "connect_timeout": "10",
    "application_name": "propensity",
    # A peer that vanished without a word is noticed within a minute, not within hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "client_encoding": "UTF8",
}
_LOCK_WAIT = "60s"
_PASSING = ("08", "40", "53", "57", "55P03", "58")
"""SQLSTATE classes that waiting may cure: connection, conflict, resources, operator, lock, system."""
_LASTING = (
    "authentication failed",
    "does not exist",
    "no password supplied",
    "pg_hba.conf",
    "is not permitted to log in",
    "permission denied",
    "certificate",
    "does not support SSL",
    "invalid port number",
    "could not translate host name",
)
_NEXT: dict[str, str] = {
    "42501": "Let the database's owner GRANT the role what it needs.",
    "42P01": "Give a table or view that is there.",
    "3F000": "Give a schema that is there.",
    "57014": "The server cancelled it: raise the role's statement_timeout.",
    "53100": "The server's disk is full.",
    "22": "Mend the value, or the view that reads it.",
    "23": "Drop or alter the rule of that table, or give another.",
    "25006": "The server takes no writes (a standby?): give the address of the primary.",
}
_QUOTES_VALUES = "22"
_QUOTED = re.compile(r'".*"', re.DOTALL)
_LONGEST = 300


@dataclass(frozen=True)
class Verdicts:
    """Which of our errors a server's become: one for what may pass by itself, one for what will not; and what then holds."""

    passing: type[PropensityError]
    lasting: type[PropensityError]
    consequence: str = ""


@contextmanager
def explained(address: Address, doing: str, verdicts: Verdicts) -> Generator[None]:
    """Turn psycopg's errors into ours; `doing` says what was tried."""
    import psycopg  # noqa: PLC0415

    try:
        yield
    except psycopg.Error as error:
        raise _ours(error, address, doing, verdicts) from None


def _ours(error: psycopg.Error, address: Address, doing: str, verdicts: Verdicts) -> PropensityError:
    """Not chained: the original may quote values, which are personal data, or the address."""
    state = error.sqlstate or ""
    said = error.diag.message_primary or str(error) or type(error).__name__
    if state.startswith(_QUOTES_VALUES):
        said = _QUOTED.sub('"..."', said)
    text = address.scrubbed(said)
    text = (text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ...").rstrip(".")
    lasting = not _passes(error, state, text)
    step = (
        _NEXT.get(state)
        or _NEXT.get(state[:2])
        or (
            f"Check {address.where}, the role's password (PGPASSWORD, ~/.pgpass or the address in the environment) and its rights."
            if lasting
            else "Check that the server runs and can be reached from here, and run again."
        )
    )
    kind = verdicts.lasting if lasting else verdicts.passing
    return kind(
        " ".join(part for part in (f"{address.shown}: {doing}: {text}.", verdicts.consequence, step) if part)
    )


def _passes(error: psycopg.Error, state: str, text: str) -> bool:
    import psycopg  # noqa: PLC0415

    if state:
        return state.startswith(_PASSING) and state != "57014"
    return isinstance(error, psycopg.OperationalError) and not any(word in text for word in _LASTING)


def connect(address: Address, **settings: Any) -> psycopg.Connection[Any]:
    """Open a connection that commits each statement, with time zone UTC and ISO dates; `settings` go to psycopg."""
    import psycopg  # noqa: PLC0415

    known = {name: value for name, value in _DEFAULTS.items() if name not in address.parameters}
    connection = psycopg.connect(**{**known, **address.parameters}, autocommit=True, **settings)
    try:
        connection.execute(
            "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false), "
            "set_config('extra_float_digits', '1', false), set_config('bytea_output', 'hex', false), "
            "set_config('IntervalStyle', 'postgres', false), set_config('lock_timeout', %s, false)",
            [_LOCK_WAIT],
        )
    except BaseException:
        connection.close()
        raise
    return connection


def answers(address: Address, verdicts: Verdicts) -> None:
    """Ask once whether the server lets us in; who retries for minutes should not begin without."""
    with explained(address, "it cannot be opened", verdicts):
        connect(address).close()
