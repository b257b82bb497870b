"""The model beside what people would use instead, on the same rows of the flat files: part of `make quality`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.special import expit

from propensity.features.frame import FeatureFrame
from propensity.stats.bootstrap import bootstrap, paired
from propensity.timeline.snapshots import LABEL

if TYPE_CHECKING:
    from propensity.model.rungs import Learned
    from propensity.selection.training import Trained

RESAMPLES = 1000
COMPARED = ("log_loss", "average_precision", "roc_auc")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rival:
    """What another way gives for the rows of the test: `probability`, float64, shape (rows,)."""

    name: str
    probability: Floats


def rivals(trained: Trained, frame: FeatureFrame, flaml: Path | None, seconds: int) -> list[Rival]:
    """LightGBM as it comes, our LightGBM before calibration, and FLAML where its interpreter is given."""
    past = frame.take(trained.split.past)
    found = [Rival("LightGBM, default settings", as_it_comes(past, trained.test))]
    boosted = trained.ladder.learned.get("lightgbm")
    if boosted is not None:
        found.append(Rival("our LightGBM, not calibrated", uncalibrated(boosted, trained.test)))
        found.append(Rival("our LightGBM", boosted.probability(trained.test.values)))
    if flaml is not None:
        found.append(
            Rival(f"FLAML, LightGBM only, {seconds} s", searched(past, trained.test, flaml, seconds))
        )
    return found


def uncalibrated(boosted: Learned, test: FeatureFrame) -> Floats:
    """The trees' own probabilities."""
    matrix = boosted.encoder.encode(test.table.select(list(boosted.encoder.names)))
    return expit(boosted.core.margin(matrix))


def as_it_comes(past: FeatureFrame, test: FeatureFrame) -> Floats:
    """LGBMClassifier() on the same features, categories as pandas has them."""
    known, new = past.X, test.X
    for name in known.columns:
        if not pd.api.types.is_numeric_dtype(known[name]):
            known[name] = known[name].astype("category")
            new[name] = pd.Categorical(new[name], categories=known[name].cat.categories)
    model = lgb.LGBMClassifier(verbose=-1, random_state=0).fit(known, past.y)
    return np.asarray(model.predict_proba(new))[:, 1]


def searched(past: FeatureFrame, test: FeatureFrame, flaml: Path, seconds: int) -> Floats:
    """FLAML in its own environment, on the past in the order of time."""
    order = past.time_order
    table = past.table if order is None else past.table.take(pa.array(np.argsort(order, kind="stable")))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pq.write_table(
            table.select([*past.names, LABEL]).rename_columns([*past.names, "_label"]),
            folder / "past.parquet",
        )
        pq.write_table(test.table.select(test.names), folder / "test.parquet")
        script = Path(__file__).with_name("flaml_rival.py")
        done = subprocess.run(
            [str(flaml), str(script), str(folder), "--seconds", str(seconds)],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"FLAML failed: {done.stderr[-2000:]}")
        sys.stderr.write(f"FLAML found {done.stdout}")
        return np.load(folder / "flaml.npy")


def rows(file: str, trained: Trained, found: list[Rival]) -> list[str]:
    """A row a rival: its figures with 95 % intervals, and the model's less its own on the same resamples."""
    test = trained.test
    said: list[str] = []
    for rival in [Rival("the ladder's choice", trained.probability), *found]:
        own = bootstrap(
            test.y, rival.probability, seed=0, cluster=test.groups, resamples=RESAMPLES, metrics=COMPARED
        )
        cells = [f"{own[name].value:.4f} ({own[name].low:.4f} to {own[name].high:.4f})" for name in COMPARED]
        against = paired(
            test.y, rival.probability, trained.probability,
            seed=0, cluster=test.groups, resamples=RESAMPLES, metrics=COMPARED,
        )  # fmt: skip
        ours = [
            "" if rival.probability is trained.probability else _difference(against[name])
            for name in COMPARED[:2]
        ]
        said.append(f"| {file} | {rival.name} | {' | '.join([*cells, *ours])} |")
    return said


def _difference(found: object) -> str:
    value, low, high = (getattr(found, part) for part in ("value", "low", "high"))
    return f"{value:+.4f} ({low:+.4f} to {high:+.4f})"


HEADER = (
    "| file | model | log loss | average precision | ROC-AUC | ours less its log loss | ours less its average precision |\n"
    "|---|---|---|---|---|---|---|"
)
