"""The real files, by configuration alone, against honest references."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import tracked
from propensity import workflow
from propensity.config import Config
from propensity.config.file import load_config
from propensity.errors import PromotionRefused

CONFIGS = Path(__file__).parent.parent / "configs"
# Forward ROC-AUC of LightGBM with default settings on the newest quarter, without the leaking columns.
HONEST = {"bank-marketing": 0.694, "x-education": 0.877}
WITHIN = 0.01
NO_SIGNAL = 0.42, 0.58


def config_of(name: str, real_data: Path, place: Path) -> Config:
    return load_config(
        CONFIGS / f"{name}.yaml",
        [
            f"data.folder={real_data / name}",
            tracked(place),
            f"paths.models={place / 'models'}",
            f"paths.quarantine={place / 'quarantine'}",
            "model.resamples=50",
        ],
    )


@pytest.mark.parametrize("name", sorted(HONEST))
def test_forward_auc_reaches_the_honest_reference(name, real_data, tmp_path):
    config = config_of(name, real_data, tmp_path)
    trained = workflow.train(config)
    test = trained.trained.evaluations["model"]
    assert test.metrics["roc_auc"].value > HONEST[name] - WITHIN
    assert test.rows == pytest.approx(trained.leads / 4, abs=1)
    assert test.metrics["average_precision"].value > test.base_rate
    if name == "bank-marketing":
        # Its conversions quadruple in the last quarter, which nothing in the past foretells.
        with pytest.raises(PromotionRefused, match="failed  calibration in the large"):
            workflow.promote(config)
        workflow.promote(config, force=True, reason="only the order of the list matters")
    else:
        workflow.promote(config)
    scored = workflow.score(config, out=tmp_path / "list")
    assert scored.scored == trained.leads
    assert scored.listed + sum(scored.removed.values()) == scored.scored


def test_a_company_without_signal_gets_no_score_that_is_too_good(real_data, tmp_path):
    config = config_of("maven-crm", real_data, tmp_path)
    trained = workflow.train(config)
    test = trained.trained.evaluations["model"]
    # Four tables with dirty keys, joined by mapping alone: nothing in them is known before the outcome and tells of it.
    assert NO_SIGNAL[0] < test.metrics["roc_auc"].value < NO_SIGNAL[1]
    assert test.rows > 1_000
    assert all("lookups" not in warning for warning in trained.warnings)
