"""The gate between challenger and champion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from propensity.config import Config
from propensity.errors import HistoryError, PromotionRefused
from propensity.features.frame import FeatureFrame
from propensity.features.spec import Feature
from propensity.model.bundle import Bundle, FeatureColumn, Tiers, bundle_from
from propensity.model.classifier import PropensityClassifier
from propensity.selection.promotion import compare, refuse_worse, unseen_rows

DAY = 86_400_000_000
CONFIG = Config.model_validate({"tables": {"leads": {"path": "leads.csv"}}, "model": {"resamples": 200}})


def feature(name: str) -> Feature:
    return Feature(name, "engagement", name, "", "{value}", "attributes", lambda t: t[name])


def make_frame(seed: int, rows: int = 3000, names: tuple[str, ...] = ("a", "b")) -> FeatureFrame:
    """Two informative columns over 10 monthly moments; a third of the rows convert."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    label = (rng.random(rows) < 1 / (1 + np.exp(0.8 - 1.5 * a - 1.0 * b))).astype(np.int8)
    order = np.sort(rng.integers(0, 10, rows)) * 30 * DAY
    columns: dict[str, Any] = {
        "snapshot_id": np.arange(rows),
        "lead_id": [f"L{i}" for i in range(rows)],
        "account_id": pa.nulls(rows, pa.string()),
        "as_of": pa.array(order, pa.timestamp("us", tz="UTC")),
        "time_order": order,
        "label": label,
        **{name: {"a": a, "b": b}[name] for name in names},
    }
    return FeatureFrame(pa.table(columns), tuple(feature(name) for name in names), "hash")


def fit(frame: FeatureFrame, *, boundary: int, shuffled: bool = False) -> Bundle:
    past = frame.take(frame.time_order < boundary)
    y = np.random.default_rng(1).permutation(past.y) if shuffled else past.y
    model = PropensityClassifier(max_trees=60, n_jobs=1).fit(
        past.values, y, as_of=past.time_order, gap=30 * DAY
    )
    return bundle_from(
        model,
        [FeatureColumn(name) for name in past.names],
        tiers=Tiers(0.5, 0.3, 0.1),
        horizon_days=30,
        spec_hash="hash",
        metadata={"split": {"boundary": boundary}},
    )


@pytest.fixture(scope="module")
def frame() -> FeatureFrame:
    return make_frame(0)


@pytest.fixture(scope="module")
def good(frame: FeatureFrame) -> Bundle:
    return fit(frame, boundary=7 * 30 * DAY)


@pytest.fixture(scope="module")
def bad(frame: FeatureFrame) -> Bundle:
    return fit(frame, boundary=7 * 30 * DAY, shuffled=True)


def test_a_worse_challenger_is_refused_with_the_table(frame, good, bad):
    rows = unseen_rows(frame, good, bad)
    with pytest.raises(
        PromotionRefused, match=r"worse than the champion in log_loss(.|\n)*roc_auc"
    ) as caught:
        refuse_worse(compare(good, bad, rows, CONFIG))
    assert caught.value.exit_code == 7


def test_a_better_or_equal_challenger_passes(frame, good, bad):
    rows = unseen_rows(frame, bad, good)
    refuse_worse(compare(bad, good, rows, CONFIG))
    same = compare(good, good, rows, CONFIG)
    refuse_worse(same)
    assert same.differences["log_loss"].value == 0


def test_only_rows_that_neither_has_learned_from_are_compared(frame, good):
    later = replace(good, metadata={"split": {"boundary": 9 * 30 * DAY}})
    rows = unseen_rows(frame, good, later)
    assert rows.time_order.min() == 9 * 30 * DAY
    assert len(rows) == (frame.time_order >= 9 * 30 * DAY).sum()


def test_no_common_unseen_rows_is_an_error_with_the_next_step(frame, good):
    future = replace(good, metadata={"split": {"boundary": 99 * 30 * DAY}})
    with pytest.raises(HistoryError, match="wait for labels to mature"):
        unseen_rows(frame, good, future)


def test_random_splits_cannot_be_compared(frame, good):
    undated = replace(good, metadata={"split": {"boundary": None}})
    with pytest.raises(HistoryError, match="without time"):
        unseen_rows(frame, good, undated)


def test_a_champion_that_needs_a_feature_that_is_gone_refuses_the_comparison(good):
    narrow = make_frame(0, names=("a",))
    challenger = fit(narrow, boundary=7 * 30 * DAY)
    with pytest.raises(PromotionRefused, match="missing: b"):
        compare(good, challenger, narrow, CONFIG)
