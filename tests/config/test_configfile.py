"""The YAML file: every mistake is named, with where it is and what was probably meant."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.conftest import LEADS
from propensity.config import parse_step
from propensity.config.file import load_config, parse_config
from propensity.errors import ConfigError


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no\.yaml cannot be read \(No such file or directory\). Give .* --config"
    ):
        load_config(tmp_path / "no.yaml")


def test_a_folder(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read .Is a directory"):
        load_config(tmp_path)


def test_a_path_through_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be read .Not a directory"):
        load_config(tmp_path / "file" / "c.yaml")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: b: c", "is no valid YAML: mapping values are not allowed here (line 1, column 5)."),
        ("\t- a", "is no valid YAML: found character"),
        ("a: [1", "is no valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is no valid YAML: could not determine a constructor"),
        ("a: 1\n---\nb: 2", "is no valid YAML"),
        ("{[a]: 1}", "is no valid YAML: found unhashable key"),
        (LEADS + LEADS, "is no valid YAML: 'tables' is there twice (line 2, column 1)."),
        ("outcome: {stage: a, stage: b}\n" + LEADS, "'stage' is there twice"),
        ("[1]", "is no mapping of settings (it holds a list). Give the YAML file"),
        ("", "is empty. Give the YAML file"),
        ("word", "is no mapping of settings (it holds text). Give the YAML file"),
        (b"\xff\xfe\x00", "is not UTF-8 text (invalid start byte at byte 0)."),
        ("a: \x00", "is no valid YAML"),
    ],
)
def test_what_is_no_configuration(mistakes, text, says):
    (line, *_) = mistakes(text)
    assert says in line
    assert "c.yaml" in line


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("outcom={}", "outcom: unknown key; do you mean 'outcome'?"),
        ("outcome.horizon_day=3", "outcome.horizon_day: unknown key; do you mean 'horizon_days'?"),
        ("tables.lead={path: x}", "tables.lead: unknown table; do you mean 'leads'?"),
        ("tables.leads.pth=x", "tables.leads.pth: unknown key; do you mean 'path'?"),
        ("tables.leads.csv.delimitr=x", "tables.leads.csv.delimitr: unknown key; do you mean 'delimiter'?"),
        (
            "tables.leads.columns={email: {colum: x}}",
            "tables.leads.columns.email.colum: unknown key; do you mean 'column'?",
        ),
        (
            "tables.leads.extra={a: {static: true, typ: x}}",
            "tables.leads.extra.a.typ: unknown key; do you mean 'type'?",
        ),
        (
            "features.add_activity_types={x: {phrase: p, direktion: inbound}}",
            "features.add_activity_types.x.direktion: unknown key; do you mean 'direction'?",
        ),
        ("xyzzy=1", "xyzzy: unknown key; there are data, engine, tables"),
        ("engine.xyzzy=1", "engine.xyzzy: unknown key; there are kind, memory_gb, threads"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_right_one_at_every_depth(mistakes, override, says):
    assert any(line.startswith(says) for line in mistakes(LEADS, override))


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("outcome.horizon_days=soon", "outcome.horizon_days: Input should be a valid integer"),
        ("outcome.horizon_days=0", "outcome.horizon_days: Input should be greater than or equal to 1, not 0"),
        (
            "outcome.horizon_days=99999999999",
            "outcome.horizon_days: Input should be less than or equal to 36500",
        ),
        ("outcome.horizon_days=true", "outcome.horizon_days: a number is wanted, not true"),
        ("outcome.horizon_days=1.5", "outcome.horizon_days: Input should be a valid integer"),
        ("outcome.recording_lag_days=.inf", "outcome.recording_lag_days: Input should be a finite number"),
        ("outcome.recording_lag_days=.nan", "outcome.recording_lag_days: Input should be a finite number"),
        ("outcome.stage=[a]", "outcome.stage: Input should be a valid string, not ['a']"),
        ("outcome.disqualified_stages=[prospect]", "outcome: prospect cannot both convert"),
        ("outcome.later_stages=customer", "outcome.later_stages: a list is wanted, such as [a, b]"),
        ("outcome=3", "outcome: a mapping is wanted"),
        ("tables=", "tables: a mapping is wanted"),
        ("tables=[1]", "tables: a mapping is wanted"),
        ("tables.leads=", "tables.leads: a mapping is wanted"),
        ("tables.leads.columns=x", "tables.leads.columns: a mapping is wanted"),
        (
            "tables.leads.columns={lead_id: [a]}",
            "tables.leads.columns.lead_id: Input should be a valid string, not ['a']",
        ),
        ("tables.leads.timezone=Mars", "tables.leads.timezone: 'Mars' is no IANA time zone"),
        (
            "data.timezone=Europe/Berln",
            "data.timezone: 'Europe/Berln' is no IANA time zone; do you mean 'Europe/Berlin'?",
        ),
        ("data.through=nonsense", "data.through: 'nonsense' is no ISO 8601 date or time"),
        ("data.through='9999-12-31T23:00-12:00'", "data.through: '9999-12-31T23:00-12:00' is no ISO 8601"),
        ("data.through=5", "data.through: 5 is no ISO 8601 date or time"),
        ("data.folder=5", "data.folder: Input is not a valid path"),
        ("tables.leads.csv.encoding=cp125", "tables.leads.csv.encoding: 'cp125' is no text encoding"),
        ("tables.leads.csv.encoding=rot13", "tables.leads.csv.encoding: 'rot13' is no text encoding"),
        ("tables.leads.csv.delimiter=ab", "tables.leads.csv.delimiter: 'ab' is no delimiter"),
        ("tables.leads.csv.quote=ab", "tables.leads.csv: quote 'ab' is no quoting character"),
        (
            "tables.leads.csv={quote: ';', delimiter: ';'}",
            "tables.leads.csv: quote and delimiter are both ';'",
        ),
        (
            "checks.max_quarantined_share=1.1",
            "checks.max_quarantined_share: Input should be less than or equal to 1",
        ),
        ("snapshots.every=fortnight", "snapshots: 'fortnight' is no step"),
        (
            "snapshots={every: 1 week, age_days: 3}",
            "snapshots: give either `every` (calendar steps) or `age_days`",
        ),
        ("features.windows_days=[30, 7]", "features.windows_days: windows_days are whole days"),
        ("features.windows_days=[]", "features.windows_days: windows_days are whole days"),
        ("features.half_lives_days=[0]", "features.half_lives_days: half_lives_days are days above 0"),
        ("model.tiers=[.1, .2, .3]", "model.tiers: tiers are three probabilities between 0 and 1"),
        ("model.seed=-1", "model.seed: Input should be greater than or equal to 0"),
        ("tracking.model_name=a/b", "tracking.model_name: String should match pattern"),
        ("engine.threads=0", "engine.threads: Input should be greater than or equal to 1"),
        (
            "tables.leads.order=up",
            "tables.leads.order: Input should be 'ascending' or 'descending', not 'up'",
        ),
    ],
)
def test_values_that_do_not_fit(mistakes, override, says):
    found = mistakes(LEADS, override)
    assert any(line.startswith(says) for line in found), found


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("outcome.horizon_days", "is not dotted.key=value, such as outcome.horizon_days=45."),
        ("=1", "is not dotted.key=value"),
        ("", "is not dotted.key=value"),
        ("a..b=1", "is not dotted.key=value"),
        ("outcome.stage={", "the value is no valid YAML"),
        ("outcome.stage=a: b: c", "the value is no valid YAML"),
        (
            "tables.leads.path.x=1",
            "tables.leads.path is 'leads.csv', which holds no 'x'. Set tables.leads.path as a whole.",
        ),
    ],
)
def test_overrides_that_are_none(mistakes, override, says):
    (line,) = mistakes(LEADS, override)
    assert line.startswith(f"--set {override!r}")
    assert says in line


def test_overrides_on_nested_and_new_keys_lists_and_mappings(read):
    config = read(
        LEADS + "outcome: {stage: won}\n",
        "outcome.horizon_days=45",
        "tables.activities.path=a.csv",
        "tables.activities.values.type={Mail: email_open}",
        "features.windows_days=[1, 2]",
        "model.params={max_trees: 30}",
        "outcome.later_stages=[a, no]",
        " data.currency = USD",
        "tables.leads.columns.title=a=b",
        "lists.capacity=",
    )
    assert (config.outcome.stage, config.outcome.horizon_days, config.outcome.later_stages) == (
        "won",
        45,
        ("a", "no"),
    )
    assert config.tables["activities"].sources[0].values["type"] == {"Mail": "email_open"}
    assert config.tables["leads"].sources[0].columns["title"] == "a=b"
    assert (config.features.windows_days, dict(config.model.params)) == ((1, 2), {"max_trees": 30})
    assert (config.data.currency, config.lists.capacity) == ("USD", None)


def test_the_last_override_of_a_key_wins(read):
    assert read(LEADS, "outcome.horizon_days=45", "outcome.horizon_days=60").outcome.horizon_days == 60


def test_overrides_leave_the_other_keys_of_a_section(read):
    config = read(LEADS + "outcome: {stage: won, horizon_days: 9}\n", "outcome.stage=lost")
    assert config.outcome.horizon_days == 9


def test_paths_of_the_file_are_relative_to_it_and_those_of_overrides_to_the_command(tmp_path, monkeypatch):
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.chdir(here)
    text = (
        LEADS
        + "data: {folder: d, database: x.duckdb}\npaths: {models: m}\ntracking: {uri: 'sqlite:///t.db', artifacts: a}\n"
    )
    (home / "c.yaml").write_text(text)
    config = load_config(Path("../home/c.yaml"))
    assert (config.data.folder, config.data.database) == (home / "d", home / "x.duckdb")
    assert (config.paths.models, config.paths.out) == (home / "m", home / "out")
    assert (config.tracking.uri, config.tracking.artifacts) == (f"sqlite:///{home}/t.db", str(home / "a"))
    sets = [
        "data.folder=d",
        "data.database=x.duckdb",
        "paths={out: o}",
        "paths.models=m",
        "tracking.uri=sqlite:///t.db",
        "tracking.artifacts=a",
    ]
    config = load_config(home / "c.yaml", sets)
    assert (config.data.folder, config.data.database) == (here / "d", here / "x.duckdb")
    assert (config.paths.models, config.paths.out) == (here / "m", here / "o")
    assert (config.tracking.uri, config.tracking.artifacts) == (f"sqlite:///{here}/t.db", str(here / "a"))
    assert config.tables["leads"].sources[0].path == Path("leads.csv")


@pytest.mark.parametrize(
    "uri", ["http://h:5000", "sqlite:////abs/x.db", "sqlite:///:memory:", "postgresql://u@h/db"]
)
def test_addresses_of_servers_are_left_alone(read, uri):
    assert read(LEADS, f"tracking.uri='{uri}'").tracking.uri == uri
    assert read(LEADS, "tracking.artifacts=s3://bucket/x").tracking.artifacts == "s3://bucket/x"


def test_words_that_older_yaml_takes_for_something_else(read):
    text = "tables: {leads: {path: x, null_words: [no, off, on, yes, 010, 12:30, 1_000, ~x, 7, 1.5, true, 2024-01-05], columns: {owner: no}}}\n"
    leads = read(text).tables["leads"].sources[0]
    assert leads.null_words == (
        "no",
        "off",
        "on",
        "yes",
        "010",
        "12:30",
        "1_000",
        "~x",
        "7",
        "1.5",
        "true",
        "2024-01-05",
    )
    assert leads.columns["owner"] == "no"
    assert read(
        LEADS, "outcome={stage: 5, later_stages: [6, yes], disqualified_stages: [007]}"
    ).outcome.converting == ("5", "6", "yes")


def test_values_may_be_mapped_from_what_yaml_reads_as_numbers_and_booleans(read):
    text = (
        "tables: {leads: {path: x, values: {outcome: {1: yes, 0: no, true: yes, n: no, 2024-01-05: no}}}}\n"
    )
    assert set(read(text).tables["leads"].sources[0].values["outcome"]) == {
        "1",
        "0",
        "true",
        "n",
        "2024-01-05",
    }


def test_anchors_and_merges_work(read):
    config = read(
        "tables: {leads: {path: x, csv: &c {delimiter: ';', quote: ''}}, stages: {path: y, csv: {<<: *c, quote: '\"'}}}\n"
    )
    assert (
        config.tables["stages"].sources[0].csv.delimiter,
        config.tables["stages"].sources[0].csv.quote,
    ) == (";", '"')


def test_a_tab_can_be_written_in_two_ways(read):
    assert read(LEADS, r"tables.leads.csv.delimiter=\t").tables["leads"].sources[0].csv.delimiter == "\t"
    assert read(LEADS, r'tables.leads.csv.delimiter="\t"').tables["leads"].sources[0].csv.delimiter == "\t"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-06-01", datetime(2026, 6, 1, tzinfo=UTC)),
        ("2026-06-01T06:00:00+02:00", datetime(2026, 6, 1, 4, tzinfo=UTC)),
        ("2026-06-01 06:00:00", datetime(2026, 6, 1, 6, tzinfo=UTC)),
        ("'2026-06-01T06:00'", datetime(2026, 6, 1, 6, tzinfo=UTC)),
        ("", None),
    ],
)
def test_instants(read, text, want):
    assert read(LEADS, f"data.through={text}").data.through == want


@pytest.mark.parametrize(
    "text",
    ["0 days", "2 years", "1 1 day", "", "-1 days", "1.5 weeks", "99999999999 days", "²days", "² days"],
)
def test_steps_that_are_none(text):
    with pytest.raises(ValueError, match="is no step"):
        parse_step(text)


def test_a_mapping_without_a_file(tmp_path):
    config = parse_config(
        {"tables": {"leads": {"path": "x"}}, "data": {"folder": "d", "database": "b"}}, base=tmp_path
    )
    assert (config.data.folder, config.data.database) == (tmp_path / "d", tmp_path / "b")
    with pytest.raises(ConfigError, match="the configuration does not fit"):
        parse_config({}, base=tmp_path)


def test_what_is_written_down_reads_as_the_same(read, tmp_path):
    config = read(LEADS, "data.through=2026-06-01", "outcome.horizon_days=45")
    assert parse_config(config.to_dict(), base=tmp_path) == config


def test_the_demo_is_right():
    assert load_config(Path(__file__).parents[2] / "configs" / "demo.yaml").outcome.horizon_days == 30
