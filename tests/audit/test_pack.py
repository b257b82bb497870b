"""The evidence pack of a training on the small world: what stands in it, and what must not."""

from __future__ import annotations

import csv
import itertools
import json
from dataclasses import replace

import pytest

from audit.made import SECRETS
from audit.markup import Parsed
from propensity.audit.leakage import Court
from propensity.audit.pack import backtest_on, name_of, pack_of
from propensity.audit.report import render
from propensity.audit.sections import practice, trust
from propensity.audit.sections.summary import summary
from propensity.selection.practice import MODEL, RANDOM

ORDER = (
    "outcome", "data", "funnel", "split", "ladder", "gains", "practice", "reliability", "stability", "drivers", "court",
    "backtest", "limits", "reproduce",
)  # fmt: skip


def section(page, anchor):
    """The words of one section."""
    return Parsed(page.partition(f'<section id="{anchor}">')[2].partition("</section>")[0]).text


def test_the_sections_come_in_the_order_of_the_reader(facts):
    assert tuple(each.anchor for each in pack_of(facts).sections) == ORDER


def test_the_summary_is_five_sentences_and_the_verdict_comes_first(facts):
    found = summary(facts)
    assert len(found) == 5
    assert found[0].startswith("Do not use this model yet: 3 of its columns may know the outcome")
    assert "reached prospect within 30 days, whoever called them" in found[0]


def test_without_blocked_columns_the_verdict_hangs_on_the_lift(facts):
    clear = replace(facts, court=Court(()))
    lift = facts.judged.metrics["lift_top_decile"]
    assert summary(clear)[0].startswith("The model tells better leads")
    flat = replace(lift, low=0.9)
    judged = replace(facts.judged, metrics={**facts.judged.metrics, "lift_top_decile": flat})
    trained = replace(facts.trained, evaluations={**facts.trained.evaluations, "model": judged})
    assert summary(replace(clear, trained=trained))[0].startswith("The test does not show")


def test_the_figures_on_the_page_are_those_of_the_training(facts, page):
    model, chance = facts.practices[MODEL].conversions, facts.practices[RANDOM].conversions
    said = section(page, "practice")
    assert f"{practice.amount(model.value)} on average" in said
    assert f"as many at random would have held {practice.amount(chance.value)}" in said
    assert f"{facts.judged.metrics['calibration_error'].value:.4f}" in section(page, "reliability")
    assert facts.trained.final.digest in section(page, "reproduce")


def test_the_funnel_counts_each_lead_in_each_stage_that_it_reached(facts, small_world):
    with (small_world / "leads.csv").open(newline="", encoding="utf-8") as file:
        leads = {row["lead_id"] for row in csv.DictReader(file) if row["created_at"][:2] == "20"}
    counts = {step.name: step.count for step in facts.funnel.steps}
    assert counts["leads"] == len(leads) == 500
    assert counts["leads"] > counts["prospect"] > counts["opportunity"] > counts["customer"] > 0
    assert 0 < facts.funnel.disqualified < counts["leads"] - counts["prospect"]


def test_blocked_columns_come_first_and_the_clear_ones_last(page):
    said = section(page, "court")
    assert said.index("call_minutes") < said.index("budget_round") < said.index("clear columns")
    assert "this keeps the model from being promoted" in said
    assert "the form asks for it" in said
    assert "unread" not in said


def test_nobody_is_named(page, small_world):
    with (small_world / "leads.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    text = Parsed(page).text
    people = {
        row[key] for row in rows for key in ("lead_id", "contact_name", "email", "phone", "owner") if row[key]
    }
    assert not [word for word in {*people, *SECRETS} if len(word) > 3 and word in text]


def test_no_place_of_this_machine_is_named(facts, page):
    paths = facts.config.paths.model_dump().values()
    assert not [str(path) for path in (*paths, facts.config.data.folder) if str(path) in page]
    assert "propensity train --config" in section(page, "reproduce")


def test_the_same_facts_give_the_same_bytes(facts, page):
    assert render(pack_of(facts)) == page
    assert len(page.encode()) < 1_000_000


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in Parsed(page).tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_where_there_is_too_little_the_page_says_so(page):
    assert "not enough evidence" in section(page, "stability")


def test_without_a_test_the_page_says_that_nothing_is_known(untested):
    page = render(pack_of(untested))
    assert "nothing says how good this model is" in page
    assert page.count("There was no test that holds both outcomes") == 5


def test_limits_are_facts_of_this_training(facts):
    found = " ".join(trust.limits_of(facts))
    assert "accounts have no history" in found
    assert "3 columns may know the outcome" in found
    assert "1 suspect column in use, because" in found
    assert "accounts have no history" not in " ".join(trust.limits_of(replace(facts, account_history=True)))


def test_where_files_lie_and_what_it_runs_on_do_not_change_the_hash_of_the_configuration(facts):
    moved = facts.config.model_copy(
        update={
            "paths": facts.config.paths.model_copy(update={"out": facts.config.paths.models}),
            "engine": facts.config.engine.model_copy(update={"threads": 1}),
        }
    )
    other = facts.config.model_copy(
        update={"outcome": facts.config.outcome.model_copy(update={"horizon_days": 31})}
    )
    assert trust.config_sha256(moved) == trust.config_sha256(facts.config) != trust.config_sha256(other)


@pytest.fixture
def backtested(facts):
    """A backtest's file, as it is written."""
    past = {"name": "2026-01-01", "rung": "lightgbm"}
    return {
        **facts.practices.to_dict(),
        "summary": "Of the 200 leads at the top of the one list, 12 converted.",
        "horizon_days": facts.trained.final.horizon_days,
        "lists": [past],
        "spec_hash": facts.trained.final.spec_hash,
        "data": {"tables": facts.trained.final.metadata["data"]["tables"]},
    }


def test_a_backtest_on_these_data_is_told(facts, backtested, tmp_path):
    (tmp_path / "backtest.json").write_text(json.dumps(backtested))
    found = backtest_on(tmp_path, facts.trained)
    said = section(render(pack_of(replace(facts, backtest=found))), "backtest")
    assert "Of the 200 leads at the top of the one list, 12 converted." in said
    assert "1 past lists (2026-01-01 to 2026-01-01)" in said


@pytest.mark.parametrize(
    "change", [{"spec_hash": "other"}, {"horizon_days": 1}, {"data": {"tables": {}}}, {"data": None}]
)
def test_a_backtest_of_other_features_or_data_is_not(facts, backtested, tmp_path, change):
    (tmp_path / "backtest.json").write_text(json.dumps({**backtested, **change}))
    assert backtest_on(tmp_path, facts.trained) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_broken_backtest_is_as_none(facts, tmp_path, text):
    (tmp_path / "backtest.json").write_text(text)
    assert backtest_on(tmp_path, facts.trained) is None
    assert "No backtest of this configuration" in section(render(pack_of(facts)), "backtest")


def test_the_file_is_named_by_the_model_alone(facts):
    assert name_of(facts.trained) == f"evidence-{facts.trained.final.digest[:12]}.html"
