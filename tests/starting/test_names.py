"""How near names come to canonical columns, and which words warn."""

from __future__ import annotations

import pytest

from propensity.starting.meanings import act_of, outcome_of, stage_of
from propensity.starting.names import COLUMNS, is_personal, later_word, nearness
from propensity.starting.write import scalar


@pytest.mark.parametrize(
    ("name", "table", "canonical"),
    [
        ("CreatedDate", "leads", "created_at"),
        ("createdon", "leads", "created_at"),
        ("Deal - Deal created", "leads", "created_at"),
        ("Angelegt am", "leads", "created_at"),
        ("fecha_de_creacion", "leads", "created_at"),
        ("telephone1", "leads", "phone"),
        ("emailaddress1", "leads", "email"),
        ("Original Source", "leads", "source"),
        ("Number of Employees", "accounts", "employee_count"),
        ("Mitarbeiterzahl", "accounts", "employee_count"),
        ("Chiffre d'affaires", "accounts", "annual_revenue"),
        ("WhoId", "activities", "lead_id"),
    ],
)
def test_names_of_many_systems_are_near(name, table, canonical):
    near = {column: nearness(name, words) for column, words in COLUMNS[table].items()}
    assert max(near, key=lambda column: near[column]) == canonical
    assert near[canonical] >= 0.5


@pytest.mark.parametrize("name", ["Favourite Colour", "x17", "", "Total Time Spent on Website"])
def test_other_names_are_not(name):
    assert all(nearness(name, words) < 0.5 for table in COLUMNS.values() for words in table.values())


@pytest.mark.parametrize(
    "name", ["CloseDate", "Lost Reason", "LastModifiedDate", "close_value", "Call Duration", "Verlustgrund"]
)
def test_names_that_warn(name):
    warned = later_word(name) is not None
    assert warned is (name != "Verlustgrund")  # one German word: what it gives away tells


@pytest.mark.parametrize("name", ["Last Name", "LeadSource", "Industry", "Customer Since Region"])
def test_names_that_do_not(name):
    assert later_word(name) is None


def test_a_company_s_name_is_no_person_s():
    assert not is_personal("Company Name")
    assert is_personal("Contact Name")
    assert is_personal("Contact owner", words=True)
    assert not is_personal("contact", words=True)


def test_words_of_stages_acts_and_ends():
    assert (stage_of("Closed Won"), stage_of("SQL"), stage_of("Verloren")) == (
        "customer",
        "prospect",
        "disqualified",
    )
    assert (act_of("Email Opened"), act_of("Anruf"), act_of("smoke signal")) == ("email_open", "call", None)
    assert (outcome_of("Won"), outcome_of("Lost"), outcome_of("Engaging"), outcome_of("?")) == (
        "true",
        "false",
        "",
        None,
    )


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "a: b",
        "yes",
        "true",
        "",
        "- x",
        "# x",
        "012",
        "1e5",
        'it\'s "q"',
        "tab\t",
        "\u2028",
        "ä ö",
        "null",
    ],
)
def test_scalars_are_read_back(text):
    from propensity.config.yaml import parse_yaml  # noqa: PLC0415

    assert parse_yaml(f"{scalar(text)}: {scalar(text)}") == {text: text}
