"""Bad input: one message that names file, column, rule, count and examples, the right exit code, and nothing touched."""

from __future__ import annotations

import csv
import io
import random
import re
import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cli.conftest import fingerprint, run
from conftest import UNASKED
from shared import own_copy

pytestmark = pytest.mark.usefixtures("unharmed")


def without_column(text: str) -> str:
    return text.replace("created_at", "made", 1)


def with_duplicates(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return "".join([*lines, *lines[1:21]])


def with_bad_dates(text: str) -> str:
    count = 0

    def spoil(match: re.Match) -> str:
        nonlocal count
        count += 1
        return "soon" if count <= 30 else match[0]

    return re.sub(r'(?<=,")\d{4}-\d{2}-\d{2}T[^"]*', spoil, text)


DATA = {
    "missing file": ("leads.csv", None, ["leads.csv does not exist", "data.folder"]),
    "empty file": ("leads.csv", "", ["leads.csv is empty", "header"]),
    "empty table": ("leads.csv", "lead_id,created_at\n", ["leads.csv holds no rows", "tables.leads"]),
    "missing column": (
        "leads.csv",
        without_column,
        ["leads.csv lacks created_at", "found lead_id", "tables.leads.columns"],
    ),
    "duplicate ids": (
        "leads.csv",
        with_duplicates,
        [
            "leads (leads.csv)",
            "of 521 rows",
            "lead_id is there more than once: 20 rows",
            "for example row",
            "checks.max_quarantined_share",
        ],
    ),
    "unparsable dates": (
        "leads.csv",
        with_bad_dates,
        ["created_at is not a date or time: 31 rows", "'soon'", "of 501 rows (6.2%)", "propensity check"],
    ),
    "no Parquet": (
        "activities.parquet",
        b"nothing of the kind",
        ["activities.parquet cannot be read as Parquet"],
    ),
    "not UTF-8": (
        "leads.csv",
        "größe,lead_id\n".encode("cp1252"),
        ["leads.csv is not utf-8 text", "csv.encoding"],
    ),
    "a workbook": ("leads.csv", b"PK\x03\x04 sheet", ["leads.csv is no delimited text but a workbook"]),
}


@pytest.mark.parametrize("case", DATA)
def test_refused_data(place, spoiled, case):
    name, by, says = DATA[case]
    ended = run("score", *place.settings(world=spoiled(name, by)), "--out", place.list)
    assert ended.code == 3
    for words in says:
        assert words in ended.message
    assert ended.message.rstrip().endswith((".", "again."))


def test_activities_of_unknown_leads(place, spoiled):
    table = pq.read_table(place.world / "activities.parquet")
    strangers = pa.array(
        [f"nobody-{i}" if i % 10 == 0 else lead for i, lead in enumerate(table["lead_id"].to_pylist())]
    )
    world = spoiled("activities.parquet", b"")
    pq.write_table(
        table.set_column(table.column_names.index("lead_id"), "lead_id", strangers),
        world / "activities.parquet",
    )
    ended = run("score", *place.settings(world=world), "--out", place.list)
    assert ended.code == 3
    assert re.search(
        r"activities \(activities\.parquet\): [\d,]+ of 10,\d+ rows \(10\.\d%\) break a rule", ended.message
    )
    assert "lead_id is no known lead: " in ended.message
    assert "row 1: 'nobody-0'; row 11: 'nobody-10'" in ended.message


def test_a_folder_instead_of_a_file(place, spoiled):
    world = spoiled("leads.csv", None)
    (world / "leads.csv").mkdir()
    ended = run("check", *place.settings(world=world))
    assert ended.code == 3
    assert "leads.csv is a folder without Parquet files" in ended.message


@pytest.mark.parametrize(
    ("setting", "code", "says"),
    [
        ("tables.leads.path=leads.csv/inside.csv", 3, "leads.csv/inside.csv does not exist"),
        ("tables.leads.path=leads.xlsx", 3, "ends in '.xlsx'; known are .parquet and .csv"),
        (
            "tables.leads.columns={title: job_title}",
            3,
            "leads.csv has no column 'job_title', which tables.leads names",
        ),
        ("data.folder=/nowhere/at/all", 3, "/nowhere/at/all/leads.csv does not exist"),
        ("tables.leads={table: x}", 2, "tables.leads.table needs data.database"),
        ("outcome.horizon=30", 2, "outcome.horizon: unknown key; do you mean 'horizon_days'?"),
        ("outcome.horizon_days", 2, "is not dotted.key=value"),
        ("tables.leads.csv.encoding=klingon", 2, "'klingon' is no text encoding"),
        (
            "tables.leads.columns={created_at: {column: created_at, format: '%Q'}}",
            2,
            "'%Q' is no strptime format",
        ),
    ],
)
def test_settings_that_cannot_be(place, setting, code, says):
    ended = run("score", *place.settings(setting), "--out", place.list)
    assert ended.code == code
    assert says in ended.message


NOBODY = ("outcome.stage=knighted", "outcome.later_stages=[]")


def test_a_stage_that_nobody_entered_is_refused_with_the_words_to_check(place):
    ended = run("train", *place.settings(*NOBODY), "--json")
    assert ended.code == 3
    assert "one class only: 0 conversions" in ended.message
    assert "outcome.stage, 'knighted'" in ended.message
    assert "model.rungs: [scorecard]" in ended.message


def test_where_nobody_converted_the_scorecard_may_be_asked_for_and_says_what_it_is(place, tmp_path):
    store = f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"
    ended = run("train", *place.settings(*NOBODY, store, "model.rungs=[scorecard]"), "--json")
    assert ended.code == 0
    warnings = " ".join(ended.json["warnings"])
    assert "the scorecard rules: 0 conversions" in warnings
    assert "everyone has the base rate" in warnings
    assert "nothing says how good this model is" in warnings
    assert ended.json["metrics"] == {}


def test_no_matured_snapshot(place):
    ended = run("train", *place.settings("outcome.horizon_days=3650"))
    assert ended.code == 3
    assert "no snapshot is matured" in ended.message
    assert "outcome.horizon_days" in ended.message
    assert "lower the horizon" in ended.message


@pytest.mark.parametrize("day", ["2000-01-01", "0001-01-01"])
def test_as_of_before_any_data(place, day):
    ended = run("score", *place.settings(), "--out", place.list, "--as-of", day)
    assert ended.code == 3
    assert f"as_of {day} 00:00 UTC is before any data: the first lead was created 20" in ended.message


@pytest.mark.parametrize("text", ["nonsense", "2026-13-01", "tomorrow", "", "2026-06-01T99:00"])
def test_an_as_of_that_is_none(place, text):
    ended = run("score", *place.settings(), "--out", place.list, "--as-of", text)
    assert ended.code == 2
    assert f"--as-of {text!r} is no ISO 8601 date or time, such as 2026-06-01" in ended.message


@pytest.mark.parametrize("text", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"])
def test_an_as_of_at_the_end_of_time(place, text):
    ended = run("score", *place.settings(), "--out", place.list, "--as-of", text)
    assert ended.code in (2, 3)
    assert ended.message


def test_a_model_whose_features_differ_shows_the_difference(place):
    ended = run("score", *place.settings("features.windows_days=[7, 14]"), "--out", place.list)
    assert ended.code == 4
    assert re.search(r"_14d", ended.message)
    assert re.search(r"_365d", ended.message)


def test_a_source_column_that_is_gone_shows_as_a_difference(place, spoiled):
    world = spoiled("accounts.csv", lambda text: text.replace("industry", "branch", 1))
    ended = run("score", *place.settings(world=world), "--out", place.list)
    assert ended.code == 4
    assert "industry" in ended.message


@pytest.mark.parametrize("name", ["model.txt", "bundle.json", "manifest.json"])
def test_a_changed_byte_in_the_bundle_is_refused_by_name(place, tmp_path, name):
    """In the local cache: the operator is told, nothing is mended behind their back."""
    shutil.copytree(place.folder / "models", tmp_path / "models")
    (path,) = (tmp_path / "models").rglob(name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    before = fingerprint(place.list)
    ended = run("score", *place.settings(f"paths.models={tmp_path}/models"), "--out", place.list)
    assert ended.code == 4
    # A changed manifest disagrees with a file: which of the two is wrong cannot be told, so the file is named.
    assert str(path) in ended.message or (name == "manifest.json" and "the manifest says" in ended.message)
    assert f"Delete the folder {path.parent}" in ended.message
    assert fingerprint(place.list) == before


def test_a_changed_byte_in_the_registry_is_refused(place, tmp_path):
    own = replace(place, folder=own_copy(place.folder, tmp_path / "own"))
    changed = 0
    for path in (own.folder / "mlartifacts").rglob("*.txt"):
        data = bytearray(path.read_bytes())
        if b"tree" in data[:200]:
            data[len(data) // 2] ^= 1
            path.write_bytes(bytes(data))
            changed += 1
    assert changed
    ended = run("score", *own.settings(f"paths.models={tmp_path}/models"), "--out", own.list)
    assert ended.code == 4
    assert re.search(r"\.txt", ended.message)


@pytest.mark.parametrize("command", ["score", "promote", "rollback"])
def test_no_model_at_all(place, tmp_path, command):
    ended = run(
        command, *place.settings(f"tracking.uri=sqlite:///{tmp_path}/m.db", f"paths.models={tmp_path}/models")
    )
    assert ended.code == 4
    assert "propensity train" in ended.message or "no former champion" in ended.message


def test_a_version_that_is_not_there(place):
    ended = run("score", *place.settings(), "--model-version", "77", "--out", place.list)
    assert ended.code == 4
    assert "77" in ended.message


@pytest.mark.parametrize("below", ["", "list", "list/tonight"])
def test_an_out_folder_that_cannot_be(place, tmp_path, below):
    (file := tmp_path / "file").write_text("")
    ended = run("score", *place.settings(), "--out", file / below)
    assert ended.code == 5
    assert ended.message == (
        f"{file / below} cannot be written: {file} is a file, not a folder. Give another folder with --out.\n"
    )


def test_a_quarantine_folder_that_cannot_be(place, tmp_path):
    (tmp_path / "file").write_text("")
    ended = run("check", *place.settings(f"paths.quarantine={tmp_path}/file/q"))
    assert ended.code == 2
    assert "paths.quarantine" in ended.message


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["scor"], "No such command 'scor'"),
        (["check", "--confg", "x"], "No such option: --confg"),
        (["check"], "Missing option '--config'"),
        (["check", "--config"], "requires an argument"),
        (["check", "--config", "no.yaml"], "no.yaml cannot be read (No such file or directory)"),
        (["check", "--config", "."], ". cannot be read (Is a directory)"),
        (["check", "--config", "/dev/null"], "is empty. Give the YAML file"),
        (["check", "--config", "c.yaml", "extra"], "extra"),
        (["demo", "--leads", "3"], "--leads"),
        (["demo", "--leads", "many"], "--leads"),
    ],
)
def test_a_command_line_that_does_not_fit(arguments, says):
    ended = run(*arguments)
    assert ended.code == 2
    assert says in ended.message


def test_strict_counts_warnings_after_the_result_is_printed(place):
    ended = run("check", *place.settings(), "--json", "--strict")
    assert ended.code == 6
    assert ended.json["findings"]
    assert "--strict makes them count" in ended.err


def test_the_quarantine_tells_what_was_wrong(place, spoiled, tmp_path):
    world = spoiled("leads.csv", with_duplicates)
    ended = run("check", *place.settings(f"paths.quarantine={tmp_path}/q", world=world))
    assert ended.code == 3
    assert str(tmp_path / "q") in ended.message
    held = (tmp_path / "q" / "leads.csv").read_text(encoding="utf-8")
    assert held.count("lead_id is there more than once") == 20


def test_rows_of_a_world_in_any_order_are_the_same_list(place, spoiled, tmp_path):
    def shuffled(text: str) -> str:
        header, *lines = text.splitlines(keepends=True)
        random.Random(1).shuffle(lines)
        return "".join([header, *lines])

    world = spoiled("leads.csv", shuffled)
    activities = pq.read_table(world / "activities.parquet")
    order = list(range(activities.num_rows))
    random.Random(2).shuffle(order)
    pq.write_table(pc.take(activities, order), world / "activities.parquet")
    ended = run("score", *place.settings(world=world), "--out", tmp_path / "list", "--json")
    assert ended.code == 0
    ours, theirs = fingerprint(tmp_path / "list"), fingerprint(place.list)
    assert {name: ours[name] for name in ours if name != "manifest.json"} == {
        name: theirs[name] for name in theirs if name != "manifest.json"
    }


def column_of(name: str, text: str, value) -> str:
    """The CSV text with one column's values replaced."""
    rows = list(csv.reader(io.StringIO(text)))
    place = rows[0].index(name)
    for number, row in enumerate(rows[1:]):
        row[place] = value(number)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


FORMULA, SCRIPT = "=cmd|' /C calc'!A0", "\u202e<script>" + "\U0001f4a9" * 9_000
CHANGED = {
    "new categories, absurd numbers": (
        {
            "industry": lambda number: f"branch {number % 2} of tomorrow",
            "annual_revenue": lambda _: "1e18",
        },
        {},
        "firmographic_industry has values that the model has never seen for",
    ),
    "nulls, a web form's text": (
        {"industry": lambda _: ""},
        {"contact_name": lambda number: FORMULA if number % 2 else SCRIPT},
        "firmographic_industry is null for all 500 leads, but was known for",
    ),
}
"""New values of columns of accounts, of leads, and the surprise that is told of the industry alone."""


def test_facts_are_not_blamed_for_leads_that_cannot_be_read(place, spoiled):
    world = spoiled(
        "leads.csv",
        lambda text: column_of("created_at", text, lambda number: "soon" if number % 2 else "2024-06-03"),
    )
    (world / "leads.csv").write_bytes((world / "leads.csv").read_bytes().replace(b"\nL000", b"\nX000", 100))
    ended = run("check", *place.settings(world=world))
    assert ended.code == 3
    assert "leads (leads.csv): 250 of 501 rows (49.9%) break a rule" in ended.message
    assert "is no known lead" not in ended.message
    assert (
        "Whether the leads of activities, stages, budgets are known shows when leads are right."
        in ended.message
    )


@pytest.mark.parametrize("case", CHANGED)
def test_columns_that_changed_since_the_training_still_score_every_lead(place, spoiled, tmp_path, case):
    *changed, said = CHANGED[case]
    world = spoiled("accounts.csv", lambda text: text)
    for name, columns in zip(("accounts.csv", "leads.csv"), changed, strict=True):
        text = (world / name).read_text(encoding="utf-8")
        for column, value in columns.items():
            text = column_of(column, text, value)
        (world / name).write_text(text, encoding="utf-8")
    ended = run("score", *place.settings(UNASKED, world=world), "--out", tmp_path / "list", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["scored"] == 500
    surprises = [words for words in ended.json["warnings"] if words.startswith("firmographic_")]
    assert [words for words in surprises if words.startswith(said)]
    assert all(words.startswith("firmographic_industry") for words in surprises), "of no other column"
    listed = (tmp_path / "list" / "list.csv").read_text(encoding="utf-8")
    assert not re.search(r"(?:^|,)\"?=cmd", listed, re.MULTILINE)


@pytest.mark.parametrize("table", ["activities", "stages"])
def test_a_table_that_came_empty_since_the_training_is_refused(place, spoiled, tmp_path, table):
    world = spoiled("leads.csv", lambda text: text)
    pq.write_table(pq.read_table(world / f"{table}.parquet").slice(0, 0), world / f"{table}.parquet")
    ended = run("score", *place.settings(world=world), "--out", tmp_path / "list")
    assert ended.code == 3
    told = rf"{table} \({table}\.parquet\) holds no usable row, and had [\d,]+ when the model learned"
    assert re.search(told, ended.message)
    assert not (tmp_path / "list").exists()


def test_leads_of_a_later_day_are_counted(place, spoiled, tmp_path):
    rows = csv.DictReader(io.StringIO((place.world / "leads.csv").read_text(encoding="utf-8")))
    known = [row["created_at"] for row in rows]

    def at(number: int) -> str:
        return known[number] if number % 10 else "2031-01-01"

    world = spoiled("leads.csv", lambda text: column_of("created_at", text, at))
    ended = run("score", *place.settings(UNASKED, world=world), "--out", tmp_path / "list", "--json")
    assert ended.code == 0, ended.err
    later = sum(number % 10 == 0 for number in range(len(known)))
    assert (ended.json["scored"], ended.json["later"]) == (len(known) - later, later)


def test_a_column_that_became_words_since_the_training_is_refused(place, spoiled):
    world = spoiled("accounts.csv", lambda text: column_of("employee_count", text, lambda _: "many"))
    ended = run("score", *place.settings(world=world), "--out", place.list)
    assert ended.code == 3
    assert re.search(
        r"employee_count is not a number from -1e18 to 1e18: \d+ rows, for example row 1: 'many'",
        ended.message,
    )


def test_a_table_that_is_mapped_no_more_shows_as_a_difference(place):
    mapped = (
        "leads: {path: leads.csv}, activities: {path: activities.parquet}, stages: {path: stages.parquet}"
    )
    ended = run("score", *place.settings(f"tables={{{mapped}}}"), "--out", place.list)
    assert ended.code == 4
    assert "budget_latest_amount" in ended.message
    assert "Score with the configuration of the training" in ended.message
