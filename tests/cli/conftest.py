"""The real command line, in this process: what it prints, what it leaves, and how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from conftest import tracked
from propensity import cli
from shared import once_a_run

CONFIG = Path(__file__).parents[2] / "configs" / "demo.yaml"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object on stdout."""
        assert self.out.count("\n") == 1, self.out[:500]
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    @property
    def message(self) -> str:
        """What was said of the failure, after the progress."""
        before, _, said = self.err.rpartition("propensity: ")
        assert "propensity: " not in before, self.err
        assert "Traceback" not in self.err
        assert self.out == ""
        return said


def run(*arguments: object) -> Ended:
    """Run `propensity ...`; whatever it does not catch itself fails the test."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["propensity", *map(str, arguments)]),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
    return Ended(int(code or 0), out.getvalue(), err.getvalue())


def fingerprint(folder: Path) -> dict[str, str]:
    """The files of a folder with the SHA-256 of each."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass(frozen=True)
class Place:
    """A world, a registry with a champion, and a list that an earlier night left."""

    world: Path
    folder: Path
    work: Path
    """Where commands write: a test's own, with a copy of the ledger."""
    train: Ended
    score: Ended

    @property
    def list(self) -> Path:
        return self.folder / "list"

    def settings(self, *more: str, world: Path | None = None) -> list[str]:
        """The options of a command on this place; `world` instead of the place's own data."""
        sets = [
            f"data.folder={world or self.world}",
            tracked(self.folder),
            f"paths.models={self.folder}/models",
            f"paths.out={self.work}/out",
            f"paths.quarantine={self.work}/quarantine",
            f"paths.ledger={self.work}/ledger",
            f"paths.reports={self.work}/reports",
            f"paths.cache={self.folder}/cache",
            "model.params={max_trees: 30}",
            "model.rungs=[lightgbm]",
            "model.resamples=50",
            "engine.threads=1",
            *more,
        ]
        return ["--config", str(CONFIG), *(part for setting in sets for part in ("--set", setting))]


@pytest.fixture(scope="session")
def trained_place(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Train, promote and score once. Read, never written, but by commands that must leave it as it is."""

    def make(folder: Path) -> None:
        empty = Ended(0, "", "")
        first = Place(small_world, folder, folder, empty, empty)
        trained = run("train", *first.settings(), "--json")
        promoted = run("promote", *first.settings(), "--json")
        scored = run("score", *first.settings(), "--json", "--out", first.list)
        assert (trained.code, promoted.code, scored.code) == (0, 0, 0), (
            trained.err + promoted.err + scored.err
        )
        (folder / "told.json").write_text(json.dumps([asdict(trained), asdict(scored)]))

    folder = once_a_run(tmp_path_factory, "cli", make)
    train, score = (Ended(**told) for told in json.loads((folder / "told.json").read_text()))
    return Place(small_world, folder, folder, train, score)


@pytest.fixture
def place(trained_place: Place, tmp_path: Path) -> Place:
    """The place, and a folder of the test's own for what commands write."""
    shutil.copytree(trained_place.folder / "ledger", tmp_path / "work" / "ledger")
    return replace(trained_place, work=tmp_path / "work")


@pytest.fixture
def unharmed(place: Place):
    """Whatever the test does, the earlier list stays byte for byte."""
    before = fingerprint(place.list)
    yield
    assert fingerprint(place.list) == before


@pytest.fixture
def spoiled(place: Place, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the world with one file replaced: by text, bytes, a function of its text, or nothing."""

    def spoil(name: str, by: Any) -> Path:
        world = tmp_path / "world"
        shutil.copytree(place.world, world, dirs_exist_ok=True)
        path = world / name
        if by is None:
            path.unlink()
        elif isinstance(by, bytes):
            path.write_bytes(by)
        else:
            path.write_text(by(path.read_text(encoding="utf-8")) if callable(by) else by, encoding="utf-8")
        return world

    return spoil
