"""One store with one training, made once: a first-time SQLite store takes MLflow seconds to create."""

from __future__ import annotations

from dataclasses import replace

import pytest

from propensity.tracking import Registry, Store, Training, log_training
from tracking.made import COLUMNS, features, fitted


@pytest.fixture(scope="session")
def models():
    """Return three different bundles, and an evaluation."""
    made = [fitted(seed) for seed in range(3)]
    return [bundle for bundle, _ in made], made[0][1]


@pytest.fixture(scope="session")
def training(models):
    bundles, evaluation = models
    table = {"rows": 300, "sha256": "ab" * 32}
    return Training(
        params={"seed": 0, "horizon_days": 60, "calibration": "platt", "tuned": False},
        evaluations={"model": evaluation, "base_rate": evaluation},
        importance={"pricing": 0.7, "budget": 0.2, "industry": 0.1},
        config={
            "tracking": {"uri": "postgresql://ann:S3CRET@db/crm"},
            "model": {"tiers": (0.5, 0.2, 0.1), "params": {}},
        },
        features=[{"name": c.name, "concept": c.concept} for c in COLUMNS],
        lineage={"tables": {"leads": table, "accounts": table}, "as_of": ["2025-01-01", "2025-06-01"]},
        judged=bundles[1],
        final=bundles[0],
        example=features(rows=3),
        tags={"as_of": "2025-06-01"},
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    return Store(f"sqlite:///{folder / 'mlflow.db'}", None, "propensity", "propensity")


@pytest.fixture(scope="session")
def registered(store, training):
    """Return the one training that tests read; those that change aliases log under names of their own."""
    return log_training(store, training)


@pytest.fixture
def registry(store, registered, tmp_path):
    assert registered.name == store.model_name
    return Registry(store, tmp_path / "models")


@pytest.fixture
def another(training, models):
    """Return the training with another final model, by number."""
    return lambda i: replace(training, final=models[0][i])
