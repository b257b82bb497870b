"""What people see of the next best question in the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from propensity.demo.questions import Asked


def show(console: Console, found: Asked) -> None:
    """Print how many verdicts the questions would have set right."""
    console.rule("The next best question")
    said = (
        f"{found.with_question:,} of {found.listed:,} listed leads have one; the simulator knows the true answer to "
        f"{found.judged:,} (budget and need)."
    )
    if found.judged:
        said += (
            f" Of {found.judged:,} questions asked, the verdict was wrong in {found.wrong_before:,} before and in "
            f"{found.wrong_after:,} after: {found.wrong_before - found.wrong_after:,} fewer "
            f"({found.fewer_low:,.0f} to {found.fewer_high:,.0f}, 95 % of the time). A lead is truly a prospect when its own "
            "probability, for one who knew its means and its interest, reaches the threshold."
        )
    console.print(Text(said))
