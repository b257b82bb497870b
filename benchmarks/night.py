"""A whole night at any size, stage by stage: what `propensity score` takes, beside the same night written by hand.

    night.py --yardsticks DIR --work DIR --leads 50000,200000 [--runs 1] [--memory-gb 1] [--set KEY=VALUE ...]

`DIR` of the yardsticks holds the generator of tables, `make_tables.py`, and the night by hand, `by_hand.py`: features in SQL,
scores by LightGBM, reasons of the 5,000 best. Ours reads and checks the tables, derives the same 95 features, scores, gates,
qualifies, ranks, assigns, explains the same number of leads and writes the lists with their pages. Both models are trained at
--train-leads. Each side runs in a process of its own. What counts is the CPU time of the process with all its threads, the
wall, and the peak of its memory, for each stage and as a whole.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import heavy_tail
from measured import own_peak_mb, reset_peak

from propensity import serving
from propensity.config.file import load_config
from propensity.session import Progress

HERE = Path(__file__).parent
AS_OF = "2026-01-01"


class Stages(Progress):
    """Wall and CPU seconds of each stage, and the peak of the resident memory (MB) within it."""

    def __init__(self) -> None:
        self.found: list[dict[str, float | str]] = []
        self._title, self._wall, self._cpu = "", 0.0, 0.0

    def step(self, title: str) -> None:
        """A stage ends, and another begins."""
        self.close()
        reset_peak()
        self._title, self._wall, self._cpu = title, time.perf_counter(), time.process_time()

    def close(self) -> None:
        """The last stage ends."""
        if self._title:
            self.found.append({
                "stage": self._title, "wall_s": round(time.perf_counter() - self._wall, 1),
                "cpu_s": round(time.process_time() - self._cpu, 1), "peak_mb": round(own_peak_mb()),
            })  # fmt: skip


def settings(tables: Path, work: Path, *more: str) -> list[str]:
    """The yardsticks' tables, with everything that is written below `work`."""
    below = ("models", "out", "reports", "quarantine", "ledger", "cache")
    return [
        f"data.folder={tables}",
        f"tracking.uri=sqlite:///{work / 'mlflow.db'}",
        *(f"paths.{name}={work / name}" for name in below),
        *more,
    ]


def made(yardsticks: Path, work: Path, leads: int, *, heavy: bool = False) -> Path:
    """The tables of one size, made where they are not there yet."""
    tables = work / f"tables_{leads}"
    if not tables.is_dir():
        program = [sys.executable, str(yardsticks / "make_tables.py")]
        _run([*program, "--leads", str(leads), "--out", str(tables)])
    if not heavy:
        return tables
    out = work / f"heavy_{leads}"
    if not out.is_dir():
        heavy_tail.make(tables, out, acts=1_000_000, account_leads=100_000)
    return out


def trained(yardsticks: Path, work: Path, leads: int, more: list[str]) -> None:
    """Both models, where they are not there yet."""
    tables = made(yardsticks, work, leads)
    if not (work / "models").is_dir():
        from propensity import workflow  # noqa: PLC0415 - a night loads none of what training needs

        config = load_config(HERE / "scale.yaml", settings(tables, work, *more))
        workflow.train(config)
        # The tables are simulated: what the court suspects of title and industry is how they were made.
        workflow.promote(config, force=True, reason="the tables are simulated")
    if not (work / "by_hand").is_dir():
        program = [sys.executable, str(yardsticks / "by_hand.py"), "--tables", str(tables)]
        _run([*program, "--as-of", AS_OF, "--out", str(work / "by_hand"), "--stages", "features,train"])


def ours(tables: Path, work: Path, more: list[str]) -> None:
    """Score, and print each stage and the whole, a line of JSON each."""
    stages = Stages()
    wall, cpu = time.perf_counter(), time.process_time()
    config = load_config(HERE / "scale.yaml", settings(tables, work, *more))
    result = serving.score(config, out=work / "list", progress=stages)
    stages.close()
    for line in stages.found:
        print(json.dumps(line))
    whole = {
        "stage": "end", "wall_s": round(time.perf_counter() - wall, 1), "cpu_s": round(time.process_time() - cpu, 1),
        "peak_mb": max(line["peak_mb"] for line in stages.found), "scored": result.scored, "listed": result.listed,
    }  # fmt: skip
    print(json.dumps(whole))


def by_hand(yardsticks: Path, tables: Path, work: Path) -> list[dict]:
    """The stages of the night by hand."""
    program = [sys.executable, str(yardsticks / "by_hand.py"), "--tables", str(tables), "--as-of", AS_OF]
    lines = _run([*program, "--out", str(work / "by_hand"), "--stages", "features,score,reasons"])
    stages = [line for line in lines if line["stage"] != "end"]
    whole = {name: round(sum(line[name] for line in stages), 1) for name in ("wall_s", "cpu_s")}
    return [*stages, {"stage": "end", **whole, "peak_mb": lines[-1]["peak_rss_mb"]}]


def _run(command: list[str]) -> list[dict]:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def table(found: list[tuple[int, str, list[dict]]]) -> str:
    """Markdown, a row a stage."""
    lines = ["| leads | side | stage | wall s | CPU s | peak MB |", "|---:|---|---|---:|---:|---:|"]
    for leads, side, stages in found:
        for stage in stages:
            name = "the whole" if stage["stage"] == "end" else stage["stage"]
            peak = stage.get("peak_mb", stage.get("peak_rss_mb_so_far", 0.0))
            lines.append(
                f"| {leads:,} | {side} | {name} | {stage['wall_s']:.1f} | {stage['cpu_s']:.1f} | {peak:,.0f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure each size, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--yardsticks", type=Path, help="folder of the yardsticks")
    parser.add_argument("--work", type=Path, required=True, help="folder for tables, models and lists; kept")
    parser.add_argument("--leads", default="50000,200000", help="sizes, comma-separated")
    parser.add_argument("--train-leads", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument(
        "--memory-gb", type=float, help="engine.memory_gb; `score --memory GB` leaves it 0.7 GB less"
    )
    parser.add_argument("--set", dest="more", action="append", default=[], help="a setting of ours")
    parser.add_argument(
        "--alone", action="store_true", help="ours alone, for sizes that the hand cannot hold"
    )
    parser.add_argument(
        "--heavy",
        action="store_true",
        help="one lead with a million acts, one account with 100,000 leads, half silent",
    )
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.one:
        ours(args.one, args.work, args.more)
        return
    trained(args.yardsticks, args.work, args.train_leads, args.more)
    more = list(args.more) if args.memory_gb is None else [*args.more, f"engine.memory_gb={args.memory_gb}"]
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    found: list[tuple[int, str, list[dict]]] = []
    for leads in map(int, args.leads.split(",")):
        tables = made(args.yardsticks, args.work, leads, heavy=args.heavy)
        one = [sys.executable, __file__, "--work", str(args.work), "--one", str(tables)]
        for _ in range(args.runs):
            found.append((leads, "propensity", _run([*one, *(f"--set={setting}" for setting in more)])))
            if not args.alone:
                found.append((leads, "by hand", by_hand(args.yardsticks, tables, args.work)))
    print(table(found))


if __name__ == "__main__":
    main()
