"""The trees of the yardsticks grown by our own code: the same parameters, on our frame of the same snapshots."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from propensity.model.boosting import Rows, pinned, train
from propensity.model.encoding import Encoder
from propensity.timeline.snapshots import LABEL

TREES = 300
PARAMETERS = {"num_leaves": 63, "learning_rate": 0.03, "min_child_samples": 100}


def fitted(frame: Path, features: list[str]) -> dict[str, float]:
    """Read a frame from Parquet and grow TREES trees on it: CPU and wall seconds."""
    began, wall = time.process_time(), time.perf_counter()
    table = pq.read_table(frame, columns=[*features, LABEL])
    labels = table[LABEL].to_numpy().astype(np.int64)
    values = table.select(features)
    encoder = Encoder.learn(values)
    data = Rows(encoder.columns(values), labels, None, encoder.category_positions)
    booster = train(pinned(PARAMETERS, seed=7, threads=0), data, TREES)
    if booster.num_trees() != TREES:
        raise SystemExit(f"{booster.num_trees()} trees, not {TREES}")
    return {"fit_cpu_s": time.process_time() - began, "fit_wall_s": time.perf_counter() - wall}
