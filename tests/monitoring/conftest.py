"""Two nights of the small world, a week apart and both matured, with the ledger that they would have left."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import scoring_config
from propensity import workflow
from propensity.watch import monitor

NIGHTS = ("2026-04-20T00:00:00+00:00", "2026-04-27T00:00:00+00:00")


def recorded(night, ledger, *, number=1):
    """Record a night as the ledger does: a row a scored lead."""
    manifest = json.loads((night / "manifest.json").read_text())
    scores = pq.read_table(night / "scores.parquet")
    for name in ("name", "version", "digest"):
        scores = scores.append_column(
            f"model_{name}", pa.array([manifest["model"][name]] * len(scores), pa.string())
        )
    on_list = pa.array([cause is None for cause in scores["removed"].to_pylist()])
    table = scores.append_column("listed", on_list).append_column("delivered", on_list)
    stamp = f"{datetime.fromisoformat(manifest['as_of']):%Y-%m-%dT%H-%M-%S.%fZ}"
    folder = ledger / "nights" / f"as_of={stamp}"
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"{number:06d}.parquet")


@pytest.fixture(scope="session")
def watched(small_world, champion_place, tmp_path_factory):
    """The place of the two nights, their configuration, and what monitoring made of them."""
    place = tmp_path_factory.mktemp("watched")
    config = scoring_config(small_world, champion_place, place)
    for at in NIGHTS:
        result = workflow.score(config, as_of=datetime.fromisoformat(at))
        recorded(result.out, config.paths.ledger)
    return SimpleNamespace(place=place, config=config, world=small_world, result=monitor(config))


@pytest.fixture
def again(watched, champion_place, tmp_path):
    """A copy of the nights without their history; give it the configuration's further settings."""
    for name in ("out", "ledger"):
        shutil.copytree(watched.place / name, tmp_path / name)

    def configured(*more, world=None):
        return scoring_config(world or watched.world, champion_place, tmp_path, *more)

    return configured
