"""Past lists on the small world: the same whatever the jobs, and said in words."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.conftest import run
from conftest import CONFIG, small_config
from propensity import workflow
from propensity.config import Config
from propensity.delivery.figures import write_figures
from propensity.errors import DeliveryError
from propensity.results import BacktestResult
from propensity.selection.backtest import _by_training, _lists_of_one_training, capacity_of
from propensity.selection.origins import Origin
from propensity.terminal import screens
from selection.test_ladder import config as small_model
from selection.test_ladder import frame_of, happens

SETTINGS = (
    "backtest={origins: 2, capacity: 30}",
    "model.rungs=[scorecard, lightgbm]",
    "model.params={max_trees: 30}",
    "model.resamples=50",
)


@dataclass(frozen=True)
class Ran:
    world: Path
    place: Path
    result: BacktestResult
    text: str


@pytest.fixture(scope="module")
def ran(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    place = tmp_path_factory.mktemp("backtest")
    config = small_config(
        small_world, place, f"paths.reports={place / 'reports'}", *SETTINGS, "backtest.jobs=1"
    )
    result = workflow.backtest(config)
    return Ran(small_world, place, result, result.path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def told(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, str]:
    """The same on the command line, with two jobs: what it printed, and the file."""
    place = tmp_path_factory.mktemp("told")
    sets = [
        f"data.folder={ran.world}", f"paths.quarantine={place}/quarantine", f"paths.reports={place}/reports", *SETTINGS,
        "backtest.jobs=2",
    ]  # fmt: skip
    ended = run("backtest", "--config", CONFIG, *(p for s in sets for p in ("--set", s)), "--json")
    assert ended.code == 0, ended.err
    return ended.json, (place / "reports" / "backtest.json").read_text(encoding="utf-8")


def test_one_and_two_jobs_give_the_same_bytes(ran, told):
    assert told[1] == ran.text


def test_the_command_prints_what_the_file_holds_and_where_it_is(told):
    printed, text = told
    held = json.loads(text)
    assert Path(printed.pop("path")).name == "backtest.json"
    assert held.pop("propensity") == workflow.__version__
    assert printed == held


def test_the_file_says_what_was_read_and_which_features(ran):
    held = json.loads(ran.text)
    assert set(held["data"]["tables"]) == {"leads", "accounts", "activities", "stages", "budgets", "products"}
    assert len(held["spec_hash"]) == 64
    assert held["data"]["data_through"] == "2026-06-01T00:00:00Z"


def test_each_list_is_of_a_matured_date_and_its_model_of_the_same_date(ran):
    found = ran.result.backtest
    assert [past.name for past in found.lists] == ["2026-03-01", "2026-04-01"]
    assert [past.trained for past in found.lists] == ["2026-03-01", "2026-04-01"]
    assert found.lists[0].rows < found.lists[1].rows
    for past, period in zip(found.lists, found.practices.by_list, strict=True):
        assert (past.leads, past.conversions) == (period.leads, period.converted)
        assert period.called == 30
    assert {practice.name for practice in found.practices.practices} == {
        "model", "newest", "owner", "scorecard", "random",
    }  # fmt: skip


def test_the_result_is_one_sentence(ran):
    assert ran.result.backtest.summary.startswith("Of the 30 leads at the top of each of 2 lists, ")
    assert " converted within 30 days; by newest first " in ran.result.backtest.summary
    assert ran.result.backtest.summary.endswith(", whoever called them.")


def test_an_outcome_without_a_time_is_no_conversion_within_days(ran):
    flat = replace(ran.result.backtest, horizon_days=None)
    assert " on average converted; by newest first " in flat.summary


def test_the_screen_begins_with_the_sentence_and_goes_list_by_list(ran, capsys):
    screens.backtest(ran.result)
    shown = capsys.readouterr().out
    for words in (ran.result.backtest.summary, "owner's order", "2026-03-01", "2026-04-01", "only a holdout"):
        assert words in shown


def test_a_capacity_beyond_the_lists_is_a_warning(ran):
    found = ran.result.backtest
    large = replace(found, practices=replace(found.practices, capacity=1_000))
    assert any("2 of 2 lists hold no more than 1,000 leads" in warning for warning in large.warnings)
    assert large.summary.startswith("Of up to 1,000 leads at the top of each of 2 lists")
    assert not any("hold no more" in warning for warning in found.warnings)


def test_between_trainings_the_last_model_makes_the_lists():
    x = np.random.default_rng(0).normal(size=600)
    labelled = frame_of({"x": x}, happens(x))
    label, frame = labelled.y, replace(labelled, table=labelled.table.drop_columns(["label"]))
    origins = [
        Origin(f"list {n}", None, np.arange(n), label[:n], np.arange(n, n + 100), label[n : n + 100])
        for n in (200, 300, 400)
    ]
    by_two = _by_training(origins, 2)
    assert [[origin.name for origin in group] for group in by_two] == [["list 200", "list 300"], ["list 400"]]
    model = small_model(rungs=["naive_bayes"])
    first, second = _lists_of_one_training(frame, by_two[0], model, dated=True)
    assert (second.past.name, second.past.trained, second.past.rows) == ("list 300", "list 200", 200)
    (fresh,) = _lists_of_one_training(frame, [origins[1]], model, dated=True)
    assert (fresh.past.trained, fresh.past.rows) == ("list 300", 300)
    assert first.past.rung == "naive_bayes"
    assert not np.array_equal(second.margin, fresh.margin)


def test_figures_that_cannot_be_written_say_which_key(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeliveryError, match=r"Set paths\.reports to another folder"):
        write_figures(tmp_path / "file" / "backtest.json", {}, setting="paths.reports")


@pytest.mark.parametrize(
    ("backtest", "lists", "expected"),
    [({}, {}, 200), ({}, {"capacity": 7}, 7), ({"capacity": 3}, {"capacity": 7}, 3)],
)
def test_the_capacity_is_that_of_the_backtest_else_of_the_lists_else_the_default(backtest, lists, expected):
    config = Config.model_validate(
        {"tables": {"leads": {"path": "leads.csv"}}, "backtest": backtest, "lists": lists}
    )
    assert capacity_of(config) == expected
