"""The backtest on the terminal: in words first, then the practices, then list by list."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from propensity.selection.ladder import WORDS
from propensity.selection.practice import MODEL, PRACTICES

if TYPE_CHECKING:
    from rich.console import Console

    from propensity.selection.backtest import Backtest
    from propensity.selection.practice import Period, Practice, Practices
    from propensity.stats.bootstrap import Metric

_HEADS = {**PRACTICES, MODEL: "model"}


def show(console: Console, found: Backtest) -> None:
    """Print the result in one sentence, what each practice held, and how it went by list and by month."""
    console.print(Text(f"\n{found.summary}\n"))
    console.print(practices_table(found.practices))
    console.print(
        "In brackets the 95 % interval: chance in which accounts came, at these dates. Another date differs more: see "
        "lowest and highest, and list by list:\n"
    )
    console.print(_periods(found, found.practices.by_list, "list"))
    months = found.practices.by_month
    if 0 < len(months) < len(found.practices.by_list):
        console.print(_periods(found, months, "month, mean a list"))
    console.print(_models(found))
    for name, reason in found.practices.skipped.items():
        console.print(Text(f"note: {PRACTICES[name]} is left out: {reason}"))
    for note in found.notes:
        console.print(Text(f"note: {note}"))


def practices_table(found: Practices) -> Table:
    """What each practice's tops held, a row a practice."""
    table = Table("practice", box=None, pad_edge=False)
    for head in ("converted, mean a list", "lowest", "highest", "lift", "model ahead by", "in lists"):
        table.add_column(head, justify="right")
    for practice in found.practices:
        table.add_row(*_row(practice, len(found.by_list)))
    return table


def _row(practice: Practice, lists: int) -> tuple[str, ...]:
    return (
        PRACTICES[practice.name],
        _cell(practice.conversions),
        f"{practice.least:.1f}",
        f"{practice.most:.1f}",
        _cell(practice.lift, ".2f"),
        "" if practice.gain is None else _cell(practice.gain, "+.1f"),
        "" if practice.ahead is None else f"{practice.ahead} of {lists}",
    )


def _periods(found: Backtest, periods: tuple[Period, ...], head: str) -> Table:
    """The model with its interval, the others beside it."""
    table = Table(head, box=None, pad_edge=False)
    for title in ("leads", "called", "converted of all"):
        table.add_column(title, justify="right")
    names = [practice.name for practice in found.practices.practices]
    for name in names:
        table.add_column(_HEADS[name], justify="right")
    for period in periods:
        cells = [
            _cell(period.conversions[name]) if name == MODEL else f"{period.conversions[name].value:.1f}"
            for name in names
        ]
        counts = (f"{period.leads:,.0f}", f"{period.called:,.0f}", f"{period.converted:,.0f}")
        table.add_row(period.name, *counts, *cells)
    return table


def _models(found: Backtest) -> Table:
    table = Table("\nlist", "\nmodel", "\ntrained at", box=None, pad_edge=False)
    for title in ("\nlearned from", "\nof these converted"):
        table.add_column(title, justify="right")
    for past in found.lists:
        table.add_row(past.name, WORDS[past.rung], past.trained, f"{past.rows:,}", f"{past.converted:,}")
    return table


def _cell(metric: Metric, form: str = ".1f") -> str:
    value = format(metric.value, form) if math.isfinite(metric.value) else "-"
    if not math.isfinite(metric.low):
        return value
    return f"{value} ({metric.low:{form}} to {metric.high:{form}})"
