"""From scored leads to delivered lists: wall time, CPU and peak memory, on a simulated company.

    .venv/bin/python benchmarks/lists.py --leads 100000 --reps 50 --each 100

A small world is simulated and a model trained on it; a large world is then scored by the nightly job itself. What is measured begins
when the last lead is scored, and ends when the manifest lies in its place: gate, qualification, threshold, ranks, assignment, reasons,
questions, and every file. The peak is that of the process within that time, with what it still holds from scoring. `--profile FILE`
leaves a cProfile of the whole scoring run; `--set lists.questions=0` and the like alter the configuration. `--keep DIR` keeps worlds, model
and lists in DIR, and takes them from there the next time. `--again` measures the next day's lists instead, which also say what changed
since.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from propensity import workflow
from propensity.config.file import load_config
from propensity.demo.world import simulate, write
from propensity.session import Progress

CONFIG = Path(__file__).parent.parent / "configs" / "demo.yaml"
SMALL_LEADS = 3_000
SEED = 7


@dataclass
class Taken:
    """Seconds on the wall, CPU seconds of all threads, and the peak of the resident memory in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class Stamps(Progress):
    """Resets the process's memory peak when the last lead is scored, and remembers the clocks then."""

    def __init__(self, leads: int) -> None:
        self._to_come = leads
        self.wall = self.cpu = 0.0

    def advance(self, rows: int) -> None:
        """So many leads are scored."""
        self._to_come -= rows
        if self._to_come <= 0:
            # 5 resets the high-water mark of the resident memory (Linux).
            Path("/proc/self/clear_refs").write_text("5")
            self.wall, self.cpu = time.perf_counter(), time.process_time()

    def taken(self) -> Taken:
        """Since the last lead was scored."""
        status = Path("/proc/self/status").read_text().splitlines()
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        return Taken(
            round(time.perf_counter() - self.wall, 1),
            round(time.process_time() - self.cpu, 1),
            round(peak / 1024),
        )


def settings(place: Path, world: str, *more: str) -> list[str]:
    """The demo's configuration, with everything below `place`."""
    below = {name: place / name for name in ("models", "out", "reports", "quarantine", "ledger")}
    return [
        f"data.folder={place / world}",
        f"tracking.uri=sqlite:///{place / 'mlflow.db'}",
        *(f"paths.{name}={path}" for name, path in below.items()),
        *more,
    ]


def make(place: Path, leads: int) -> None:
    """Both worlds and the model, where they are not there yet."""
    for name, count in (("small", SMALL_LEADS), (f"leads-{leads}", leads)):
        if not (place / name / "leads.csv").exists():
            write(simulate(leads=count, seed=SEED, truth_instants=()), place / name)
    if not (place / "models").exists():
        config = load_config(CONFIG, settings(place, "small"))
        workflow.train(config)
        workflow.promote(config)


def run(
    place: Path,
    leads: int,
    reps: int,
    each: int,
    more: list[str],
    profile: Path | None,
    after: datetime | None,
) -> tuple[Taken, datetime | None]:
    """Score and deliver, a day after `after` where it is given; what was taken, and as of when."""
    people = json.dumps([{"name": f"rep {number:03}"} for number in range(reps)])
    lists = ["lists.capacity=null", "lists.owners_are_reps=false", f"lists.reps={people}"]
    lists += [f"lists.rep_capacity={each}", "lists.ownership=ignore"]
    config = load_config(CONFIG, settings(place, f"leads-{leads}", *lists, *more))
    stamps, profiler = Stamps(leads), cProfile.Profile()
    if profile is not None:
        profiler.enable()
    as_of = None if after is None else after + timedelta(days=1)
    scored = workflow.score(config, as_of=as_of, progress=stamps)
    taken = stamps.taken()
    if profile is not None:
        profiler.disable()
        profiler.dump_stats(profile)
    return taken, scored.as_of


def main() -> None:
    """Print what was taken, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--reps", type=int, default=50)
    parser.add_argument("--each", type=int, default=100, help="leads on one rep's list")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--again", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) if asked.keep is None else asked.keep.resolve()
        # Each in a process of its own: what simulating takes is not to be held against the lists.
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            pool.submit(make, place, asked.leads).result()
            job = (run, place, asked.leads, asked.reps, asked.each, asked.set)
            taken, as_of = pool.submit(*job, None if asked.again else asked.profile, None).result()
            if asked.again:
                taken, _ = pool.submit(*job, asked.profile, as_of).result()
    print(json.dumps({"leads": asked.leads, "cores": os.cpu_count(), **asdict(taken)}))


if __name__ == "__main__":
    main()
