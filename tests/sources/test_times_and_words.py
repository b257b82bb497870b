"""Times, zones, booleans, numbers, null words and value maps."""

# ruff: noqa: DTZ001 - wall-clock times are what is tested

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propensity.errors import ConfigError, SchemaError

DAY_END = datetime(2024, 1, 5, 23, 59, 59, 999999, UTC)
NOON = datetime(2024, 1, 5, 12, 0, tzinfo=UTC)


def times(load_tables, texts, zone="UTC", pattern=None):
    """What each text reads as; None where it is set aside."""
    lines = "".join(f'{place};"{text}"\n' for place, text in enumerate(texts))
    mapping = {"column": "when"} | ({"format": pattern} if pattern else {})
    table = {"path": "leads.csv", "columns": {"created_at": mapping}, "timezone": zone}
    found = load_tables({"leads.csv": f"lead_id;when\n{lines}x;2000-01-01\n"}, {"leads": table})
    read = dict(found.rows("leads", "lead_id", "created_at"))
    assert found.broken("leads").get("when is not a date or time", 0) == len(texts) + 1 - len(read)
    return [read.get(str(place)) for place in range(len(texts))]


READ = [
    ("2024-01-05", DAY_END),
    ("2024/01/05", DAY_END),
    ("2024-1-5", DAY_END),
    (" 2024-01-05\t", DAY_END),
    ("2024-01-05 12:00", NOON),
    ("2024-01-05T12:00:00", NOON),
    ("2024/01/05 12:00:00.000", NOON),
    ("2024-01-05 12:00:00Z", NOON),
    ("2024-01-05T12:00Z", NOON),
    ("2024-01-05 12:00 UTC", NOON),
    ("2024-01-05 12:00:00 GMT", NOON),
    ("2024-01-05T14:00:00+02:00", NOON),
    ("2024-01-05T14:00:00.000+0200", NOON),
    ("2024-01-05 14:00+02", NOON),
    ("2024-01-05 04:00:00 -08", NOON),
    ("2024-01-05 12:00:00.123456789", NOON.replace(microsecond=123456)),
]


def test_times_that_are_read(load_tables):
    found = times(load_tables, [text for text, _ in READ])
    assert dict(zip(READ, found, strict=True)) == {(text, want): want for text, want in READ}


def test_everything_else_is_set_aside_not_guessed(load_tables):
    odd = [
        "infinity",
        "epoch",
        "0000-00-00",
        "24-01-05",
        "99999-01-01",
        "2024-01-05 (BC)",
        "2024-02-30",
        "2024\\01\\05",
    ]
    odd += [
        "2024-01-05 25:00",
        "05.01.2024",
        "01/05/2024",
        "20240105",
        "1704448800",
        "yesterday",
        "2024-01-05 12:00 CET",
    ]
    odd += [
        "2024-01-05 12:00:00+02:00:30",
        "12:00",
        "2024-01",
        "0001-01-01",
        "9999-12-31",
        "2024-01-05 12:00:61",
        "now",
        "today",
    ]
    assert times(load_tables, odd) == [None] * len(odd)


BERLIN = [
    ("2024-07-05 14:00", datetime(2024, 7, 5, 12, tzinfo=UTC)),
    ("2024-01-05", datetime(2024, 1, 5, 22, 59, 59, 999999, UTC)),
    ("2024-03-31", datetime(2024, 3, 31, 21, 59, 59, 999999, UTC)),
    # The hour that clocks skip is read as if they had not been turned yet; of the hour that is there twice the later
    # one counts, since a fact may be known later than it was, never earlier.
    ("2024-03-31 02:30", datetime(2024, 3, 31, 1, 30, tzinfo=UTC)),
    ("2024-10-27 02:30", datetime(2024, 10, 27, 1, 30, tzinfo=UTC)),
    ("2024-01-05T12:00:00Z", NOON),
]


@pytest.mark.parametrize(
    ("zone", "cases"),
    [
        ("Europe/Berlin", BERLIN),
        ("America/New_York", [("2024-11-03 01:30", datetime(2024, 11, 3, 6, 30, tzinfo=UTC))]),
        ("America/Sao_Paulo", [("2018-11-04", datetime(2018, 11, 5, 1, 59, 59, 999999, UTC))]),
        ("Asia/Kathmandu", [("2024-01-05 12:00", datetime(2024, 1, 5, 6, 15, tzinfo=UTC))]),
    ],
)
def test_zones_and_the_nights_when_clocks_change(load_tables, zone, cases):
    found = times(load_tables, [text for text, _ in cases], zone)
    assert dict(zip(cases, found, strict=True)) == {case: case[1] for case in cases}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"])
def test_wall_clocks_agree_with_pythons(load_tables, zone):
    local = [
        datetime(2024, month, day, hour, 17)
        for month in range(1, 13)
        for day in (1, 7, 27, 30 if month != 2 else 28)
        for hour in (0, 2, 23)
    ]
    there = [time.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC) for time in local]
    plain = [
        time
        for time, instant in zip(local, there, strict=True)
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == time
    ]
    want = [time.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC) for time in plain]
    assert times(load_tables, [f"{time}" for time in plain], zone) == want


@pytest.mark.parametrize(
    ("pattern", "text", "want"),
    [
        ("%d.%m.%Y %H:%M", "05.01.2024 12:00", NOON),
        ("%d.%m.%Y", "05.01.2024", DAY_END),
        ("%-d.%-m.%Y %-H:%M", "5.1.2024 12:00", NOON),
        ("%m/%d/%y %I:%M %p", "01/05/24 12:00 PM", NOON),
        ("%d.%m.%Y %H:%M %z", "05.01.2024 14:00 +0200", NOON),
        ("%Y%m%d", "20240105", DAY_END),
        ("%d%%%m%%%Y", "05%01%2024", DAY_END),
        ("%d.%m.%Y", "2024-01-05", None),
        ("%d.%m.%Y", "31.02.2024", None),
    ],
)
def test_patterns(load_tables, pattern, text, want):
    assert times(load_tables, [text], pattern=pattern) == [want]


@pytest.mark.parametrize("pattern", ["%Q", "%", "%d.%"])
def test_a_pattern_that_is_none_is_a_mistake_of_the_configuration(load_tables, pattern):
    with pytest.raises(
        ConfigError, match=r"tables\.leads\.columns\.created_at\.format: .*is no strptime format"
    ):
        times(load_tables, ["x"], pattern=pattern)


def test_the_zone_of_a_table_goes_before_that_of_the_data(load_tables):
    files = {
        "leads.csv": "lead_id,created_at\n1,2024-01-05 12:00\n",
        "activities.csv": "lead_id,occurred_at,type\n1,2024-01-05 12:00,call\n",
    }
    tables = {
        "leads": {"path": "leads.csv", "timezone": "Asia/Tokyo"},
        "activities": {"path": "activities.csv"},
    }
    found = load_tables(files, tables, data={"timezone": "America/New_York"})
    assert found.rows("leads", "created_at") == [NOON.replace(hour=3)]
    assert found.rows("activities", "occurred_at", "recorded_at") == [(NOON.replace(hour=17),) * 2]


def test_booleans_in_words(load_tables):
    words = ["yes", "No", "TRUE", "f", "1", "0.0", "maybe", "", "2"]
    lines = "".join(f"{place},2024-01-05,{word}\n" for place, word in enumerate(words))
    found = load_tables({"leads.csv": f"lead_id,created_at,do_not_contact\n{lines}"})
    assert found.rows("leads", "lead_id", "do_not_contact") == [
        ("0", True),
        ("1", False),
        ("2", True),
        ("3", False),
        ("4", True),
        ("5", False),
        ("7", None),
    ]
    assert found.broken("leads") == {"do_not_contact is neither yes nor no": 2}


def test_numbers_in_words(load_tables):
    words = ["1.5", " 2 ", "1e3", "inf", "-Infinity", "nan", "NaN", "1e400", "1,5", "€5", "", "0x10", "-.5"]
    lines = "".join(f'{place},2024-01-05,"{word}"\n' for place, word in enumerate(words, 10))
    found = load_tables({"leads.csv": f"lead_id,created_at,deal_value\n{lines}"})
    assert found.rows("leads", "lead_id", "deal_value") == [
        ("10", 1.5),
        ("11", 2.0),
        ("12", 1000.0),
        ("15", None),
        ("16", None),
        ("20", None),
        ("22", -0.5),
    ]
    assert found.broken("leads") == {"deal_value is not a number from -1e18 to 1e18": 6}


def test_null_words_of_a_table_and_of_a_column(load_tables):
    text = "lead_id,created_at,title,source,deal_value\n1,2024-01-05,Select,web,n/a\n2,2024-01-05,-,Select,-\n3,2024-01-05,select,-,5\n"
    columns = {
        "title": {"column": "title", "null_words": ["-"]},
        "deal_value": {"column": "deal_value", "null_words": ["n/a", "-"]},
    }
    found = load_tables(
        {"leads.csv": text}, {"leads": {"path": "leads.csv", "null_words": ["Select"], "columns": columns}}
    )
    assert found.rows("leads", "lead_id", "title", "source", "deal_value") == [
        ("1", None, "web", None),
        ("2", None, None, None),
        ("3", "select", "-", 5.0),
    ]


def test_value_maps_on_words_numbers_and_to_nothing(load_tables):
    text = "lead_id,occurred_at,type\n1,2024-01-05,1\n1,2024-01-05,E-Mail\n1,2024-01-05,true\n1,2024-01-05,call\n1,2024-01-05,x'; DROP TABLE y\n"
    values = {
        "type": {
            1: "meeting",
            "E-Mail": "email_open",
            "true": "form_submit",
            "x'; DROP TABLE y": "quote_request",
        }
    }
    found = load_tables(
        {"activities.csv": text}, {"activities": {"path": "activities.csv", "values": values}}
    )
    assert sorted(found.rows("activities", "type")) == [
        "call",
        "email_open",
        "form_submit",
        "meeting",
        "quote_request",
    ]
    values["type"]["call"] = ""
    found = load_tables(
        {"activities.csv": text}, {"activities": {"path": "activities.csv", "values": values}}
    )
    assert found.broken("activities") == {"type is missing": 1}


def test_ids_keep_their_case_and_lose_their_blanks(load_tables):
    found = load_tables({"leads.csv": "lead_id,created_at\n a ,2024-01-05\nA,2024-01-05\n\t,2024-01-05\n"})
    assert found.rows("leads", "lead_id") == ["A", "a"]
    assert found.broken("leads") == {"lead_id is missing": 1}
    assert found.examples("leads")["lead_id is missing"] == (r"row 3: '\t'",)


def test_two_columns_may_come_from_one(load_tables):
    tables = {"leads": {"path": "leads.csv", "columns": {"title": "role", "source": "role"}}}
    found = load_tables({"leads.csv": "lead_id,created_at,role\n1,2024-01-05,x\n"}, tables)
    assert found.rows("leads", "title", "source") == [("x", "x")]


@pytest.mark.parametrize(("wrong", "near"), [("Roles", "'Role'"), ("ROLE", "'Role'"), ("'; --", None)])
def test_a_mapped_column_that_is_not_there(load_tables, wrong, near):
    with pytest.raises(SchemaError) as refused:
        load_tables(
            {"leads.csv": "lead_id,created_at,Role\n1,2024-01-05,x\n"},
            {"leads": {"path": "leads.csv", "columns": {"title": wrong}}},
        )
    assert f"leads.csv has no column {wrong!r}, which tables.leads names" in str(refused.value)
    assert "Found: lead_id, created_at, Role." in str(refused.value)
    assert ("do you mean " + near if near else "created_at") in str(refused.value)


def test_extras_static_and_timed(load_tables):
    text = "lead_id,created_at,size,Seen At,seen,flag\n1,2024-01-05,12,2024-02-01,yes,Y\n2,2024-01-05,x,2024-02-01,no,N\n3,2024-01-05,1,never,no,\n"
    extra = {
        "size": {"type": "number", "static": True},
        "was_seen": {"column": "seen", "known_at": "Seen At", "null_words": ["no"]},
        "flag": {"type": "boolean", "static": True},
    }
    found = load_tables({"leads.csv": text}, {"leads": {"path": "leads.csv", "extra": extra}})
    assert found.rows("leads", "lead_id", "size", "was_seen", "was_seen__known_at", "flag") == [
        ("1", 12.0, "yes", datetime(2024, 2, 1, 23, 59, 59, 999999, UTC), True)
    ]
    assert found.broken("leads") == {
        "size is not a number from -1e18 to 1e18": 1,
        "Seen At is not a date or time": 1,
    }


@pytest.mark.parametrize(("order", "want"), [("ascending", "2 1 34 5"), ("descending", "5 34 1 2")])
def test_flat_leads_in_the_order_of_a_column(load_tables, order, want):
    text = "lead_id,outcome,week\n1,1,9\n2,0,-1\n3,0,10\n4,1,10.0\n5,0,later\n6,0,\n"
    leads = {"path": "leads.csv", "order_by": "week", "order": order}
    found = load_tables({"leads.csv": text}, {"leads": leads})
    ranks: dict[int, str] = {}
    for place, lead in found.rows("leads", "position", "lead_id"):
        ranks[place] = ranks.get(place, "") + lead
    assert " ".join(ranks[place] for place in sorted(ranks)) == want
    assert found.broken("leads") == {"week, which order_by names, is missing": 1}
    assert (found.canonical.dated, found.canonical.flat, found.canonical.ordered) == (False, True, True)


def test_flat_leads_in_the_order_of_the_file(load_tables):
    text = "lead_id,outcome\nb,1\na,0\nc,0\n"
    found = load_tables(
        {"leads.csv": text}, {"leads": {"path": "leads.csv", "order_by": "file", "order": "descending"}}
    )
    assert found.rows("leads", "position", "lead_id") == [(0, "c"), (1, "a"), (2, "b")]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.datetimes(datetime(1901, 1, 1), datetime(2099, 1, 1)), min_size=1, max_size=5))
def test_iso_times_survive(load_once, times):
    assert load_once([time.isoformat() for time in times]) == [time.replace(tzinfo=UTC) for time in times]


@pytest.fixture(scope="module")
def load_once():
    """Read texts as UTC times through the parser alone."""
    import pyarrow as pa  # noqa: PLC0415

    from propensity.engines.duckdb import DuckDBEngine  # noqa: PLC0415
    from propensity.sources.parsing import Reading, parse  # noqa: PLC0415

    with DuckDBEngine(threads=1) as engine:

        def run(texts):
            table = engine.register("texts", pa.table({"place": range(len(texts)), "text": texts}))
            read = parse(table["text"], "timestamp", Reading(), engine.functions)
            found = table.select("place", value=read.value, bad=read.bad).order_by("place")
            return engine.collect(found)["value"].to_pylist()

        yield run
