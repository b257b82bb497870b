"""A real PostgreSQL: one embedded server a session, a fresh database a test; and expendable servers that may be killed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from postgres.embedded import Server, started


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
