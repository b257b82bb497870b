"""A tiny bundle and its features."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from propensity.model.bundle import FeatureColumn, Tiers, bundle_from
from propensity.model.classifier import PropensityClassifier
from propensity.stats.evaluation import evaluate

ROWS = 300
COLUMNS = (
    FeatureColumn("engagement_pricing_view_count_7d", "engagement", "pricing", "views", "viewed pricing"),
    FeatureColumn("budget_to_price_ratio", "budget", "budget", "", "has {value} of the price"),
    FeatureColumn("firmographic_industry", "firmographic", "industry", "", "is in {value}", "category"),
)


def features(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    views = rng.poisson(2, rows).astype(float)
    ratio = np.where(rng.random(rows) < 0.3, np.nan, rng.lognormal(size=rows))
    industry = rng.choice(["software", "steel", "müsli"], rows).astype(object)
    industry[rng.random(rows) < 0.1] = None
    return pa.table(
        {
            COLUMNS[0].name: pa.array(views),
            COLUMNS[1].name: pa.array(ratio, from_pandas=True),
            COLUMNS[2].name: pa.array(industry.tolist(), pa.string()),
        }
    )


def fitted(seed):
    table = features(seed)
    rng = np.random.default_rng(seed + 100)
    y = (rng.random(ROWS) < 1 / (1 + np.exp(2 - table.column(0).to_numpy()))).astype(int)
    classifier = PropensityClassifier(max_trees=20, patience=5, n_folds=2, random_state=seed)
    classifier.fit(table, y)
    p = classifier.predict_proba(table)[:, 1]
    bundle = bundle_from(
        classifier,
        COLUMNS,
        tiers=Tiers.from_probabilities(p),
        horizon_days=60,
        spec_hash="abc",
        metadata={"seed": seed},
    )
    return bundle, evaluate(y, p, seed=0, resamples=20)
