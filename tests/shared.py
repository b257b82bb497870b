"""What is dear to make is made once a run of the suite, by the first worker that wants it, and read by all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

CHANGING = frozenset({"cache", "mlflow.db"})
"""Parts of a shared folder that readers may add to: frames that were computed before, and what SQLite notes of its readers."""
_given: dict[Path, dict[str, str]] = {}


def once_a_run(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` of this run, filled by `make` if nobody has; other workers wait. No test may write to it."""
    folder = run_folder(factory) / name
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_name(f"{name}.done")
        if not done.exists():
            # Of a worker that failed half-way, nothing is kept.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    _given.setdefault(folder, held(folder))
    return folder


def run_folder(factory: pytest.TempPathFactory) -> Path:
    """What the workers of one run have in common; each has its own temporary folder below."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def held(folder: Path) -> dict[str, str]:
    """The files of a shared folder that must stay as they are, with the SHA-256 of each."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not CHANGING & set(path.relative_to(folder).parts)
    }


def written_to() -> list[str]:
    """Files of shared folders that are not what this worker was given, or that it was not given at all."""
    return [
        f"{folder.name}/{name}"
        for folder, before in _given.items()
        for after in [held(folder)]
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def own_copy(place: Path, to: Path) -> Path:
    """A copy of a place with a registry, for a test that writes: its store names its own artifacts."""
    shutil.copytree(place, to)
    with closing(sqlite3.connect(to / "mlflow.db")) as store, store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in store.execute(f"PRAGMA table_info({table})").fetchall():
                if "CHAR" in kind or "TEXT" in kind:
                    store.execute(
                        f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",  # noqa: S608
                        (f"{place}/", f"{to}/", f"{place}/"),
                    )
    return to
