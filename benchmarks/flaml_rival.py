"""FLAML on frames that quality.py wrote; runs in an environment of its own, which has no propensity.

Reads FOLDER/past.parquet (features and `_label`) and FOLDER/test.parquet (features), both in the order of time, and writes
FOLDER/flaml.npy: (test rows,) probabilities.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from flaml import AutoML


def frames(folder: Path) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """The past's features and labels, and the test's features, with the categories of the past."""
    past, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("past", "test"))
    label = past.pop("_label")
    for name in past.columns:
        if not pd.api.types.is_numeric_dtype(past[name]):
            past[name] = past[name].astype("category")
            test[name] = pd.Categorical(test[name], categories=past[name].cat.categories)
    return past, label, test


def main() -> None:
    """Search for the given time on folds forward in time, and say what was found on stdout as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=int, default=90)
    args = parser.parse_args()
    past, label, test = frames(args.folder)
    found = AutoML()
    found.fit(
        past,
        label,
        task="classification",
        metric="log_loss",
        estimator_list=["lgbm"],
        split_type="time",
        time_budget=args.seconds,
        n_jobs=2,
        seed=0,
        verbose=0,
    )
    np.save(args.folder / "flaml.npy", found.predict_proba(test)[:, 1])
    print(json.dumps({"config": found.best_config, "validation_log_loss": found.best_loss}, default=float))


if __name__ == "__main__":
    main()
