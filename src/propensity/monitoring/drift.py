"""Drift: tonight's leads beside those that the model learned from, and beside those of the same weekday lately.

Two questions, for what moves slowly is expected to. Beside the training: how far has the world gone from what the model knows?
Beside recent nights: did something change of a sudden? Each feature is asked for all open leads and for the new ones alone,
where a change of sources shows first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, Literal

from propensity.scoring.profile import NEW, POPULATIONS, SCORE
from propensity.stats.drift import Divergence, benjamini_hochberg, divergence

if TYPE_CHECKING:
    from propensity.config import MonitoringConfig
    from propensity.monitoring.history import Night

Against = Literal["training", "recent"]
Level = Literal["", "note", "warning", "alarm"]
LEVELS: Final[tuple[Level, ...]] = ("", "note", "warning", "alarm")
_CLOCKS: Final = frozenset({"days", "hours", "years"})
"""Units of features that move as time goes by, whatever the leads do: days since, age."""


@dataclass(frozen=True)
class Shift:
    """How far one feature of one population lies from its counterpart.

    Attributes
    ----------
    feature, concept : `score` for the score itself.
    population : open, or new for the new leads alone.
    against : training, or recent: the same weekday of the weeks before.
    found : the index, what noise makes of it, and the test.
    adjusted : the p-value, adjusted for all features of the same population and counterpart.
    level : empty, note (it moved, as it is expected to), warning or alarm.
    most : the bin whose share moved most, in words, with both shares.
    """

    feature: str
    concept: str
    population: str
    against: Against
    found: Divergence
    adjusted: float
    level: Level
    most: str

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class Effect:
    """What the change of a concept does to the list.

    Attributes
    ----------
    push : its mean part of the log odds tonight.
    was : the counterpart's.
    moves : by how much that change moves the mean probability of the open leads, in probability.
    """

    concept: str
    against: Against
    push: float
    was: float
    moves: float


def shifts(night: Night, recent: Sequence[Night], rules: MonitoringConfig) -> tuple[Shift, ...]:
    """Compare a night with its model's reference and with `recent`, earlier nights of the same model; the worst first.

    Nothing without a reference, whose bins both need.
    """
    if night.reference is None:
        return ()
    found: list[Shift] = []
    for population in POPULATIONS:
        now = night.population(population)
        then = night.reference["populations"].get(population)
        if now is None or then is None or now["rows"] < rules.smallest_sample:
            continue
        counterparts: dict[Against, Mapping[str, Any]] = {"training": then}
        pooled = _pooled([one.population(population) for one in recent], distinct=population == NEW)
        if pooled is not None:
            counterparts["recent"] = pooled
        for against, other in counterparts.items():
            if other["rows"] >= rules.smallest_sample:
                found += _compared(night.reference, population, against, other, now, then, rules)
    return tuple(sorted(found, key=lambda s: (-LEVELS.index(s.level), -s.found.beyond, s.feature)))


def effects(night: Night, recent: Sequence[Night]) -> tuple[Effect, ...]:
    """By concept, what its change does to the mean probability; the largest first.

    To the first order: the change of the concept's mean push, times how far one unit of log odds moves the mean probability
    of tonight's open leads.
    """
    found: list[Effect] = []
    now, slope = night.night.get("pushes", {}), night.night.get("per_log_odds", 0.0)
    counterparts: dict[Against, Mapping[str, Sequence[float]]] = {}
    if night.reference is not None:
        counterparts["training"] = night.reference["pushes"]
    if recent:
        counterparts["recent"] = _mean_pushes(recent)
    for against, then in counterparts.items():
        found += [
            Effect(name, against, now[name][0], then[name][0], (now[name][0] - then[name][0]) * slope)
            for name in now
            if name in then
        ]
    return tuple(sorted(found, key=lambda e: (-abs(e.moves), e.concept, e.against)))


def _compared(
    reference: Mapping[str, Any],
    population: str,
    against: Against,
    other: Mapping[str, Any],
    now: Mapping[str, Any],
    then: Mapping[str, Any],
    rules: MonitoringConfig,
) -> list[Shift]:
    names = list(reference["bins"])
    found = [
        divergence(
            other["counts"][name],
            now["counts"][name],
            design_effect=then["design_effects"][name],
            ordered="edges" in reference["bins"][name],
        )
        for name in names
    ]
    adjusted = benjamini_hochberg([one.p_value for one in found])
    return [
        Shift(
            name, SCORE if name == SCORE else reference["concepts"][name], population, against, one, float(p),
            _level(name, slow=against == "training" and (population == NEW or reference["units"].get(name) in _CLOCKS),
                   found=one, adjusted=float(p), rules=rules),
            _most(reference["bins"][name], other["counts"][name], now["counts"][name]),
        )
        for name, one, p in zip(names, found, adjusted, strict=True)
    ]  # fmt: skip


def _level(name: str, *, slow: bool, found: Divergence, adjusted: float, rules: MonitoringConfig) -> Level:
    """An alarm needs size beyond noise and a test; where slow drift is to be expected there is only a warning of it.

    Slow are what runs with the clock, and new leads beside those that the model knew: of these a training holds few, from
    many months.
    """
    if adjusted >= rules.significance or found.beyond < rules.psi_warning:
        return ""
    if any(fnmatchcase(name, pattern) for pattern in rules.expected_to_move):
        return "note"
    return "alarm" if found.beyond >= rules.psi_alarm and not slow else "warning"


def _pooled(nights: Iterable[Mapping[str, Any] | None], *, distinct: bool) -> dict[str, Any] | None:
    """The counts of several nights as one sample: of all, where their leads are distinct; else of as many as one night has."""
    held = [night for night in nights if night is not None]
    if not held:
        return None
    share = 1 if distinct else len(held)
    counts = {
        name: [sum(parts) / share for parts in zip(*(night["counts"][name] for night in held), strict=True)]
        for name in held[0]["counts"]
    }
    return {"rows": sum(night["rows"] for night in held) / share, "counts": counts}


def _mean_pushes(nights: Sequence[Night]) -> dict[str, list[float]]:
    held = [night.night["pushes"] for night in nights if "pushes" in night.night]
    names = [name for name in (held[0] if held else {}) if all(name in pushes for pushes in held)]
    return {name: [sum(pushes[name][0] for pushes in held) / len(held)] for name in names}


def _most(bins: Mapping[str, Any], before: Sequence[float], after: Sequence[float]) -> str:
    """The bin whose share moved most: `over 3: 20 % to 35 %`."""
    was = [count / sum(before) for count in before]
    now = [count / sum(after) for count in after]
    place = max(range(len(was)), key=lambda at: (abs(now[at] - was[at]), -at))
    return f"{_bin(bins, place)}: {was[place]:.0%} to {now[place]:.0%}"


def _bin(bins: Mapping[str, Any], place: int) -> str:
    if "values" in bins:
        values = bins["values"]
        return values[place] if place < len(values) else ("other values", "unknown")[place - len(values)]
    edges = bins["edges"]
    if place > len(edges) or not edges:
        return "unknown" if place else "known"
    if place == 0:
        return f"{edges[0]:.4g} or less"
    low = f"over {edges[place - 1]:.4g}"
    return low if place == len(edges) else f"{low} to {edges[place]:.4g}"
