"""Two nights of the small world, a week apart and both matured, with their ledger."""

from __future__ import annotations

import shutil
from datetime import datetime
from types import SimpleNamespace

import pytest

from conftest import UNASKED, scoring_config
from propensity import workflow
from propensity.watch import monitor

NIGHTS = ("2026-04-20T00:00:00+00:00", "2026-04-27T00:00:00+00:00")


@pytest.fixture(scope="session")
def watched(small_world, champion_place, tmp_path_factory):
    """The place of the two nights, their configuration, and what monitoring made of them."""
    place = tmp_path_factory.mktemp("watched")
    config = scoring_config(small_world, champion_place, place, UNASKED)
    for at in NIGHTS:
        workflow.score(config, as_of=datetime.fromisoformat(at))
    return SimpleNamespace(place=place, config=config, world=small_world, result=monitor(config))


@pytest.fixture
def again(watched, champion_place, tmp_path):
    """A copy of the nights without their history; give it the configuration's further settings."""
    for name in ("out", "ledger"):
        shutil.copytree(watched.place / name, tmp_path / name)

    def configured(*more, world=None):
        return scoring_config(world or watched.world, champion_place, tmp_path, UNASKED, *more)

    return configured
