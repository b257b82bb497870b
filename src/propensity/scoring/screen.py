"""What people see of the qualification in the terminal: the threshold, the criteria and the funnel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from propensity.scoring.reasons import percent


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `scoring.lists.Ranking.qualification` gives."""
    console.print(_funnel(found["funnel"]))
    console.print(_criteria(found))
    threshold = found["threshold"]
    console.print(
        Text(f"A prospect has a probability of at least {percent(threshold['probability'])} ({threshold['why']}) "
             "and fails no hard criterion.")
    )  # fmt: skip


def _funnel(found: Mapping[str, Any]) -> Table:
    table = Table("funnel", box=None, pad_edge=False)
    table.add_column("", justify="right")
    suspects = found["suspects"]
    table.add_row(
        "suspects (companies that fit, no sign of interest)",
        "not known" if suspects is None else f"{suspects:,}",
    )
    origin = ", ".join(f"{count:,} {name}" for name, count in found["origin"].items() if count)
    table.add_row(Text(f"leads ({origin})"), f"{found['leads']:,}")
    for name, count in found["position"].items():
        table.add_row(Text(f"  {'neither qualified nor lost yet' if name == 'lead' else name}"), f"{count:,}")
        if name == "lead":
            for verdict, leads in found["verdict"].items():
                table.add_row(Text(f"    verdict: {verdict}"), f"{leads:,}")
            for action, leads in found["next_action"].items():
                table.add_row(Text(f"    next: {action}"), f"{leads:,}")
    return table


def _criteria(found: Mapping[str, Any]) -> Table:
    table = Table("criterion", box=None, pad_edge=False)
    for state in ("met", "not met", "unknown"):
        table.add_column(state, justify="right")
    table.add_column("")
    for name, states in found["criteria"].items():
        why = found["why_unknown"].get(name, "")
        table.add_row(name, *(f"{count:,}" for count in states.values()), Text(why))
    return table
