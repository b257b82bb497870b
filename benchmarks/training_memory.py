"""What a training takes beside its frame: peak memory, CPU and time of train_and_judge on made-up snapshots.

    python benchmarks/training_memory.py --rows 1000000 --features 100

The frame is made column by column: numbers of several shapes, a fifth of them unknown, and four categories. Says where
memory was highest, and where the time went, by looking at the stack ten times a second.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa

from propensity.config import Config
from propensity.features.frame import FeatureFrame
from propensity.features.spec import Feature
from propensity.selection.training import train_and_judge

MONTH_US = 30 * 86_400_000_000
MONTHS = 24
CATEGORIES = 4
LOOK_EVERY_S = 0.1
MB = 2**20


def made(rows: int, features: int, *, share: float, seed: int = 7) -> FeatureFrame:
    """Monthly snapshots, of which about `share` convert."""
    rng = np.random.default_rng(seed)
    order = np.arange(rows, dtype=np.int64) * MONTHS // rows * MONTH_US
    signal = np.zeros(rows)
    columns: dict[str, pa.Array] = {}
    for i in range(features):
        name = f"engagement_x{i}"
        if i < CATEGORIES:
            codes = rng.integers(0, 6 + 10 * i, rows).astype(np.int32)
            signal += 0.4 * (codes % 3 == 0)
            words = pa.array([f"value {k}" for k in range(6 + 10 * i)])
            columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes), words).cast(pa.string())
            continue
        values = (rng.normal(size=rows), rng.exponential(30, rows).round(1), rng.poisson(1.5, rows) * 1.0)[
            i % 3
        ]
        if i % 10 == 0:
            signal += 0.5 * np.tanh(values)
        columns[name] = pa.array(values, mask=rng.random(rows) < 0.2 * (i % 3 == 1))
    # What only trees see, so that they are the rung that is learned twice.
    first, second = (columns[f"engagement_x{i}"].to_numpy(zero_copy_only=False) for i in (6, 9))
    score = signal - signal.mean() + 1.2 * np.sign(first) * np.sign(second)
    y = rng.random(rows) < 1 / (1 + np.exp(-(score + np.log(share / (1 - share)) - 0.9)))
    accounts = rng.integers(0, rows // 8 + 1, rows)
    table = pa.table(
        {
            "snapshot_id": np.arange(rows),
            "lead_id": pa.array([f"L{i % (rows // 6 + 1):08d}" for i in range(rows)]),
            "account_id": pa.array([f"A{a:08d}" for a in accounts]),
            "as_of": pa.array(order, pa.timestamp("us", tz="UTC")),
            "time_order": order,
            "label": y.astype(np.int8),
            **columns,
        }
    )
    specs = tuple(
        Feature(
            name, "engagement", name, "", "{value}", "attributes", lambda t, name=name: t[name],
            kind="category" if i < CATEGORIES else "number",
        )
        for i, name in enumerate(columns)
    )  # fmt: skip
    return FeatureFrame(table, specs, "hash", 30)


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


class Watch(threading.Thread):
    """Looks at the main thread's stack and at memory; says on stderr when memory is 50 MB higher than ever before."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.main, self.done = threading.get_ident(), threading.Event()
        self.peak, self.where = 0, ""
        self.looks: Counter[str] = Counter()
        self.highest: Counter[str] = Counter()

    def run(self) -> None:
        """Look until done."""
        while not self.done.wait(LOOK_EVERY_S):
            here, now = self._stack(), resident()
            self.looks[here] += 1
            self.highest[here] = max(self.highest[here], now)
            if now // (50 * MB) > self.peak // (50 * MB):
                print(f"{now // MB} MB at {here}", file=sys.stderr)
            if now > self.peak:
                self.peak, self.where = now, here

    def _stack(self) -> str:
        frame, found = sys._current_frames().get(self.main), list[str]()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        while frame is not None:
            if "propensity" in frame.f_code.co_filename and "benchmarks" not in frame.f_code.co_filename:
                found.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")
            frame = frame.f_back
        return " > ".join(reversed(found[:3] + found[-1:] if len(found) > 3 else found))


def main() -> None:
    """Measure one training."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.015, help="of snapshots that convert")
    parser.add_argument("--most-rows", type=int, default=2_000_000, help="model.most_rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trees", type=int, default=1_000, help="of each fold at most")
    asked = parser.parse_args()
    frame = made(asked.rows, asked.features, share=asked.share)
    config = Config.model_validate(
        {
            "tables": {"leads": {"path": "leads.csv"}},
            "model": {"most_rows": asked.most_rows, "params": {"max_trees": asked.trees}},
            "engine": {"threads": asked.threads},
        }
    )
    before, watch = resident(), Watch()
    began, cpu = time.monotonic(), time.process_time()
    watch.start()
    trained = train_and_judge(frame, config, dated=True, lineage={}, parameters={})
    watch.done.set()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        json.dumps(
            {
                "rows": len(frame),
                "features": asked.features,
                "conversions": int(frame.y.sum()),
                "frame_mb": round(frame.table.nbytes / MB),
                "before_mb": round(before / MB),
                "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "largest_child_mb": round(children.ru_maxrss / 1024),
                "cpu_s": round(time.process_time() - cpu, 1),
                "children_cpu_s": round(children.ru_utime + children.ru_stime, 1),
                "wall_s": round(time.monotonic() - began, 1),
                "rung": trained.ladder.chosen,
                "n_trees": trained.final.metadata.get("n_trees"),
                "digest": trained.final.digest,
                "roc_auc": trained.evaluations["model"].metrics["roc_auc"].value,
                "peak_at": watch.where,
                "time_at": {k: round(v * LOOK_EVERY_S, 1) for k, v in watch.looks.most_common(14)},
                "memory_at": {k: round(v / MB) for k, v in watch.highest.most_common(14)},
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
