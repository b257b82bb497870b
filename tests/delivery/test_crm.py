"""Import files for a CRM: headings of each product's own, harmless cells, and who left the list."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from delivery import made
from propensity.config.crm import CrmConfig, SalesforceColumns
from propensity.delivery.crm import earlier_leads, write_crm

LEFT = pa.table(
    {
        "lead_id": ["L9"], "probability": [0.03], "tier": ["C"], "verdict": ["no prospect"],
        "removed_because": ["asked not to be contacted"],
    }
)  # fmt: skip


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_product_has_its_own_headings(tmp_path):
    counts = write_crm(tmp_path, made.listed(made.plain(2)), LEFT, made.NIGHT, CrmConfig())
    assert counts == {
        "crm/salesforce.csv": 2, "crm/salesforce-left.csv": 1, "crm/hubspot.csv": 2, "crm/hubspot-left.csv": 1,
    }  # fmt: skip
    first = rows_of(tmp_path / "crm" / "salesforce.csv")[0]
    assert first == {
        "Id": "L0000", "Propensity_Listed__c": "true", "Propensity_Score__c": "50", "Propensity_Tier__c": "A",
        "Propensity_Verdict__c": "prospect",
        "Propensity_Reasons__c": "For: acted 4 times in the last 7 days; the budget covers the price; industry Energy. "
        "Against: was sent an e-mail 4 times.",
        "Propensity_Next_Action__c": "call", "Propensity_Because__c": "they wrote last, on 2026-05-30",
        "Propensity_List_Date__c": "2026-06-01",
    }  # fmt: skip
    other = rows_of(tmp_path / "crm" / "hubspot.csv")[0]
    assert list(other.values()) == list(first.values())
    assert list(other)[:3] == ["Record ID", "propensity_listed", "propensity_score"]
    assert (tmp_path / "crm" / "salesforce.csv").read_bytes().isascii()


def test_who_left_is_taken_off_with_the_cause_and_no_cell_is_empty(tmp_path):
    write_crm(tmp_path, made.listed(made.plain(1)), LEFT, made.NIGHT, CrmConfig())
    (row,) = rows_of(tmp_path / "crm" / "hubspot-left.csv")
    assert row == {
        "Record ID": "L9", "propensity_listed": "false", "propensity_score": "3", "propensity_tier": "C",
        "propensity_verdict": "no prospect", "propensity_reasons": "asked not to be contacted",
        "propensity_next_action": "off the list", "propensity_because": "asked not to be contacted",
        "propensity_list_date": "2026-06-01",
    }  # fmt: skip


def test_headings_are_configured_and_may_be_left_out(tmp_path):
    config = CrmConfig(salesforce=SalesforceColumns(lead_id="Ext__c", tier=None, verdict=None))
    write_crm(tmp_path, made.listed(made.plain(1)), LEFT, made.NIGHT, config)
    (row,) = rows_of(tmp_path / "crm" / "salesforce.csv")
    assert list(row)[:3] == ["Ext__c", "Propensity_Listed__c", "Propensity_Score__c"]
    assert len(row) == 7


@pytest.mark.parametrize(
    "wrong", [{"tier": "Id"}, {"tier": "=A"}, {"tier": " "}, {"tier": "a\nb"}, {"lead_id": None}]
)
def test_headings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValidationError):
        SalesforceColumns(**wrong)


def test_hostile_text_is_harmless_and_comes_back_in_pandas_and_csv(tmp_path):
    write_crm(tmp_path, made.listed(made.hostile()), LEFT, made.NIGHT, CrmConfig())
    for product, heading in (("salesforce", "Propensity_Because__c"), ("hubspot", "propensity_because")):
        path = tmp_path / "crm" / f"{product}.csv"
        found = [row[heading] for row in rows_of(path)]
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        assert len(found) == len(frame) == len(made.HOSTILE)
        for text, cell in zip(made.HOSTILE, found, strict=True):
            assert cell in (text, f"'{text}")
            assert cell.lstrip()[:1] not in set("=+-@")
        assert not frame.iloc[:, 0].str.match(r"^\s*[=+\-@]").any()


def nights(folder, *ages, model="demo"):
    for age, lead in ages:
        place = folder / f"night-{age}"
        place.mkdir()
        as_of = (made.AS_OF - timedelta(days=age)).isoformat()
        (place / "manifest.json").write_text(json.dumps({"as_of": as_of, "model": {"name": model}}))
        pq.write_table(pa.table({"lead_id": [lead]}), place / "list.parquet")


def test_the_newest_earlier_lists_of_the_model_are_looked_at(tmp_path):
    nights(tmp_path, (1, "A"), (2, "B"), (3, "C"), (0, "same night"), (-1, "later"))
    (tmp_path / "other").mkdir()
    nights(tmp_path / "other", (1, "of a folder below"))
    (tmp_path / "other" / "manifest.json").write_text(
        '{"as_of": "2026-05-31T00:00:00+00:00", "model": {"name": "x"}}'
    )
    (tmp_path / ".x.partial-1").mkdir()
    (tmp_path / ".x.partial-1" / "manifest.json").write_text(
        (tmp_path / "night-1" / "manifest.json").read_text()
    )
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("[")
    assert earlier_leads(tmp_path, made.NIGHT, "demo", most=2) == {"A", "B"}
    assert earlier_leads(tmp_path, made.NIGHT, "demo", most=9) == {"A", "B", "C"}
    assert earlier_leads(tmp_path, made.NIGHT, "demo", most=0) == set()
    assert earlier_leads(tmp_path, replace(made.NIGHT, as_of=None), "demo", most=9) == set()
    (tmp_path / "night-1" / "list.parquet").write_bytes(b"no")
    assert earlier_leads(tmp_path, made.NIGHT, "demo", most=2) == {"B"}
