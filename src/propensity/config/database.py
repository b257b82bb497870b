"""A PostgreSQL server as the configuration names it: an address without a secret, or the environment variable that holds one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from propensity.config.types import Model, Text

_SCHEMES = ("postgresql://", "postgres://")
_USER_AND_PASSWORD = re.compile(r"://[^@?]*:[^?]*@")
_SECRET_PART = re.compile(r"[?&](?:password|passfile|sslpassword|oauth_client_secret)=", re.IGNORECASE)
_LONGEST_IDENTIFIER = 63
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMEDY = (
    "Write it without one, such as postgresql://user@host/crm, and give the password to the job as PGPASSWORD or in ~/.pgpass; "
    "or put the whole address into an environment variable and name that here"
)


def holds_secret(address: str) -> bool:
    """Whether an address has a password in it.

    >>> holds_secret("postgresql://ann:pw@db/crm"), holds_secret("postgresql://ann@db:5432/crm")
    (True, False)
    """
    return bool(_USER_AND_PASSWORD.search(address) or _SECRET_PART.search(address))


def without_secret(address: str) -> str:
    """Refuse an address that holds a password: a configuration is copied, mailed and committed."""
    if holds_secret(address):
        raise ValueError(f"the address holds a password. {_REMEDY}")
    return address


def variable_name(name: str) -> str:
    """Refuse what cannot name an environment variable; it may be the secret itself, so it is not shown."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError("the name of an environment variable is wanted, such as CRM_DATABASE_URL")
    return name


def _of_postgres(address: str) -> str:
    if not address.startswith(_SCHEMES):
        raise ValueError(
            "an address of PostgreSQL begins with postgresql://, such as postgresql://user@host/crm"
        )
    return without_secret(address)


VariableName = Annotated[str, AfterValidator(variable_name)]


class ServerConfig(Model):
    """A PostgreSQL server. Secrets come from the environment alone: PGPASSWORD, ~/.pgpass, or the variable `url_env`."""

    url: Annotated[Text, AfterValidator(_of_postgres)] | None = Field(
        default=None, description="address without a password, such as postgresql://user@host:5432/crm"
    )
    url_env: VariableName | None = Field(
        default=None,
        description="instead: the environment variable that holds the address, which may have a password",
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.url is None) == (self.url_env is None):
            raise ValueError("give either `url` or `url_env`")
        return self


def _file_or_server(value: object) -> object:
    """Text with `://`, or a mapping, is a server; anything else is for `Path` to judge. No message quotes a value."""
    given = {"url": value} if isinstance(value, str) and "://" in value else value
    if not isinstance(given, dict):
        return value
    try:
        return ServerConfig.model_validate(given)
    except ValidationError as error:
        mistakes = (
            ".".join([*map(str, found["loc"]), ""]).rstrip(".") + (": " if found["loc"] else "")
            + ("unknown key; there are url, url_env" if found["type"] == "extra_forbidden" else found["msg"])
            for found in error.errors(include_url=False, include_input=False)
        )  # fmt: skip
        raise ValueError("; ".join(mistakes).replace("Value error, ", "")) from None


Database = Annotated[Path | ServerConfig | None, BeforeValidator(_file_or_server)]
"""A DuckDB file, or a PostgreSQL server."""


class TargetConfig(ServerConfig):
    """The PostgreSQL tables that scores and lists are written to, after the files are delivered."""

    in_schema: Text = Field(default="public", description="schema of both tables; it must be there")
    scores: Text = Field(
        default="propensity_scores",
        description="table with a row a lead, its newest score; made if it is not there",
    )
    lists: Text = Field(
        default="propensity_lists",
        description="table with a row a night and listed lead; made if it is not there",
    )

    @model_validator(mode="after")
    def _two_tables(self) -> Self:
        if self.scores == self.lists:
            raise ValueError("`scores` and `lists` are two tables: give each a name of its own")
        for name in (self.in_schema, self.scores, self.lists):
            if not name or "\x00" in name or len(name.encode()) > _LONGEST_IDENTIFIER:
                raise ValueError("a name in PostgreSQL has 1 to 63 bytes")
        return self
