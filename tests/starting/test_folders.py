"""Folders of all kinds: the simulated world, real files, compressed and damaged ones, and those without leads."""

from __future__ import annotations

import gzip
import json

import duckdb
import pytest

from cli.conftest import run as command
from conftest import small_config, tracked
from foreign.export import export as foreign
from propensity import workflow
from propensity.config.file import load_config
from propensity.errors import ConfigError, SourceError, UsageError
from propensity.starting.begin import begin
from starting.conftest import Done, run

LEADS = "id,created_at,source,won\n" + "".join(
    f"{i},2024-0{i % 6 + 1}-1{i % 9}T10:00Z,{'web' if i % 3 else 'event'},{'yes' if i % 4 == 0 else 'no'}\n"
    for i in range(60)
)


def folder_of(tmp_path, **files):
    folder = tmp_path / "exports"
    folder.mkdir()
    for name, content in files.items():
        path = folder / name.replace("_dot_", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.fixture(scope="session")
def world(small_world, tmp_path_factory) -> Done:
    return run(small_world, tmp_path_factory.mktemp("world-config") / "propensity.yaml")


def test_the_simulated_world_is_mapped_as_its_maker_maps_it(world, small_world, tmp_path):
    theirs = small_config(small_world, tmp_path)
    assert set(world.config.tables) == set(theirs.tables)
    ours, known = (workflow.check(config, profiled=False).report for config in (world.config, theirs))
    assert {name: table.kept for name, table in ours.tables.items()} == {
        name: table.kept for name, table in known.tables.items()
    }
    assert world.config.outcome.recording_lag_days == theirs.outcome.recording_lag_days


def test_the_tempting_column_is_left_out_with_the_reason(world):
    assert "qualification_call_minutes" in world.late()
    assert "100% of the leads that converted" in world.late()["qualification_call_minutes"]
    assert "qualification_call_minutes" not in world.columns("leads").values()


def test_a_written_configuration_trains_untouched(world, tmp_path):
    more = [
        tracked(tmp_path),
        f"paths.models={tmp_path / 'models'}",
        "model.params={max_trees: 30}",
        "model.resamples=50",
    ]
    config = load_config(world.begun.out, [*more, f"paths.quarantine={tmp_path / 'q'}"])
    assert workflow.train(config).trained.evaluations["model"].conversions > 0


def test_flat_real_data_with_a_running_number(real_data, tmp_path):
    done = run(real_data / "x-education", tmp_path / "propensity.yaml")
    leads = done.config.tables["leads"].sources[0]
    assert (leads.columns["lead_id"], leads.columns["outcome"]) == ("Prospect ID", "Converted")
    assert leads.order_by == "Lead Number"
    assert "Select" in leads.null_words
    assert {"Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity"} <= set(
        done.late()
    )
    assert {f"Asymmetrique {a} {b}" for a in ("Activity", "Profile") for b in ("Index", "Score")} <= set(
        done.late()
    )


def test_flat_real_data_without_an_id(real_data, tmp_path):
    done = run(real_data / "bank-marketing", tmp_path / "propensity.yaml")
    assert done.columns("leads") == {"lead_id": "_row", "outcome": "y"}
    assert "duration" in done.late()
    assert "# order_by: file" in done.text
    assert "#   age: {column: age, type: number, static: true}" in done.text
    assert done.config.tables["leads"].order_by is None


def test_real_tables_with_dirty_keys(real_data, tmp_path):
    done = run(real_data / "maven-crm", tmp_path / "propensity.yaml")
    assert set(done.config.tables) == {"leads", "accounts", "products", "stages"}
    leads = done.config.tables["leads"].sources[0]
    assert leads.columns["lead_id"] == "opportunity_id"
    assert (leads.columns["created_at"], leads.when_known) == ("engage_date", ("engage_date",))
    assert leads.lookups["item"].match == "loose"
    assert {"close_date", "close_value", "deal_stage"} <= set(done.late())
    parts = {
        part.columns["stage"].constant: part.where for part in done.config.tables["stages"].sources[0].rows
    }
    assert parts == {"customer": {"deal_stage": ("Won",)}, "disqualified": {"deal_stage": ("Lost",)}}
    result = workflow.check(done.config)
    assert result.profile.rates is not None
    product = next(c for c in result.profile.columns["leads"] if c.name == "product")
    assert (product.known, product.distinct) == (8300, 7)


def test_an_export_whose_names_say_little_is_told_by_what_it_holds(small_world, tmp_path):
    folder = folder_of(tmp_path)
    foreign(small_world, folder)
    for path in folder.iterdir():
        if path.name not in ("inquiries.csv", "firms.parquet", "deals.csv"):
            path.unlink()
    done = run(folder, tmp_path / "c.yaml")
    assert done.columns("leads")["created_at"] == "Opened"
    assert "# doubt: only what it holds says created_at, not its name" in done.text
    parts = done.config.tables["stages"].sources[0].rows
    assert {part.columns["stage"].constant: part.when_known[0] for part in parts} == {
        "prospect": "qualified",
        "opportunity": "offered",
    }
    assert done.config.tables["leads"].sources[0].lookups["account"].match == "loose"


def test_compressed_files_and_other_things_in_the_folder(tmp_path):
    folder = folder_of(
        tmp_path,
        leads_dot_csv_dot_gz=gzip.compress(LEADS.encode()),
        sheet_dot_xlsx=b"PK\x03\x04",
        broken_dot_parquet=b"no",
        empty_dot_csv=b"",
    )
    done = run(folder, tmp_path / "c.yaml")
    assert done.columns("leads")["outcome"] == "won"
    assert set(dict(done.begun.folder.unread)) == {"sheet.xlsx", "broken.parquet", "empty.csv"}
    assert workflow.check(done.config).report.tables["leads"].kept == 60


def test_a_duckdb_file(tmp_path):
    folder = folder_of(tmp_path)
    (tmp_path / "l.csv").write_text(LEADS)
    with duckdb.connect(folder / "crm.duckdb") as database:
        database.read_csv(str(tmp_path / "l.csv")).create("leads")
    done = run(folder, tmp_path / "c.yaml")
    assert done.config.tables["leads"].sources[0].table == "leads"
    assert workflow.check(done.config).report.tables["leads"].kept == 60


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    folder = folder_of(tmp_path, leads_dot_csv=LEADS)
    assert run(folder, tmp_path / "c.yaml").text == run(folder, tmp_path / "d.yaml").text


def test_day_and_month_that_may_be_swapped_are_doubted(tmp_path):
    rows = "".join(f"L{i},0{i % 9 + 1}/0{i % 7 + 1}/2024,{'yes' if i % 3 else 'no'}\n" for i in range(40))
    done = run(folder_of(tmp_path, leads_dot_csv="Lead ID,Created,Won\n" + rows), tmp_path / "c.yaml")
    assert "day and month may be swapped" in done.text
    assert any("swapped" in each for each in done.begun.to_dict()["look_first"])


def test_rows_that_break_a_rule_raise_the_share_with_a_doubt(tmp_path):
    twice = LEADS + LEADS.splitlines(keepends=True)[1] * 2
    done = run(folder_of(tmp_path, leads_dot_csv=twice), tmp_path / "c.yaml")
    assert done.config.checks.max_quarantined_share == pytest.approx(0.04)
    assert "rows would be set aside: lead_id is there more than once" in done.text


def test_odd_names_are_read_back_as_they_are(tmp_path):
    header = 'id,"created: at",won,"yes","- a #b","q""t","t\tb"\n'
    rows = "".join(
        f"{i},2024-01-{i % 27 + 1:02d},{'yes' if i % 3 else 'no'},a,b,c{i % 2},d{i % 3}\n" for i in range(40)
    )
    done = run(folder_of(tmp_path, leads_dot_csv=header + rows), tmp_path / "c.yaml")
    assert done.columns("leads")["created_at"] == "created: at"


@pytest.mark.parametrize(
    ("files", "error", "says"),
    [
        ({}, SourceError, "holds no table that can be read (it is empty)"),
        ({"notes_dot_md": b"x"}, SourceError, "notes.md: files that end in '.md' are not read"),
        ({"prices_dot_csv": b"product,price\na,1\nb,2\n"}, SourceError, "no file in"),
        ({"leads_dot_csv": b"id,created_at,won\n"}, SourceError, "looks like leads"),
    ],
)
def test_a_folder_without_leads_says_what_was_found(tmp_path, files, error, says):
    with pytest.raises(error, match=r"Found|export|CSV") as caught:
        begin(folder_of(tmp_path, **files), tmp_path / "c.yaml", step=lambda _: None)
    assert says in str(caught.value)
    assert not (tmp_path / "c.yaml").exists()


def test_a_missing_folder(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        begin(tmp_path / "nowhere", tmp_path / "c.yaml", step=lambda _: None)


def test_a_file_that_is_there_is_never_overwritten_unless_forced(tmp_path):
    folder, out = folder_of(tmp_path, leads_dot_csv=LEADS), tmp_path / "c.yaml"
    out.write_text("mine")
    with pytest.raises(ConfigError, match="there already"):
        begin(folder, out, step=lambda _: None)
    assert out.read_text() == "mine"
    begin(folder, out, force=True, step=lambda _: None)
    assert out.read_text().startswith("# Written by")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "exports"]


def test_the_command_prints_a_summary_or_one_json_object(tmp_path):
    folder = folder_of(tmp_path, leads_dot_csv=LEADS)
    ended = command("init", folder, "--out", tmp_path / "c.yaml")
    assert ended.code == 0
    assert "Look first at:" in ended.out
    assert f"Next: propensity check --config {tmp_path / 'c.yaml'}" in ended.out
    found = json.loads(json.dumps(command("init", folder, "--out", tmp_path / "d.yaml", "--json").json))
    assert found["tables"]["leads"][0]["columns"]["outcome"] == "won"
    assert command("init", tmp_path / "none", "--out", tmp_path / "e.yaml").code == 2
    assert "Exit codes" in command("init", "--help").out
