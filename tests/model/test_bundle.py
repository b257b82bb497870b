import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from propensity.errors import BundleError, FeatureMismatch
from propensity.model.bundle import Bundle, FeatureColumn, bundle_from
from propensity.model.classifier import PropensityClassifier
from propensity.model.intervals import Intervals
from propensity.model.tiers import Tiers

FILES = ["bundle.json", "manifest.json", "model.txt"]


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "views_7d": rng.poisson(1, n).astype(float),
            "views_30d": rng.poisson(3, n).astype(float),
            "size": np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(3, 1, n)),
            "source": pd.Series(rng.choice(["Messe München", "web", 'a"b\\c\n'], n), dtype="str"),
        }
    )


@pytest.fixture(scope="module")
def classifier():
    X = table()
    y = (np.random.default_rng(1).random(400) < 1 / (1 + np.exp(2 - X["views_30d"] * 0.5))).astype(int)
    return PropensityClassifier(max_trees=40, n_folds=2).fit(X, y, as_of=np.arange(400))


@pytest.fixture(scope="module")
def bundle(classifier):
    features = [
        FeatureColumn("source", "firmographic", "source", kind="category"),
        FeatureColumn("views_30d", "engagement", "page views", "views", "viewed {value} pages", monotone=1),
        FeatureColumn("views_7d", "engagement", "page views", "views", "viewed {value} pages"),
        FeatureColumn("size", "firmographic", ""),
    ]
    return bundle_from(
        classifier,
        features,
        tiers=Tiers(0.5, 0.3, 0.1),
        horizon_days=30,
        spec_hash="abc",
        metadata={"seed": 0},
    )


@pytest.fixture
def arrow():
    return pa.Table.from_pandas(table(seed=5), preserve_index=False)


def test_a_saved_bundle_predicts_bit_for_bit_what_the_classifier_does(bundle, classifier, arrow, tmp_path):
    loaded = Bundle.load(bundle.save(tmp_path / "models" / "m"))
    assert loaded == bundle
    assert loaded.digest == bundle.digest
    margin = loaded.margin(arrow)
    assert np.array_equal(margin, classifier.predict_margin(arrow.to_pandas()))
    assert np.array_equal(loaded.probability(margin), classifier.predict_proba(arrow)[:, 1])
    assert np.array_equal(loaded.margin(arrow, threads=1), loaded.margin(arrow, threads=2))
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == ["m"]


def test_intervals_travel_with_the_bundle_and_one_without_them_still_loads(
    bundle, classifier, arrow, tmp_path
):
    held = classifier.oof_
    table = Intervals.fit(held.margin, held.after, held.after > 0.3, np.arange(held.margin.size), held.fold)
    sure = replace(bundle, intervals=table)
    loaded = Bundle.load(sure.save(tmp_path / "sure"))
    assert loaded.intervals == table
    assert loaded.digest != bundle.digest
    probability = loaded.probability(loaded.margin(arrow))
    assert np.array_equal(loaded.intervals.of(probability), table.of(probability))
    assert Bundle.load(bundle.save(tmp_path / "older")).intervals is None
    versions = {
        json.loads((tmp_path / n / "manifest.json").read_text())["format_version"] for n in ("sure", "older")
    }
    assert versions == {1}


def test_order_of_columns_extra_columns_and_batches_do_not_matter(bundle, arrow):
    shuffled = arrow.select(["size", "source", "views_30d", "views_7d"]).append_column(
        "lead_id", pa.nulls(400)
    )
    assert np.array_equal(bundle.margin(shuffled), bundle.margin(arrow))
    assert np.array_equal(bundle.margin(arrow.slice(100, 7)), bundle.margin(arrow)[100:107])


def test_contributions_add_up_to_the_margin_and_group_by_concept(bundle, arrow):
    parts = bundle.contributions(arrow)
    assert parts.shape == (400, 4)
    base = bundle.margin(arrow) - parts.sum(axis=1)
    assert np.ptp(base) < 1e-9
    by_concept = bundle.by_concept(parts)
    assert tuple(by_concept) == bundle.concepts == ("page views", "size", "source")
    assert by_concept["page views"] == pytest.approx(parts[:, 0] + parts[:, 1])


def test_bundle_from_takes_order_and_kind_from_the_fit_and_refuses_other_features(bundle, classifier):
    assert bundle.names == ("views_7d", "views_30d", "size", "source")
    assert bundle.features[3].kind == "category"
    assert bundle.metadata["n_trees"] == classifier.n_trees_
    with pytest.raises(FeatureMismatch, match=r"missing \['views_30d', 'size', 'source'\], extra \['x'\]"):
        bundle_from(
            classifier,
            [FeatureColumn("views_7d"), FeatureColumn("x")],
            tiers=bundle.tiers,
            horizon_days=1,
            spec_hash="",
            metadata={},
        )


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_anywhere_is_found_and_the_file_named(bundle, tmp_path, name):
    folder = bundle.save(tmp_path / "m")
    path = folder / name
    good = path.read_bytes()
    for at in {0, 1, len(good) // 3, len(good) // 2, len(good) - 2, len(good) - 1}:
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(BundleError, match=name if name != "manifest.json" else "manifest"):
            Bundle.load(folder)
    path.write_bytes(good)
    assert Bundle.load(folder) == bundle


def test_every_byte_of_the_manifest_counts(bundle, tmp_path):
    folder = bundle.save(tmp_path / "m")
    path = folder / "manifest.json"
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(BundleError):
            Bundle.load(folder)


def test_the_message_names_both_hashes(bundle, tmp_path):
    folder = bundle.save(tmp_path / "m")
    (folder / "model.txt").write_bytes(b"tree\n")
    with pytest.raises(
        BundleError, match=r"model\.txt is damaged.*[0-9a-f]{64}.*[0-9a-f]{64}.*train a new one"
    ):
        Bundle.load(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle, tmp_path, name):
    folder = bundle.save(tmp_path / "m")
    (folder / name).unlink()
    with pytest.raises(BundleError, match=re.escape(name) + " is missing"):
        Bundle.load(folder)


def test_another_format_version_is_refused_with_the_next_step(bundle, tmp_path):
    folder = bundle.save(tmp_path / "m")
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 99}))
    with pytest.raises(BundleError, match=r"version 99.*Upgrade"):
        Bundle.load(folder)


def test_saving_again_is_fine_but_never_over_something_else(bundle, tmp_path):
    folder = bundle.save(tmp_path / "m")
    before = (folder / "model.txt").stat().st_mtime_ns
    assert bundle.save(folder) == folder
    assert (folder / "model.txt").stat().st_mtime_ns == before
    with pytest.raises(BundleError, match="holds something else"):
        replace(bundle, spec_hash="other").save(folder)
    assert Bundle.load(folder) == bundle


def test_a_save_that_fails_leaves_nothing_behind(bundle, tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        replace(bundle, metadata={"auc": float("nan")}).save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_digest_follows_the_content(bundle):
    assert replace(bundle).digest == bundle.digest
    assert replace(bundle, horizon_days=31).digest != bundle.digest


def test_feature_mismatch_shows_a_diff(bundle, arrow):
    have = {"views_7d": "number", "views_30d": "category", "source": "category", "new": "number"}
    with pytest.raises(FeatureMismatch) as caught:
        bundle.check(have)
    message = str(caught.value)
    assert "- missing: size (number)" in message
    assert "+ extra:   new (number)" in message
    assert "~ changed: views_30d was number, is category" in message
    bundle.check(
        [("source", "category"), ("size", "number"), ("views_7d", "number"), ("views_30d", "number")]
    )
    with pytest.raises(FeatureMismatch, match="missing: size"):
        bundle.margin(arrow.drop_columns("size"))
    with pytest.raises(FeatureMismatch, match="size was number, is category"):
        bundle.margin(arrow.set_column(2, "size", pa.array(["x"] * 400)))


def test_columns_of_arrow_nulls_are_missing_values(bundle, arrow):
    nulls = arrow.set_column(2, "size", pa.nulls(400)).set_column(3, "source", pa.nulls(400))
    assert np.isfinite(bundle.margin(nulls)).all()


def test_trees_that_do_not_fit_the_features_are_refused(bundle, arrow):
    with pytest.raises(BundleError, match=r"LightGBM cannot read|trees read"):
        replace(bundle, features=bundle.features[:3]).margin(arrow)


def test_tiers_are_fixed_and_fall():
    tiers = Tiers.from_probabilities(np.arange(1, 101) / 100)
    assert (
        tiers.of([0.91, 0.9, 0.71, 0.41, 0.4, 0]).tolist() == ["A", "A", "A", "C", "C", "D"] or tiers.a > 0.89
    )
    shares = {t: int((tiers.of(np.arange(1, 101) / 100) == t).sum()) for t in "ABCD"}
    assert shares == {"A": 11, "B": 20, "C": 30, "D": 39}
    with pytest.raises(ValueError, match="fall from A to C"):
        Tiers(0.1, 0.2, 0.05)
