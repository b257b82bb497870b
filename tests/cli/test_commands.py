"""What the commands print and leave when all is well."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer

import propensity
from cli.conftest import CONFIG, run
from conftest import UNASKED
from propensity import cli

COMMANDS = [
    "check",
    "train",
    "backtest",
    "score",
    "monitor",
    "promote",
    "rollback",
    "nightly",
    "retrain",
    "feedback",
    "results",
    "forget",
    "demo",
]
HEAVY = ["mlflow", "lightgbm", "sklearn", "pandas", "ibis", "duckdb", "pyarrow", "matplotlib", "scipy"]


def process(*arguments: object, **more) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    return subprocess.run(
        list(map(str, arguments)),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=100,
        **more,
    )


def test_check_as_json(place):
    ended = run("check", *place.settings(), "--json")
    assert ended.code == 0
    found = ended.json
    assert {"tables", "findings"} <= set(found)
    assert set(found["tables"]) == {"leads", "accounts", "activities", "stages", "budgets", "products"}
    for table in found["tables"].values():
        assert table["rows"] == table["kept"] + sum(table["quarantined"].values())
    assert found["tables"]["leads"]["quarantined"] == {"created_at is not a date or time": 1}
    assert {"severity", "table", "message"} == set(found["findings"][0])


def test_train_as_json(place):
    found = place.train.json
    assert set(found["metrics"]) == {
        "roc_auc",
        "average_precision",
        "log_loss",
        "brier",
        "calibration_error",
        "lift_top_decile",
    }
    for metric in found["metrics"].values():
        assert set(metric) == {"value", "low", "high"}
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert found["snapshots"] > found["conversions"] > 0
    assert (found["model"], found["version"]) == ("demo", "1")
    assert len(found["run_id"]) == 32


def test_score_as_json_and_its_files(place):
    found = place.score.json
    assert found["as_of"] == "2026-06-01T00:00:00Z"
    assert found["out"] == str(place.list)
    assert Path(found["manifest"]) == place.list / "manifest.json"
    assert found["listed"] + sum(found["removed"].values()) == found["scored"] == 500
    assert {"do_not_contact", "already_converted", "disqualified"} <= set(found["removed"])
    assert sorted(path.name for path in place.list.iterdir()) == [
        "crm",
        "list.csv",
        "list.parquet",
        "manifest.json",
        "nurture.csv",
        "overview.html",
        "profile.json",
        "qualification.parquet",
        "referrals.csv",
        "reps",
        "scores.parquet",
        "suspects.csv",
    ]
    assert pq.read_metadata(place.list / "scores.parquet").num_rows == 500
    assert pq.read_metadata(place.list / "list.parquet").num_rows == found["listed"]
    assert json.loads((place.list / "manifest.json").read_text())["counts"]["listed"] == found["listed"]


def test_progress_goes_to_stderr_also_with_json(place):
    assert "Reading and checking the data" in place.score.err
    assert "propensity:" not in place.score.err


def test_without_json_people_get_a_screen(place):
    ended = run("check", *place.settings())
    assert ended.code == 0
    assert "{" not in ended.out
    assert "leads.csv" in ended.out


def test_as_of_takes_a_zone(place, tmp_path):
    # An earlier night in the place's ledger would give its list a trend.
    settings = place.settings(f"paths.ledger={tmp_path}/ledger", UNASKED)
    ended = run("score", *settings, "--json", "--as-of", "2026-03-01T02:00+02:00", "--out", tmp_path / "list")
    assert ended.code == 0
    assert ended.json["as_of"] == "2026-03-01T00:00:00Z"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example_and_the_exit_codes(command):
    ended = run(command, "--help")
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert f"Example: propensity {command} " in said
    assert (
        "Exit codes: 0 done, 2 usage or config, 3 data refused, 4 no usable model, 5 delivery failed" in said
    )
    assert "--set" in said


def test_what_a_command_returns_is_no_exit_code(monkeypatch):
    monkeypatch.setattr(cli.app, "registered_commands", [*cli.app.registered_commands])
    cli.app.command("seven")(lambda: 7)
    cli.app.command("leave")(leave)
    assert run("seven").code == 0
    assert run("leave").code == 7


def leave() -> None:
    raise typer.Exit(7)


def test_help_lists_the_commands_and_version_says_it():
    ended = run("--help")
    assert ended.code == 0
    assert all(f"\n  {command} " in ended.out for command in COMMANDS)
    assert run("--version").out == f"{propensity.__version__}\n"


def test_without_arguments_the_help_is_shown():
    ended = run()
    assert ended.code in (0, 2)
    assert "Usage: " in ended.out + ended.err


@pytest.mark.parametrize(
    "code",
    [
        "import propensity",
        "import propensity.cli",
        "import propensity.config, propensity.config.file, propensity.schema",
    ],
)
def test_imports_stay_light(code):
    heavy = process(
        sys.executable, "-c", f"{code}; import sys; print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert heavy.stdout == "[]\n", heavy.stderr


def test_help_stays_light():
    script = "import sys; from propensity import cli; sys.argv = ['propensity', 'train', '--help']\ntry:\n    cli.main()\nexcept SystemExit:\n    pass\n"
    ended = process(
        sys.executable,
        "-c",
        f"{script}print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)",
    )
    assert "Usage: propensity train" in ended.stdout
    assert ended.stderr == "[]\n"


def test_a_process_ends_with_the_code_and_one_message(place, tmp_path):
    program = Path(sys.executable).parent / "propensity"
    ended = process(program, "check", *place.settings("data.folder=/nowhere"))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.splitlines()[-1].startswith("propensity: /nowhere/leads.csv does not exist.")
    assert "Traceback" not in ended.stderr
    ended = process(program, "check", "--config", CONFIG, "--set", "x", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "propensity: --set 'x' is not dotted.key=value, such as outcome.horizon_days=45.\n"


def test_a_process_in_json_mode_prints_one_object_and_nothing_else(place):
    ended = process(
        Path(sys.executable).parent / "propensity", "check", *place.settings(), "--json", "--strict"
    )
    assert ended.returncode == 6
    assert set(json.loads(ended.stdout)) >= {"tables", "findings"}
    assert ended.stdout.count("\n") == 1


def test_reports_results_and_forgetting_on_the_command_line(place, tmp_path):
    listed = pq.read_table(place.list / "list.parquet")["lead_id"].to_pylist()
    shutil.copytree(place.folder / "ledger", tmp_path / "ledger")
    settings = place.settings(
        f"paths.ledger={tmp_path}/ledger",
        f"paths.out={tmp_path}/out",
        f"paths.quarantine={tmp_path}/q",
        # Frames that other tests kept hold rows of this lead, and are not this test's to remove.
        f"paths.cache={tmp_path}/cache",
    )
    outcomes = tmp_path / "outcomes.csv"
    head = "lead_id,list_as_of,rep,outcome,reported_on,note"
    outcomes.write_text(
        f"{head}\n{listed[0]},2026-06-01,,do_not_call,2026-06-02,\nnobody,2026-06-01,,reached,2026-06-02,\n"
    )
    taken = run("feedback", outcomes, *settings, "--json").json
    assert (taken["accepted"], taken["added"], taken["outcomes"]["do_not_call"]) == (1, 1, 1)
    assert taken["files"][0]["refused"] == [{"line": 3, "why": "lead 'nobody' is on no list of the ledger"}]
    again = run("feedback", outcomes, *settings, "--strict")
    assert (again.code, "of which 0 new" in again.out) == (6, True)
    assert "line 3" in again.out
    found = run("results", *settings, "--json").json
    assert (found["nights"], found["matured"], found["next_on"]) == (1, 0, "2026-07-06T00:00:00Z")
    gone = run("forget", listed[0], *settings, "--json").json
    assert gone["rows_removed"] == 2
    assert listed[0] not in json.dumps(gone)
    assert run("forget", listed[0], *settings, "--json").json["rows_removed"] == 0
    missing = run("feedback", tmp_path / "none.csv", *settings)
    assert missing.code == 3
    assert "cannot be read" in missing.message
