"""The page of monitoring: first what is wrong and what to do, then how it came about, night by night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from propensity.audit.charts import Curve, over_time
from propensity.audit.report import (
    Block,
    Bullets,
    Drawing,
    Fold,
    Grid,
    Pack,
    Section,
    Words,
    plain,
    quoted,
    render,
)
from propensity.monitoring.drift import LEVELS
from propensity.monitoring.findings import points
from propensity.monitoring.outcomes import Pooled
from propensity.monitoring.realpage import came_of
from propensity.scoring.profile import NEW, OPEN, SCORE

if TYPE_CHECKING:
    from propensity.config import MonitoringConfig
    from propensity.monitoring.drift import Shift
    from propensity.monitoring.history import Night
    from propensity.monitoring.judge import Judged

_SHOWN_LINES: Final = 3
_MOST_CONCEPTS: Final = 15
_WEEK: Final = 7
_WORDS: Final = {"alarm": "ALARM", "warning": "Warning", "note": "Note", "": "-"}


def page_of(
    found: Judged,
    nights: Sequence[Night],
    verdicts: Mapping[str, Mapping[str, Any]],
    outcomes: Mapping[str, Mapping[str, Any]],
    together: Pooled | None,
    rules: MonitoringConfig,
) -> str:
    """The page as HTML, self-contained.

    Parameters
    ----------
    found
        Tonight.
    nights, verdicts, outcomes
        The history: the nights, what was found of each, and what came of the matured ones.
    together
        The newest matured nights together.
    rules
        The bounds.
    """
    kept = list(nights)[-rules.page_nights :]
    history = [verdicts[night.as_of or ""] for night in kept if (night.as_of or "") in verdicts]
    night = found.night
    sections = [
        Section("wrong", "What is wrong, and what to do", _wrong(found)),
        Section("drift", "Drift of what the model looks at", _drift(found, history, rules)),
        Section("score", "The score", _score(kept)),
        Section("arrivals", "What arrived", _arrivals(night)),
        Section("outcomes", "What came of past lists", came_of(outcomes, together, rules)),
        Section("nights", "Night by night", _nights(history)),
    ]
    facts = (
        f"as of {_day(night.as_of)}",
        f"model {quoted(night.model['name'])}, version {night.model['version']}",
        f"{_rows(night, OPEN):,} open leads, {_rows(night, NEW):,} of them new",
        f"{len(nights)} {'night' if len(nights) == 1 else 'nights'} in the history",
    )
    return render(Pack("Monitoring", facts, _summary(found), tuple(sections)))


def _summary(found: Judged) -> tuple[str, ...]:
    told = [one for one in found.findings if one.severity != "note"]
    if not told:
        first = "Nothing is wrong that was looked at"
        if found.night.reference is None:
            first += "; drift could not be"
        return (f"{first}.", *(f"{plain(one.what)}. {one.do}" for one in found.findings))
    counts = {level: sum(one.severity == level for one in told) for level in ("alarm", "warning")}
    said = " and ".join(
        f"{count} {word if count == 1 else word + 's'}" for word, count in counts.items() if count
    )
    # Of drift, what follows the colon is for those who read on.
    heads = [one.what.split(": ")[0] if one.concepts else one.what for one in told[:_SHOWN_LINES]]
    shown = [f"{_WORDS[one.severity]}: {plain(head)}." for one, head in zip(told, heads, strict=False)]
    more = [f"And {len(told) - _SHOWN_LINES} more, below."] if len(told) > _SHOWN_LINES else []
    return (f"{said}.", *shown, *more, f"What to do first: {told[0].do[0].lower()}{told[0].do[1:]}")


def _wrong(found: Judged) -> tuple[Block, ...]:
    """What asks for the same is told together: it has one cause, as a rule."""
    if not found.findings:
        return (Words("Nothing. What was looked at is below."),)
    blocks: list[Block] = []
    for do in dict.fromkeys(one.do for one in found.findings):
        held = [one for one in found.findings if one.do == do]
        blocks.append(Words(do, "alarm" if held[0].severity == "alarm" else "verdict"))
        blocks.append(Bullets(tuple(f"{_WORDS[one.severity]}: {plain(one.what)}." for one in held)))
    return tuple(blocks)


def _drift(found: Judged, history: Sequence[Mapping[str, Any]], rules: MonitoringConfig) -> tuple[Block, ...]:
    if found.night.reference is None:
        return (
            Words(
                "There is no reference: the model was trained by a version that kept none. Train again, and promote."
            ),
        )
    if not found.shifts:
        return (Words("Too few leads to compare."),)
    blocks: list[Block] = [
        Words(
            "PSI, the population stability index, says how far two distributions lie apart, beyond what chance makes of samples "
            f"of this size: from {rules.psi_warning:g} on a warning, from {rules.psi_alarm:g} on an alarm, if a test agrees. "
            "What runs with the calendar is shown and not warned of, unless the list moves with it."
        ),
        _recent_sentence(found),
        _concept_grid(found),
    ]
    drawn = _lines(found, history, rules)
    if drawn is not None:
        blocks.append(drawn)
    blocks.append(_all_features(found.shifts))
    return tuple(blocks)


def _recent_sentence(found: Judged) -> Words:
    if not found.recent:
        return Words(
            "Tonight is compared with the training alone: no night of the same model lies a week or more back.",
            "note",
        )
    days = ", ".join(_day(night.as_of) for night in found.recent)
    return Words(f"Last weeks: the same weekday of up to four weeks, here {days}.", "note")


def _concept_grid(found: Judged) -> Grid:
    return Grid(
        "By concept: the highest PSI of its features, and what its change does to the mean probability of the open leads (points)",
        (
            "concept",
            "since training",
            "new leads",
            "since last weeks",
            "moves since training",
            "since last weeks",
        ),
        _concepts(found),
        "lrrrrr",
    )


def _concepts(found: Judged) -> tuple[tuple[str, ...], ...]:
    highest: dict[str, dict[str, float]] = {}
    for shift in found.shifts:
        key = NEW if shift.population == NEW else shift.against
        held = highest.setdefault(shift.concept, {})
        held[key] = max(held.get(key, 0.0), shift.found.beyond)
    moves: dict[str, dict[str, float]] = {}
    for effect in found.effects:
        moves.setdefault(effect.concept, {})[effect.against] = effect.moves
    places: dict[str, list[int]] = {}
    for shift in found.shifts:
        places.setdefault(shift.concept, []).append(_place(shift))
    level = {name: max(held) if max(held) > 0 else min(held) for name, held in places.items()}
    order = sorted(highest, key=lambda name: (-level[name], -max(highest[name].values()), name))
    moving = sorted(moves, key=lambda name: (-max(abs(move) for move in moves[name].values()), name))
    chosen = list(dict.fromkeys([*order[: _MOST_CONCEPTS - 5], *moving[:5]]))
    return tuple(
        (
            quoted(name),
            *(_psi(highest.get(name, {}).get(key)) for key in ("training", NEW, "recent")),
            *(_points(moves.get(name, {}).get(key)) for key in ("training", "recent")),
        )
        for name in chosen
    )


def _place(shift: Shift) -> int:
    """Where it stands in a table: what only moves as it is expected to comes last."""
    return -1 if shift.level == "note" else LEVELS.index(shift.level)


def _by_size(shifts: Sequence[Shift]) -> list[Shift]:
    return sorted(shifts, key=lambda one: (-_place(one), -one.found.beyond, one.feature, one.population))


def _all_features(shifts: Sequence[Shift]) -> Fold:
    head = (
        "feature",
        "leads",
        "compared with",
        "PSI",
        "noise",
        "distance",
        "adjusted p",
        "level",
        "moved most",
    )
    rows = tuple(_row(shift) for shift in _by_size(shifts))
    grid = Grid("Beyond noise; `moved most` is the bin whose share changed most", head, rows, "lllrrrrll")
    return Fold("All features, those that moved most first", (grid,))


def _row(shift: Shift) -> tuple[str, ...]:
    return (
        quoted(shift.feature),
        "open" if shift.population == OPEN else "new",
        "training" if shift.against == "training" else "last weeks",
        f"{shift.found.psi:.3f}",
        f"{shift.found.noise:.3f}",
        f"{shift.found.distance:.2f}",
        "<0.0001" if shift.adjusted < 1e-4 else f"{shift.adjusted:.4f}",  # noqa: PLR2004
        _WORDS[shift.level],
        plain(shift.most),
    )


def _lines(found: Judged, history: Sequence[Mapping[str, Any]], rules: MonitoringConfig) -> Drawing | None:
    """The features that lie furthest off tonight, over the nights of this model."""
    told: dict[tuple[str, str], None] = {}
    for shift in _by_size([one for one in found.shifts if one.level != "note"]):
        told.setdefault((shift.feature, f"{shift.population}/{shift.against}"))
    names = list(told)[:_SHOWN_LINES]
    curves: list[Curve] = []
    for feature, key in names:
        points = [
            (_ordinal(one["as_of"]), one["psi"][feature][key])
            for one in history
            if one["as_of"] is not None and key in one["psi"].get(feature, {})
        ]
        population, against = key.split("/")
        since = "training" if against == "training" else "last weeks"
        title = "the score" if feature == SCORE else quoted(feature).split("_", 1)[-1]
        if points:
            curves.append(
                Curve(f"{title} ({population}, {since})", [x for x, _ in points], [y for _, y in points])
            )
    if not curves:
        return None
    svg = over_time(
        curves,
        says="PSI beyond noise of the features that moved most, over the nights: "
        + "; ".join(f"{one.name} {one.y[-1]:.2f} in the end" for one in curves),
        tick=lambda value: f"{value:g}",
        y_title="PSI beyond noise",
        bounds=((rules.psi_warning, "warning"), (rules.psi_alarm, "alarm")),
    )
    return Drawing(svg, "The features that lie furthest off tonight, night by night.")


def _score(nights: Sequence[Night]) -> tuple[Block, ...]:
    points = [
        (_ordinal(night.as_of), 100 * population["probability"])
        for night in nights
        if night.as_of is not None and (population := night.population(OPEN)) is not None
    ]
    if not points:
        return (Words("No dated night holds an open lead."),)
    says = (
        f"Mean probability of the open leads: {points[0][1]:.2f} % at first, {points[-1][1]:.2f} % in the end"
    )
    svg = over_time(
        [Curve("open leads", [x for x, _ in points], [y for _, y in points])],
        says=says,
        tick=lambda value: f"{value:g}",
        y_title="mean probability, %",
    )
    changes = [
        f"From {_day(after.as_of)} on: version {after.model['version']}."
        for before, after in pairwise(nights)
        if before.model["digest"] != after.model["digest"]
    ]
    drawing = Drawing(svg, f"{says}. It moves with the model as well as with the leads.")
    return (drawing, Bullets(tuple(changes))) if changes else (drawing,)


def _arrivals(night: Night) -> tuple[Block, ...]:
    if not night.tables:
        return (Words("The tables have no times."),)
    rows = []
    for name, table in night.tables.items():
        days = table["days"]
        weeks = [
            sum(days[first : first + _WEEK]) for first in range(_WEEK, table["reaches"] - _WEEK + 1, _WEEK)
        ]
        usual = "-" if not weeks else f"{sorted(weeks)[len(weeks) // 2]:,}"
        rows.append(
            (
                name,
                f"{table['rows']:,}",
                _day(table["newest"]),
                f"{days[0]:,}",
                f"{sum(days[:_WEEK]):,}",
                usual,
            )
        )
    grid = Grid(
        f"Rows known at {_day(night.as_of)}; a usual week is the median of up to eight before the last",
        ("table", "rows", "newest", "last day", "last 7 days", "usual week"),
        tuple(rows),
        "lrrrrr",
    )
    return (grid,)


def _nights(history: Sequence[Mapping[str, Any]]) -> tuple[Block, ...]:
    rows = []
    for one in reversed(history):
        found = one["findings"]
        counts = [sum(f["severity"] == level for f in found) for level in ("alarm", "warning")]
        first = next((f["what"] for f in found if f["severity"] != "note"), "-")
        rows.append((_day(one["as_of"]), one["model"]["version"], *map(str, counts), plain(first, most=120)))
    head = ("night", "version", "alarms", "warnings", "the worst")
    return (Grid("What was found, the newest night first", head, tuple(rows), "lrrrl"),)


def _rows(night: Night, population: str) -> int:
    found = night.population(population)
    return 0 if found is None else found["rows"]


def _psi(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _points(value: float | None) -> str:
    return "-" if value is None else points(value)


def _day(as_of: str | None) -> str:
    return "no date" if as_of is None else as_of[:10]


def _ordinal(as_of: str | None) -> float:
    return float((date.min if as_of is None else datetime.fromisoformat(as_of).date()).toordinal())
