"""Model quality on worlds whose truth is known and on the flat files, as a Markdown table: `make quality`.

The worlds are simulated anew from each seed. The flat files are read from --real FOLDER/<name>, where they are there.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import rivals as beside

from propensity import workflow
from propensity.config.file import load_config
from propensity.selection.ladder import WORDS
from propensity.selection.training import Trained
from propensity.session import Progress, opened, training_frame
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


def rungs(name: str, trained: Trained) -> list[str]:
    """A row a rung: what the validation folds decided, and what the test reports."""
    rows: list[str] = []
    for step in trained.ladder.steps:
        found = trained.evaluations.get(step.rung)
        if found is None or step.log_loss is None:
            continue
        gain = "" if step.gain is None else f"{step.gain:+.4f} ({step.low:+.4f} to {step.high:+.4f})"
        mark = "model" if step.rung == trained.ladder.chosen else ""
        rows.append(
            f"| {name} | {WORDS[step.rung]} | {step.log_loss:.4f} | {gain} | {found.metrics['roc_auc'].value:.4f} "
            f"| {found.metrics['log_loss'].value:.4f} | {mark} |"
        )
    return rows


def ladder(rows: list[str]) -> None:
    """The rungs of everything that was trained."""
    print("\n| data | rung | validation log loss | gain on the best before (68 %) | test ROC-AUC | test log loss | |\n"
          "|---|---|---|---|---|---|---|")  # fmt: skip
    for row in rows:
        print(row, flush=True)


def worlds(seeds: list[int], leads: int) -> list[str]:
    """A row a world: the model beside the true probabilities on the same test rows. Returns the rungs' rows."""
    found: list[str] = []
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
            found += rungs(f"seed {seed}", result.trained.trained)
    return found


def flat_files(real: Path, flaml: Path | None, seconds: int) -> tuple[list[str], list[str]]:
    """A row a file: forward metrics with their intervals. Returns the rungs' rows, and the rivals'."""
    rows: list[str] = []
    others: list[str] = []
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
            trained = workflow.train(config).trained
            rows += rungs(name, trained)
            found = trained.evaluations["model"]
            cells = [
                f"{found.metrics[key].value:.3f} ({found.metrics[key].low:.3f} to {found.metrics[key].high:.3f})"
                for key in ("roc_auc", "average_precision", "log_loss", "lift_top_decile")
            ]
            print(f"| {name} | {found.rows:,} | {' | '.join(cells)} |", flush=True)
            with opened(config, Progress()) as session:
                frame = training_frame(session)
            others += beside.rows(name, trained, beside.rivals(trained, frame, flaml, seconds))
    return rows, others


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[7, 11, 13])
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--real", type=Path, default=ROOT / "data")
    parser.add_argument("--flaml", type=Path, help="The Python of an environment that has FLAML.")
    parser.add_argument("--seconds", type=int, default=90, help="That FLAML may search.")
    args = parser.parse_args()
    climbed = worlds(args.seeds, args.leads) if args.seeds else []
    files, others = flat_files(args.real, args.flaml, args.seconds)
    ladder([*climbed, *files])
    print(f"\n{beside.HEADER}")
    for row in others:
        print(row, flush=True)


if __name__ == "__main__":
    main()
