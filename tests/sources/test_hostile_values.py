"""Values that look like something they are not: set aside or refused, never read as something else."""

from __future__ import annotations

import csv
from datetime import UTC, datetime

import pytest

from propensity.errors import ConfigError, ContractError, SourceError

LEADS = "lead_id,created_at\n1,2024-01-05\n2,2024-01-05\n"
DAY_END = datetime(2024, 1, 5, 23, 59, 59, 999999, UTC)


def made(load_tables, text, **mapping):
    """What a time reads as, or None where it is set aside."""
    columns = {"created_at": {"column": "at", **mapping}}
    found = load_tables(
        {"leads.csv": f'lead_id,at\n1,"{text}"\n'}, {"leads": {"path": "leads.csv", "columns": columns}}
    )
    times = found.rows("leads", "created_at")
    assert len(times) + sum(found.broken("leads").values()) == 1
    return times[0] if times else None


def staff(load_tables, words, **how):
    lines = "".join(f'{number},"{word}"\n' for number, word in enumerate(words, 100))
    tables = {"accounts": {"path": "accounts.csv", "columns": {"employee_count": {"column": "staff", **how}}}}
    found = load_tables({"accounts.csv": "account_id,staff\n" + lines}, tables)
    read = dict(found.rows("accounts", "account_id", "employee_count"))
    assert found.report.tables["accounts"].rows == len(words)
    return [read.get(str(number)) for number in range(100, 100 + len(words))]


def test_offsets_that_no_clock_has_are_set_aside(load_tables):
    texts = ["+99:99", "+15:00", "-23:00", "+02:60"]
    assert [made(load_tables, f"2024-01-05T10:00:00{text}") for text in texts] == [None] * 4
    pattern = "%Y-%m-%dT%H:%M:%S%z"
    assert [made(load_tables, f"2024-01-05T10:00:00{text}", format=pattern) for text in texts] == [None] * 4
    assert made(load_tables, "2024-01-05T23:00:00+14:00", format=pattern) == datetime(
        2024, 1, 5, 9, tzinfo=UTC
    )


def test_leap_days_and_leap_seconds(load_tables):
    assert made(load_tables, "2024-02-29") == datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)
    assert [made(load_tables, text) for text in ("2023-02-29", "1900-02-29", "2016-12-31T23:59:60Z")] == [
        None
    ] * 3


def test_a_date_with_a_zone_but_no_time_of_day_counts_at_the_end_of_that_day(load_tables):
    assert made(load_tables, "2024-01-05 UTC", format="%Y-%m-%d %Z") == DAY_END


@pytest.mark.parametrize("pattern", ["%H:%M", "%j", "%d.%m.", "%A", "x'); DROP TABLE leads; --", "%%Y"])
def test_a_format_without_a_year_is_refused_since_all_would_be_1900(load_tables, pattern):
    with pytest.raises(
        ConfigError, match=r"tables\.leads\.columns\.created_at\.format: .*says no year.*Add %Y"
    ):
        made(load_tables, "10:00", format=pattern)


def test_half_a_day_needs_to_say_which_half(load_tables):
    with pytest.raises(ConfigError, match=r"%I.*Add %p, or take %H"):
        made(load_tables, "2024-01-05 10:00", format="%Y-%m-%d %I:%M")


def test_times_that_two_formats_read_differently_are_counted(load_tables):
    text = "lead_id,at\n1,05/01/2024\n2,25/01/2024\n3,01/25/2024\n"
    columns = {"created_at": {"column": "at", "format": ["%d/%m/%Y", "%m/%d/%Y"]}}
    found = load_tables({"leads.csv": text}, {"leads": {"path": "leads.csv", "columns": columns}})
    assert found.findings("leads") == [
        "warning: 1 rows of leads.csv have a at that several of its formats read, each as another time; the first is taken"
    ]
    assert found.rows("leads", "created_at")[0] == DAY_END


def test_a_band_is_not_guessed(load_tables):
    words = [
        "-5",
        "\u22125",
        "1,5",
        "1e5",
        "1/2",
        "0x1F",
        "1k5",
        "-10-20",
        "100.000-200.000",
        "1.500",
        "5-9",
        "1,500",
    ]
    assert staff(load_tables, words, band="middle") == [None] * 10 + [7.0, 1500.0]
    assert staff(load_tables, ["100.000-200.000", "1.500"], band="middle", decimal=",") == [150_000.0, 1500.0]
    assert staff(load_tables, ["1.500"], band="middle", decimal=".") == [1.5]


def test_an_amount_is_not_guessed(load_tables):
    words = ["5 Mio", "5 Mio EUR", "3 MRD", "1.5", "12.34", "1.23.456", "1 2 3", "(5)", "5 eur", "5 kr"]
    assert staff(load_tables, words, decimal=",") == [None] * 8 + [5.0, 5.0]


def test_numbers_that_are_none_or_absurd(load_tables):
    words = [
        "1e18",
        "1.1e18",
        "-1e308",
        "1e400",
        "-0",
        "1,5",
        "\u0661\u0662\u0663",
        "0x1F",
        "\uff11",
        "9" * 400,
        "5%",
        "true",
    ]
    assert staff(load_tables, words) == [1e18, None, None, None, 0.0] + [None] * 7


def test_ids_lose_what_nobody_sees_around_them(load_tables):
    odd = ["1\u00a0", "\u200b2", "\ufeff3", "\u3000 4\u202c", "5.0", "\u200f6"]
    ids = [str(number) for number in range(1, 7)]
    files = {
        "leads.csv": "lead_id,created_at\n" + "".join(f"{known},2024-01-05\n" for known in ids),
        "activities.csv": "lead_id,occurred_at,type\n"
        + "".join(f'"{text}",2024-02-01,call\n' for text in odd),
    }
    assert sorted(load_tables(files).rows("activities", "lead_id")) == ids


def test_a_text_of_invisible_signs_is_unknown(load_tables):
    text = (
        "lead_id,created_at,title\n1,2024-01-05,\u00a0\n2,2024-01-05,\u200b\u200e\n-7.0,2024-01-05,\u0bb5\n"
    )
    found = load_tables({"leads.csv": text})
    assert found.rows("leads", "lead_id", "title") == [("-7", "\u0bb5"), ("1", None), ("2", None)]


def test_ids_that_differ_in_case_or_width_stay_apart_and_are_named(load_tables):
    found = load_tables(
        {"leads.csv": "lead_id,created_at\na7,2024-01-05\nA7,2024-01-05\na\uff17,2024-01-05\n"}
    )
    assert len(found.rows("leads")) == 3
    assert found.findings("leads")[-1].startswith(
        "info: 1 ids are there in several spellings, such as 'A7' and "
    )


def test_a_rate_of_nothing_would_take_every_amount_with_it(load_tables):
    found = load_tables({"rates.csv": "currency,to_base\nUSD,0\nGBP,-1\nCHF,1.1\n"})
    assert found.broken("rates") == {"to_base is not above 0": 2}
    assert found.rows("rates", "currency") == ["CHF"]


def test_a_lookup_without_a_single_key_on_our_side_is_said(load_tables):
    files = {"leads.csv": "lead_id,created_at,k\n1,2024-01-05,\n", "firms.csv": "key,v\nx,1\n"}
    lookup = {"f": {"path": "firms.csv", "on": {"k": "key"}}}
    found = load_tables(
        files, {"leads": {"path": "leads.csv", "lookups": lookup, "columns": {"title": "f.v"}}}
    )
    assert (
        "warning: tables.leads.lookups.f: no row of leads.csv has a k, so nothing is looked up"
        in found.findings("leads")
    )


def test_a_lookup_of_lines_that_are_no_rows_is_refused_above_the_share(load_tables):
    files = {"leads.csv": "lead_id,created_at,k\n1,2024-01-05,x\n", "firms.csv": "key,v\nx,1\ny\nz,1,2\n"}
    lookup = {"f": {"path": "firms.csv", "on": {"k": "key"}}}
    tables = {"leads": {"path": "leads.csv", "lookups": lookup, "columns": {"title": "f.v"}}}
    with pytest.raises(
        ContractError, match=r"2 of 3 lines of firms\.csv are no rows, for example line 3: 'y'"
    ):
        load_tables(files, tables, share=0.5)


def test_a_mapping_that_leaves_out_every_lead_says_so(load_tables):
    tables = {"leads": {"path": "leads.csv", "where": {"lead_id": "x"}}}
    with pytest.raises(
        SourceError, match=r"no row is a lead: 2 of 2 rows of leads\.csv are no leads.*Check `where`"
    ):
        load_tables({"leads.csv": LEADS}, tables)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (
            {"title": {"column": "a", "band": "middle"}},
            r"columns\.title\.band: title is of type text, and band is for number",
        ),
        (
            {"deal_value": {"column": "a", "prefix": "x"}},
            r"columns\.deal_value\.prefix: deal_value is of type number",
        ),
        ({"email": {"column": "a", "format": "%Y"}}, r"columns\.email\.format: email is of type text"),
        ({"lead_id": {"column": "a", "decimal": ","}}, r"columns\.lead_id\.decimal: lead_id is of type id"),
    ],
)
def test_a_setting_that_a_column_has_no_use_for_is_refused(load_tables, mapping, says):
    with pytest.raises(ConfigError, match=says):
        load_tables({"leads.csv": LEADS}, {"leads": {"path": "leads.csv", "columns": mapping}})


def test_the_quarantine_runs_nothing_in_a_spreadsheet(load_tables):
    text = "lead_id,created_at,title,deal_value\n1,never,=cmd|' /C calc'!A0,-5\n-7,never, @x,1\n"
    found = load_tables({"leads.csv": text})
    with found.quarantine("leads").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["lead_id"], row["title"]) for row in rows] == [("1", "'=cmd|' /C calc'!A0"), ("-7", "'@x")]


def test_the_quarantine_says_which_lines_belong_together(load_tables):
    found = load_tables(
        {"leads.csv": 'lead_id,created_at,title\n1,2024-01-05,x\n2,2024-01-05,"open\n3,2024-01-05,x\n'}
    )
    assert found.broken("leads") == {"the line is no row": 2}
    with found.quarantine("leads").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["_found"].startswith('lines 3 to 4: 2,2024-01-05,"open')


def test_strings_of_the_configuration_are_never_code(load_tables):
    evil = "x'); DROP TABLE checked_leads; --"
    leads = {
        "path": "leads.csv",
        "null_words": [evil],
        "values": {"title": {"a": evil}},
        "columns": {
            "source": {"constant": evil + "!"},
            "region": {"column": "title", "prefix": evil},
            "product": {"constant": "e'\\x41' %s {0}"},
        },
        "where": {"lead_id": ["1", evil]},
    }
    found = load_tables(
        {"leads.csv": "lead_id,created_at,title\n1,2024-01-05,a\n2,2024-01-05,a\n"}, {"leads": leads}
    )
    assert found.rows("leads", "source", "title", "region", "product") == [
        (evil + "!", evil, evil + "a", "e'\\x41' %s {0}")
    ]


def test_a_record_from_1900_or_the_epochs_first_day_is_set_aside_and_a_founding_day_is_not(load_tables):
    files = {
        "leads.csv": "lead_id,created_at\n1,1900-01-01\n2,1970-01-01T00:00:00Z\n3,1970-01-01\n4,1970-01-03T00:00:00Z\n5,2024-01-05\n",
        "activities.csv": "lead_id,occurred_at,type,recorded_at\n5,1899-12-30,call,\n5,2024-01-06,call,1900-01-01\n5,2024-01-06,call,\n",
        "accounts.csv": "account_id,founded_on,valid_from\na,1871-03-01,1900-01-01\n",
    }
    found = load_tables(files)
    assert found.rows("leads", "lead_id") == ["4", "5"]
    assert found.broken("leads") == {"created_at is before 1970-01-03, as if for no date": 3}
    assert found.broken("activities") == {
        "occurred_at is before 1970-01-03, as if for no date": 1,
        "recorded_at is before 1970-01-03, as if for no date": 1,
    }
    assert found.broken("accounts") == {}
