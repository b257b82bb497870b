"""What people see in the terminal of reports, of what came of past lists, and of forgetting a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from propensity.scoring.reasons import percent

if TYPE_CHECKING:
    from propensity.aftermath import FeedbackResult, ResultsResult
    from propensity.delivery.forget import Forgotten
    from propensity.scoring.promises import Came

_MOST_LINES = 20
_MOST_LISTS = 12


def _out() -> Console:
    return Console(highlight=False, soft_wrap=True)


def feedback(result: FeedbackResult) -> None:
    """What was taken, and each row that was refused."""
    console = _out()
    table = Table("outcome", box=None, pad_edge=False)
    table.add_column("reports", justify="right")
    for outcome, count in result.outcomes.items():
        table.add_row(outcome.replace("_", " "), f"{count:,}")
    console.print(table)
    console.print(
        Text(
            f"{result.accepted:,} accepted, of which {result.added:,} new; they take effect on the next list ({result.ledger})"
        )
    )
    _told(
        console,
        "refused",
        [f"{file.path}, line {row.line}: {row.why}" for file in result.files for row in file.refused],
    )
    _told(console, "warning", result.problems)


def results(result: ResultsResult) -> None:
    """Promised and came, by tier, rep and list; called against held out."""
    console, found = _out(), result.found
    _told(console, "warning", result.warnings)
    if found.every is None:
        if found.next_on is None:
            console.print("The ledger holds no list yet. Run `propensity score` first.")
            return
        console.print(
            Text(
                f"No list has matured yet: the data reach {found.through:%Y-%m-%d}, and the first of {found.nights:,} list(s) can be "
                f"judged once they reach {found.next_on:%Y-%m-%d}."
            )
        )
        return
    console.print(
        Text(
            f"{found.matured:,} of {found.nights:,} lists have matured (data reach {found.through:%Y-%m-%d}). Leads on them did convert or "
            "did not, whoever called them; only a holdout shows what calling causes."
        )
    )
    console.print(_promises({"all lists": found.every}, "listed"))
    for title, group in (("tier", found.by_tier), ("rep", found.by_rep)):
        if set(group) - {""}:
            console.print(_promises(group, title))
    newest = dict(list(found.by_list.items())[-_MOST_LISTS:])
    console.print(_promises({name[:10]: came for name, came in newest.items()}, "list"))
    slope = found.calibration.get("slope")
    if slope is not None:
        console.print(
            Text(f"Calibration slope {slope:.2f}: 1 is right, below 1 the probabilities are too extreme")
        )
    _holdout(console, found.holdout)
    _exploration(console, found.exploration)


def holdout_shows(found: Mapping[str, Any]) -> str:
    """What the holdout of one night can show, in a sentence.

    >>> holdout_shows({"called": {"leads": 90}, "held_out": {"leads": 10}, "smallest_difference_shown": 0.37})
    'Holdout: 10 held out beside 90 called; this night alone would show a difference of 37.0 points or more, in four of five cases.'
    """
    smallest = found["smallest_difference_shown"]
    shows = (
        "nothing to compare yet"
        if smallest is None
        else f"this night alone would show a difference of {100 * smallest:.1f} points or more, in four of five cases"
    )
    return f"Holdout: {found['held_out']['leads']:,} held out beside {found['called']['leads']:,} called; {shows}."


def _promises(group: Mapping[str, Came], title: str) -> Table:
    table = Table(title, box=None, pad_edge=False)
    for name in ("leads", "promised", "95 % interval", "came"):
        table.add_column(name, justify="right")
    table.add_column("")
    for name, came in group.items():
        table.add_row(
            Text(name or "no name"),
            f"{came.leads:,}",
            f"{came.promised:.1f}",
            f"{came.low:,} to {came.high:,}",
            f"{came.came:,}",
            "" if came.within else ("fewer than promised" if came.came < came.low else "more than promised"),
        )
    return table


def _holdout(console: Console, found: Mapping[str, Any] | None) -> None:
    if found is None:
        console.print("Nobody was held out, so that nothing says what calling causes (lists.holdout.share).")
        return
    called, held = found["called"], found["held_out"]
    console.print(
        Text(
            f"Called {called['came']:,} of {called['leads']:,} ({percent(called['share'])}), held out {held['came']:,} of {held['leads']:,} "
            f"({percent(held['share'])})"
        )
    )
    if found["low"] is None:
        console.print("Nobody of the same ranks was called, so that there is nothing to compare.")
        return
    beyond = "" if found["low"] > 0 or found["high"] < 0 else ": not beyond chance"
    console.print(
        Text(
            f"The difference is {100 * found['difference']:+.1f} points, between {100 * found['low']:+.1f} and "
            f"{100 * found['high']:+.1f} (95 %, by account){beyond}; a true difference of {100 * found['smallest_difference_shown']:.1f} points "
            "or more would show in four of five such holdouts"
        )
    )


def _exploration(console: Console, found: Mapping[str, Any] | None) -> None:
    if found is None:
        return
    console.print(
        Text(
            f"Drawn at random: {found['came']:,} of {found['leads']:,} came ({percent(found['share'])}, between {percent(found['low'])} and "
            f"{percent(found['high'])}); of all who were left out that makes {percent(found['of_all_left_out'])}, promised "
            f"{percent(found['promised_of_all_left_out'])}"
        )
    )


def forget(result: Forgotten) -> None:
    """What was removed, file by file."""
    console = _out()
    if not (result.rows or result.deleted or result.altered):
        console.print("Nothing was found: there is nothing left of this lead, or there never was.")
        return
    table = Table("file or table", box=None, pad_edge=False)
    table.add_column("rows removed", justify="right")
    for name, rows in sorted(result.rows.items()):
        table.add_row(Text(name), f"{rows:,}")
    console.print(table)
    _told(console, "no longer named in", sorted(result.altered))
    _told(console, "deleted, since it cannot be rewritten row by row", sorted(result.deleted))
    _told(console, "warning", result.warnings)


def _told(console: Console, word: str, lines: Sequence[str]) -> None:
    for line in lines[:_MOST_LINES]:
        console.print(Text(f"{word}: {line}"))
    if len(lines) > _MOST_LINES:
        console.print(f"{word}: and {len(lines) - _MOST_LINES:,} more (--json has them all)")
