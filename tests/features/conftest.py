"""One loaded bench for all drawn worlds."""

from __future__ import annotations

import pytest

from oracles import worlds
from oracles.bench import Bench, open_world
from oracles.demo import CONFIG, demo_settings
from propensity.config.file import load_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.features.frame import features_of
from propensity.sources.canonical import load


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    canonical = open_world(worlds.seed_world(), worlds.TREE, tmp_path_factory.mktemp("bench"))
    yield Bench(canonical, worlds.THROUGH)
    canonical.engine.close()


@pytest.fixture(scope="session")
def demo(small_world, tmp_path_factory):
    """The 500-lead world, loaded as the demo's configuration says."""
    config = load_config(CONFIG, demo_settings(small_world, tmp_path_factory.mktemp("quarantine")))
    canonical = load(DuckDBEngine(memory_gb=1, threads=1), config)
    yield Bench(canonical, config.data.through)
    canonical.engine.close()


@pytest.fixture(scope="session")
def demo_frame(demo):
    """What training learns from."""
    return features_of(demo.canonical, demo.spines["training"]).collect()
