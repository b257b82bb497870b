"""Every rung: its parts add up, and its saved form says the same to the last bit."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from propensity.errors import BundleError
from propensity.model import files
from propensity.model.bundle import BUNDLE, Bundle, FeatureColumn, assembled
from propensity.model.cores import Encoded, NaiveBayes, core_from_dict
from propensity.model.cores.logistic import Design
from propensity.model.encoding import Encoder
from propensity.model.rungs import (
    Lesson,
    learn_base_rate,
    learn_lightgbm,
    learn_logistic,
    learn_naive_bayes,
    learn_scorecard,
    prior_calibrator,
)
from propensity.model.scorecard import Rule, Scorecard
from propensity.model.tiers import Tiers

ROWS = 600
CARD = Scorecard((Rule("views", ">=", 2, 10), Rule("source", "in", ("web", "referral"), 5)))
RUNGS = {
    "base_rate": learn_base_rate,
    "scorecard": lambda lesson: learn_scorecard(lesson, CARD),
    "naive_bayes": learn_naive_bayes,
    "logistic": learn_logistic,
    "lightgbm": lambda lesson: learn_lightgbm(lesson, {"max_trees": 30}),
}


def table(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    source = rng.choice(["web", "fair", "a rare one"], rows, p=[0.6, 0.38, 0.02]).astype(object)
    source[rng.random(rows) < 0.1] = None
    return pa.table(
        {
            "views": rng.poisson(2, rows).astype(float),
            "revenue": pa.array(
                np.where(rng.random(rows) < 0.3, np.nan, rng.lognormal(10, 3, rows)), from_pandas=True
            ),
            "source": pa.array(source.tolist(), pa.string()),
            "constant": np.ones(rows),
            "empty": pa.nulls(rows, pa.float64()),
        }
    )


@pytest.fixture(scope="module")
def lesson():
    rows = table()
    views = rows["views"].to_numpy()
    y = np.random.default_rng(1).random(ROWS) < 1 / (1 + np.exp(2.5 - 0.8 * views))
    return Lesson.of(
        rows, y.astype(int), time=np.arange(ROWS), gap=10, groups=[f"L{i}" for i in range(ROWS)], threads=1
    )


@pytest.fixture(scope="module")
def bundles(lesson):
    found = {}
    for name, learn in RUNGS.items():
        learned = learn(lesson)
        found[name] = assembled(
            learned.core,
            learned.calibrator,
            learned.encoder,
            [FeatureColumn(column) for column in learned.encoder.names],
            tiers=Tiers(0.5, 0.3, 0.1),
            horizon_days=30,
            spec_hash="abc",
            metadata=dict(learned.facts),
        )
    return found


@pytest.mark.parametrize("name", RUNGS)
def test_contributions_and_base_add_up_to_the_margin(bundles, name):
    bundle, rows = bundles[name], table(seed=5)
    parts = bundle.contributions(rows)
    assert parts.shape == (ROWS, 5)
    assert bundle.margin(rows) == pytest.approx(bundle.core.base + parts.sum(axis=1), abs=1e-9)


@pytest.mark.parametrize("name", RUNGS)
def test_a_saved_rung_says_the_same_to_the_last_bit(bundles, name, tmp_path):
    bundle, rows = bundles[name], table(seed=5)
    loaded = Bundle.load(bundle.save(tmp_path / "m"))
    assert loaded == bundle
    assert loaded.digest == bundle.digest
    assert np.array_equal(loaded.probability(loaded.margin(rows)), bundle.probability(bundle.margin(rows)))
    assert np.array_equal(loaded.contributions(rows), bundle.contributions(rows))
    assert np.array_equal(loaded.margin(rows.slice(7, 1)), bundle.margin(rows)[7:8])
    assert np.array_equal(loaded.margin(rows, threads=2), loaded.margin(rows, threads=1))


@pytest.mark.parametrize("name", RUNGS)
def test_rows_of_nulls_and_of_values_never_seen_have_a_margin(bundles, name):
    strange = pa.table(
        {n: pa.nulls(2, t) for n, t in zip(table().column_names, table().schema.types, strict=True)}
    )
    strange = strange.set_column(2, "source", pa.array(["never seen", None]))
    assert np.isfinite(bundles[name].margin(strange)).all()


@pytest.mark.parametrize("name", sorted(set(RUNGS) - {"base_rate"}))
def test_what_drives_the_outcome_carries_the_weight(bundles, name):
    sums = np.abs(bundles[name].contributions(table(seed=5))).mean(axis=0)
    assert int(np.argmax(sums)) == 0


def test_only_trees_need_a_file_of_their_own(bundles, tmp_path):
    names = {
        name: {p.name for p in bundle.save(tmp_path / name).iterdir()} for name, bundle in bundles.items()
    }
    assert names.pop("lightgbm") == {"bundle.json", "manifest.json", "model.txt"}
    assert all(found == {"bundle.json", "manifest.json"} for found in names.values())


def test_a_scorecards_bundle_holds_its_rules(bundles, tmp_path):
    found = json.loads((bundles["scorecard"].save(tmp_path / "m") / BUNDLE).read_text())
    assert Scorecard.from_dict(found["core"]["scorecard"]) == CARD


def test_trees_keep_the_first_format_and_the_other_rungs_have_the_second(bundles, tmp_path):
    versions = {
        name: json.loads((bundle.save(tmp_path / name) / "manifest.json").read_text())["format_version"]
        for name, bundle in bundles.items()
    }
    assert versions.pop("lightgbm") == 1
    assert set(versions.values()) == {2}


def test_a_core_that_nobody_knows_is_refused(bundles, tmp_path):
    folder = bundles["base_rate"].save(tmp_path / "m")
    found = json.loads((folder / BUNDLE).read_text())
    found["core"]["kind"] = "oracle"
    contents = {BUNDLE: files.canonical(found)}
    (folder / BUNDLE).write_bytes(contents[BUNDLE])
    (folder / "manifest.json").write_bytes(files._manifest(contents))
    with pytest.raises(BundleError, match="no such kind of model: 'oracle'"):
        Bundle.load(folder)


def test_naive_bayes_is_its_formula():
    """One value by hand: 3 of 4 rows convert, with one imaginary row of the rarer class at the base rate of one third."""
    y = np.array([1, 1, 1, 0] + [1] + [0] * 7)
    codes = np.array([0.0] * 4 + [1.0] * 8)
    core = NaiveBayes.fit(Encoded(codes[:, None], y, (2,)))
    rate, pseudo = 4 / 12, 3
    shrunken = (3 + pseudo * rate) / (4 + pseudo)
    said = np.log(shrunken / (1 - shrunken)) - np.log(rate / (1 - rate))
    assert core.columns[0].values[0] == pytest.approx(said)
    assert core.contributions(np.array([[np.nan]])) == pytest.approx(0)
    assert core.base == pytest.approx(np.log(4.5 / 8.5))


def test_a_value_seen_once_says_little_to_naive_bayes():
    y = np.r_[np.ones(50), np.zeros(950)].astype(int)
    codes = np.zeros(1000)
    codes[0] = 1
    alone = NaiveBayes.fit(Encoded(codes[:, None], y, (2,))).columns[0].values[1]
    codes[:20] = 1
    twenty = NaiveBayes.fit(Encoded(codes[:, None], y, (2,))).columns[0].values[1]
    assert 0 < alone < twenty / 3


def test_logistic_regression_finds_the_slopes_of_a_straight_world():
    rng = np.random.default_rng(0)
    matrix = np.asfortranarray(rng.normal(size=(20_000, 2)))
    y = (rng.random(20_000) < 1 / (1 + np.exp(1 - 0.8 * np.arcsinh(matrix[:, 0])))).astype(int)
    (core,) = Design(Encoded(matrix, y, (0, 0))).path([1.0])
    low, high = core.margin(np.array([[-1.0, 0.0], [1.0, 0.0]]))
    assert high - low == pytest.approx(1.6 * np.arcsinh(1), abs=0.15)
    assert core.margin(np.array([[0.0, 1.0]])) - core.margin(np.array([[0.0, -1.0]])) == pytest.approx(
        0, abs=0.1
    )


def test_rare_categories_share_one_coefficient_and_equal_indicators_one_column():
    rng = np.random.default_rng(0)
    codes = np.r_[np.zeros(600), np.ones(380), [2.0] * 5, [3.0] * 15]
    unknown = np.where(rng.random(1000) < 0.3, np.nan, 1.0)
    matrix = np.column_stack([codes, unknown * rng.normal(size=1000), unknown * rng.normal(size=1000)])
    data = Encoded(np.asfortranarray(matrix), rng.integers(0, 2, 1000), (4, 0, 0))
    design = Design(data)
    assert design._matrix.shape == (1000, 3 + 2 + 1)
    (core,) = design.path([1.0])
    assert core.columns[0].values[2] == core.columns[0].values[3] == core.columns[0].unknown


def test_one_class_gives_everyone_the_base_rate_under_a_prior():
    calibrator = prior_calibrator(np.array([0.0, 5.0, 9.0]), np.zeros(3, dtype=int))
    assert calibrator.transform([0.0, 9.0]).tolist() == pytest.approx([0.125, 0.125])


def test_few_conversions_make_no_cliff_of_the_points():
    margin = np.arange(30) / 10
    y = (np.arange(30) >= 28).astype(int)
    p = prior_calibrator(margin, y).transform(margin)
    assert 0 < p[0] < p[-1] < 0.6
    assert p.mean() == pytest.approx(y.mean(), abs=0.06)


def test_cores_refuse_what_is_incomplete():
    with pytest.raises(KeyError):
        core_from_dict({"kind": "base_rate"})


def test_an_encoder_of_no_rows_still_gives_a_matrix(bundles):
    assert bundles["logistic"].margin(table().slice(0, 0)).shape == (0,)
    assert Encoder.learn(table()).encode(table().slice(0, 0)).shape == (0, 5)
