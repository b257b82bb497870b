"""The facts of one training on the small world, without MLflow, for every test of the evidence pack."""

from __future__ import annotations

from dataclasses import replace

import pytest

from audit.made import COURT
from conftest import small_config
from propensity.audit.pack import gathered, pack_of
from propensity.audit.report import render
from propensity.recording import lineage_of, recipe_warnings
from propensity.selection.training import train_and_judge
from propensity.session import Progress, opened, training_frame


@pytest.fixture(scope="session")
def facts(small_world, tmp_path_factory):
    config = small_config(
        small_world,
        tmp_path_factory.mktemp("facts"),
        "model.rungs=[base_rate, scorecard, lightgbm]",
        "model.params={max_trees: 20}",
        "model.resamples=50",
    )
    with opened(config, Progress()) as session:
        frame = training_frame(session)
        lineage = {**lineage_of(session), "filled": frame.filled}
        trained = train_and_judge(frame, config, dated=True, lineage=lineage, parameters={})
        return gathered(
            session.canonical, trained, COURT, through=session.through, warnings=recipe_warnings(trained)
        )


@pytest.fixture(scope="session")
def page(facts):
    return render(pack_of(facts))


@pytest.fixture(scope="session")
def untested(facts):
    """The same training had there been no test."""
    trained = replace(facts.trained, evaluations={}, stability=None)
    return replace(facts, trained=trained, practices=None, practice_notes=(), drivers=None)
