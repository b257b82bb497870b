"""How sure a rung should be before it takes the simpler one's place: regret on small simulated worlds, by `model.noise`.

    .venv/bin/python benchmarks/noise.py --leads 1000 1500 2000 3000 --seeds 31 32 33 34 35 36

The regret of a level is how far the chosen rung's test figures lie behind the best rung's, over worlds that have enough
conversions to compare at all.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from propensity.config.file import load_config
from propensity.demo.world import simulate, write
from propensity.selection.ladder import climb, lesson_of
from propensity.selection.training import split_frame
from propensity.session import Progress, opened, training_frame
from propensity.stats.bootstrap import paired
from propensity.stats.metrics import log_loss, roc_auc

ROOT = Path(__file__).parent.parent
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)


@dataclass(frozen=True)
class World:
    """What each rung forecast on the validation folds, and (log loss, ROC-AUC) of each on the test."""

    y: np.ndarray
    cluster: np.ndarray
    forecasts: dict[str, np.ndarray]
    test: dict[str, tuple[float, float]]


def world_of(leads: int, seed: int) -> World | None:
    """Climb the ladder on one world; None where conversions are too few to compare."""
    with tempfile.TemporaryDirectory() as place:
        write(simulate(leads=leads, months=24, seed=seed), Path(place))
        config = load_config(
            ROOT / "configs" / "demo.yaml",
            [f"data.folder={place}", f"paths.quarantine={place}/q", "model.resamples=50"],
        )
        with opened(config, Progress()) as session:
            frame = training_frame(session)
    split = split_frame(frame, config, dated=True)
    past, test = frame.take(split.past), frame.take(split.test)
    ladder, lesson = climb(past, config, dated=True), lesson_of(past, config, dated=True)
    if ladder.scarce:
        return None
    said = {name: rung.probability(test.values) for name, rung in ladder.learned.items()}
    return World(
        lesson.y_held_out,
        np.unique(past.groups, return_inverse=True)[1][lesson.held_out],
        {name: rung.forecast for name, rung in ladder.learned.items() if rung.forecast is not None},
        {name: (log_loss(test.y, p), roc_auc(test.y, p)) for name, p in said.items()},
    )


def chosen(world: World, level: float) -> str:
    """The rung that the ladder would take at this level."""
    best, *others = world.forecasts
    for name in others:
        found = paired(
            world.y, world.forecasts[best], world.forecasts[name],
            seed=7, cluster=world.cluster, resamples=300, metrics=("log_loss",), level=level,
        )  # fmt: skip
        best = name if found["log_loss"].better else best
    return best


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, nargs="*", default=[1_000, 1_500, 2_000, 3_000])
    parser.add_argument("--seeds", type=int, nargs="*", default=[31, 32, 33, 34, 35, 36])
    args = parser.parse_args()
    worlds = [world for leads in args.leads for seed in args.seeds if (world := world_of(leads, seed))]
    print(
        f"{len(worlds)} worlds\n\n| level | mean regret, log loss | worst | mean regret, ROC-AUC | worst |\n"
        "|---|---|---|---|---|"
    )
    for level in LEVELS:
        picks = [world.test[chosen(world, level)] for world in worlds]
        loss = [p[0] - min(t[0] for t in w.test.values()) for p, w in zip(picks, worlds, strict=True)]
        area = [max(t[1] for t in w.test.values()) - p[1] for p, w in zip(picks, worlds, strict=True)]
        cells = " | ".join(f"{value:.4f}" for value in (np.mean(loss), max(loss), np.mean(area), max(area)))
        print(f"| {level:g} | {cells} |")


if __name__ == "__main__":
    main()
