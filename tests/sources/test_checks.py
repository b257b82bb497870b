"""The contract's checks: which rows are set aside, what is said of them, where they go, and when a run stops."""

from __future__ import annotations

import csv
import random
import stat

import pytest

from propensity.errors import ConfigError, ContractError, SchemaError

LEADS = "lead_id,created_at\n1,2024-01-05\n2,2024-01-05\n"


def quarantined(found, name):
    with found.quarantine(name).open(newline="") as file:
        return [(row["_row"], row["_rule"], row["_found"]) for row in csv.DictReader(file)]


def test_which_duplicate_stays_does_not_depend_on_the_order_of_rows(load_tables):
    lines = [f"{i % 4},2024-01-0{i % 3 + 1},t{i}" for i in range(20)] + ["0,2024-01-01,t0"] * 2
    kept = set()
    for seed in range(4):
        random.Random(seed).shuffle(lines)
        found = load_tables({"leads.csv": "lead_id,created_at,title\n" + "\n".join(lines) + "\n"})
        assert found.broken("leads") == {"lead_id is there more than once": 18}
        assert found.examples("leads")["lead_id is there more than once"][0].startswith("row ")
        kept.add(tuple(found.rows("leads", "lead_id", "created_at", "title")))
    assert len(kept) == 1


def test_a_duplicate_that_is_bad_anyway_does_not_take_the_good_one_with_it(load_tables):
    found = load_tables({"leads.csv": "lead_id,created_at\n1,never\n1,2024-01-05\n"})
    assert found.rows("leads", "lead_id") == ["1"]
    assert found.broken("leads") == {"created_at is not a date or time": 1}


def test_facts_of_unknown_leads(load_tables):
    files = {
        "leads.csv": LEADS,
        "activities.csv": "lead_id,occurred_at,type\n1,2024-01-06,call\n9,2024-01-06,call\n,2024-01-06,call\n",
        "stages.csv": "lead_id,stage,entered_at\n2,prospect,2024-01-06\n8,prospect,2024-01-06\n",
        "budgets.csv": "lead_id,account_id,amount,recorded_at\n7,,5,2024-01-06\n,a,5,2024-01-06\n,,5,2024-01-06\n",
    }
    found = load_tables(files)
    assert found.broken("activities") == {"lead_id is no known lead": 1, "lead_id is missing": 1}
    assert found.examples("activities")["lead_id is no known lead"] == ("row 2: '9'",)
    assert found.broken("stages") == {"lead_id is no known lead": 1}
    assert found.broken("budgets") == {"lead_id is no known lead": 1, "neither lead_id nor account_id": 1}
    assert found.rows("budgets", "account_id") == ["a"]


def test_a_lead_set_aside_takes_its_facts_with_it_and_they_do_not_count(load_tables):
    leads = "lead_id,created_at\n" + "".join(f"{i},2024-01-05\n" for i in range(9)) + "9,never\n"
    activities = "lead_id,occurred_at,type\n" + "9,2024-01-06,call\n" * 50 + "1,2024-01-06,call\n"
    found = load_tables({"leads.csv": leads, "activities.csv": activities}, share=0.1)
    assert found.broken("activities") == {"its lead was set aside": 50}
    assert len(found.rows("activities")) == 1
    assert len(quarantined(found, "activities")) == 50


def test_accounts_have_one_row_a_key_and_day(load_tables):
    text = "account_id,valid_from,industry\na,2024-01-01,x\na,2024-02-01,y\na,2024-02-01,z\na,,w\na,,v\n,2024-01-01,u\n"
    found = load_tables({"accounts.csv": text})
    assert found.broken("accounts") == {"account_id is there more than once": 2, "account_id is missing": 1}
    assert len(found.rows("accounts")) == 3
    found = load_tables({"accounts.csv": "account_id,industry\na,x\na,y\n"})
    assert found.rows("accounts", "industry") == ["x"]


def test_keys_of_products_and_rates(load_tables):
    files = {
        "products.csv": "product,price\np,1\np,2\n,3\nq,free\n",
        "rates.csv": "currency,to_base\nUSD,0.9\nUSD,0.8\nGBP,\n",
    }
    found = load_tables(files)
    assert found.rows("products", "product", "price") == [("p", 1.0)]
    assert found.broken("products") == {
        "product is there more than once": 1,
        "product is missing": 1,
        "price is not a number from -1e18 to 1e18": 1,
    }
    assert found.broken("rates") == {"currency is there more than once": 1, "to_base is missing": 1}


def test_amounts_in_the_base_currency(load_tables):
    files = {
        "budgets.csv": "lead_id,amount,recorded_at,currency\n1,10,2024-01-06,USD\n1,20,2024-01-06,EUR\n1,30,2024-01-06,\n1,40,2024-01-06,GBP\n2,50,2024-01-06,ZZZ\n",
        "accounts.csv": "account_id,annual_revenue,currency\na,100,USD\nb,200,GBP\nc,,GBP\nd,5,\n",
        "products.csv": "product,price,currency\np,7,USD\n",
        "rates.csv": "currency,to_base\nUSD,0.5\nXXX,bad\n",
    }
    found = load_tables(files)
    assert found.rows("budgets", "amount") == [None, None, 5.0, 20.0, 30.0]
    assert found.rows("accounts", "account_id", "annual_revenue") == [
        ("a", 50.0),
        ("b", None),
        ("c", None),
        ("d", 5.0),
    ]
    assert found.rows("products", "price") == [3.5]
    says = "warning: {} rows have {} in a currency without a rate: {}. They are taken as unknown; map tables.rates"
    assert any(f.startswith(says.format(2, "amount", "GBP (1), ZZZ (1)")) for f in found.findings("budgets"))
    assert any(f.startswith(says.format(1, "annual_revenue", "GBP (1)")) for f in found.findings("accounts"))
    assert not found.findings("products")


def test_without_rates_other_currencies_are_null_with_a_warning(load_tables):
    found = load_tables({"products.csv": "product,price,currency\np,7,USD\nq,8,EUR\n"})
    assert found.rows("products", "product", "price") == [("p", None), ("q", 8.0)]
    assert found.findings("products")[0].startswith(
        "warning: 1 rows have price in a currency without a rate: USD (1)"
    )


@pytest.mark.parametrize(
    ("bad", "rows", "share"), [(1, 100, 0.01), (29, 100, 0.29), (7, 100, 0.07), (0, 5, 0.0)]
)
def test_the_limit_itself_is_allowed(load_tables, bad, rows, share):
    lines = "".join(f"{i},{'never' if i < bad else '2024-01-05'}\n" for i in range(rows))
    assert (
        len(load_tables({"leads.csv": "lead_id,created_at\n" + lines}, share=share).rows("leads"))
        == rows - bad
    )


def test_above_the_limit_the_run_stops_and_says_all(load_tables, tmp_path):
    leads = (
        "lead_id,When Made,no_call\n"
        + "".join(f"{i},2024-01-05,no\n" for i in range(96))
        + "96,never,no\n97,soon,no\n98,2024-01-05,hm\n0,2024-01-05,no\n"
    )
    tables = {
        "leads": {"path": "leads.csv", "columns": {"created_at": "When Made", "do_not_contact": "no_call"}},
        "activities": {"path": "activities.csv"},
    }
    with pytest.raises(ContractError) as refused:
        load_tables(
            {"leads.csv": leads, "activities.csv": "lead_id,occurred_at,type\nx,2024-01-06,call\n"},
            tables,
            share=0.03,
        )
    said = str(refused.value)
    assert "leads (leads.csv): 4 of 100 rows (4.0%) break a rule" in said
    assert "When Made is not a date or time: 2 rows, for example row 97: 'never'; row 98: 'soon'" in said
    assert "no_call is neither yes nor no: 1 rows, for example row 99: 'hm'" in said
    assert "lead_id is there more than once: 1 rows, for example row 100: '0'" in said
    assert "Whether the leads of activities are known shows when leads are right." in said
    assert (
        f"At most 3.0% may (checks.max_quarantined_share). The rows are in {tmp_path / 'quarantine'}" in said
    )
    assert refused.value.exit_code == 3
    assert (tmp_path / "quarantine" / "leads.csv").exists()


def test_lines_that_are_no_rows_count_against_the_limit(load_tables):
    with pytest.raises(ContractError, match=r"the line is no row: 1 rows, for example line 3: '2' "):
        load_tables({"leads.csv": "lead_id,created_at\n1,2024-01-05\n2\n"}, share=0.4)


def test_at_most_three_examples(load_tables):
    found = load_tables({"leads.csv": "lead_id,created_at\n1,2024-01-05\n" + "2,x\n" * 9})
    assert len(found.examples("leads")["created_at is not a date or time"]) == 3


def test_the_quarantine_holds_each_bad_row_with_its_reason_for_its_owner_only(load_tables):
    found = load_tables(
        {"leads.csv": 'lead_id,created_at,title\n1,2024-01-05,a\n2,"ne""ver,\n",b\n,2024-01-05,c\n'}
    )
    path = found.quarantine("leads")
    assert quarantined(found, "leads") == [
        ("2", "created_at is not a date or time", 'ne"ver,\n'),
        ("3", "lead_id is missing", ""),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["leads.csv"]


def test_the_quarantine_of_a_clean_table_is_removed(load_tables):
    found = load_tables({"leads.csv": "lead_id,created_at\n1,2024-01-05\n2,never\n"})
    assert found.quarantine("leads").exists()
    (found.quarantine("leads").parent / "notes.txt").write_text("mine")
    again = load_tables({"leads.csv": LEADS})
    assert not again.quarantine("leads").exists()
    assert (again.quarantine("leads").parent / "notes.txt").exists()


def test_nothing_is_written_for_clean_tables(load_tables):
    assert not load_tables({"leads.csv": LEADS}).quarantine("leads").parent.exists()


def test_a_quarantine_that_cannot_be_written(load_tables, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ConfigError, match=r"paths\.quarantine .*file/inside cannot be written: Not a directory"
    ):
        load_tables({"leads.csv": LEADS + "3,x\n"}, paths={"quarantine": str(tmp_path / "file" / "inside")})


def test_a_required_column_that_is_always_null(load_tables):
    with pytest.raises(ContractError, match="created_at is missing: 2 rows"):
        load_tables({"leads.csv": "lead_id,created_at\n1,\n2,  \n"}, share=0.01)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"leads.csv": "id,made\n1,2\n"},
            "leads.csv lacks lead_id, created_at, which tables.leads requires; found id, made",
        ),
        (
            {"leads.csv": "lead_id,outcome\n1,1\n", "activities.csv": "lead_id,type\n"},
            "activities.csv lacks occurred_at",
        ),
        ({"budgets.csv": "amount,recorded_at\n"}, "budgets.csv: tables.budgets needs lead_id or account_id"),
        ({"rates.csv": "currency\n"}, "rates.csv lacks to_base"),
    ],
)
def test_missing_columns(load_tables, files, says):
    with pytest.raises(SchemaError, match=says):
        load_tables(files)


def test_the_second_clock_directions_and_channels_are_filled_in(load_tables):
    files = {
        "activities.csv": "lead_id,occurred_at,type,direction,channel,recorded_at\n1,2024-01-06 10:00,call,,,\n2,2024-01-06 10:00,call,INBOUND,fax,2024-01-07 10:00\n",
        "stages.csv": "lead_id,stage,entered_at\n1,prospect,2024-01-06 10:00\n",
    }
    found = load_tables(files)
    rows = [
        (lead, way, channel, f"{when:%d}")
        for lead, way, channel, when in found.rows(
            "activities", "lead_id", "direction", "channel", "recorded_at"
        )
    ]
    assert rows == [("1", "outbound", "phone", "06"), ("2", "inbound", "fax", "07")]
    assert f"{found.rows('stages', 'recorded_at')[0]:%d}" == "06"


def test_findings_of_each_kind_with_their_counts(load_tables):
    files = {
        "leads.csv": "lead_id,created_at,account_id,Shoe size\n1,2024-01-05,a,9\n2,2024-01-05,z,8\n",
        "accounts.csv": "account_id,name\na,A\n",
        "activities.csv": "lead_id,occurred_at,type,direction\n1,2024-01-06,fax,sideways\n2,2024-01-06,fax,inbound\n1,2024-01-06,call,\n",
        "stages.csv": "lead_id,stage,entered_at,recorded_at\n1,prospect,2024-01-06,2024-03-06\n",
        "budgets.csv": "lead_id,amount,recorded_at\n",
    }
    found = load_tables(files)
    assert found.findings("leads") == [
        "info: columns that nothing reads: Shoe size",
        "warning: 1 leads name an account that is not there",
    ]
    assert found.findings("accounts") == [
        "warning: without valid_from, account attributes are taken as never changed (tables.accounts.static: true, if that is so)"
    ]
    types, ways = found.findings("activities")
    assert types.startswith(
        "warning: types without features of their own: fax (2). Map them under tables.activities.values.type"
    )
    assert ways == "warning: 1 rows are neither inbound nor outbound"
    assert found.findings("stages")[0].startswith(
        "warning: one in a hundred is recorded more than 60.0 days late, but outcome.recording_lag_days is 0"
    )
    assert found.findings("budgets") == ["warning: budgets.csv holds no usable row"]
    assert {finding.severity for finding in found.report.warnings} == {"warning"}


def test_what_is_configured_and_has_no_column_or_a_wrong_sign_is_said(load_tables):
    files = {
        "leads.csv": "lead_id,created_at\n1,2024-01-05\n",
        "accounts.csv": "account_id,name,annual_revenue\na,A,-5\nb,B,5\n",
        "budgets.csv": "lead_id,amount,recorded_at\n1,-1,2024-01-06\n1,0,2024-01-06\n1,-2.5,2024-01-07\n",
    }
    found = load_tables(files, lists={"owners_are_reps": True})
    owner, company = found.findings("leads")
    assert owner.startswith(
        "warning: lists.owners_are_reps needs an owner: map the column under tables.leads.columns"
    )
    assert company.startswith("warning: no lead names its account: map account_id")
    assert found.findings("budgets")[0].startswith(
        "warning: 2 rows have amount below 0: it counts as it stands"
    )
    assert any(
        said.startswith("warning: 1 rows have annual_revenue below 0") for said in found.findings("accounts")
    )
    whole = "lead_id,created_at,owner,account_id\n1,2024-01-05,Ada,a\n"
    assert load_tables({**files, "leads.csv": whole}, lists={"owners_are_reps": True}).findings("leads") == []


def test_findings_of_stages_and_of_leads_without_dates(load_tables):
    found = load_tables(
        {
            "leads.csv": "lead_id,created_at\n1,2024-01-05\n",
            "stages.csv": "lead_id,stage,entered_at\n1,SQL,2024-01-06\n",
        }
    )
    assert found.findings("stages")[0].startswith(
        "warning: no lead ever entered prospect, opportunity, customer; found SQL. Set outcome.stage"
    )
    stages = (
        "lead_id,stage,entered_at\n1,prospect,2024-01-06\n1,qualified out,2024-01-07\n1,Customer,2024-01-08\n"
    )
    ends = {"outcome": {"disqualified_stages": ["qualified-out", "spam"]}}
    found = load_tables({"leads.csv": "lead_id,created_at\n1,2024-01-05\n", "stages.csv": stages}, **ends)
    assert found.findings("stages") == [
        "info: outcome.later_stages: no lead ever entered 'opportunity'; found Customer, prospect, qualified out",
        "warning: outcome.later_stages: no lead ever entered 'customer'; do you mean 'Customer'?",
        "warning: outcome.disqualified_stages: no lead ever entered 'qualified-out'; do you mean 'qualified out'?",
        "info: outcome.disqualified_stages: no lead ever entered 'spam'; found Customer, prospect, qualified out",
    ]
    found = load_tables({"leads.csv": "lead_id,outcome\n1,1\n"}, {"leads": {"path": "leads.csv"}})
    assert found.findings("leads")[0].startswith(
        "warning: there is neither created_at nor order_by: train and test are split at random"
    )


def test_the_report_as_json(load_tables):
    found = load_tables({"leads.csv": LEADS + "2,2024-01-05\n3,x\n"})
    report = found.report.to_dict()
    leads = report["tables"]["leads"]
    assert (leads["origin"], leads["rows"], leads["kept"]) == ("leads.csv", 4, 2)
    assert leads["quarantined"] == {
        "created_at is not a date or time": 1,
        "lead_id is there more than once": 1,
    }
    assert leads["examples"]["created_at is not a date or time"] == ["row 4: 'x'"]
    assert len(leads["sha256"]) == 64
    assert all(set(finding) == {"severity", "table", "message"} for finding in report["findings"])


def test_the_hash_of_a_source_is_that_of_its_bytes(load_tables):
    tables = {"leads": {"path": "l*.csv"}}
    first = load_tables({"l1.csv": LEADS}, tables).report.tables["leads"].sha256
    assert load_tables({"l1.csv": LEADS}, tables).report.tables["leads"].sha256 == first
    assert (
        load_tables({"l2.csv": "lead_id,created_at\n5,2024-01-05\n"}, tables).report.tables["leads"].sha256
        != first
    )
