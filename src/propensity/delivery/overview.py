"""The manager's page of a night: reps and places, what to expect, who is on no list and why, and the funnel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from propensity.delivery.contact import legible
from propensity.delivery.page import rendered
from propensity.delivery.view import Night, day_words
from propensity.scoring.causes import OVER_CAPACITY, WORDS
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
    limit = team_limit(lists, ranking.reps.total(), removed[OVER_CAPACITY])
    return rendered(
        "overview.html",
        styles=("base.css", "overview.css"),
        day=day_words(night.day),
        model=legible(night.model),
        figures=_figures(lists, ranking),
        reps=[_rep(one) for one in lists],
        scored=f"{ranking.scored:,}",
        off=f"{sum(removed.values()):,}",
        limit=limit,
        removed=[
            (_cause(cause, limited=limit is not None), f"{count:,}") for cause, count in _by_size(removed)
        ],
        never="; ".join(WORDS[cause] for cause, count in removed.items() if not count),
        funnel=_funnel(ranking.funnel),
        threshold=f"A prospect has a probability of at least {percent(threshold.probability)} ({threshold.why}) and fails no "
        "hard criterion.",
    )


def _figures(lists: Sequence[RepList], ranking: Ranking) -> list[tuple[str, str, str]]:
    listed = _listed(lists)
    places = ranking.reps.total()
    used = "any number of places" if places is None else f"of {places:,} places"
    if places is not None and _is_the_teams(places, lists):
        used = f"of {places:,} places, the team's limit"
    called = sum(one.rows.num_rows > 0 for one in lists)
    return [
        (f"{listed:,}", "leads to call", used),
        (
            f"{sum(one.expected for one in lists):,.1f}",
            "prospects to be expected",
            "the sum of their probabilities",
        ),
        (f"{called:,}", "reps with a list" if called != 1 else "list", f"of {len(lists):,}"),
        (f"{ranking.scored:,}", "leads scored", ""),
    ]


def team_limit(lists: Sequence[RepList], limit: int | None, left_over: int) -> str | None:
    """That the team's own limit ended the lists, in words; None where it did not.

    Parameters
    ----------
    lists
        Every rep's list.
    limit
        Places of the night over all reps; None for any number.
    left_over
        Leads that could be called and found no place.
    """
    if limit is None or not _is_the_teams(limit, lists) or not left_over or _listed(lists) < limit:
        return None
    own = _places(lists)
    fewer = "" if own is None else f", fewer than the {own:,} places of the reps together"
    return (
        f"The team may call {limit:,} leads a night (lists.capacity){fewer}. That limit ended the lists: reps have places left, "
        f"and {left_over:,} leads that could be called are on no list."
    )


def _is_the_teams(limit: int, lists: Sequence[RepList]) -> bool:
    """Whether the night's places are fewer than those of the reps; not where nobody is named, and so no rep has places."""
    own = _places(lists)
    return all(one.name is not None for one in lists) and (own is None or limit < own)


def _places(lists: Sequence[RepList]) -> int | None:
    """Places of all reps together; None where somebody has any number."""
    found = [one.capacity for one in lists if one.capacity is not None]
    return sum(found) if len(found) == len(lists) else None


def _listed(lists: Sequence[RepList]) -> int:
    return sum(one.rows.num_rows for one in lists)


def _cause(cause: str, *, limited: bool) -> str:
    """Beyond the capacity are, where the team's limit ended the lists, leads for whom a rep would have had a place."""
    return (
        "beyond the team's limit or the reps' places" if limited and cause == OVER_CAPACITY else WORDS[cause]
    )


def _rep(one: RepList) -> dict[str, Any]:
    count = one.rows.num_rows
    return {
        "name": _NAMELESS if one.name is None else legible(one.name),
        "listed": f"{count:,}",
        "places": "any number" if one.capacity is None else f"{count:,} of {one.capacity:,}",
        "share": None if not one.capacity else f"{100 * count / one.capacity:.0f}",
        "expected": f"{one.expected:,.1f}",
        "tiers": [(tier, f"{count:,}") for tier, count in one.tiers().items()],
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
