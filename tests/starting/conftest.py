"""What the tests of `propensity init` share: it is run once on each folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from propensity import workflow
from propensity.config import Config
from propensity.config.file import load_config
from propensity.results import CheckResult
from propensity.starting.begin import Begun, begin
from starting import exports


@dataclass
class Done:
    """What a run gave, the text that it wrote, and the configuration that this is."""

    begun: Begun
    text: str
    config: Config

    @cached_property
    def checked(self) -> CheckResult:
        """What `propensity check` says of it; asked for once."""
        return workflow.check(self.config)

    def columns(self, table: str, source: int = 0) -> dict[str, str]:
        """Canonical column to source column, as `init --json` says it."""
        return self.begun.to_dict()["tables"][table][source]["columns"]

    def late(self) -> dict[str, str]:
        return self.begun.to_dict()["tables"]["leads"][0]["late"]


def run(folder: Path, out: Path) -> Done:
    begun = begin(folder, out, step=lambda _: None)
    return Done(
        begun, out.read_text(encoding="utf-8"), load_config(out, [f"paths.quarantine={out.parent}/q"])
    )


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """The run on one of the invented exports, by its name; each once."""
    held: dict[str, Done] = {}

    def of(name: str) -> Done:
        if name not in held:
            folder = tmp_path_factory.mktemp(name)
            getattr(exports, name)(folder)
            held[name] = run(folder, tmp_path_factory.mktemp("out") / "propensity.yaml")
        return held[name]

    return of
