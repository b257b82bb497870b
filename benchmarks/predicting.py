"""What a saved model adds to LightGBM's own prediction, and what explaining costs, in CPU seconds.

    python benchmarks/predicting.py --rows 200000 --features 100

Trees are grown on made-up snapshots (those of training_memory.py). Sides are measured in turn, several times; the figure
is the least CPU time of each. Raw prediction gets the matrix ready made, in the order that suits it best; the bundle gets
the Arrow table, and must check, encode and predict. How often a cheaper attribution names the same top three concepts as
TreeSHAP is counted on the rows that would be listed: those with the highest margins.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from training_memory import made

from propensity.model.bundle import Bundle, FeatureColumn, assembled
from propensity.model.calibration import Platt
from propensity.model.cores import Boosted
from propensity.model.encoding import Encoder
from propensity.model.tiers import Tiers

if TYPE_CHECKING:
    from collections.abc import Callable

    from propensity.features.frame import FeatureFrame

TOP = 3


def least(work: Callable[[], Any], rounds: int) -> float:
    """CPU seconds of the fastest of some rounds."""
    found: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def path_parts(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    """Saabas' attribution (n, f): along each path, what each split adds to the expected value, credited to its column."""
    leaves = np.asarray(booster.predict(matrix, pred_leaf=True, num_threads=1), dtype=np.int64)
    found = np.zeros(matrix.shape)
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        table = np.zeros((tree["num_leaves"], matrix.shape[1]))
        _walk(tree["tree_structure"], np.zeros(matrix.shape[1]), table)
        found += table[leaves[:, number]]
    return found


def _expected(node: dict[str, Any]) -> float:
    return float(
        node["leaf_value"] if "leaf_index" in node or "leaf_value" in node else node["internal_value"]
    )


def _walk(node: dict[str, Any], credit: np.ndarray, table: np.ndarray) -> None:
    if "split_feature" not in node:
        table[node.get("leaf_index", 0)] = credit
        return
    for side in ("left_child", "right_child"):
        child = node[side]
        gained = credit.copy()
        gained[node["split_feature"]] += _expected(child) - _expected(node)
        _walk(child, gained, table)


def top(parts: np.ndarray) -> np.ndarray:
    """The three columns that push up most, (n, 3), the best first."""
    return np.argsort(-parts, axis=1, kind="stable")[:, :TOP]


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--trees", type=int, default=300)
    parser.add_argument("--learn-from", type=int, default=50_000)
    parser.add_argument("--listed", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    frame = made(asked.rows, asked.features, share=0.015)
    booster, bundle = grown(frame, asked.learn_from, asked.trees)
    table, matrix = frame.values, Encoder.learn(frame.values.slice(0, asked.learn_from)).encode(frame.values)
    rows = np.ascontiguousarray(matrix)
    raw, ours, again = (lambda: booster.predict(rows, raw_score=True, num_threads=1),
                        lambda: bundle.margin(table, threads=1),
                        lambda: bundle.core.margin(matrix, threads=1))  # fmt: skip
    same = np.array_equal(np.asarray(raw()), ours())
    times = {name: [] for name in ("raw", "bundle", "core on a matrix")}
    for _ in range(asked.rounds):
        for name, work in zip(times, (raw, ours, again), strict=True):
            times[name].append(least(work, 1))
    listed = np.argsort(-ours(), kind="stable")[: asked.listed]
    some = rows[listed]
    exact = np.asarray(booster.predict(some, pred_contrib=True, num_threads=1))[:, :-1]
    walked = path_parts(booster, some)
    first, second = top(exact), top(walked)
    print(
        json.dumps(
            {
                "rows": asked.rows, "features": asked.features, "trees": booster.num_trees(), "same_bits": same,
                "cpu_s": {name: round(min(found), 3) for name, found in times.items()},
                "bundle_to_raw": round(min(times["bundle"]) / min(times["raw"]), 3),
                "explaining_ms_a_lead": {
                    "tree shap": 1e3 * least(lambda: booster.predict(some, pred_contrib=True, num_threads=1), 2) / len(some),
                    "tree shap, row by row": 1e3 * least(
                        lambda: [booster.predict(some[i : i + 1], pred_contrib=True, num_threads=1) for i in range(50)], 1
                    ) / 50,
                    "tree shap, float32": 1e3 * least(
                        lambda: booster.predict(some.astype(np.float32), pred_contrib=True, num_threads=1), 2
                    ) / len(some),
                    "along the path": 1e3 * least(lambda: path_parts(booster, some), 2) / len(some),
                },
                "along_the_path": {
                    "same top three, in order": float((first == second).all(axis=1).mean()),
                    "same top three, any order": float((np.sort(first) == np.sort(second)).all(axis=1).mean()),
                    "same first": float((first[:, 0] == second[:, 0]).mean()),
                    "top three within its top eight": float(
                        np.mean([set(a) <= set(b) for a, b in zip(first, np.argsort(-walked, axis=1)[:, :8], strict=True)])
                    ),
                },
            },
            indent=1,
        )
    )  # fmt: skip


def grown(frame: FeatureFrame, learn_from: int, trees: int) -> tuple[lgb.Booster, Bundle]:
    """Trees on the first rows of a frame, raw and as a bundle."""
    rows, y = frame.values.slice(0, learn_from), frame.y[:learn_from]
    encoder = Encoder.learn(rows)
    params = {"objective": "binary", "verbosity": -1, "num_leaves": 10, "learning_rate": 0.05, "feature_fraction": 0.25,
              "extra_trees": True, "lambda_l2": 10.0, "seed": 0, "num_threads": 1, "deterministic": True}  # fmt: skip
    data = lgb.Dataset(encoder.encode(rows), label=y, categorical_feature=list(encoder.category_positions))
    booster = lgb.train(params, data, num_boost_round=trees)
    columns = [FeatureColumn(f.name, kind=f.kind) for f in frame.features]
    bundle = assembled(
        Boosted.of(booster), Platt(), encoder, columns, tiers=Tiers(0.5, 0.3, 0.1), horizon_days=30,
        spec_hash="hash", metadata={},
    )  # fmt: skip
    return booster, bundle


if __name__ == "__main__":
    main()
