"""An embedded PostgreSQL: starts in seconds, also as root, and may be killed."""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
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
        return psycopg.connect(self.uri(database), autocommit=True, **settings)

    def database(self) -> str:
        """A new, empty database."""
        name = f"db{next(_NUMBERS)}_{os.getpid()}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def kill(self) -> None:
        """Kill the server and whatever it started, as a power cut would."""
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(self.running.get_pid())
            processes = [parent, *parent.children(recursive=True)]  # the parent would mend what it lost
            for process in processes:
                process.kill()
            psutil.wait_procs(processes, timeout=10)

    def restart(self) -> None:
        """Start again on the same folder, after `kill`: the server mends itself from its log."""
        self.running.ensure_postgres_running()
        for _ in range(100):
            with suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.1)


def started(cleanup: list[Any]) -> Server:
    """Start a server of its own, or skip with the reason; `cleanup` collects what to stop."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR its lock file lies elsewhere
            pgserver = import_module("pgserver")
    except ImportError as error:
        if os.environ.get(REQUIRED):
            raise
        pytest.skip(f"there is no PostgreSQL to start: {error}")
    # Not below pytest's folders: the server runs as a user of its own, and a socket's path is short.
    place = tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True)
    folder = Path(place.name)
    folder.chmod(0o755)
    running = pgserver.get_server(folder / "data", cleanup_mode=None)
    server = Server(running, folder / "data")
    # An orderly stop writes everything to disk first, which nobody will read.
    cleanup += [server.kill, place.cleanup]
    return server
