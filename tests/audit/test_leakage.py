"""The leakage court on small worlds with planted leaks, and on data with next to nothing in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import CONFIG
from propensity import workflow
from propensity.audit.leakage import Court, hold_court
from propensity.config import Config
from propensity.config.file import load_config
from propensity.demo.world import simulate, write
from propensity.errors import PromotionRefused
from propensity.selection.checks import court_check
from propensity.session import Progress, opened, training_frame

pytestmark = pytest.mark.xdist_group("court")
END = pd.Timestamp("2026-06-01", tz="UTC")
LEAKS = ("few", "cleared", "amount", "updated_at", "customer_number", "acts_in_total", "account_rate")
HONEST = ("colour", "number", "code", "first_seen", "rare", "blank_by_size")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world of 2,500 leads with planted columns; `flat.csv` holds the leads with their outcome and nothing else."""
    place = tmp_path_factory.mktemp("court")
    world = simulate(leads=2_500, months=18, seed=31)
    write(world, place)
    leads = planted(world)
    leads.drop(columns="outcome").to_csv(place / "leads.csv", index=False)
    leads[leads["created_at"] < END - pd.Timedelta(days=60)].to_csv(place / "flat.csv", index=False)
    return place


def planted(world) -> pd.DataFrame:
    leads = world.leads.to_pandas()
    n, rng = len(leads), np.random.default_rng(5)
    stages, acts = world.stages.to_pandas(), world.activities.to_pandas()
    at = leads["lead_id"].map(stages[stages["stage"] == "prospect"].groupby("lead_id")["entered_at"].min())
    yes = at.notna().to_numpy()
    group = leads["account_id"].fillna(leads["lead_id"])
    by = pd.Series(yes.astype(float)).groupby(group.to_numpy())
    size = leads["account_id"].map(world.accounts.to_pandas().set_index("account_id")["employee_count"])
    touched = leads["created_at"] + pd.to_timedelta(rng.integers(0, 30, n), "D")
    return leads.assign(
        outcome=np.where(yes, "yes", "no"),
        few=np.where(yes & (rng.random(n) < 0.1), "seen", None),
        cleared=np.where(yes & (rng.random(n) < 0.5), None, "mon"),
        amount=np.where(yes, rng.lognormal(8, 1, n).round(), np.nan),
        updated_at=(at + pd.Timedelta(hours=5)).where(yes, touched).clip(upper=END),
        customer_number=at.rank().where(yes, pd.Series(rng.integers(1, 2_500, n))),
        acts_in_total=leads["lead_id"].map(acts.groupby("lead_id").size()).fillna(0),
        account_rate=((by.transform("sum") + 1) / (by.transform("size") + 4)).round(4).to_numpy(),
        colour=rng.choice(["red", "green", "blue"], n),
        number=rng.normal(size=n).round(3),
        code=[f"LD-{i:05d}" for i in range(n)],
        first_seen=leads["created_at"] - pd.Timedelta(days=3),
        rare=np.where(rng.random(n) < 0.02, "x", None),
        blank_by_size=np.where((size.rank(pct=True) + rng.normal(0, 0.2, n)) > 0.5, "known", None),
    )


def historic(folder: Path, place: Path, *more: str) -> Config:
    return load_config(
        CONFIG,
        [
            f"data.folder={folder}",
            f"paths.quarantine={place / 'q'}",
            f"paths.models={place / 'models'}",
            f"tracking.uri=sqlite:///{place / 'm.db'}",
            "snapshots.every=2 months",
            "model.params={max_trees: 20}",
            "model.rungs=[lightgbm]",
            "model.resamples=50",
            *more,
        ],
    )


def flat(folder: Path, place: Path) -> Config:
    text = f"data: {{folder: {folder}, through: 2026-06-01}}\npaths: {{quarantine: {place / 'q'}}}\n"
    (place / "flat.yaml").write_text(text + "tables: {leads: {path: flat.csv}}\n")
    return load_config(place / "flat.yaml")


def court_of(config: Config) -> Court:
    with opened(config, Progress()) as session:
        return hold_court(session.canonical, session.through, candidates=True)


@pytest.fixture(scope="module")
def crm_court(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Court:
    return court_of(historic(folder, tmp_path_factory.mktemp("crm")))


@pytest.fixture(scope="module")
def flat_court(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Court:
    return court_of(flat(folder, tmp_path_factory.mktemp("flat")))


def verdicts(court: Court) -> dict[str, str]:
    return {found.name: found.verdict for found in court.verdicts}


@pytest.mark.parametrize("name", [*LEAKS, "qualification_call_minutes"])
def test_a_planted_leak_is_not_clear_where_there_is_a_history(crm_court, name):
    assert verdicts(crm_court)[name] != "clear"


def test_honest_columns_are_clear_beside_a_history(crm_court):
    found = verdicts(crm_court)
    mapped = {verdict.name for verdict in crm_court.verdicts if verdict.feeds}
    assert {found[name] for name in (*HONEST, *mapped)} == {"clear"}


@pytest.mark.parametrize("name", ["amount", "updated_at", "customer_number", "qualification_call_minutes"])
def test_timing_and_near_determinism_convict(crm_court, name):
    assert verdicts(crm_court)[name] == "convicted"


@pytest.mark.parametrize(
    "name", ["few", "cleared", "amount", "updated_at", "customer_number", "account_rate"]
)
def test_a_planted_leak_is_not_clear_on_a_flat_file(flat_court, name):
    assert verdicts(flat_court)[name] != "clear"


def test_honest_columns_are_clear_on_a_flat_file(flat_court):
    found = verdicts(flat_court)
    assert {found[name] for name in HONEST} == {"clear"}


def test_without_a_history_no_date_convicts(flat_court):
    found = next(verdict for verdict in flat_court.verdicts if verdict.name == "updated_at")
    assert found.verdict == "suspect"
    assert "after the lead's creation" in found.sentence


def test_a_sentence_says_how_full_a_column_is(crm_court):
    found = next(verdict for verdict in crm_court.verdicts if verdict.name == "qualification_call_minutes")
    assert "is filled for 100% of those who converted and 0% of the others" in found.sentence


def test_unmapped_columns_are_tried_but_block_nothing(crm_court):
    assert crm_court.blocking == ()
    assert not crm_court.warnings


@pytest.mark.parametrize("leads", [60, 400])
def test_few_leads_are_not_suspected_by_chance(tmp_path, leads):
    rng = np.random.default_rng(leads)
    table = pd.DataFrame({f"c{i}": rng.integers(0, 4, leads) for i in range(20)})
    table["created_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 500, leads), "D")
    table["lead_id"], table["outcome"] = np.arange(leads), rng.choice(["yes", "no"], leads)
    table.to_csv(tmp_path / "flat.csv", index=False)
    court = court_of(flat(tmp_path, tmp_path))
    assert bool(court.excuse) == (leads == 60)
    assert set(verdicts(court).values()) <= {"clear"}


@pytest.fixture(scope="module")
def leaky(folder: Path, tmp_path_factory: pytest.TempPathFactory):
    """A training whose configuration declares two leaks static."""
    place = tmp_path_factory.mktemp("leaky")
    extra = "tables.leads.extra={few: {static: true}, amount: {static: true, type: number}}"
    config = historic(folder, place, extra)
    return config, workflow.train(config)


def test_promotion_is_refused_with_the_sentence_and_the_line_to_add(leaky):
    config, trained = leaky
    assert {found.name for found in trained.court.blocking} == {"few", "amount"}
    with pytest.raises(PromotionRefused) as caught:
        workflow.promote(config)
    assert caught.value.exit_code == 7
    said = str(caught.value)
    assert "amount: convicted" in said
    assert "few: suspect" in said
    assert 'tables.leads.extra.few.known_in_time: "why it is known before the outcome"' in said


def test_a_declared_suspect_passes_the_gate_and_a_convicted_column_does_not(leaky, folder, tmp_path):
    _, trained = leaky
    why = "known_in_time: the form asks"
    extra = (
        f"tables.leads.extra={{few: {{static: true, {why}}}, amount: {{static: true, type: number, {why}}}}}"
    )
    check = court_check(trained.trained.judged, historic(folder, tmp_path, extra))
    assert not check.passed
    assert "amount: convicted" in check.sentence
    assert "few" not in check.sentence


def test_the_verdicts_go_with_the_model_and_into_json(leaky):
    _, trained = leaky
    kept = trained.trained.final.metadata["court"]
    assert kept == trained.to_dict()["court"] == trained.court.to_dict()
    assert {each["column"] for each in kept["verdicts"] if each["blocks"]} == {"few", "amount"}
    assert any(warning.startswith("leakage court: amount is convicted") for warning in trained.warnings)


def test_a_model_that_was_never_tried_is_refused(leaky):
    config, trained = leaky
    untried = {key: value for key, value in trained.trained.judged.metadata.items() if key != "court"}
    check = court_check(replace(trained.trained.judged, metadata=untried), config)
    assert not check.passed
    assert "propensity train" in check.step


def test_an_act_written_back_in_time_falls_off_the_cliff(folder, tmp_path):
    acts = pd.read_parquet(folder / "activities.parquet")
    stages = pd.read_parquet(folder / "stages.parquet")
    won = stages[stages["stage"] == "prospect"].drop_duplicates("lead_id")
    starts = won["entered_at"].dt.tz_localize(None).dt.to_period("M").dt.to_timestamp().dt.tz_localize("UTC")
    back = starts - pd.Timedelta(hours=2)
    more = pd.DataFrame(
        {"lead_id": won["lead_id"], "occurred_at": back, "recorded_at": back, "type": "meeting",
         "direction": "outbound", "channel": "in_person", "value": 1.0}
    )  # fmt: skip
    for path in folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    pd.concat([acts, more]).to_parquet(tmp_path / "activities.parquet")
    config = historic(tmp_path, tmp_path)
    with opened(config, Progress()) as session:
        court = hold_court(session.canonical, session.through, training_frame(session))
    fallen = [v for v in court.verdicts if any(reason.statistic == "cliff" for reason in v.reasons)]
    assert "activities: meeting" in {verdict.name for verdict in fallen}
    assert all(verdict.blocks for verdict in fallen)
