"""MLflow's own store on a real PostgreSQL: runs, versions, aliases, and never its password."""

# ruff: noqa: S105, S608 - the password is made up here, and so are the tables

from __future__ import annotations

import pytest

from propensity.config import TrackingConfig
from propensity.errors import ConfigError, RegistryError
from propensity.tracking.experiment import Training, log_training
from propensity.tracking.registry import Registry
from propensity.tracking.store import Store
from tracking.made import COLUMNS, features, fitted

SECRET = "S3CR3T-of-the-server"


def made(seed):
    bundle, evaluation = fitted(seed)
    return Training(
        params={"seed": seed},
        evaluations={"model": evaluation},
        importance={"pricing": 1.0},
        config={"tracking": {"uri_env": "STORE"}},
        features=[{"name": column.name} for column in COLUMNS],
        lineage={"tables": {"leads": {"rows": 300, "sha256": "ab" * 32}}},
        judged=bundle,
        final=bundle,
        example=features(rows=3),
        tags={"why": "a test"},
    )


def test_runs_and_models_are_kept_promoted_and_rolled_back_and_no_password_is_shown(
    server, database, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("STORE", server.uri(database).replace("postgres@", f"postgres:{SECRET}@"))
    store = Store.from_config(TrackingConfig(uri_env="STORE", artifacts=str(tmp_path / "files")))
    registry = Registry(store, tmp_path / "models")
    assert registry.champion() is None
    trainings = [made(seed) for seed in (1, 2)]
    for training in trainings:
        assert registry.version(log_training(store, training).version) == registry.challenger()
        registry.promote(registry.challenger())
    assert registry.bundle(registry.champion()).digest == trainings[1].final.digest
    assert [version.number for version in registry.rollback()] == ["1", "2"]
    assert registry.bundle(registry.champion()).digest == trainings[0].final.digest
    with server.connect(database) as connection:
        asked = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        tables = [row[0] for row in connection.execute(asked).fetchall()]
        hit = [
            name
            for name in tables
            if connection.execute(
                f'SELECT 1 FROM "{name}" t WHERE t::text LIKE %s', [f"%{SECRET}%"]
            ).fetchone()
        ]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"runs", "model_versions", "registered_model_aliases"} <= set(tables)
    assert len(files) > 20
    assert (hit, [path for path in files if SECRET.encode() in path.read_bytes()]) == ([], [])
    assert tuple(capfd.readouterr()) == ("", "")
    assert SECRET not in f"{registry!r} {store.shown}"


def test_a_store_that_does_not_answer_is_said_at_once_without_its_password(monkeypatch):
    monkeypatch.setenv("STORE", f"postgresql://ann:{SECRET}@127.0.0.1:1/mlflow")
    store = Store.from_config(TrackingConfig(uri_env="STORE", artifacts="files"))
    with pytest.raises(
        RegistryError, match=r"postgresql://127\.0\.0\.1:1/mlflow.*Connection refused"
    ) as refused:
        Registry(store, "models").champion()
    assert SECRET not in f"{refused.value} {store!r}"


def test_a_password_in_the_file_and_a_variable_that_is_not_set_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"holds a password.*PGPASSWORD") as refused:
        TrackingConfig(uri=f"postgresql://ann:{SECRET}@db/mlflow")
    assert SECRET not in str(refused.value.errors(include_input=False, include_context=False))
    monkeypatch.delenv("STORE", raising=False)
    with pytest.raises(ConfigError, match="environment variable STORE, which is not set"):
        Store.from_config(TrackingConfig(uri_env="STORE", artifacts="files"))
