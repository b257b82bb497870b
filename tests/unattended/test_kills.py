"""SIGKILL at every moment that makes something lasting: of a delivery, and of a promotion."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import tracked
from propensity.tracking import Registry, Store, Training, log_training
from tracking.made import COLUMNS, features, fitted


def survived(script: str, *arguments: object) -> int:
    """At how many moments a script's children were killed without harm."""
    path = Path(__file__).with_name(script)
    ended = subprocess.run(
        [sys.executable, str(path), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return int(ended.stdout.split()[0])


@pytest.mark.parametrize("way", ["exchange", "turns"])
def test_killed_at_any_moment_of_delivery_the_one_list_or_the_other_is_whole(tmp_path, way):
    assert survived("killed_delivery.py", tmp_path, way) >= 20


def test_killed_at_any_commit_of_a_promotion_there_is_exactly_one_champion(tmp_path):
    store = Store(tracked(tmp_path / "store").removeprefix("tracking.uri="), None, "demo", "demo")
    bundle, evaluation = fitted(0)
    training = Training(
        params={},
        evaluations={"model": evaluation},
        importance={},
        config={},
        features=[{"name": column.name, "concept": column.concept} for column in COLUMNS],
        lineage={"tables": {}},
        judged=bundle,
        final=bundle,
        example=features(rows=3),
        tags={},
    )
    registry = Registry(store, tmp_path / "models")
    log_training(store, training)
    registry.promote(registry.version("1"))
    log_training(store, training)
    (tmp_path / "kills").mkdir()
    assert survived("killed_promotion.py", tmp_path / "store" / "mlflow.db", tmp_path / "kills") >= 4
