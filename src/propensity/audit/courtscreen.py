"""The leakage court's verdicts on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from propensity.audit.leakage import ColumnVerdict, Court

_STYLES = {"convicted": "red", "suspect": "yellow", "clear": "green"}


def show(console: Console, court: Court) -> None:
    """Print who is convicted or suspect and why, how many are clear, and what to do."""
    if court.excuse:
        console.print(Text(f"\nNo leakage court: {court.excuse}."))
        return
    spoken = [verdict for verdict in court.verdicts if verdict.reasons]
    clear = len(court.verdicts) - len(spoken)
    console.print(Text(f"\nLeakage court: {clear} of {len(court.verdicts)} columns are clear."))
    if spoken:
        table = Table("column", "verdict", box=None, pad_edge=False)
        table.add_column("why", ratio=1)
        for verdict in spoken:
            table.add_row(
                Text(verdict.name), Text(verdict.verdict, style=_STYLES[verdict.verdict]), Text(_why(verdict))
            )
        console.print(table)
    for note in court.notes:
        console.print(Text(f"note: {note}"))
    if court.blocking:
        console.print("They keep the model from being promoted: docs/leakage.md says what to do.")


def _why(verdict: ColumnVerdict) -> str:
    if not verdict.feeds:
        return f"not mapped; do not map it as it is. {verdict.sentence}"
    if verdict.why is not None and not verdict.blocks:
        return f"declared known in time ({verdict.why}). {verdict.sentence}"
    return verdict.sentence
