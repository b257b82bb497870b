"""A notebook and the nightly job give the same: the same model, the same figures, the same list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import propensity as pp
from conftest import UNASKED, small_config
from propensity.errors import FeatureMismatch, UsageError

CAPACITY = 40


@dataclass(frozen=True)
class Night:
    config: Any
    trained: Any
    scored: Any


@pytest.fixture(scope="module")
def night(small_world, tmp_path_factory):
    config = small_config(
        small_world,
        tmp_path_factory.mktemp("night"),
        f"lists.capacity={CAPACITY}",
        "model.rungs=[lightgbm]",
        # A training may take the margin at its word, or move the map; a classifier by itself does neither.
        "model.params={max_trees: 60, calibration: platt}",
        "model.recalibration=off",
        UNASKED,
    )
    trained = pp.train(config)
    pp.promote(config)
    return Night(config, trained, pp.workflow.score(config))


def test_the_champion_gives_the_nightly_list(night):
    with pp.connect(night.config) as opened:
        calls = pp.rank(pp.score(pp.load_model(opened), opened))
    listed = pq.read_table(night.scored.out / "list.parquet")
    assert calls.table.equals(listed.cast(calls.table.schema))
    assert calls.removed == night.scored.removed
    assert len(calls) == CAPACITY


def test_the_same_recipe_fits_the_model_that_the_training_judged(night, parts):
    past, test = parts
    mine = pp.PropensityClassifier(
        max_trees=60, calibration="platt", monotone_constraints=past.directions
    ).fit(past.X, past.y, as_of=past.as_of, groups=past.account_id)
    judged = night.trained.trained.judged
    assert np.array_equal(mine.predict_margin(test.X), judged.margin(test.values))
    assert np.array_equal(mine.predict_proba(test.X)[:, 1], judged.probability(judged.margin(test.values)))


def test_a_registered_model_is_judged_as_its_training_judged_it(night, parts):
    judged = pp.load_model(night.config, 1, judged=True)
    found = pp.evaluate(judged, parts[1], resamples=50)
    assert found.evaluation == night.trained.trained.evaluations["model"]


def test_a_registered_model_that_has_seen_the_test_is_not_judged_on_it(night, parts):
    with pytest.raises(UsageError, match=r"has seen.*pp\.load_model\(crm, judged=True\)"):
        pp.evaluate(pp.load_model(night.config), parts[1])


def test_a_registered_model_of_other_meanings_is_refused(night, parts, small_world, tmp_path):
    config = small_config(small_world, tmp_path, "data.currency=USD")
    with pp.connect(config) as crm, pytest.raises(FeatureMismatch, match="currency: was EUR, is USD"):
        pp.score(pp.load_model(night.config), crm)
    with pytest.raises(FeatureMismatch, match="mean something else"):
        pp.evaluate(pp.load_model(night.config, judged=True), replace(parts[1], spec_hash="another"))
