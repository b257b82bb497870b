"""Promote the challenger again and again, each time in a process that kills itself one commit later than the last.

Arguments: a registry's SQLite file with versions 1 (champion) and 2, and a folder to work in. Prints at how many moments the process
was killed; ends with 1 where one of them left no champion, two, or another.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from pathlib import Path

from sqlalchemy.engine.default import DefaultDialect

from propensity.tracking.promotions import Promotion
from propensity.tracking.registry import Registry
from propensity.tracking.store import Store


def promote(database: Path) -> None:
    registry = Registry(Store(f"sqlite:///{database}", None, "demo", "demo"), database.parent / "models")
    registry.promote(registry.version("2"), Promotion("1", None, (), "a table", {"checks": []}))


def killed_at(moment: int, database: Path) -> bool:
    """Whether the process died right before its so-manieth commit; after it is before the next, for all that lasts."""
    child = os.fork()
    if child == 0:
        real, count = DefaultDialect.do_commit, 0

        def commit(self, connection):
            nonlocal count
            count += 1
            if count == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            real(self, connection)

        DefaultDialect.do_commit = commit
        promote(database)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def champions(database: Path) -> list[str]:
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT version FROM registered_model_aliases WHERE alias = 'champion'"
        ).fetchall()
    connection.close()
    return [str(version) for (version,) in rows]


def main(pristine: Path, place: Path) -> int:
    # MLflow is loaded once, by looking at a copy of its own: the children only promote.
    (place / "warm").mkdir()
    shutil.copy(pristine, place / "warm" / "mlflow.db")
    Registry(Store(f"sqlite:///{place}/warm/mlflow.db", None, "demo", "demo"), place).champion()
    moment, seen = 1, list[str]()
    while True:
        database = place / str(moment) / "mlflow.db"
        database.parent.mkdir()
        shutil.copy(pristine, database)
        killed = killed_at(moment, database)
        found = champions(database)
        if found not in (["1"], ["2"]):
            print("champions", found, "at", moment)  # noqa: T201
            return 1
        seen += found
        if not killed:
            break
        moment += 1
    if found != ["2"] or seen != sorted(seen):
        print("the champions came in the order", seen)  # noqa: T201
        return 1
    print(moment - 1, "moments")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
