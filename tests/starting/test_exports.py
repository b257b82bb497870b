"""Exports of CRMs that nobody here has seen: what is mapped, what is not, and that it runs as it is written."""

from __future__ import annotations

import pytest

from starting.exports import COMPANIES, FIRST, LAST

NAMES = ["salesforce", "hubspot", "german"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_checks_without_a_bad_row(export, name):
    result = export(name).checked
    assert result.report.tables["leads"].kept == 240
    assert not [broken for table in result.report.tables.values() for broken in table.broken]
    assert result.profile.sufficiency.conversions > 0


@pytest.mark.parametrize("name", NAMES)
def test_no_person_is_named_in_what_is_written(export, name):
    text = export(name).text
    assert not [word for word in (*FIRST, *LAST) if word in text]
    assert "@" not in text
    assert "+49" not in text


def test_salesforce_tables_and_columns(export):
    done = export("salesforce")
    assert set(done.config.tables) == {"leads", "accounts", "activities", "stages"}
    assert done.columns("leads") == {
        "lead_id": "Id",
        "created_at": "CreatedDate",
        "account_id": "Company",
        "contact_name": "Name",
        "email": "Email",
        "phone": "Phone",
        "title": "Title",
        "source": "LeadSource",
        "country": "Country",
        "owner": "OwnerId",
        "do_not_contact": "HasOptedOutOfEmail",
    }
    assert done.columns("accounts")["account_id"] == "Name"
    assert done.columns("accounts")["employee_count"] == "NumberOfEmployees"


def test_salesforce_tasks_and_events_are_both_activities(export):
    done = export("salesforce")
    sources = {source["from"]: source["columns"] for source in done.begun.to_dict()["tables"]["activities"]}
    assert set(sources) == {"Task.csv", "Event.csv"}
    assert sources["Task.csv"] == {
        "lead_id": "WhoId",
        "occurred_at": "ActivityDate",
        "type": "TaskSubtype",
        "recorded_at": "CreatedDate",
    }
    assert sources["Event.csv"]["occurred_at"] == "StartDateTime"
    assert "Email: email_sent" in done.text
    assert "Event: meeting" in done.text


def test_what_salesforce_fills_at_conversion_is_not_mapped_but_named(export):
    late = export("salesforce").late()
    assert {
        "Status",
        "IsConverted",
        "ConvertedDate",
        "ConvertedAccountId",
        "LastModifiedDate",
        "Rating",
    } <= set(late)
    assert "filled for 100% of the leads that converted and 0% of the others" in late["ConvertedAccountId"]
    assert "ConvertedAccountId" not in export("salesforce").columns("leads").values()


def test_a_date_of_conversion_becomes_a_stage(export):
    done = export("salesforce")
    part = done.config.tables["stages"].sources[0].rows[0]
    assert part.when_known == ("ConvertedDate",)
    assert part.columns["stage"].constant == "prospect"
    assert done.config.tables["leads"].sources[0].columns.get("outcome") is None


def test_a_column_of_unknown_time_waits_for_a_person(export):
    done = export("salesforce")
    assert "#   campaign_c: {column: Campaign__c, static: true}" in done.text
    assert "# extra:" in done.text
    assert not done.config.tables["leads"].extra
    assert done.config.tables["leads"].sources[0].null_words == ("--None--",)


def test_an_amount_that_changes_in_place_is_no_budget(export):
    left = dict(export("salesforce").begun.plan.left_out)
    assert "Opportunity.csv" in left
    assert "it looks like leads too" in left["Contact.csv"]


def test_hubspot_tables_and_columns(export):
    done = export("hubspot")
    assert done.columns("leads")["lead_id"] == "Record ID"
    assert done.columns("leads")["account_id"] == "Associated Company ID"
    assert done.columns("leads")["owner"] == "Contact owner"
    assert done.config.tables["leads"].sources[0].columns["contact_name"].join == ("First Name", "Last Name")
    assert done.columns("activities") == {
        "lead_id": "Associated Contact ID",
        "occurred_at": "Activity date",
        "type": "Activity type",
    }
    assert done.columns("stages") == {
        "lead_id": "Contact ID",
        "stage": "Lifecycle Stage",
        "entered_at": "Changed at",
    }
    assert done.config.tables["stages"].sources[0].values["stage"] == {
        "Sales Qualified Lead": "prospect",
        "Customer": "customer",
    }


def test_times_without_a_zone_are_doubted(export):
    assert "timezone: UTC " in export("hubspot").text
    assert "# doubt: leads.created_at" in export("hubspot").text
    assert "no zone is written" in export("hubspot").text


def test_german_words_dates_and_bands(export):
    done = export("german")
    leads = done.config.tables["leads"].sources[0]
    assert leads.csv.encoding == "cp1252"
    assert leads.columns["created_at"].format == ("%d.%m.%Y",)
    assert leads.values["do_not_contact"] == {"Nein": "false", "Ja": "true"}
    assert leads.null_words == ("k.A.",)
    accounts = done.config.tables["accounts"].sources[0].columns
    assert (accounts["employee_count"].column, accounts["employee_count"].band) == ("Mitarbeiter", "middle")
    assert (accounts["annual_revenue"].column, accounts["annual_revenue"].decimal) == ("Jahresumsatz", ",")
    assert accounts["founded_on"].format == ("%Y",)
    assert done.config.tables["stages"].sources[0].values["stage"] == {
        "Qualifiziert": "prospect",
        "Verloren": "disqualified",
    }


def test_words_that_nobody_understands_are_said(export):
    assert "# doubt: words of type that are not understood: Rauchzeichen" in export("german").text
    assert any(
        "tables.activities.values.type" in each for each in export("german").begun.to_dict()["look_first"]
    )


def test_keys_typed_by_hand_are_looked_up_loosely(export):
    done = export("german")
    lookup = done.config.tables["leads"].sources[0].lookups["account"]
    assert (lookup.match, dict(lookup.on)) == ("loose", {"Firma": "Firmenname"})
    account = next(column for column in done.checked.profile.columns["leads"] if column.name == "account_id")
    assert account.distinct == len(COMPANIES)


def test_a_reason_for_losing_is_known_only_to_the_lost(export):
    assert "did not convert and 0% of the others" in export("german").late()["Verlustgrund"]
