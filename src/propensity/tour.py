"""The demo: a simulated CRM through the whole job, judged against the probabilities that only its maker knows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from propensity import workflow
from propensity.demo.questions import Asked, asked
from propensity.demo.world import simulate, write
from propensity.errors import HistoryError, PromotionRefused, UsageError
from propensity.selection.training import evaluate_on, perfect_error
from propensity.session import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.results import CheckResult, PromoteResult, ScoreResult, TrainResult
    from propensity.stats.evaluation import Evaluation

LISTED_ON_SCREEN = 10
_KEEP = "README.md"


@dataclass(frozen=True)
class DemoResult:
    """A run of the demo: each step's result, and how the true probabilities do on the same test rows.

    promoted
        None where the champion of an earlier run stayed; `refusal` then says why. The list is this run's either way.
    """

    folder: Path
    facts: int
    checked: CheckResult
    trained: TrainResult
    promoted: PromoteResult | None
    refusal: str
    scored: ScoreResult
    truth: Evaluation
    perfect_calibration_error: float
    top: pa.Table
    asked: Asked

    def to_dict(self) -> dict[str, Any]:
        """What `demo --json` prints."""
        return {
            "folder": str(self.folder),
            "activities": self.facts,
            "check": self.checked.to_dict(),
            "train": self.trained.to_dict(),
            "promote": self.promoted.to_dict() if self.promoted else {"refused": self.refusal},
            "score": self.scored.to_dict(),
            "truth": self.truth.to_dict()["metrics"],
            "perfect_calibration_error_95": self.perfect_calibration_error,
            "questions": self.asked.to_dict(),
        }


def tour(
    config: Config, *, leads: int, months: int, seed: int, progress: Progress | None = None
) -> DemoResult:
    """Simulate into data.folder, check, train, promote and score.

    Raises
    ------
    UsageError
        data.folder holds something that the demo did not write.
    """
    progress = progress or Progress()
    progress.step(f"Simulating {leads:,} leads over {months} months")
    folder = config.data.folder
    _clear(folder)
    world = simulate(leads=leads, months=months, seed=seed)
    files = write(world, folder)
    checked = workflow.check(config, progress, profiled=False)
    trained = workflow.train(config, progress)
    version = trained.registered.version
    promoted, refusal = None, ""
    try:
        promoted = workflow.promote(config, version=version, progress=progress)
    except (PromotionRefused, HistoryError) as error:
        # The champion of an earlier, larger world may well be better, or have seen all of this one: it stays.
        refusal = str(error)
    scored = workflow.score(config, version=version, progress=progress)
    progress.step("Comparing with the true probabilities")
    truth = evaluate_on(
        trained.trained.test, true_probabilities(trained.trained.test, files["truth"]), config
    )
    perfect = perfect_error(trained.trained, config)
    listed = pq.read_table(scored.out / "list.parquet")
    threshold = scored.qualification["threshold"]["probability"]
    told = asked(listed, pq.read_table(files["latent"]), threshold, seed=config.model.seed)
    return DemoResult(
        folder=folder,
        facts=world.activities.num_rows,
        checked=checked,
        trained=trained,
        promoted=promoted,
        refusal=refusal,
        scored=scored,
        truth=truth,
        perfect_calibration_error=perfect,
        top=listed.slice(0, LISTED_ON_SCREEN),
        asked=told,
    )


def true_probabilities(frame: FeatureFrame, truth: Path) -> Any:
    """The world's own probability of each snapshot (float64, shape (rows,)); refuses a snapshot that it lacks."""
    keys = frame.table.select(["snapshot_id", "lead_id", "as_of"])
    known = pq.read_table(truth)
    joined = keys.join(known, ["lead_id", "as_of"], join_type="left outer").sort_by("snapshot_id")
    missing = joined["probability"].null_count
    if missing:
        raise UsageError(
            f"{missing:,} test snapshots are not among the true probabilities in {truth}, which are known at the first "
            "of each month. Leave snapshots.every at `1 month` for the demo."
        )
    return joined["probability"].to_numpy()


def _clear(folder: Path) -> None:
    """Remove an earlier world, and nothing else."""
    ours = {
        "leads.csv",
        "accounts.csv",
        "products.csv",
        "activities.parquet",
        "stages.parquet",
        "budgets.parquet",
    }
    if not folder.exists():
        return
    strange = sorted(entry.name for entry in folder.iterdir() if entry.name not in {*ours, "truth", _KEEP})
    if strange:
        raise UsageError(
            f"{folder} holds {', '.join(strange[:3])}, which the demo did not write; give another data.folder."
        )
    for name in ours:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "truth", ignore_errors=True)
