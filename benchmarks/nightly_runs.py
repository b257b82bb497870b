"""Processes of propensity: cold, as cron starts them, and warm, forked from one process that has loaded the libraries.

Both are processes of their own, with nothing in common but the files; the warm ones only save the seconds of importing.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 1_800
PRELOADED = (
    "propensity.cli",
    "propensity.unattended.nightly",
    "propensity.unattended.retrain",
    "propensity.engines.duckdb",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.tracking",
    "mlflow.pyfunc",
    "lightgbm",
    "xlsxwriter",
)


@dataclass(frozen=True)
class Ended:
    """How a process ended, and the summary that it printed."""

    code: int
    told: Mapping[str, Any] | None
    err: str


def cold(arguments: Sequence[str], environment: Mapping[str, str], **how: Any) -> subprocess.Popen[str]:
    """Begin a run from nothing."""
    return subprocess.Popen(
        [sys.executable, "-m", "propensity", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        **how,
    )


def finished(process: subprocess.Popen[str]) -> Ended:
    """Wait for a cold run's end."""
    out, err = process.communicate(timeout=LONGEST_SECONDS)
    return Ended(process.returncode, _told(out), err)


class Warm:
    """Runs that begin with the libraries loaded; `spool` takes what they print, and `computed` counts their CPU seconds."""

    def __init__(self, spool: Path, environment: Mapping[str, str]) -> None:
        self._spool = spool
        self.computed = 0.0
        self._environment = dict(environment)
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        # The process that the others are forked from reads no sys.path but this one.
        os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), environment["PYTHONPATH"]])
        os.environ["NIGHTLY_PRELOAD"] = "1"

    def run(self, arguments: Sequence[str]) -> Ended:
        """Run to the end."""
        out, err = self._spool / "out", self._spool / "err"
        process = self._context.Process(
            target=_child, args=(list(arguments), str(self._spool), self._environment)
        )
        process.start()
        process.join(LONGEST_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
        self.computed += float((self._spool / "computed").read_text())
        return Ended(int(process.exitcode or 0), _told(out.read_text()), err.read_text())


def _child(arguments: list[str], spool: str, environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(Path(spool, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))
    sys.argv = ["propensity", *arguments]
    try:
        import_module("propensity.cli").main()
    finally:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        Path(spool, "computed").write_text(str(sum(one.ru_utime + one.ru_stime for one in used)))


def _told(out: str) -> Mapping[str, Any] | None:
    try:
        return json.loads(out) if out.strip() else None
    except ValueError:
        return None


if os.environ.pop("NIGHTLY_PRELOAD", None):
    for _name in PRELOADED:
        import_module(_name)
