"""Calibration, measured: the tables of docs/calibration.md, as Markdown. `benchmarks/calibration.py --real FOLDER`.

Worlds are simulated anew from each seed, and their true probabilities judge the intervals; the flat files are read from
--real FOLDER/<name>, where they are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from propensity import workflow
from propensity.config.file import load_config
from propensity.demo.world import simulate, write
from propensity.model.calibration import Platt
from propensity.selection.training import Trained
from propensity.stats.calibration import perfect_calibration_error_quantile
from propensity.stats.metrics import log_loss
from propensity.tour import true_probabilities

ROOT = Path(__file__).parent.parent
FLAT = ("bank-marketing", "x-education")
GROUPS = 20


def trained_on(name: str, data: Path, place: Path, *more: str) -> Trained:
    """Train by the configuration of that name on the data in a folder; all that is written goes to `place`."""
    settings = [
        f"data.folder={data}",
        f"tracking.uri=sqlite:///{place / 'mlflow.db'}",
        f"paths.models={place / 'models'}",
        f"paths.out={place / 'out'}",
        f"paths.quarantine={place / 'quarantine'}",
        *more,
    ]
    return workflow.train(load_config(ROOT / "configs" / f"{name}.yaml", settings)).trained


def worlds(seeds: list[int], leads: int, *more: str) -> None:
    """A row a world: calibration against its bound, what slices said, and whether the intervals hold the truth."""
    print("| seed | model | calibration error | 95 % bound | slope (95 %) | slices off, of looked at | recalibration "
          f"| {GROUPS} groups whose true rate is inside | leads whose own is | not enough evidence |\n"
          "|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            files = write(simulate(leads=leads, months=24, seed=seed), place / "data")
            found = trained_on("demo", place / "data", place, "model.rungs=[lightgbm]", *more)
            truth = true_probabilities(found.test, files["truth"])
        table, slices = found.judged.intervals, found.stability
        assert table is not None
        assert slices is not None
        p = found.probability
        low, high = table.of(p)
        enough = table.enough(found.judged.margin(found.test.values), p, widest=0.2)
        groups = np.array_split(np.argsort(p, kind="stable"), GROUPS)
        inside = sum(low[g].mean() <= truth[g].mean() <= high[g].mean() for g in groups)
        slope = slices.overall.slope
        said = "" if slope is None else f"{slope.value:.2f} ({slope.low:.2f} to {slope.high:.2f})"
        bound = perfect_calibration_error_quantile(p, seed=0)
        error = found.evaluations["model"].metrics["calibration_error"].value
        assert found.recalibration is not None
        print(
            f"| {seed} | {found.ladder.chosen} | {error:.4f} | {bound:.4f} | {said} | {len(slices.verdicts)} of "
            f"{slices.looked} | {found.recalibration.chosen} | {inside} of {GROUPS} "
            f"| {((truth >= low) & (truth <= high)).mean():.0%} | {(~enough).mean():.2%} |",
            flush=True,
        )


def flat_files(real: Path, *more: str) -> None:
    """Calibrated against the margin itself, and the map that stays against the rolling one, period by period."""
    for name in FLAT:
        if not (real / name).is_dir():
            sys.stderr.write(f"{real / name} is not there; left out\n")
            continue
        for rungs in ("", "model.rungs=[lightgbm]"):
            with tempfile.TemporaryDirectory() as folder:
                found = trained_on(name, real / name, Path(folder), *([rungs] if rungs else []), *more)
            flat(name, found)


def flat(name: str, found: Trained) -> None:
    """One file under one rung."""
    y, how = found.test.y, found.recalibration
    assert how is not None
    margin = found.judged.margin(found.test.values)
    print(f"\n{name}, {found.ladder.chosen}: {how.base_reason}. Rolling: {how.reason}\n")
    rows: list[tuple[str, Any]] = [
        ("as it comes from the booster or the regression", log_loss(y, Platt().transform(margin))),
        ("the map that stays, the margin or a calibrated one", _weighted(how.by_month, "static")),
        ("as registered (moved at the training where chosen)", log_loss(y, found.probability)),
        (f"rolling, {how.months} months, {how.simulated}", _weighted(how.by_month, "rolling")),
    ]
    print("| probabilities | test log loss |\n|---|---|")
    for what, value in rows:
        print(f"| {what} | {value:.4f} |")
    print(f"\nGain of rolling: {how.gain:+.4f} ({how.low:+.4f} to {how.high:+.4f}).\n")
    print("| period | rows | converted | expected, stays | rolling | log loss, stays | rolling | ROC-AUC |\n"
          "|---|---|---|---|---|---|---|---|")  # fmt: skip
    for month in how.by_month:
        print(
            f"| {month.name} | {month.rows:,} | {month.conversions:,} | {month.expected_static:,.0f} "
            f"| {month.expected_rolling:,.0f} | {month.static:.4f} | {month.rolling:.4f} | {'' if month.roc_auc is None else f'{month.roc_auc:.3f}'} |"
        )


def _weighted(months: Any, key: str) -> float:
    rows = sum(month.rows for month in months)
    return sum(getattr(month, key) * month.rows for month in months) / rows


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 11, 13])
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--real", type=Path, default=ROOT / "data")
    parser.add_argument("--map", default="auto", choices=("auto", "platt", "beta", "isotonic"))
    args = parser.parse_args()
    asked = [] if args.map == "auto" else [f"model.params={{calibration: {args.map}}}"]
    flat_files(args.real, *asked)
    worlds(args.seeds, args.leads, *asked)


if __name__ == "__main__":
    main()
