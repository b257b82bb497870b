"""Where a server is: the address with its secrets, which nobody sees, and what messages call it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from propensity.errors import ConfigError
from propensity.masking import HIDDEN, mask

if TYPE_CHECKING:
    from propensity.config.database import ServerConfig

_SECRET_PARAMETERS = ("password", "sslpassword", "oauth_client_secret")
_SECRET_VARIABLES = ("PGPASSWORD", "PGSSLPASSWORD")
_SHORTEST_SECRET = 3
"""Fewer letters than this stand in any sentence by chance."""


@dataclass(frozen=True)
class Address:
    """A server.

    Attributes
    ----------
    where : the place in the configuration, such as data.database.
    parameters : what libpq is told; may hold a password, so print `shown`.
    shown : host, port and database.
    """

    where: str
    parameters: Mapping[str, Any] = field(repr=False)
    shown: str

    def scrubbed(self, text: str) -> str:
        """The text in one line, without the secrets that this server is opened with."""
        secrets = [str(self.parameters.get(name) or "") for name in _SECRET_PARAMETERS]
        secrets += [os.environ.get(name, "") for name in _SECRET_VARIABLES]
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, HIDDEN)
        return mask(" ".join(text.split()))


def from_environment(variable: str, where: str) -> str:
    """Read an address from the environment.

    Raises
    ------
    ConfigError
        There is no such variable, or nothing in it.
    """
    found = os.environ.get(variable, "").strip()
    if not found:
        raise ConfigError(
            f"{where} names the environment variable {variable}, which is not set. Set it to the address, such as "
            "postgresql://user:password@host/crm, where the job starts and nowhere else."
        )
    return found


def address_of(server: ServerConfig, where: str) -> Address:
    """The address that a configuration stands for; `where` is its place in it.

    Raises
    ------
    ConfigError
        The variable is not set, its value is no address, or the extra `postgres` is not installed.
    """
    text = server.url if server.url_env is None else from_environment(server.url_env, where)
    return parsed(text or "", where if server.url_env is None else f"{where} ({server.url_env})")


def parsed(text: str, where: str) -> Address:
    """An address as libpq reads it: postgresql://..., or key=value words.

    Raises
    ------
    ConfigError
        It is none. The message does not quote it: what cannot be read may be the password.
    """
    try:
        import psycopg  # noqa: PLC0415 - only who uses a server pays for it
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"{where} is a PostgreSQL server, and psycopg is not installed ({error}). Install propensity[postgres]."
        ) from error
    try:
        found = conninfo_to_dict(text)
    except (psycopg.Error, UnicodeError):
        raise ConfigError(
            f"{where} is no address that PostgreSQL understands. Write postgresql://user@host:5432/database; in a password "
            "percent-encode signs such as / @ : % and blanks."
        ) from None
    given: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    host = given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST") or "localhost"
    port = given.get("port") or os.environ.get("PGPORT") or "5432"
    name = given.get("dbname") or os.environ.get("PGDATABASE") or ""
    return Address(where, given, f"postgresql://{host}:{port}/{name}")
