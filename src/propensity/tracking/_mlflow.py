"""The door to MLflow: imported late, told to be quiet, and its errors turned into ours."""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from propensity.errors import RegistryError, RegistryUnavailable
from propensity.masking import mask
from propensity.postgres.address import parsed
from propensity.postgres.connection import Verdicts, answers

if TYPE_CHECKING:
    from collections.abc import Generator

    from propensity.tracking.store import Store

# MLflow logs each migration and, before it raises, whole tracebacks; what matters is in our error.
_CHATTY: Final = ("mlflow", "alembic", "urllib3", "sqlalchemy", "sqlalchemy.engine")
_FOREIGN: Final = r"(mlflow|alembic|sqlalchemy|google|pydantic|tqdm)(\.|$)"
_LONGEST: Final = 400
# MLflow's names of what another try may mend; whatever is no answer at all it calls an internal error.
_PASSING: Final = (
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "REQUEST_LIMIT_EXCEEDED",
    "DEADLINE_EXCEEDED",
    "ABORTED",
)
_RETRIES: Final = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


@contextmanager
def opened(store: Store) -> Generator[Any]:
    """Yield an MlflowClient of this store alone; inside, MLflow is silent.

    Raises
    ------
    RegistryError
        The store does not answer, or refuses; the message holds no credentials.
    """
    # MLflow reads it once, on import, and would otherwise call home.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    _check_file(store)
    _check_server(store)
    with _quiet(), _environment(_settings(store)):
        from mlflow import MlflowClient  # noqa: PLC0415
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        try:
            yield MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)
        except (MlflowException, SQLAlchemyError, RequestException, OSError) as error:
            # Not chained: the original may quote the address with its password.
            kind = RegistryUnavailable if _transient(error) else RegistryError
            raise kind(_explained(store, error)) from None


def error_code(error: Exception) -> str:
    """Return MLflow's own name of what went wrong."""
    return str(getattr(error, "error_code", ""))


def _transient(error: Exception) -> bool:
    """Whether the store did not answer, as against answered that it will not."""
    return error_code(error) in ("", *_PASSING)


def _explained(store: Store, error: Exception) -> str:
    text = mask(" ".join(str(error).split()))
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
    return (
        f"The MLflow store {store.shown} does not answer as it should: {text or type(error).__name__}. "
        "Check tracking.uri, that the server runs or the file is writable, and try again."
    )


def _check_file(store: Store) -> None:
    """Refuse at once what MLflow would try ten times, for 100 seconds in all."""
    if store.database is None:
        return
    try:
        store.database.parent.mkdir(parents=True, exist_ok=True)
        new = not store.database.exists()
        connection = sqlite3.connect(store.database)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
        if new and store.database.stat().st_size == 0:
            store.database.unlink()
    except (OSError, sqlite3.Error) as error:
        raise RegistryUnavailable(_explained(store, error)) from error


def _check_server(store: Store) -> None:
    if store.on_postgres:
        scheme, _, rest = store.uri.partition(":")
        address = parsed(f"{scheme.partition('+')[0]}:{rest}", "tracking.uri")
        answers(address, Verdicts(RegistryError, RegistryError))


def _settings(store: Store) -> dict[str, str]:
    # The address that MLflow prints after a run on a server may hold a password.
    found = {
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        # Bars appear as soon as tqdm is installed, which Optuna brings.
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    }
    if _RETRIES not in os.environ:
        # MLflow's own seven take four minutes, in which nothing is to be seen.
        found[_RETRIES] = "3"
    if store.database is not None and store.artifact_location is not None:
        # A new database gets an experiment "Default" whose files would lie in whatever folder we stand in.
        found["_MLFLOW_SERVER_ARTIFACT_ROOT"] = store.artifact_location
    return found


@contextmanager
def _environment(settings: dict[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Generator[None]:
    with warnings.catch_warnings():
        # Deprecations inside MLflow's own stack are not for our users; ours are in other modules.
        warnings.filterwarnings("ignore", module=_FOREIGN)
        # Importing it sets its loggers' levels; so before these are read.
        import_module("mlflow")

        loggers = [logging.getLogger(name) for name in _CHATTY]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
