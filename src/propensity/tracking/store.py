"""Where MLflow keeps runs and models: pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Final

from propensity.errors import ConfigError
from propensity.masking import mask
from propensity.postgres.address import from_environment

if TYPE_CHECKING:
    from propensity.config import TrackingConfig

_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = ("postgresql:", "postgresql+psycopg:", "postgres:")
_DATABASES: Final = ("postgres", "mysql", "mssql")


@dataclass(frozen=True)
class Store:
    """A tracking store, and the names used in it.

    Attributes
    ----------
    uri : `sqlite:///FILE`, or the address of a tracking server; may hold a password, so print `shown`.
    artifacts : folder or URI for files of a database store; None: `mlartifacts` beside a SQLite file, a
        server's own choice. An experiment keeps the place that it was created with.
    experiment : the experiment that runs go to.
    model_name : the name in the registry, also a folder of the cache.
    """

    uri: str = field(repr=False)
    artifacts: str | None
    experiment: str
    model_name: str

    def __post_init__(self) -> None:
        if not self.model_name or set(self.model_name) & set("/\\:@") or self.model_name.startswith("."):
            raise ConfigError(
                f"tracking.model_name is {self.model_name!r}; it must not be empty, start with a dot, or "
                "hold / \\ : or @."
            )
        if self.artifacts is None and self.uri.startswith(_DATABASES):
            raise ConfigError(
                f"tracking.uri is the database {self.shown}; say where its files go: tracking.artifacts."
            )

    @classmethod
    def from_config(cls, tracking: TrackingConfig) -> Store:
        """Return the store that a configuration names.

        Raises
        ------
        ConfigError
            A database other than SQLite without `artifacts`, a name that MLflow cannot hold, or an environment variable
            that is not set.
        """
        uri = tracking.uri
        if tracking.uri_env is not None:
            uri = from_environment(tracking.uri_env, "tracking.uri_env")
        return cls(uri, tracking.artifacts, tracking.experiment, tracking.model_name)

    @property
    def shown(self) -> str:
        """The address without its credentials."""
        return mask(self.uri)

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for a server or another database."""
        if not self.uri.startswith(_SQLITE):
            return None
        return Path(self.uri.removeprefix(_SQLITE).partition("?")[0]).absolute()

    @property
    def on_postgres(self) -> bool:
        """Whether it is a PostgreSQL database that MLflow opens itself."""
        return self.uri.startswith(_POSTGRES)

    @property
    def artifact_location(self) -> str | None:
        """An absolute URI for the experiment's files; None leaves it to the server.

        A relative `artifacts` is taken from the SQLite file's folder.
        """
        if self.artifacts is not None and "://" in self.artifacts:
            return self.artifacts
        if self.database is not None:
            folder = self.database.parent / (self.artifacts or "mlartifacts")
            return Path(normpath(folder)).as_uri()
        return None if self.artifacts is None else Path(self.artifacts).absolute().as_uri()
