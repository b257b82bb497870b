"""Personal data are planted in every column that holds any, and searched for in whatever a whole job leaves behind."""

from __future__ import annotations

import re
import shutil
import stat

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from typer.testing import CliRunner

from conftest import tracked
from propensity.cli import app

TOKEN = re.compile(rb"zq(?:name|mail|fone|mentor|spouse|few)x?\d+", re.IGNORECASE)
SHARED_BY = 4
"""Leads that share a value of the rare extra column: one fewer than are needed."""


@pytest.fixture(scope="module")
def world(small_world, tmp_path_factory):
    """The small world with a token of its own for each lead in each personal column, mapped or not."""
    folder = tmp_path_factory.mktemp("planted")
    for path in small_world.glob("*.*"):
        shutil.copy(path, folder / path.name)
    text = pacsv.ConvertOptions(column_types={"created_at": pa.string()})
    leads = pacsv.read_csv(small_world / "leads.csv", convert_options=text)
    number = range(leads.num_rows)
    planted = {
        "contact_name": [f"Zqname{n} Zqnamex{n}" for n in number],
        "email": [f"zqmail{n}@example.com" for n in number],
        "phone": [f"zqfone{n}" for n in number],
        "mentor": [f"Zqmentor{n}" for n in number],
        "spouse": [f"Zqspouse{n}" for n in number],
        "few": [f"Zqfew{n // SHARED_BY}" for n in number],
    }
    for name, values in planted.items():
        leads = (
            leads.set_column(leads.column_names.index(name), name, [values])
            if name in leads.column_names
            else leads.append_column(name, [values])
        )
    # A row that breaks a rule goes to quarantine, where the person may be: that file is the owner's alone.
    rows = leads.to_pylist()
    rows[0]["created_at"] = "Zqname0 was here"
    pacsv.write_csv(pa.Table.from_pylist(rows, schema=leads.schema), folder / "leads.csv")
    return folder


@pytest.fixture(scope="module")
def job(world, tmp_path_factory):
    """check, train, backtest, promote and score by the command line; what each wrote to stderr and stdout."""
    place = tmp_path_factory.mktemp("job")
    settings = [
        f"data.folder={world}", tracked(place), "model.params={max_trees: 15}", "model.rungs=[lightgbm]", "model.resamples=50", "backtest.origins=1",
        *(f"paths.{name}={place / name}" for name in ("models", "out", "quarantine", "ledger", "reports")),
        "tables.leads.extra={mentor: {static: true}, few: {static: true}}", "tables.leads.personal=[spouse]",
    ]  # fmt: skip
    told = {}
    for command in (
        ["check"],
        ["train"],
        ["backtest"],
        ["promote", "--force", "--reason", "only a test of privacy"],
        ["score"],
    ):
        options = [part for setting in settings for part in ("--set", setting)]
        result = CliRunner().invoke(app, [*command, "--config", "configs/demo.yaml", *options])
        assert result.exit_code == 0, (command, result.stderr)
        told[command[0]] = result
    return place, told


def found(folder):
    """Files in which a token stands, in plain bytes: text, JSON, HTML, SQLite and uncompressed Parquet alike."""
    return {
        str(path.relative_to(folder)): sorted(set(TOKEN.findall(path.read_bytes())))[:3]
        for path in folder.rglob("*")
        if path.is_file() and TOKEN.search(path.read_bytes())
    }


def test_nobody_is_in_what_mlflow_keeps(job):
    place, _ = job
    assert len([path for path in (place / "mlartifacts").rglob("*") if path.is_file()]) > 10
    assert found(place / "mlartifacts") == {}
    assert not TOKEN.search((place / "mlflow.db").read_bytes())


@pytest.mark.parametrize("room", ["models", "reports"])
def test_nobody_is_in_reports_and_models(job, room):
    place, _ = job
    assert any(path.is_file() for path in (place / room).rglob("*"))
    assert found(place / room) == {}


@pytest.mark.parametrize("command", ["check", "train", "backtest", "promote", "score"])
def test_nobody_is_in_the_log(job, command):
    _, told = job
    assert told[command].stderr
    assert TOKEN.findall(told[command].stderr.encode()) == []


def test_nobody_but_an_example_of_a_bad_value_is_on_the_screen_of_check(job):
    _, told = job
    # `created_at` of one lead holds a name: what stands in a column of dates is shown, so that it can be mended.
    assert set(TOKEN.findall(told["check"].stdout.encode())) <= {b"Zqname0"}


def test_who_is_set_aside_lies_where_only_its_owner_reads(job):
    place, _ = job
    assert found(place / "quarantine")
    assert stat.S_IMODE((place / "quarantine").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place / "quarantine").iterdir()} == {0o600}
