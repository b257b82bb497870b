"""Shapes of a company's tables that a mapping can take to ours: lookups, several sources, parts, bands, amounts."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from propensity.errors import ConfigError, ContractError, SchemaError

LEADS = "lead_id,created_at,firm\n1,2024-01-05 10:00:00,GTX Pro\n2,2024-01-06 10:00:00,gtx-pro\n3,2024-01-06 10:00:00,\n"
FIRMS = "key,branch,boss\nGTXPro,steel,b1\nMG,glass,b2\n"


def leads_with(lookups, columns, **more):
    return {"leads": {"path": "leads.csv", "lookups": lookups, "columns": columns, **more}}


def firm(**more):
    return {"firm": {"path": "firms.csv", "on": {"firm": "key"}, **more}}


def test_a_lookup_fetches_columns_by_an_exact_key(load_tables):
    files = {"leads.csv": LEADS.replace("GTX Pro", "MG"), "firms.csv": FIRMS}
    found = load_tables(files, leads_with(firm(), {"source": "firm.branch"}))
    assert found.rows("leads", "lead_id", "source") == [("1", "glass"), ("2", None), ("3", None)]
    assert found.findings("leads")[0] == (
        "warning: tables.leads.lookups.firm: 1 of 2 rows of leads.csv name a firm that firms.csv does not have, "
        "for example 'gtx-pro'"
    )


def test_a_loose_lookup_compares_letters_and_digits_alone(load_tables):
    found = load_tables(
        {"leads.csv": LEADS, "firms.csv": FIRMS}, leads_with(firm(match="loose"), {"source": "firm.branch"})
    )
    assert found.rows("leads", "lead_id", "source") == [("1", "steel"), ("2", "steel"), ("3", None)]
    assert not [message for message in found.findings("leads") if "lookups" in message]


def test_what_a_lookup_fetches_can_be_the_key_of_another(load_tables):
    files = {"leads.csv": LEADS, "firms.csv": FIRMS, "bosses.csv": "id,name\nb1,Ann\nb2,Bob\n"}
    # Declared before the one that it needs.
    lookups = {"boss": {"path": "bosses.csv", "on": {"firm.boss": "id"}}, **firm(match="loose")}
    found = load_tables(files, leads_with(lookups, {"owner": "boss.name"}))
    assert found.rows("leads", "lead_id", "owner") == [("1", "Ann"), ("2", "Ann"), ("3", None)]


def test_a_lookup_on_two_columns_does_not_mix_them_up(load_tables):
    files = {
        "leads.csv": "lead_id,created_at,a,b\n1,2024-01-05,1,11\n2,2024-01-05,11,1\n",
        "there.csv": "x,y,word\n1,11,first\n11,1,second\n",
    }
    found = load_tables(
        files, leads_with({"t": {"path": "there.csv", "on": {"a": "x", "b": "y"}}}, {"title": "t.word"})
    )
    assert found.rows("leads", "lead_id", "title") == [("1", "first"), ("2", "second")]


def test_ids_that_differ_in_type_or_spaces_are_found(load_tables):
    there = pa.table({"key": pa.array([7.0, 8.0]), "word": ["seven", "eight"]})
    files = {
        "leads.csv": "lead_id,created_at,n\n1,2024-01-05, 7 \n2,2024-01-05,8.0\n",
        "there.parquet": there,
    }
    found = load_tables(
        files, leads_with({"t": {"path": "there.parquet", "on": {"n": "key"}}}, {"title": "t.word"})
    )
    assert found.rows("leads", "lead_id", "title") == [("1", "seven"), ("2", "eight")]


def test_a_key_that_is_there_twice_finds_nothing_and_is_said(load_tables):
    firms = FIRMS + "".join(f"F{n},x,y\n" for n in range(200)) + "MG,other,b3\n"
    files = {"leads.csv": LEADS.replace("GTX Pro", "MG").replace("gtx-pro", "F1"), "firms.csv": firms}
    found = load_tables(files, leads_with(firm(), {"source": "firm.branch"}), share=0.01)
    assert found.rows("leads", "lead_id", "source") == [("1", None), ("2", "x"), ("3", None)]
    assert "1 of 202 keys are there more than once in firms.csv" in found.findings("leads")[0]
    with pytest.raises(ContractError, match=r"1 of 2 keys are there more than once.*one row a key"):
        load_tables(
            {"firms.csv": FIRMS + "MG,other,b3\n"}, leads_with(firm(), {"source": "firm.branch"}), share=0.01
        )


def test_a_lookup_never_multiplies_rows(load_tables):
    files = {"leads.csv": LEADS, "firms.csv": FIRMS + "GTX-Pro,coal,b3\n"}
    found = load_tables(files, leads_with(firm(match="loose", optional=True), {"source": "firm.branch"}))
    assert found.rows("leads", "lead_id", "source") == [("1", None), ("2", None), ("3", None)]


def test_a_lookup_that_finds_nothing_at_all_stops_with_both_sides(load_tables):
    with pytest.raises(SchemaError) as error:
        load_tables({"leads.csv": LEADS, "firms.csv": FIRMS}, leads_with(firm(), {"source": "firm.branch"}))
    assert "for example 'GTX Pro'; 'gtx-pro'; there it is 'GTXPro'; 'MG'" in str(error.value)
    assert "match: loose" in str(error.value)


def test_lookups_that_wait_for_each_other_are_named(load_tables):
    lookups = {"a": {"path": "x.csv", "on": {"b.k": "k"}}, "b": {"path": "y.csv", "on": {"a.k": "k"}}}
    with pytest.raises(ConfigError, match=r"tables\.leads\.lookups: lookups go in a circle: a -> b -> a"):
        load_tables({"leads.csv": LEADS}, leads_with(lookups, {}))
    with pytest.raises(ConfigError, match=r"circle: a -> a"):
        load_tables({"leads.csv": LEADS}, leads_with({"a": {"path": "x.csv", "on": {"a.k": "k"}}}, {}))


def test_a_column_that_a_lookup_lacks_is_named_with_the_nearest(load_tables):
    with pytest.raises(
        SchemaError, match=r"firms\.csv \(lookup firm\) has no column 'branche'.*do you mean 'branch'"
    ):
        load_tables(
            {"leads.csv": LEADS, "firms.csv": FIRMS},
            leads_with(firm(match="loose"), {"source": "firm.branche"}),
        )
    with pytest.raises(
        SchemaError, match=r"firms\.csv has no column 'kee', which tables\.leads\.lookups\.firm names"
    ):
        load_tables(
            {"leads.csv": LEADS, "firms.csv": FIRMS},
            leads_with({"firm": {"path": "firms.csv", "on": {"firm": "kee"}}}, {}),
        )


def test_several_sources_feed_one_table(load_tables):
    files = {
        "web.csv": "lead_id,created_at,source\n1,2024-01-05,ad\n2,2024-01-05,ad\n",
        "fair.csv": "no,day\n1,05.01.2024\nx,\n",
    }
    tables = {
        "leads": [
            {"path": "web.csv"},
            {
                "path": "fair.csv",
                "columns": {
                    "lead_id": {"column": "no", "prefix": "f-"},
                    "created_at": {"column": "day", "format": "%d.%m.%Y"},
                    "source": {"constant": "fair"},
                },
            },
        ]
    }
    found = load_tables(files, tables)
    assert found.rows("leads", "lead_id", "source") == [("1", "ad"), ("2", "ad"), ("f-1", "fair")]
    assert len(set(found.rows("leads", "created_at"))) == 1
    assert found.report.tables["leads"].origin == "web.csv, fair.csv"
    assert found.examples("leads") == {"created_at is missing": ("row 2 of fair.csv: None",)}
    assert "fair.csv" in found.quarantine("leads").read_text()


def test_an_id_in_two_sources_is_one_lead_too_many(load_tables):
    files = {
        "web.csv": "lead_id,created_at\n1,2024-01-05\n",
        "fair.csv": "lead_id,created_at\n1,2024-01-06\n",
    }
    found = load_tables(files, {"leads": [{"path": "web.csv"}, {"path": "fair.csv"}]})
    assert found.broken("leads") == {"lead_id is there more than once": 1}


def test_sources_must_agree_on_what_an_extra_column_means(load_tables):
    tables = {
        "leads": [
            {"path": "a.csv", "extra": {"size": {"type": "number", "static": True}}},
            {"path": "b.csv", "extra": {"size": {"static": True}}},
        ]
    }
    with pytest.raises(
        ConfigError, match="extra column 'size' means one thing in one source and another in the next"
    ):
        load_tables({"leads.csv": LEADS}, tables)


def test_a_row_with_several_counts_becomes_several_rows(load_tables):
    files = {
        "leads.csv": LEADS,
        "sessions.csv": "who,day,pages,prices\n1,2024-02-01,3,1\n2,2024-02-01,0,\n2,2024-02-02,1,2.0\n",
    }
    tables = {
        "leads": {"path": "leads.csv"},
        "activities": {
            "path": "sessions.csv",
            "columns": {"lead_id": "who", "occurred_at": "day"},
            "rows": [
                {"columns": {"type": {"constant": "web_visit"}}, "repeat": "pages"},
                {"columns": {"type": {"constant": "pricing_view"}}, "repeat": "prices"},
            ],
        },
    }
    found = load_tables(files, tables)
    acts = found.rows("activities", "lead_id", "type")
    assert acts == [
        ("1", "pricing_view"),
        *[("1", "web_visit")] * 3,
        *[("2", "pricing_view")] * 2,
        ("2", "web_visit"),
    ]
    assert (
        "info: 1 of 3 rows of sessions.csv are no activities (web_visit), by the mapping"
        in found.findings("activities")
    )


def test_a_count_that_is_none_is_set_aside(load_tables):
    counts = ["2", "-1", "1.5", "many", "inf", "nan", "10001", "1e300"]
    rows = "".join(f"1,2024-02-0{place},{count},call\n" for place, count in enumerate(counts, 1))
    files = {"leads.csv": LEADS, "acts.csv": f"lead_id,occurred_at,n,type\n{rows}"}
    found = load_tables(
        files, {"leads": {"path": "leads.csv"}, "activities": {"path": "acts.csv", "repeat": "n"}}
    )
    assert found.broken("activities") == {"n is no whole number of times from 0 to 10,000": len(counts) - 1}
    assert len(found.rows("activities")) == 2


def test_stages_from_dates_of_other_tables(load_tables):
    deals = "lead,opened,closed,state\n1,2024-02-01,2024-03-01,Won\n2,2024-02-02,,Open\n3,2024-02-03,,Won\n"
    tables = {
        "leads": {"path": "leads.csv"},
        "stages": {
            "path": "deals.csv",
            "columns": {"lead_id": "lead"},
            "rows": [
                {
                    "columns": {"stage": {"constant": "prospect"}, "entered_at": "opened"},
                    "when_known": "opened",
                },
                {
                    "columns": {"stage": {"constant": "customer"}, "entered_at": "closed"},
                    "where": {"state": ["Won"]},
                },
            ],
        },
    }
    found = load_tables({"leads.csv": LEADS, "deals.csv": deals}, tables)
    assert found.rows("stages", "lead_id", "stage") == [
        ("1", "customer"),
        ("1", "prospect"),
        ("2", "prospect"),
        ("3", "prospect"),
    ]
    # Won, but nobody knows when: that is a bad row and not one that the mapping leaves out.
    assert found.broken("stages") == {"entered_at is missing": 1}


def test_rows_that_the_mapping_leaves_out_are_counted_and_never_quarantined(load_tables):
    files = {
        "leads.csv": "lead_id,created_at,deleted,a,b\n1,2024-01-05,no,x,\n2,2024-01-05,yes,x,\n3,2024-01-05,no,,y\n4,2024-01-05,,,\n"
    }
    found = load_tables(files, {"leads": {"path": "leads.csv", "where": {"deleted": "no"}}})
    assert found.rows("leads", "lead_id") == ["1", "3"]
    assert found.broken("leads") == {}
    assert "info: 2 of 4 rows of leads.csv are no leads, by the mapping" in found.findings("leads")
    assert load_tables({}, {"leads": {"path": "leads.csv", "when_known": ["a"]}}).rows(
        "leads", "lead_id"
    ) == ["1", "2"]
    assert load_tables({}, {"leads": {"path": "leads.csv", "when_any_known": ["a", "b"]}}).rows(
        "leads", "lead_id"
    ) == ["1", "2", "3"]


def test_joined_columns_constants_and_fallbacks(load_tables):
    files = {
        "leads.csv": "lead_id,day,hour,first,last,mail,mail2\n1,2024-01-05,10:30,Ann,Lee,,b@x.de\n2,2024-01-06,,,Kim,a@x.de,c@x.de\n"
    }
    columns = {
        "created_at": {"join": ["day", "hour"]},
        "contact_name": {"join": ["first", "last"]},
        "email": {"column": "mail", "fallback": "mail2"},
        "country": {"constant": "DE"},
    }
    found = load_tables(files, {"leads": {"path": "leads.csv", "columns": columns}})
    assert found.rows("leads", "contact_name", "email", "country") == [
        ("Ann Lee", "b@x.de", "DE"),
        ("Kim", "a@x.de", "DE"),
    ]
    assert found.rows("leads", "created_at") == [
        datetime(2024, 1, 5, 10, 30, tzinfo=UTC),
        datetime(2024, 1, 6, 23, 59, 59, 999999, tzinfo=UTC),
    ]


def test_a_bad_value_is_not_covered_up_by_its_fallback(load_tables):
    files = {"leads.csv": "lead_id,a,b\n1,never,2024-01-05\n2,,never\n3,2024-01-05,never\n"}
    found = load_tables(
        files, {"leads": {"path": "leads.csv", "columns": {"created_at": {"column": "a", "fallback": "b"}}}}
    )
    assert found.rows("leads", "lead_id") == ["3"]
    assert found.broken("leads") == {"a is not a date or time": 1, "b is not a date or time": 1}


BANDS = {
    "200-499": 349.5, "1,000 - 4,999": 2999.5, "10k-50k": 30_000.0, "$1M - $5M": 3e6, "1000+": 1000.0, "> 500": 500.0,
    "under 10": 5.0, "<= 20": 10.0, "1-5 Mio": 3e6, "201 to 500 people": 350.5, "51\u2013200": 125.5, "12": 12.0,
    "1 000 bis 4 999": 2999.5, "more than 500": 500.0, "2-10 employees": 6.0,
}  # fmt: skip


def employees(load_tables, words, **how):
    lines = "".join(f'{number},"{word}"\n' for number, word in enumerate(words, 100))
    tables = {"accounts": {"path": "accounts.csv", "columns": {"employee_count": {"column": "staff", **how}}}}
    found = load_tables({"accounts.csv": "account_id,staff\n" + lines}, tables)
    return found, [count for _, count in found.rows("accounts", "account_id", "employee_count")]


def test_bands_stand_for_their_middle_or_a_bound(load_tables):
    assert employees(load_tables, BANDS, band="middle")[1] == list(BANDS.values())
    assert employees(load_tables, ["200-499", "1000+", "under 10"], band="lower")[1] == [200.0, 1000.0, 0.0]
    assert employees(load_tables, ["200-499", "1000+", "under 10"], band="upper")[1] == [499.0, 1000.0, 10.0]


def test_what_is_no_band_is_set_aside(load_tables):
    found, counts = employees(load_tables, ["many", "500-200", "1-10-20", "5-9"], band="middle")
    assert counts == [7.0]
    assert found.broken("accounts") == {"staff is not a number from -1e18 to 1e18": 3}


AMOUNTS = {
    ",": {
        "\u20ac 1.234,50": 1234.5,
        "1.234.567": 1_234_567.0,
        "-3,5 EUR": -3.5,
        "1 234,5": 1234.5,
        "1\u00a0234": 1234.0,
        "CHF 7": 7.0,
    },
    ".": {"$1,234.50": 1234.5, "1'234": 1234.0, "USD 12": 12.0, "-\u20ac5": -5.0, "0.5": 0.5},
}


@pytest.mark.parametrize("decimal", AMOUNTS)
def test_amounts_with_thousands_and_currencies(load_tables, decimal):
    wanted = AMOUNTS[decimal]
    assert employees(load_tables, wanted, decimal=decimal)[1] == list(wanted.values())
    found, counts = employees(load_tables, ["abc", "1.2.3,4,5", "5 apples", "7"], decimal=decimal)
    assert counts == [7.0]
    assert found.broken("accounts") == {"staff is not a number from -1e18 to 1e18": 3}


def test_a_scale_multiplies_and_cannot_make_infinity(load_tables):
    found, counts = employees(load_tables, ["1.5", "1e308"], scale=1_000_000)
    assert counts == [1_500_000.0]
    assert found.broken("accounts") == {"staff is not a number from -1e18 to 1e18": 1}


def test_several_formats_are_tried_in_order(load_tables):
    files = {"leads.csv": "lead_id,at\n1,05.01.2024\n2,2024-01-06 10:00\n3,01/07/2024\n"}
    columns = {"created_at": {"column": "at", "format": ["%d.%m.%Y", "%Y-%m-%d %H:%M"]}}
    found = load_tables(files, {"leads": {"path": "leads.csv", "columns": columns}})
    assert found.rows("leads", "created_at") == [
        datetime(2024, 1, 5, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(2024, 1, 6, 10, tzinfo=UTC),
    ]
    assert found.broken("leads") == {"at is not a date or time": 1}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"title": {}}, "give one of `column`, `constant` and `join`"),
        ({"title": {"column": "a", "constant": "b"}}, "give one of `column`, `constant` and `join`"),
        ({"deal_value": {"column": "a", "scale": 0}}, "scale 0 would make every number 0"),
        ({"deal_value": {"column": "a", "band": "center"}}, "columns.deal_value.band"),
    ],
)
def test_mappings_that_say_too_much_or_too_little(load_tables, columns, says):
    with pytest.raises(ConfigError, match=says):
        load_tables({"leads.csv": LEADS}, {"leads": {"path": "leads.csv", "columns": columns}})


def test_accounts_can_be_declared_never_to_change(load_tables):
    files = {"accounts.csv": "account_id\na\n"}
    assert load_tables(files).findings("accounts")[0].startswith("warning: without valid_from")
    found = load_tables(files, {"accounts": {"path": "accounts.csv", "static": True}})
    assert found.findings("accounts") == [
        "info: without valid_from, account attributes are taken as never changed"
    ]


def test_a_lookup_in_a_database(load_tables, tmp_path):
    import duckdb  # noqa: PLC0415 - written as another program would

    with duckdb.connect(tmp_path / "crm.duckdb") as connection:
        connection.execute("CREATE TABLE firms AS SELECT 'GTX Pro' AS key, 'steel' AS branch")
    lookup = {"firm": {"table": "firms", "on": {"firm": "key"}, "match": "loose"}}
    tables = leads_with(lookup, {"source": "firm.branch"})
    found = load_tables({"leads.csv": LEADS}, tables, data={"database": str(tmp_path / "crm.duckdb")})
    assert found.rows("leads", "lead_id", "source") == [("1", "steel"), ("2", "steel"), ("3", None)]
    with pytest.raises(ConfigError, match=r"tables\.leads\.lookups\.firm\.table needs data\.database"):
        load_tables({"leads.csv": LEADS}, tables)


def test_a_row_that_finds_several_becomes_as_many_where_that_is_meant(load_tables):
    files = {
        "leads.csv": "lead_id,created_at,firm\n1,2024-01-05,a\n2,2024-01-05,a\n3,2024-01-05,b\n",
        "deals.csv": "firm,won\na,2024-02-01\nb,2024-03-01\nc,2024-04-01\n",
    }
    lookup = {"path": "leads.csv", "on": {"firm": "firm"}, "many": True}
    stages = {
        "path": "deals.csv",
        "lookups": {"who": lookup},
        "when_known": "who.lead_id",
        "columns": {"lead_id": "who.lead_id", "stage": {"constant": "customer"}, "entered_at": "won"},
    }
    found = load_tables(files, {"leads": {"path": "leads.csv"}, "stages": stages})
    assert found.rows("stages", "lead_id") == ["1", "2", "3"]
    assert "1 of 3 rows of deals.csv name a firm that leads.csv does not have" in found.findings("stages")[0]
    with pytest.raises(ContractError, match=r"1 of 2 keys are there more than once.*or `many: true` if each"):
        load_tables(
            {},
            {
                "leads": {"path": "leads.csv"},
                "stages": {**stages, "lookups": {"who": {**lookup, "many": False}}},
            },
            share=0.1,
        )
