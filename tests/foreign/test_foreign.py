"""A company's export that nobody here has seen, mapped by a YAML file alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from conftest import tracked
from foreign.export import ZONE, export, middle
from propensity import workflow
from propensity.config.file import load_config
from propensity.engines.duckdb import DuckDBEngine
from propensity.sources.canonical import load

YAML = Path(__file__).parent / "crm.yaml"


@pytest.fixture(scope="module")
def folder(small_world, tmp_path_factory):
    place = tmp_path_factory.mktemp("foreign")
    export(small_world, place)
    shutil.copy(YAML, place)
    return place


@pytest.fixture(scope="module")
def found(folder):
    """The canonical tables as pandas."""
    engine = DuckDBEngine(threads=1)
    canonical = load(engine, load_config(folder / "crm.yaml"))
    yield {name: engine.collect(table).to_pandas() for name, table in canonical.tables.items()}, canonical
    engine.close()


@pytest.fixture(scope="module")
def meant(small_world):
    """The world that was exported."""
    leads = pd.read_csv(small_world / "leads.csv")
    leads["created_at"] = pd.to_datetime(leads["created_at"], errors="coerce", format="ISO8601", utc=True)
    leads = leads.dropna(subset="created_at").drop_duplicates("lead_id")
    acts, stages = (pd.read_parquet(small_world / f"{name}.parquet") for name in ("activities", "stages"))
    accounts = pd.read_csv(small_world / "accounts.csv").drop_duplicates("account_id")
    for table in (leads, acts, stages):
        table["lead_id"] = "i-" + table["lead_id"].str[1:].astype(int).astype(str)
    acts = acts[acts["lead_id"].isin(leads["lead_id"])]
    return {"leads": leads, "activities": acts, "stages": stages, "accounts": accounts}


def end_of_day(times: pd.Series) -> pd.Series:
    local = times.dt.tz_convert(ZONE).dt.normalize() + pd.DateOffset(days=1) - pd.Timedelta(microseconds=1)
    return local.dt.tz_convert("UTC")


def same(left: pd.Series, right: pd.Series) -> bool:
    return (
        left.astype(object).where(left.notna(), None).tolist()
        == right.astype(object).where(right.notna(), None).tolist()
    )


def test_leads_of_two_tables_with_the_contacts_beside_them(found, meant):
    leads = found[0]["leads"].sort_values("lead_id").reset_index(drop=True)
    wanted = meant["leads"].sort_values("lead_id").reset_index(drop=True)
    for column in ("lead_id", "account_id", "contact_name", "email", "phone", "title", "source", "country", "product", "owner", "do_not_contact"):  # fmt: skip
        assert same(leads[column], wanted[column]), column
    assert (leads["created_at"] == end_of_day(wanted["created_at"])).all()


def test_acts_of_four_tables(found, meant):
    def counted(table):
        return table.groupby(["lead_id", "type"]).size().to_dict()

    acts, wanted = found[0]["activities"], meant["activities"]
    assert counted(acts) == counted(wanted)
    calls, wanted_calls = (table[table["type"] == "call"] for table in (acts, wanted))
    keys = ["lead_id", "occurred_at", "direction"]
    assert (
        calls[keys].sort_values(keys).to_numpy().tolist()
        == wanted_calls[keys].sort_values(keys).to_numpy().tolist()
    )
    assert calls["value"].sum() == wanted_calls["value"].sum()
    seen, wanted_seen = (table[table["type"] == "pricing_view"] for table in (acts, wanted))
    assert sorted(seen["occurred_at"]) == sorted(end_of_day(wanted_seen["occurred_at"]))


def test_stages_from_the_dates_of_deals(found, meant):
    kept = ["contacted", "prospect", "opportunity", "customer", "disqualified"]
    wanted = meant["stages"].drop_duplicates(["lead_id", "stage"])
    wanted = wanted[wanted["stage"].isin(kept)]
    entered = found[0]["stages"].set_index(["lead_id", "stage"])["entered_at"].to_dict()
    assert entered == dict(zip(zip(wanted["lead_id"], wanted["stage"], strict=True), end_of_day(wanted["entered_at"]), strict=True))  # fmt: skip


def test_bands_and_written_amounts(found, meant):
    firms = found[0]["accounts"].set_index("account_id").sort_index()
    wanted = meant["accounts"].set_index("account_id").sort_index()
    assert firms["employee_count"].equals(wanted["employee_count"].map(middle, na_action="ignore"))
    assert firms["annual_revenue"].equals(wanted["annual_revenue"])
    assert (firms["industry"].dropna() == wanted["industry"].dropna()).all()
    assert (firms["founded_on"].dt.tz_convert(ZONE).dt.strftime("%m-%d %H:%M") == "01-01 23:59")[firms["founded_on"].notna()].all()  # fmt: skip


def test_what_the_mapping_leaves_out_is_counted(found):
    said = [finding.message for finding in found[1].report.findings if finding.table == "activities"]
    assert any(
        "2 of" in message and "rows of mails.csv are no activities, by the mapping" in message
        for message in said
    )
    assert [f.message for f in found[1].report.warnings if f.table != "accounts"] == []


def test_it_trains_and_gives_a_list(folder, tmp_path):
    config = load_config(
        folder / "crm.yaml",
        [
            tracked(tmp_path),
            "model.params={max_trees: 40}",
            "model.rungs=[lightgbm]",
            "model.resamples=50",
            "snapshots.every=3 months",
        ],
    )
    trained = workflow.train(config)
    assert trained.trained.evaluations["model"].conversions > 3
    workflow.promote(config)
    scored = workflow.score(config, out=tmp_path / "list")
    assert scored.listed > 50
    listed = pd.read_parquet(tmp_path / "list" / "list.parquet")
    assert listed["lead_id"].str.startswith("i-").all()
    assert listed["contact_name"].notna().any()
