import os
import subprocess
import sys
from dataclasses import replace
from logging import getLogger

import mlflow
import pytest

from propensity.errors import RegistryError
from propensity.tracking import Registry, Store, log_training


def test_importing_the_room_does_not_import_mlflow():
    program = (
        "import sys, pkgutil, importlib, propensity.tracking as room\n"
        "for m in pkgutil.iter_modules(room.__path__): importlib.import_module(f'{room.__name__}.{m.name}')\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'mlflow', 'matplotlib', 'sqlalchemy'}))"
    )
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_first_contact_writes_nothing_to_the_terminal_and_leaves_no_trace_in_the_process(
    tmp_path, training, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    before, level, uri = dict(os.environ), getLogger("mlflow").level, mlflow.get_tracking_uri()
    store = Store(f"sqlite:///{tmp_path / 'new' / 'mlflow.db'}", "files", "first", "first")
    log_training(store, training)
    Registry(store, tmp_path / "models").challenger()

    assert capfd.readouterr() == ("", "")
    after = dict(os.environ)
    assert after.pop("MLFLOW_DISABLE_TELEMETRY") == "true"
    before.pop("MLFLOW_DISABLE_TELEMETRY", None)
    assert (after, getLogger("mlflow").level, mlflow.get_tracking_uri()) == (before, level, uri)
    assert mlflow.active_run() is None
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["files", "mlflow.db"]


def test_two_stores_in_one_process_do_not_mix(tmp_path, store, registry, another):
    other = replace(store, uri=f"sqlite:///{tmp_path / 'other.db'}")
    with_other = Registry(other, registry.cache)
    assert with_other.challenger() is None

    log_training(other, another(2))

    here, there = registry.challenger(), with_other.challenger()
    assert here.number == there.number == "1"
    assert here.digest != there.digest
    assert registry.bundle(here).digest == here.digest
    assert with_other.bundle(there).digest == there.digest


def test_asking_a_store_that_is_not_there_yet_creates_nothing(tmp_path):
    registry = Registry(
        Store(f"sqlite:///{tmp_path / 'none' / 'mlflow.db'}", None, "x", "churn"), tmp_path / "models"
    )
    assert registry.champion() is None
    with pytest.raises(RegistryError, match=r"has no model 'churn'.*propensity train"):
        registry.version("1")
    with pytest.raises(RegistryError, match="Train and promote first"):
        registry.rollback()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_at_once(tmp_path, training):
    (tmp_path / "file").write_text("in the way")
    store = Store(f"sqlite:///{tmp_path / 'file' / 'mlflow.db'}", None, "x", "x")
    with pytest.raises(RegistryError, match=r"does not answer.*Check tracking\.uri") as caught:
        log_training(store, training)
    assert caught.value.exit_code == 4


def test_a_file_that_is_no_database_is_said_at_once(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be looked at\n" * 50)
    store = Store(f"sqlite:///{tmp_path / 'mlflow.db'}", None, "x", "x")
    with pytest.raises(RegistryError, match="not a database"):
        Registry(store, tmp_path).champion()


def test_a_server_that_is_down_is_said_without_its_password(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    store = Store("http://ann:S3CRET@127.0.0.1:9", None, "x", "x")
    with pytest.raises(RegistryError, match=r"http://\*\*\*@127\.0\.0\.1:9") as caught:
        Registry(store, tmp_path).champion()
    assert "S3CRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert capfd.readouterr() == ("", "")
