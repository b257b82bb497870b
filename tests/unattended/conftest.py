"""One good night, as cron would run it, with every way to unpickle taken away from the process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import CONFIG, scoring_config
from propensity.config import Config

NOW = "2026-06-01T03:00:00+00:00"
FORBID = """
import pickle, _pickle

class Forbidden(Exception):
    pass

def forbidden(*_, **__):
    raise Forbidden("unpickled")

def closed(real):
    # Still a class with all that others derive from it at import.
    return type("Unpickler", (real,), {"__init__": forbidden, "load": forbidden})

slow, fast = closed(pickle._Unpickler), closed(_pickle.Unpickler)
for module in (pickle, _pickle):
    module.load = module.loads = forbidden
    module.Unpickler = fast
pickle._load = pickle._loads = forbidden
pickle._Unpickler = slow
"""


@dataclass(frozen=True)
class Place:
    """A world, a registry with a champion, and a folder for what the nights write, a copy of the cached models in it."""

    world: Path
    champion: Path
    folder: Path

    def settings(self, *more: str) -> list[str]:
        sets = [
            f"data.folder={self.world}",
            f"tracking.uri=sqlite:///{self.champion / 'mlflow.db'}",
            *(
                f"paths.{name}={self.folder / name}"
                for name in ("models", "out", "quarantine", "ledger", "reports", "state", "logs")
            ),
            "model.params={max_trees: 60}",
            "model.rungs=[lightgbm]",
            "model.resamples=50",
            "engine.threads=1",
            *more,
        ]
        return ["--config", str(CONFIG), *(part for setting in sets for part in ("--set", setting))]

    def config(self, *more: str) -> Config:
        written = (f"paths.{name}={self.folder / name}" for name in ("models", "state", "logs"))
        return scoring_config(self.world, self.champion, self.folder, *written, "engine.threads=1", *more)


def placed(world: Path, champion: Path, folder: Path) -> Place:
    """A place in this folder. A night notes beside the models which champion it saw."""
    shutil.copytree(champion / "models", folder / "models")
    return Place(world, champion, folder)


def begun(arguments: Sequence[str], **environment: str) -> subprocess.Popen[str]:
    """A propensity process of this checkout."""
    return subprocess.Popen(
        [sys.executable, "-m", "propensity", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


@dataclass(frozen=True)
class Night:
    """What one run printed and left."""

    place: Place
    code: int
    told: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def list(self) -> Path:
        return self.place.folder / "out" / "2026-06-01"


@pytest.fixture(scope="session")
def night(small_world: Path, champion_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("night")
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(FORBID)
    place = placed(small_world, champion_place, folder)
    paths = os.pathsep.join([str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    process = begun(["nightly", *place.settings(), "--now", NOW, "--json"], PYTHONPATH=paths)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    return Night(place, process.returncode, json.loads(out), [json.loads(line) for line in err.splitlines()])


@pytest.fixture
def place(small_world: Path, champion_place: Path, tmp_path: Path) -> Place:
    return placed(small_world, champion_place, tmp_path)
