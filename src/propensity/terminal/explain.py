"""What people see in the terminal of one lead: where it stands, why, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from propensity.scoring.causes import WORDS
from propensity.scoring.criteria import CRITERIA
from propensity.scoring.reasons import percent

if TYPE_CHECKING:
    from propensity.delivery.explain import Explained

_REASONS = (("for", "reason_1"), ("for", "reason_2"), ("for", "reason_3"), ("against", "against"))


def show(found: Explained) -> None:
    """Print it."""
    console = Console(highlight=False, soft_wrap=True)
    score, listed = found.score, found.listed
    night, model = found.manifest["as_of"] or "without dates", found.manifest["model"]
    console.print(
        Text(f"Lead {score['lead_id']}, as of {night}, model {model['name']!r} version {model['version']}")
    )
    console.print(Text(_place(score, listed)))
    console.print(
        Text(f"Probability {percent(score['probability'])} (tier {score['tier']}){_between(score)}")
    )
    if score.get("trend") is not None:
        console.print(Text(_moved(score, listed)))
    for report in found.reports:
        console.print(Text(_reported(report)))
    if found.qualification:
        because = found.qualification["verdict_because"]
        console.print(Text(f"Verdict: {found.qualification['verdict']}: {because}"))
        console.print(_criteria(found.qualification))
        if found.qualification.get("next_action") is not None:
            on = found.qualification["follow_up_on"]
            when = "" if on is None else f", follow up on {on}"
            console.print(
                Text(
                    f"Next: {found.qualification['next_action']}{when}: {found.qualification['action_because']}"
                )
            )
    if listed is None:
        console.print("Reasons are worked out for leads that reach a list.")
        return
    for word, column in _REASONS:
        if listed[column] is not None:
            act = "something to act on" if listed[f"{column}_act"] else "background"
            console.print(Text(f"  {word:8}{listed[column]} ({act})"))
    # A list from before there were questions has no such column.
    if listed.get("question") is not None:
        console.print(Text(f"  {'ask':8}{listed['question']}"))


def _place(score: Mapping[str, Any], listed: Mapping[str, Any] | None) -> str:
    if listed is None:
        rank = (
            "" if score["rank"] is None else f"; its rank among those who may be called was {score['rank']:,}"
        )
        because = score["removed_because"] or WORDS[score["removed"]]
        return f"On no list: {because} ({score['removed']}){rank}"
    rep = "the list" if listed["rep"] is None else f"the list of {listed['rep']}"
    drawn = "" if listed["selection"] == "listed" else ", drawn at random to learn from"
    chance = listed["selection_probability"]
    odds = "" if chance is None or chance >= 1 else f" (chance of being listed {percent(chance)})"
    return f"Number {listed['rep_rank']:,} on {rep}{drawn}{odds}; rank {score['rank']:,} over all"


def _moved(score: Mapping[str, Any], listed: Mapping[str, Any] | None) -> str:
    changed = None if listed is None else listed.get("changed")
    before = f"{percent(score['previous_probability'])} on the list of {score['previous_as_of']:%Y-%m-%d}"
    return f"Trend: {score['trend']}, {before}" if changed is None else f"Trend: {score['trend']}. {changed}"


def _reported(report: Mapping[str, Any]) -> str:
    rep = "" if report["rep"] is None else f" by {report['rep']}"
    note = "" if report["note"] is None else f": {report['note']}"
    said = f"Reported{rep} on {report['reported_on']:%Y-%m-%d}: {report['outcome'].replace('_', ' ')}{note}"
    # A note is free text, and a terminal obeys what cannot be seen.
    return "".join(sign if sign.isprintable() else " " for sign in said)


def _between(score: Mapping[str, Any]) -> str:
    if score["probability_low"] is None:
        return ""
    return f", between {percent(score['probability_low'])} and {percent(score['probability_high'])}: {score['evidence']}"


def _criteria(row: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name in CRITERIA:
        on = row[f"{name}_on"]
        table.add_row(
            f"  {name}",
            row[f"criterion_{name}"],
            Text(row[f"{name}_evidence"] or ""),
            "" if on is None else str(on),
        )
    return table
