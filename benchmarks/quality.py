"""Model quality on worlds whose truth is known and on the flat files, as a Markdown table: `make quality`.

The worlds are simulated anew from each seed. The flat files are read from --real FOLDER/<name>, where they are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from propensity import workflow
from propensity.configfile import load_config
from propensity.tour import tour

ROOT = Path(__file__).parent.parent
FLAT = ("bank-marketing", "x-education")


def overrides(place: Path) -> list[str]:
    """Everything that is written goes to a place of its own."""
    return [
        f"tracking.uri=sqlite:///{place / 'mlflow.db'}",
        f"paths.models={place / 'models'}",
        f"paths.out={place / 'out'}",
        f"paths.quarantine={place / 'quarantine'}",
    ]


def worlds(seeds: list[int], leads: int) -> None:
    """A row a world: the model beside the true probabilities on the same test rows."""
    print("| seed | test rows | conversions | ROC-AUC | of the truth | gap | log loss | of the truth | calibration error "
          "| 95 % bound | slope |\n|---|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            config = load_config(
                ROOT / "configs" / "demo.yaml", [f"data.folder={place / 'data'}", *overrides(place)]
            )
            result = tour(config, leads=leads, months=24, seed=seed)
            model, truth = result.trained.trained.evaluations["model"], result.truth
            auc, best = model.metrics["roc_auc"].value, truth.metrics["roc_auc"].value
            print(
                f"| {seed} | {model.rows:,} | {model.conversions:,} | {auc:.4f} | {best:.4f} | {best - auc:.4f} "
                f"| {model.metrics['log_loss'].value:.4f} | {truth.metrics['log_loss'].value:.4f} "
                f"| {model.metrics['calibration_error'].value:.4f} | {result.perfect_calibration_error:.4f} "
                f"| {model.calibration_slope:.2f} |",
                flush=True,
            )


def flat_files(real: Path) -> None:
    """A row a file: forward metrics with their intervals."""
    print(
        "\n| file | test rows | ROC-AUC | average precision | log loss | lift, top tenth |\n|---|---|---|---|---|---|"
    )
    for name in FLAT:
        if not (real / name).is_dir():
            sys.stderr.write(f"{real / name} is not there; left out\n")
            continue
        with tempfile.TemporaryDirectory() as folder:
            config = load_config(
                ROOT / "configs" / f"{name}.yaml", [f"data.folder={real / name}", *overrides(Path(folder))]
            )
            found = workflow.train(config).trained.evaluations["model"]
            cells = [
                f"{found.metrics[key].value:.3f} ({found.metrics[key].low:.3f} to {found.metrics[key].high:.3f})"
                for key in ("roc_auc", "average_precision", "log_loss", "lift_top_decile")
            ]
            print(f"| {name} | {found.rows:,} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 11, 13])
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--real", type=Path, default=ROOT / "data")
    args = parser.parse_args()
    worlds(args.seeds, args.leads)
    flat_files(args.real)


if __name__ == "__main__":
    main()
