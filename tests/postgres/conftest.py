"""A real PostgreSQL: one embedded server a session, a fresh database a test; and expendable servers that may be killed."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

REQUIRED = "PROPENSITY_REQUIRE_POSTGRES"
"""Set where these tests must run, as in CI: then a server that cannot be started fails them."""
_NUMBERS = count()


@dataclass
class Server:
    """An embedded server; `uri(database)` is its address over a socket in its folder."""

    running: Any
    folder: Path

    def uri(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def connect(self, database: str = "postgres", **settings: Any) -> Any:
        import psycopg

        return psycopg.connect(self.uri(database), autocommit=True, **settings)

    def database(self) -> str:
        """A new, empty database."""
        name = f"db{next(_NUMBERS)}_{os.getpid()}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def kill(self) -> None:
        """Kill the server and whatever it started, as a power cut would."""
        import psutil

        parent = psutil.Process(self.running.get_pid())
        for process in [parent, *parent.children(recursive=True)]:
            os.kill(process.pid, signal.SIGKILL)


def started(cleanup: list[Any]) -> Server:
    """Start a server of its own, or skip with the reason; `cleanup` collects what to stop."""
    try:
        import pgserver
        import psycopg  # noqa: F401
    except ImportError as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"there is no PostgreSQL to start: {error}")
    # Not below pytest's folders: the server runs as a user of its own, and a socket's path is short.
    place = tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True)
    folder = Path(place.name)
    folder.chmod(0o755)
    running = pgserver.get_server(folder / "data", cleanup_mode="stop")
    cleanup += [running.cleanup, place.cleanup]
    return Server(running, folder / "data")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    cleanup: list[Any] = []
    yield started(cleanup)
    for step in cleanup:
        step()


@pytest.fixture
def expendable() -> Iterator[Server]:
    """A server that the test may kill."""
    cleanup: list[Any] = []
    yield started(cleanup)
    for step in cleanup:
        step()


@pytest.fixture
def database(server: Server) -> str:
    return server.database()
