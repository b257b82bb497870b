"""Whether the probabilities hold in each month and segment; where there is too little, that is the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from propensity.audit.charts import Interval, intervals
from propensity.audit.report import Block, Bullets, Drawing, Fold, Grid, Section, Words, quoted
from propensity.audit.sections.facts import Facts, amount, percent, short_percent, told
from propensity.audit.sections.model import NO_TEST
from propensity.selection.stability import Slice

FEWEST_ROWS: Final = 20
"""A value of fewer snapshots is not named: it says nothing, and may say who someone is."""
_MOST_PERIODS: Final = 24
_PERIODS: Final = {"month": "month", "part": "part of the order"}


def steady(facts: Facts) -> Section:
    """Stability by month, by segment, for new leads and unseen accounts."""
    title, found = "Does it hold in each month and segment?", facts.trained.stability
    if found is None:
        return Section("stability", title, (Words(NO_TEST, "note"),))
    segments = {name: parts for name, parts in found.segments.items() if name not in facts.hidden}
    shown = [
        found.overall,
        *found.months,
        *found.novelty,
        *(one for parts in segments.values() for one in parts),
    ]
    thin = sum(not one.enough for one in shown)
    hidden = [name for name in found.segments if name in facts.hidden]
    verdicts = [
        told(line) for line in found.verdicts if not any(line.startswith(f"{name} = ") for name in hidden)
    ]
    blocks: list[Block] = [Words(_verdict(found.looked, len(found.verdicts)))]
    if verdicts:
        blocks.append(Bullets(tuple(verdicts)))
    if thin:
        blocks.append(
            Words(
                f"Of {len(shown):,} parts, {thin:,} hold too little to say: they are marked \u201cnot enough evidence\u201d.",
                "note",
            )
        )
    if found.months:
        blocks += _periods(found.months[-_MOST_PERIODS:], _PERIODS.get(found.period, "part"))
    if found.novelty:
        blocks.append(_grid("New and known leads and accounts", found.novelty))
    folded = tuple(_grid(f"By {quoted(name)}", parts) for name, parts in segments.items())
    if folded:
        blocks.append(Fold("By segment", folded))
    if hidden:
        names = ", ".join(quoted(name) for name in hidden)
        blocks.append(Words(f"Not shown, since the values may say who a person is: {names}.", "note"))
    return Section("stability", title, tuple(blocks))


def _verdict(looked: int, off: int) -> str:
    if looked == 0:
        return "No part of the test holds enough to say whether the probabilities hold there."
    if off == 0:
        return f"In none of {looked:,} tests of a part of the test is a probability off beyond noise."
    return (
        f"In {off:,} of {looked:,} tests of a part of the test the probabilities are off beyond noise, allowing for how many "
        "were looked at:"
    )


def _periods(parts: Sequence[Slice], word: str) -> list[Block]:
    rows = [
        Interval(
            one.name,
            one.rate.value,
            one.rate.low,
            one.rate.high,
            percent(one.rate.value),
            one.mean_probability,
        )
        for one in parts
    ]
    says = f"Conversion rate by {word}: " + "; ".join(
        f"{one.name} {percent(one.rate.value)}, expected {percent(one.mean_probability)}" for one in parts
    )
    drawn = intervals(rows, says=says, tick=short_percent, low=0.0, axis="conversion rate")
    caption = f"By {word}: the dot is the rate with its 95 % interval, the hollow square what the probabilities say."
    return [Drawing(drawn, caption), _grid(f"By {word}", parts)]


def _grid(caption: str, parts: Sequence[Slice]) -> Grid:
    named = [one for one in parts if one.rows >= FEWEST_ROWS]
    rows = [
        (
            quoted(one.name),
            _judged(one),
            f"{one.rows:,}",
            f"{one.conversions:,}",
            amount(one.expected),
            f"{percent(one.rate.value)} ({one.rate.low * 100:.1f} to {one.rate.high * 100:.1f})",
            percent(one.mean_probability),
        )
        for one in named
    ]
    if len(named) < len(parts):
        left = [one for one in parts if one.rows < FEWEST_ROWS]
        rows.append(
            (
                f"{len(left):,} smaller ones",
                "not enough evidence",
                f"{sum(one.rows for one in left):,}",
                "",
                "",
                "",
                "",
            )
        )
    head = ("part", "verdict", "snapshots", "converted", "expected", "rate (95 %)", "mean probability")
    return Grid(caption, head, tuple(rows), "llrrrrr")


def _judged(one: Slice) -> str:
    if not one.enough:
        return f"not enough evidence ({one.why})"
    words = {"more": "more than expected", "fewer": "fewer than expected"}
    return "; ".join(words.get(what, what) for what in one.off) or "as expected"
