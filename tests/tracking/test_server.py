"""A real tracking server on loopback: slow to come up, so everything is asked of one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pandas as pd
import pytest

from propensity.errors import RegistryError
from propensity.tracking import Registry, Store, log_training
from tracking.made import features

PATIENCE_S = 60
PROGRAM = """
import sys
import mlflow
import pandas as pd
model = mlflow.pyfunc.load_model("models:/served@champion")
model.predict(pd.read_parquet(sys.argv[1])).to_parquet(sys.argv[2])
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",
    }
    command = f"-m mlflow server --host 127.0.0.1 --port {port} --workers 1"
    store = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    files = ["--artifacts-destination", str(folder / "files")]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, *command.split(), *store, *files],
            cwd=folder,
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _until_it_answers(server, port, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _until_it_answers(server, port, log):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_a_tracking_server_does_all_that_a_file_does(address, training, another, models, tmp_path, capfd):
    store = Store(address, None, "served", "served")
    registry = Registry(store, tmp_path / "models")
    assert registry.champion() is None
    with pytest.raises(RegistryError, match="has no model 'served'"):
        registry.version("1")

    log_training(store, training)
    log_training(store, another(2))
    first, second = registry.version("1"), registry.challenger()
    assert registry.bundle(first) == training.final
    assert registry.bundle(second) == models[0][2]
    assert registry.judged(second) == training.judged
    assert registry.promote(first) is None
    assert registry.promote(second) == first
    assert registry.challenger() is None
    assert registry.rollback() == (first, second)
    with pytest.raises(RegistryError, match="no champion"):
        registry.rollback()
    with pytest.raises(RegistryError, match="has no version '9'"):
        registry.version("9")
    assert capfd.readouterr() == ("", "")

    features(seed=5).to_pandas().to_parquet(tmp_path / "in")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "in"), str(tmp_path / "out")],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "MLFLOW_TRACKING_URI": address, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = training.final.probability(training.final.margin(features(seed=5)))
    assert pd.read_parquet(tmp_path / "out")["probability"].to_numpy().tobytes() == wanted.tobytes()
