"""The demo as a command: from nothing to a list, again and again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import CONFIG, UNASKED, small_config, tracked
from propensity.errors import UsageError
from propensity.tour import tour


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.csv").write_text("precious")
    with pytest.raises(UsageError, match=r"mine\.csv"):
        tour(small_config(tmp_path / "data", tmp_path), leads=300, months=24, seed=7)
    assert (tmp_path / "data" / "mine.csv").read_text() == "precious"


def test_the_demo_shows_the_funnel_the_truth_and_the_list_and_runs_again_in_the_same_place(tmp_path: Path):
    settings = [
        f"data.folder={tmp_path / 'data'}",
        tracked(tmp_path),
        *(f"paths.{name}={tmp_path / name}" for name in ("models", "out", "quarantine", "reports")),
        "model.params={max_trees: 60}",
        "model.rungs=[lightgbm]",
        "model.resamples=50",
    ]
    command = [sys.executable, "-m", "propensity", "demo", "--config", str(CONFIG), "--leads", "500"]
    ended = subprocess.run(
        [*command, *(word for setting in settings for word in ("--set", setting))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    for words in (
        "matured snapshots",
        "ROC-AUC",
        "true probabilities",
        "The next best question",
        "scorecard",
        "listed",
        "manifest",
        "set aside",
    ):
        assert words in ended.stdout
    manifest = json.loads((tmp_path / "out" / "2026-06-01" / "manifest.json").read_text())
    assert manifest["counts"]["scored"] == 500

    config = small_config(tmp_path / "data", tmp_path, "model.rungs=[lightgbm]", UNASKED)
    again = tour(config, leads=400, months=24, seed=8)
    assert again.truth.rows == again.trained.trained.evaluations["model"].rows
    assert again.truth.metrics["roc_auc"].value > 0.6
    page = again.trained.evidence
    assert page is not None
    # The screen and the evidence page tell one figure of one training.
    assert f"show up to {again.perfect_calibration_error:.4f} (95 % of the time)" in page.read_text(
        encoding="utf-8"
    )
    assert (again.scored.version, again.scored.scored) == ("2", 400)
    assert (again.promoted is None) == bool(again.refusal)
