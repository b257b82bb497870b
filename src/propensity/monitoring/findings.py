"""What a night's figures mean: what is wrong, how bad it is, and what to do, in sentences. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from propensity.audit.report import listed, plain, quoted
from propensity.monitoring.drift import Effect, Shift
from propensity.monitoring.night import DAYS
from propensity.scoring.profile import NEW, OPEN, SCORE

if TYPE_CHECKING:
    from propensity.config import MonitoringConfig
    from propensity.monitoring.history import Night
    from propensity.monitoring.outcomes import Pooled

Severity = Literal["alarm", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("alarm", "warning", "note")
_WEEK: Final = 7
_MOST_NAMED: Final = 3
_DEVIATIONS: Final = 3.0
_FEWEST_WEEKS: Final = 3
_ROUNDS_UP: Final = 0.00005
_LOST: Final = 0.01
"""Share of a table's rows that may go, such as those of people who asked to be forgotten, before it is an alarm."""
_GROUPS: Final = {OPEN: "open leads", NEW: "new leads"}
_SINCE: Final = {
    "training": "the leads that the model learned from",
    "recent": "the same weekday of the weeks before",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes
    ----------
    about : drift, score, surprises, arrivals or calibration.
    what : is wrong, a sentence with the figures.
    do : what to do, a sentence.
    concepts : that drifted, the worst first; empty where it is about something else.
    """

    severity: Severity
    about: str
    what: str
    do: str
    concepts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {**asdict(self), "concepts": list(self.concepts)}


def findings(
    night: Night,
    earlier: Sequence[Night],
    recent: Sequence[Night],
    shifts: Sequence[Shift],
    effects: Sequence[Effect],
    pooled: Pooled | None,
    rules: MonitoringConfig,
) -> tuple[Finding, ...]:
    """Everything of one night, the worst first.

    Parameters
    ----------
    night
        Tonight.
    earlier, recent
        The nights before it, and those of them that it is compared with.
    shifts, effects
        Drift.
    pooled
        What came of the newest matured nights; None where none is.
    rules
        The bounds.
    """
    found = [
        *_by_arrivals(night, earlier, rules),
        *_by_surprises(night),
        *_by_score(night, recent, rules),
        *_by_concept(shifts, effects),
        *_by_effect(night, effects, rules),
        *_by_outcomes(pooled, rules),
    ]
    if night.reference is None:
        found.append(
            Finding(
                "note",
                "drift",
                "the model keeps no reference, so that drift is not judged: it was trained by an earlier version",
                "Train again and promote: the new model keeps one.",
            )
        )
    return tuple(sorted(found, key=lambda one: SEVERITIES.index(one.severity)))


def _by_arrivals(night: Night, earlier: Sequence[Night], rules: MonitoringConfig) -> list[Finding]:
    found: list[Finding] = []
    before = next((one for one in reversed(earlier) if (one.as_of or "") < (night.as_of or "")), None)
    for name, table in night.tables.items():
        silent = _silence(name, table, rules)
        if silent is not None:
            found.append(silent)
        # A table that fell silent has too few rows as well: said once.
        else:
            found += _volume(name, table, rules)
        lost = 0 if before is None else before.tables.get(name, {"rows": 0})["rows"] - table["rows"]
        if lost > 0:
            found.append(
                Finding(
                    "alarm" if lost > _LOST * table["rows"] else "warning",
                    "arrivals",
                    f"{name} holds {lost:,} rows fewer than on the night before ({table['rows']:,}): history is not to shrink",
                    "Compare the export with the one before; restore what is missing, then score again.",
                )
            )
    return found


def _silence(name: str, table: Mapping[str, Any], rules: MonitoringConfig) -> Finding | None:
    """No row for longer than ever in the weeks before, and for longer than allowed."""
    days: list[int] = table["days"][: table["reaches"] + 1]
    now = next((number for number, rows in enumerate(days) if rows), len(days))
    longest, run = 0, 0
    for rows in days[now:]:
        run = 0 if rows else run + 1
        longest = max(longest, run)
    if now < rules.silence_days or now <= longest:
        return None
    newest = "never" if table["newest"] is None else str(table["newest"])[:10]
    usual = "a day" if longest == 0 else f"{longest + 1} days"
    return Finding(
        "alarm" if now >= 2 * rules.silence_days else "warning",
        "arrivals",
        f"{name}: nothing new for {now} {'day' if now == 1 else 'days'} (the newest row is of {newest}); usually something comes within {usual}",
        "Look at the job that exports this table; scores of tonight do not know what happened since.",
    )


def _volume(name: str, table: Mapping[str, Any], rules: MonitoringConfig) -> list[Finding]:
    """The last seven days beside the weeks before, where the weeks differ by more than they usually do."""
    weeks = [
        sum(table["days"][first : first + _WEEK])
        for first in range(0, min(DAYS, table["reaches"]) - _WEEK + 1, _WEEK)
    ]
    if len(weeks) <= _FEWEST_WEEKS:
        return []
    now, past = weeks[0], sorted(weeks[1:])
    usual = past[len(past) // 2] if len(past) % 2 else sum(past[len(past) // 2 - 1 : len(past) // 2 + 1]) / 2
    mean = sum(past) / len(past)
    spread = math.sqrt(max(sum((week - mean) ** 2 for week in past) / (len(past) - 1), mean, 1.0))
    ratio = now / usual if usual else math.inf
    outside = ratio > rules.volume_ratio or ratio < 1 / rules.volume_ratio
    if not usual or not outside or abs(now - mean) <= _DEVIATIONS * spread:
        return []
    far = max(ratio, 1 / ratio if ratio else math.inf) > rules.volume_ratio**2
    return [
        Finding(
            "alarm" if far else "warning",
            "arrivals",
            f"{name}: {now:,} rows in the last 7 days, against {usual:,.0f} in a usual week ({ratio:.1f} times as many)",
            "Ask whether the business changed (a fair, a campaign, an import); if not, look at the job that exports this table.",
        )
    ]


def _by_surprises(night: Night) -> list[Finding]:
    """Columns without a value, and new categories that matter."""
    found: list[Finding] = []
    empty = night.surprises["empty"]
    if empty:
        more = f" and {len(empty) - _MOST_NAMED} more" if len(empty) > _MOST_NAMED else ""
        found.append(
            Finding(
                "alarm",
                "surprises",
                f"no lead has a value of {', '.join(empty[:_MOST_NAMED])}{more}, though the model learned from some",
                "Check the table and the mapping (propensity check); a renamed column looks like this.",
            )
        )
    population = night.population(OPEN)
    for name, new in night.surprises["new"].items():
        rows = sum(new["values"].values()) + new["others"]
        if population is None or not new["values"] or rows < population["rows"] / 100:
            continue
        most = sorted(new["values"].items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_NAMED]
        named = ", ".join(f"{quoted(value)} ({count:,})" for value, count in most)
        found.append(
            Finding(
                "warning",
                "surprises",
                f"{name} has values that the model has never seen, for {rows:,} leads: {named}",
                "Map the words to those that the model knows (tables.<name>.values), or train again.",
            )
        )
    return found


def _by_score(night: Night, recent: Sequence[Night], rules: MonitoringConfig) -> list[Finding]:
    """The mean probability of the open leads beside that of recent nights."""
    now = night.population(OPEN)
    held = [one for one in (other.population(OPEN) for other in recent) if one is not None]
    if now is None or not held or now["rows"] < rules.smallest_sample:
        return []
    usual = sum(one["probability"] for one in held) / len(held)
    moved = now["probability"] / usual - 1 if usual else 0.0
    if abs(moved) < rules.score_share / 2:
        return []
    return [
        Finding(
            "alarm" if abs(moved) >= rules.score_share else "warning",
            "score",
            f"the mean probability of the open leads is {now['probability']:.2%}, against {usual:.2%} on {_SINCE['recent']} ({moved:+.0%})",
            "See which concept moved it, below; where the data are right, train again.",
        )
    ]


def _by_concept(shifts: Sequence[Shift], effects: Sequence[Effect]) -> list[Finding]:
    """One finding a concept that alarms, though several of its features moved; those that only warn are told together."""
    by_concept: dict[str, list[Shift]] = {}
    for shift in shifts:
        if shift.level in ("warning", "alarm"):
            by_concept.setdefault(shift.concept, []).append(shift)
    found: list[Finding] = []
    mild: dict[str, list[Shift]] = {}
    for concept, held in by_concept.items():
        # What came of a sudden has another cause than what came slowly, and is told first.
        sudden = any(one.against == "recent" for one in held)
        worst = [one for one in held if one.level == held[0].level]
        first = next((one for one in worst if one.against == "recent"), worst[0])
        if first.level == "warning":
            mild.setdefault(first.against, []).append(first)
            continue
        moves = next((e.moves for e in effects if (e.concept, e.against) == (concept, first.against)), None)
        found.append(
            Finding(
                "alarm",
                "drift",
                f"{quoted(concept)} drifted in the {_GROUPS[first.population]}, beside {_SINCE[first.against]}: {_told(first)}"
                f"{_others(held, first)}{_moves(moves)}",
                _what_to_do("recent" if sudden else "training"),
                (concept,),
            )
        )
    return [*found, *(_together(against, held) for against, held in mild.items())]


def _together(against: str, held: Sequence[Shift]) -> Finding:
    named = "; ".join(f"{quoted(one.concept)} ({_told(one)})" for one in held[:_MOST_NAMED])
    more = f"; and {len(held) - _MOST_NAMED} more" if len(held) > _MOST_NAMED else ""
    return Finding(
        "warning",
        "drift",
        f"{len(held)} {'concept' if len(held) == 1 else 'concepts'} drifted somewhat, beside {_SINCE[against]}: {named}{more}",
        _what_to_do(against),
        tuple(one.concept for one in held),
    )


def _told(shift: Shift) -> str:
    """The feature with the bin that moved most: `engagement_inbound_count_7d 0 or less: 62% to 83%, PSI 0.26`."""
    name = "its log odds" if shift.feature == SCORE else quoted(shift.feature)
    return f"{name} {plain(shift.most)}, PSI {shift.found.beyond:.2f}"


def _others(held: Sequence[Shift], first: Shift) -> str:
    others = {one.feature for one in held} - {first.feature}
    return f", and {len(others)} more of its features" if others else ""


def _moves(moves: float | None) -> str:
    return "" if moves is None else f". That moves the mean probability by {points(moves)} points"


def points(share: float) -> str:
    """A difference of probabilities in points, without a sign where it rounds to nothing.

    >>> points(0.0123), points(-0.00001)
    ('+1.23', '0.00')
    """
    return f"{100 * share:+.2f}" if abs(share) >= _ROUNDS_UP else "0.00"


def _what_to_do(against: str) -> str:
    if against == "recent":
        return (
            "Look for a change in the CRM, its export or the mapping: it came of a sudden. If the world changed, train again once "
            "leads of the new kind have matured."
        )
    return "Train again (propensity train), and let the gate decide: it came slowly."


def _by_effect(night: Night, effects: Sequence[Effect], rules: MonitoringConfig) -> list[Finding]:
    """Concepts that move the list, whether or not a feature's distribution was called different."""
    now = night.population(OPEN)
    if now is None or now["rows"] < rules.smallest_sample:
        return []
    found: list[Finding] = []
    for effect in effects:
        share = abs(effect.moves) / now["probability"] if now["probability"] else 0.0
        if share >= rules.score_share / 2:
            found.append(
                Finding(
                    "alarm" if share >= rules.score_share else "warning",
                    "drift",
                    f"{quoted(effect.concept)} moves the mean probability by {points(effect.moves)} points, from {now['probability'] - effect.moves:.2%}, "
                    f"beside {_SINCE[effect.against]}",
                    _what_to_do(effect.against),
                    (effect.concept,),
                )
            )
    return found


def _by_outcomes(pooled: Pooled | None, rules: MonitoringConfig) -> list[Finding]:
    if pooled is None or pooled.conversions < rules.conversions:
        return []
    found: list[Finding] = []
    nights = f"{len(pooled.nights)} matured nights ({listed([night[:10] for night in pooled.nights])})"
    if pooled.ratio_low > rules.calibration_ratio or pooled.ratio_high < 1 / rules.calibration_ratio:
        found.append(
            Finding(
                "alarm",
                "calibration",
                f"{pooled.conversions:,} open leads converted where {pooled.expected:,.1f} were expected, over {nights}: "
                f"{pooled.ratio:.2f} times as many ({pooled.ratio_low:.2f} to {pooled.ratio_high:.2f})",
                "Train again: the map to probabilities is refitted on the newest months. Until then trust the order, not the numbers.",
            )
        )
    if pooled.slope_low > rules.calibration_slope or pooled.slope_high < 1 / rules.calibration_slope:
        kind = "too extreme" if pooled.slope < 1 else "too timid"
        found.append(
            Finding(
                "alarm",
                "calibration",
                f"the probabilities are {kind}: calibration slope {pooled.slope:.2f} ({pooled.slope_low:.2f} to {pooled.slope_high:.2f}) over {nights}",
                "Train again; if it comes back, see docs/calibration.md.",
            )
        )
    return found


def behind(night: Night) -> timedelta | None:
    """How far the data lie behind as_of; None where either is not known."""
    if night.as_of is None or night.data_through is None:
        return None
    return datetime.fromisoformat(night.as_of) - datetime.fromisoformat(night.data_through)
