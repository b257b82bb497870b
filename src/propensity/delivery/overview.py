"""The manager's page of a night: reps and places, what to expect, who is on no list and why, and the funnel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from propensity.delivery.contact import legible
from propensity.delivery.page import rendered
from propensity.delivery.view import Night, day_words
from propensity.scoring.causes import WORDS
from propensity.scoring.reasons import percent

if TYPE_CHECKING:
    from propensity.delivery.reps import RepList
    from propensity.scoring.funnel import Funnel
    from propensity.scoring.lists import Ranking

_NAMELESS = "Everybody"


def render_overview(lists: Sequence[RepList], ranking: Ranking, night: Night) -> str:
    """The page; no lead is named on it.

    Parameters
    ----------
    lists
        Every rep's list.
    ranking
        The night's counts, funnel and threshold.
    night
        What holds for all lists.
    """
    removed = ranking.removed
    threshold = ranking.qualified.threshold
    return rendered(
        "overview.html",
        styles=("base.css", "overview.css"),
        day=day_words(night.day),
        model=legible(night.model),
        figures=_figures(lists, ranking),
        reps=[_rep(one) for one in lists],
        scored=f"{ranking.scored:,}",
        off=f"{sum(removed.values()):,}",
        removed=[(WORDS[cause], f"{count:,}") for cause, count in _by_size(removed)],
        never="; ".join(WORDS[cause] for cause, count in removed.items() if not count),
        funnel=_funnel(ranking.funnel),
        threshold=f"A prospect has a probability of at least {percent(threshold.probability)} ({threshold.why}) and fails no "
        "hard criterion.",
    )


def _figures(lists: Sequence[RepList], ranking: Ranking) -> list[tuple[str, str, str]]:
    listed = sum(one.rows.num_rows for one in lists)
    places = ranking.reps.total()
    used = "any number of places" if places is None else f"of {places:,} places"
    called = sum(one.rows.num_rows > 0 for one in lists)
    return [
        (f"{listed:,}", "leads to call", used),
        (
            f"{sum(one.expected for one in lists):.1f}",
            "prospects to be expected",
            "the sum of their probabilities",
        ),
        (f"{called:,}", "reps with a list" if called != 1 else "list", f"of {len(lists):,}"),
        (f"{ranking.scored:,}", "leads scored", ""),
    ]


def _rep(one: RepList) -> dict[str, Any]:
    count = one.rows.num_rows
    return {
        "name": _NAMELESS if one.name is None else legible(one.name),
        "listed": f"{count:,}",
        "places": "any number" if one.capacity is None else f"{count:,} of {one.capacity:,}",
        "share": None if not one.capacity else f"{100 * count / one.capacity:.0f}",
        "expected": f"{one.expected:.1f}",
        "tiers": list(one.tiers().items()),
        "page": one.file("html") if one.has_files else None,
        "workbook": one.file("xlsx"),
        "csv": one.file("csv"),
    }


def _by_size(removed: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(((cause, count) for cause, count in removed.items() if count), key=lambda found: -found[1])


def _funnel(found: Funnel) -> list[tuple[int, str, str]]:
    suspects = "not known" if found.suspects is None else f"{found.suspects:,}"
    rows = [
        (0, "Suspects: companies that fit and showed nothing yet", suspects),
        (0, "Leads", f"{found.leads:,}"),
    ]
    rows += [(1, f"origin {word}", f"{count:,}") for word, count in found.origin.items()]
    for stage, count in found.position.items():
        rows.append((0, f"At the stage {legible(stage)}", f"{count:,}"))
        if stage == "lead":
            rows += [(1, f"verdict: {word}", f"{number:,}") for word, number in found.verdict.items()]
            rows += [(1, f"next action: {word}", f"{number:,}") for word, number in found.next_action.items()]
    rows.append((0, "On a list tonight", f"{found.listed:,}"))
    return rows
