"""One loaded bench for drawn worlds."""

from __future__ import annotations

import pytest

from oracles import worlds
from oracles.bench import Bench, open_world


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    canonical = open_world(worlds.seed_world(), worlds.TREE, tmp_path_factory.mktemp("bench"))
    yield Bench(canonical, worlds.THROUGH)
    canonical.engine.close()
