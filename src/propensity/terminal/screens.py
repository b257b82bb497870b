"""What people see in the terminal: progress on stderr, results on stdout."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from propensity.audit import courtscreen
from propensity.audit import screen as audit
from propensity.scoring import screen as qualifying
from propensity.scoring.causes import WORDS as WHY_NOT
from propensity.scoring.reasons import percent
from propensity.selection import backtestscreen
from propensity.selection.ladder import WORDS
from propensity.session import Progress
from propensity.starting import screen as starting
from propensity.stopping import heed
from propensity.terminal import questioning
from propensity.terminal.ledgerscreens import holdout_shows

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from propensity.results import (
        BacktestResult,
        CheckResult,
        PromoteResult,
        RollbackResult,
        ScoreResult,
        Standing,
        TrainResult,
    )
    from propensity.selection.stability import Stability
    from propensity.sources.report import CheckReport, Finding
    from propensity.starting.begin import Begun
    from propensity.stats.evaluation import Evaluation
    from propensity.tour import DemoResult

_WIDTH_UNLESS_TERMINAL = 120
_METRICS = {
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "lift_top_decile": "lift, top tenth",
}
_OFF_ON_SCREEN = 2
"""Parts of the test that are named where their probabilities are off."""
_RIVALS = {"model": "model", **WORDS, "without_outbound": "without our acts", "truth": "true probabilities"}


def _out() -> Console:
    terminal = sys.stdout.isatty()
    return Console(
        width=None if terminal else _WIDTH_UNLESS_TERMINAL, highlight=False, soft_wrap=not terminal
    )


class _Plain(Progress):
    """A line a step, for logs."""

    def step(self, title: str) -> None:
        heed()
        sys.stderr.write(f"{title} ...\n")
        sys.stderr.flush()


class _Live(Progress):
    """A spinner and a clock for the present step, a tick for those before."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._task: TaskID | None = None
        self._rows = 0
        self._title = ""

    def step(self, title: str) -> None:
        heed()
        self.finish()
        self._title, self._rows = title, 0
        self._task = self._bars.add_task(title, total=None)

    def advance(self, rows: int) -> None:
        self._rows += rows
        if self._task is not None:
            self._bars.update(self._task, description=f"{self._title} ({self._rows:,} leads)")

    def finish(self) -> None:
        """Tick the present step."""
        if self._task is not None:
            self._bars.update(self._task, total=1, completed=1)


@contextmanager
def shown_progress(*, plain: bool) -> Generator[Progress]:
    """Progress on stderr: bars on a terminal, lines elsewhere."""
    if plain or not sys.stderr.isatty():
        yield _Plain()
        return
    columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        live = _Live(bars)
        yield live
        live.finish()


def init(result: Begun) -> None:
    """What was found and guessed, and what to look at first."""
    starting.show(_out(), result)


def check(result: CheckResult) -> None:
    """Rows, quarantine and findings."""
    console = _out()
    console.print(_tables(result.report))
    _findings(console, result.report.findings)
    if result.through is not None:
        console.print(f"The data reach {_instant(result.through)}.")
    if result.profile is not None:
        audit.show(console, result.profile)
    if result.court is not None:
        courtscreen.show(console, result.court)


def train(result: TrainResult) -> None:
    """The funnel, the metrics beside their rivals, and the registered version."""
    console = _out()
    _warnings(console, result.warnings)
    console.print(_snapshot_funnel(result))
    _ladder(console, result)
    courtscreen.show(console, result.court)
    model = result.registered
    console.print(
        f"Registered as version {model.version} of {model.name!r}, alias challenger (run {model.run_id})."
    )
    if result.evidence is not None:
        console.print(f"Evidence pack: {result.evidence} (also with the run, as evidence.html)")
    console.print("Next: propensity promote, then propensity score, with the same --config.")


def backtest(result: BacktestResult) -> None:
    """What the past lists held, by practice and by date."""
    console = _out()
    _warnings(console, result.warnings)
    backtestscreen.show(console, result.backtest)
    console.print(Text(f"All figures: {result.path}"))


def score(result: ScoreResult) -> None:
    """Who is listed, who is not and why, and where it lies."""
    console = _out()
    _warnings(console, result.warnings)
    console.print(_list_funnel(result))
    qualifying.show(console, result.qualification)
    if result.holdout is not None:
        console.print(Text(holdout_shows(result.holdout)))
    _places(console, result)


def promote(result: PromoteResult) -> None:
    """Who is champion now, what the gate found, and what was overridden."""
    console = _out()
    now = f"version {result.champion.number}"
    if result.gate is None:
        console.print(f"Champion of {result.champion.name!r} is {now} already: nothing changed.")
        return
    console.print(Text(result.gate.table()))
    if result.overridden:
        console.print(Text(f"OVERRIDDEN by --force: {', '.join(result.overridden)}. Reason: {result.reason}"))
    former = f"; before it was version {result.former.number}" if result.former else ""
    console.print(f"Champion of {result.champion.name!r} is now {now}{former}.")


def rollback(result: RollbackResult) -> None:
    """Who is champion again, what it is, and what went."""
    console = _out()
    console.print(
        f"Champion of {result.restored.name!r} is version {result.restored.number} again; "
        f"version {result.replaced.number} went."
    )
    if result.deleted:
        console.print(f"Passed over, deleted since: version {', '.join(result.deleted)}.")
    _standing(console, f"back: version {result.restored.number}", result.back)
    _standing(console, f"gone: version {result.replaced.number}", result.gone)


def _standing(console: Console, title: str, found: Standing) -> None:
    console.print(title)
    if found.problem is not None:
        console.print(Text(f"  its files cannot be read: {found.problem}"))
        return
    what = WORDS.get(found.rung or "", found.rung or "unknown")
    learned = "" if found.rows is None else f", learned from {found.rows:,} snapshots"
    converted = "" if found.conversions is None else f" with {found.conversions:,} conversions"
    when = "" if found.as_of is None else f", as of {found.as_of[0][:10]} to {found.as_of[1][:10]}"
    console.print(Text(f"  model         {what}{learned}{converted}{when}"))
    figures = [
        f"{words} {found.metrics[name]:.4f}" for name, words in _METRICS.items() if name in found.metrics
    ]
    console.print(Text(f"  forward test  {', '.join(figures) or 'none'}"))
    console.print(Text(f"  promoted      {found.why or 'before reasons were kept'}"))


def demo(result: DemoResult) -> None:
    """The whole job on one screen."""
    console = _out()
    console.rule("Data")
    console.print(_tables(result.checked.report))
    _findings(console, result.checked.report.findings)
    console.rule("Model")
    console.print(_snapshot_funnel(result.trained))
    _ladder(console, result.trained, truth=result.truth)
    console.print(
        "Judged forward in time: trained on the past, reported on what came after. The true probabilities are the "
        "simulator's own, given each lead's history: no model can do better but by luck.\n"
        f"A perfectly calibrated model of this size shows a calibration error of up to "
        f"{result.perfect_calibration_error:.4f} (95 % of the time)."
    )
    _at_capacity(console, result.trained)
    console.rule("List")
    console.print(_list_funnel(result.scored))
    qualifying.show(console, result.scored.qualification)
    console.print(_top(result.top))
    questioning.show(console, result.asked)
    console.rule("Where everything lies")
    _places(console, result.scored)
    console.print(f"data        {result.folder}")
    role = "champion" if result.promoted else "not promoted"
    console.print(f"model       version {result.scored.version} of {result.scored.model!r}, {role}")
    if result.refusal:
        console.print(Text(f"            {result.refusal}"))
    console.print("MLflow      .venv/bin/mlflow ui --backend-store-uri sqlite:///mlflow.db")


def _at_capacity(console: Console, result: TrainResult) -> None:
    """What the test's lists held at the reps' capacity, beside today's practices."""
    found = result.practices
    if found is None:
        return
    console.rule("At the reps' capacity")
    console.print(
        Text(
            f"Of the leads on {len(found.by_list)} lists of the test, {found.capacity:,} calls each: who became a prospect "
            "within the horizon, whoever called them."
        )
    )
    console.print(backtestscreen.practices_table(found))


def _tables(report: CheckReport) -> Table:
    table = Table("table", "from", title=None, box=None, pad_edge=False)
    table.add_column("rows", justify="right")
    table.add_column("kept", justify="right")
    table.add_column("set aside, and why")
    for name, found in report.tables.items():
        why = "; ".join(
            f"{broken.rows:,}: {broken.rule}, e.g. {broken.examples[0]}" for broken in found.broken
        )
        table.add_row(name, Text(found.origin), f"{found.rows:,}", f"{found.kept:,}", Text(why or "-"))
    return table


def _findings(console: Console, findings: Sequence[Finding]) -> None:
    for finding in findings:
        mark = "warning" if finding.severity == "warning" else "note"
        console.print(Text(f"{mark}: {f'{finding.table}: ' if finding.table else ''}{finding.message}"))


def _warnings(console: Console, warnings: Sequence[str]) -> None:
    for warning in warnings:
        console.print(Text(f"warning: {warning}"))


def _snapshot_funnel(result: TrainResult) -> Table:
    split = result.trained.final.metadata["split"]
    y = result.trained.test.y
    metadata = result.trained.final.metadata
    rows = [
        ("leads", f"{result.leads:,}"),
        ("matured snapshots", f"{metadata['rows']:,}"),
        ("  of these converted within the horizon", f"{metadata['conversions']:,}"),
        ("  trained on", f"{split['past_rows']:,}{_range(split['past_as_of'])}"),
        ("  in the gap between", f"{split['gap_rows']:,}"),
        ("  tested on", f"{split['test_rows']:,}{_range(split['test_as_of'])}"),
        ("  conversions in the test", f"{y.sum():,} ({percent(y.mean())})" if len(y) else "no test"),
    ]
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*row)
    return table


def _range(edges: list[str] | None) -> str:
    return "" if edges is None else f"  (as of {edges[0][:10]} to {edges[1][:10]})"


def _ladder(console: Console, result: TrainResult, *, truth: Evaluation | None = None) -> None:
    """The rungs with what was decided of each, then the figures of the test."""
    trained = result.trained
    table = Table("rung", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("on validation folds (the test only reports)")
    for step in trained.ladder.steps:
        mark = "model" if step.rung == trained.ladder.chosen else ""
        table.add_row(WORDS[step.rung], mark, Text(step.reason))
    console.print(table)
    shown = {name: found for name, found in trained.evaluations.items() if name != trained.ladder.chosen}
    if shown:
        console.print(_metrics(shown if truth is None else {**shown, "truth": truth}))
    _stability(console, trained.stability)


def _stability(console: Console, found: Stability | None) -> None:
    """Which parts of the test are off, if any; the rest is in --json."""
    if found is None or not found.verdicts:
        return
    told = found.verdicts[:_OFF_ON_SCREEN]
    more = len(found.verdicts) - len(told)
    console.print(
        Text(
            f"Off beyond noise ({found.looked} looked at): {'; '.join(told)}"
            + (f"; and {more} more" if more else "")
        )
    )


def _metrics(evaluations: Mapping[str, Evaluation]) -> Table:
    table = Table("forward test", box=None, pad_edge=False)
    for name in evaluations:
        table.add_column(_RIVALS.get(name, name), justify="right")
    for metric, words in _METRICS.items():
        cells: list[str] = []
        for name, evaluation in evaluations.items():
            found = evaluation.metrics[metric]
            interval = f" ({found.low:.3f} to {found.high:.3f})" if name == "model" else ""
            cells.append(f"{found.value:.4f}{interval}")
        table.add_row(words, *cells)
    slopes = [
        f"{e.calibration_slope:.2f}" if e.calibration_slope == e.calibration_slope else "-"
        for e in evaluations.values()
    ]
    table.add_row("calibration slope", *slopes)
    return table


def _list_funnel(result: ScoreResult) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    when = f" as of {_instant(result.as_of)}" if result.as_of else ""
    table.add_row(f"scored{when}", f"{result.scored:,}")
    if result.later:
        table.add_row("  created later, and not scored", f"{result.later:,}")
    for cause, count in result.removed.items():
        if count:
            table.add_row(f"  removed: {WHY_NOT[cause]}", f"{count:,}")
    table.add_row("listed", f"{result.listed:,}")
    return table


def _places(console: Console, result: ScoreResult) -> None:
    console.print(
        f"overview    {result.out / 'overview.html'} (and each rep's page, workbook and CSV in reps/)"
    )
    console.print(f"list        {result.out / 'list.csv'} (and list.parquet)")
    console.print(f"all scores  {result.out / 'scores.parquet'}")
    console.print(f"manifest    {result.manifest}")


def _top(rows: pa.Table) -> Table:
    table = Table("#", "lead", "who", "tier", box=None, pad_edge=False)
    table.add_column("prob.", justify="right")
    table.add_column("why")
    for row in rows.to_pylist():
        who = ", ".join(str(row[key]) for key in ("contact_name", "title", "company") if row[key])
        why = "; ".join(row[key] for key in ("reason_1", "reason_2", "reason_3") if row[key])
        against = f" | but: {row['against']}" if row["against"] else ""
        table.add_row(
            str(row["rank"]),
            Text(row["lead_id"]),
            Text(who),
            row["tier"],
            percent(row["probability"]),
            Text(why + against),
        )
    return table


def _instant(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
