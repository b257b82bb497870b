"""What `propensity init` says on the terminal: what was found, what was guessed, what to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from propensity.starting.advice import look_first

if TYPE_CHECKING:
    from rich.console import Console

    from propensity.starting.begin import Begun


def show(console: Console, begun: Begun) -> None:
    """Print the summary and the next command."""
    table = Table("table", "from", box=None, pad_edge=False)
    table.add_column("rows", justify="right")
    table.add_column("mapped (guesses)")
    for name, sources in begun.plan.tables.items():
        for source in sources:
            parts = [f"{part.stage} at {part.entered_at.source}" for part in source.parts]
            mapped = ", ".join([*source.columns, *parts])
            table.add_row(name, Text(source.file.name), f"{source.file.rows:,}", Text(mapped))
    console.print(table)
    for name, why in begun.plan.left_out:
        console.print(Text(f"not used: {name}: {why}"))
    for name, why in begun.folder.unread:
        console.print(Text(f"not read: {name}: {why}"))
    for file in begun.folder.files:
        if file.rejected:
            console.print(Text(f"note: {file.name}: {file.rejected:,} lines are no rows"))
        if file.step > 1:
            console.print(Text(f"note: {file.name}: one row in {file.step} was looked at"))
    sentences = look_first(begun.plan)
    if sentences:
        console.print("\nLook first at:")
        for place, sentence in enumerate(sentences, 1):
            console.print(Text(f"{place:>2}. {sentence}"))
    console.print(Text(f"\nWritten: {begun.out}. Next: propensity check --config {begun.out}"))
