"""Charts as inline SVG: bars, intervals and curves, 360 units wide so that the words stay readable on a phone.

Pure text: numbers and labels in, Markup out. Everything is placed by arithmetic on rounded numbers, so that the same
numbers give the same bytes. Lines differ by dash and mark and bars by side and filling, not by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH: Final = 360
_MARGIN: Final = 8
_ROW: Final = 36
_LABEL: Final = 12
_AXIS: Final = 34
_BAR: Final = 11
_LONGEST_LABEL: Final = 50
_ALIKE: Final = 1e-6
_TICKS: Final = 5
_PLOT_HEIGHT: Final = 230
_LEFT: Final = 42
_LINE_HEIGHT: Final = 16
_MOST_SERIES: Final = 3
_TICK_ROOM: Final = 12


@dataclass(frozen=True)
class Bar:
    """A row of a bar chart: its label, its length, and the value in words."""

    label: str
    value: float
    shown: str


@dataclass(frozen=True)
class Interval:
    """A row of an interval chart; `other` is a second, hollow mark. NaN ends are not drawn."""

    label: str
    value: float
    low: float
    high: float
    shown: str
    other: float | None = None


@dataclass(frozen=True)
class Curve:
    """A line or a set of points, in [0, top]; `ends` are the whiskers of each point."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    ends: Sequence[tuple[float, float]] = ()
    joined: bool = True


def bars(rows: Sequence[Bar], *, says: str, balanced: bool = False, largest: float | None = None) -> Markup:
    """Bars to the right of 0; where `balanced`, to both sides of it: filled to the right, hollow to the left.

    `largest` is the value of the longest bar there can be, where several charts share a scale.
    """
    if largest is None:
        largest = max((abs(row.value) for row in rows), default=0.0)
    largest = largest or 1.0
    left, right = _MARGIN, WIDTH - _MARGIN - 70
    zero = (left + right) / 2 if balanced else left
    reach = (right - left) / 2 if balanced else right - left
    parts: list[str] = []
    for number, row in enumerate(rows):
        top = number * _ROW
        length = reach * abs(row.value) / largest
        begin = zero - length if row.value < 0 else zero
        parts += [
            _text(left, top + _LABEL, _cut(row.label)),
            _bar("less" if row.value < 0 else "more", begin, top + 17, max(length, 0.5)),
            f'<line class="zero" x1="{_n(zero)}" x2="{_n(zero)}" y1="{top + 15}" y2="{top + 30}"/>',
            _text(WIDTH - _MARGIN, top + 27, row.shown, anchor="end"),
        ]
    height = len(rows) * _ROW
    return _svg(parts, height, says)


def intervals(
    rows: Sequence[Interval],
    *,
    says: str,
    tick: Callable[[float], str],
    reference: float | None = None,
    low: float | None = None,
    axis: str = "",
) -> Markup:
    """A dot with its whiskers a row, on one axis; `reference` is a dashed line, `low` where the axis begins at the most."""
    known = [v for row in rows for v in (row.value, row.low, row.high, row.other) if v is not None]
    finite = [v for v in (*known, reference, low) if v is not None and math.isfinite(v)]
    ticks = _ticks(min(finite, default=0.0), max(finite, default=1.0))
    left, right = _MARGIN + 4, WIDTH - _MARGIN - 84

    def at(value: float) -> float:
        return left + (right - left) * (value - ticks[0]) / (ticks[-1] - ticks[0])

    bottom = len(rows) * _ROW + 4
    parts = _scale(ticks, at, bottom, tick, axis, (left + right) / 2)
    if reference is not None:
        parts.append(
            f'<line class="ideal" x1="{_n(at(reference))}" x2="{_n(at(reference))}" y1="0" y2="{bottom}"/>'
        )
    for number, row in enumerate(rows):
        top = number * _ROW
        parts.append(_text(left, top + _LABEL, _cut(row.label)))
        parts.append(_text(WIDTH - _MARGIN, top + 27, row.shown, anchor="end"))
        y = top + 23
        if math.isfinite(row.low) and math.isfinite(row.high):
            parts.append(
                f'<line class="s0 whisker" x1="{_n(at(row.low))}" x2="{_n(at(row.high))}" y1="{y}" y2="{y}"/>'
            )
        if row.other is not None:
            parts.append(_mark(1, at(row.other), y))
        if math.isfinite(row.value):
            parts.append(_mark(0, at(row.value), y))
    return _svg(parts, bottom + _AXIS, says)


def curves(
    series: Sequence[Curve],
    *,
    says: str,
    tick: Callable[[float], str],
    x_title: str,
    y_title: str,
    x_line: tuple[float, str] | None = None,
) -> Markup:
    """At most three series over the diagonal, which is dotted; each has a mark and a dash of its own, and is named below.

    Both axes begin at 0. `x_line` is an upright line with its name, such as the reps' capacity.
    """
    shown = series[:_MOST_SERIES]
    xs = _ticks(0.0, max([v for one in shown for v in one.x], default=1.0))
    tallest = max(
        [v for one in shown for v in (*one.y, *(end for pair in one.ends for end in pair))], default=1.0
    )
    ys = _ticks(0.0, tallest)
    right, top, bottom = WIDTH - _MARGIN - 6, 10.0, 10.0 + _PLOT_HEIGHT

    def across(value: float) -> float:
        return _LEFT + (right - _LEFT) * value / xs[-1]

    def down(value: float) -> float:
        return bottom - (bottom - top) * value / ys[-1]

    parts = _scale(xs, across, bottom, tick, x_title, (_LEFT + right) / 2, top=top)
    for value in ys:
        y = _n(down(value))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_n(right)}" y1="{y}" y2="{y}"/>')
        parts.append(_text(_LEFT - 5, down(value) + 4, tick(value), anchor="end", soft=True))
    reach = min(xs[-1], ys[-1])
    parts.append(_polyline([(across(0), down(0)), (across(reach), down(reach))], "ideal"))
    if x_line is not None:
        x = across(x_line[0])
        parts.append(f'<line class="zero" x1="{_n(x)}" x2="{_n(x)}" y1="{top}" y2="{bottom}"/>')
        parts.append(_text(x + 4, bottom - 6, x_line[1]))
    for number, one in enumerate(shown):
        parts += _drawn(number, one, across, down)
    foot = bottom + _AXIS + 4
    names = [*((number, one.name) for number, one in enumerate(shown)), (None, f"dotted line: {y_title}")]
    for place, (number, name) in enumerate(names):
        parts += _named(number, name, foot + place * _LINE_HEIGHT)
    return _svg(parts, foot + len(names) * _LINE_HEIGHT, says)


def over_time(
    series: Sequence[Curve],
    *,
    says: str,
    tick: Callable[[float], str],
    y_title: str,
    bounds: Sequence[tuple[float, str]] = (),
) -> Markup:
    """At most three series over days (`x` as `date.toordinal` counts them), from 0; `bounds` are level lines with their names."""
    shown = series[:_MOST_SERIES]
    days = [v for one in shown for v in one.x] or [1.0]
    tallest = [v for one in shown for v in (*one.y, *(end for pair in one.ends for end in pair))]
    ys = _ticks(0.0, max([*tallest, *(height for height, _ in bounds)], default=1.0))
    first, last = min(days), max(*days, min(days) + 1)
    right, top, bottom = WIDTH - _MARGIN - 6, 10.0, 10.0 + _PLOT_HEIGHT * 0.7

    def across(value: float) -> float:
        return _LEFT + (right - _LEFT) * (value - first) / (last - first)

    def down(value: float) -> float:
        return bottom - (bottom - top) * value / ys[-1]

    parts: list[str] = []
    for value in ys:
        y = _n(down(value))
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_n(right)}" y1="{y}" y2="{y}"/>')
        parts.append(_text(_LEFT - 5, down(value) + 4, tick(value), anchor="end", soft=True))
    for day, anchor in (
        ((min(days), "start"), (max(days), "end")) if max(days) > min(days) else ((min(days), "start"),)
    ):
        parts.append(
            _text(across(day), bottom + 15, f"{date.fromordinal(int(day))}", anchor=anchor, soft=True)
        )
    for height, name in bounds:
        y = down(height)
        parts.append(f'<line class="ideal" x1="{_LEFT}" x2="{_n(right)}" y1="{_n(y)}" y2="{_n(y)}"/>')
        parts.append(_text(_LEFT + 4, y - 3, name, soft=True))
    for number, one in enumerate(shown):
        parts += _drawn(number, one, across, down)
    foot = bottom + _AXIS + 2
    names = [(None, y_title), *((number, one.name) for number, one in enumerate(shown))]
    for place, (number, name) in enumerate(names):
        parts += _named(number, name, foot + place * _LINE_HEIGHT)
    return _svg(parts, foot + len(names) * _LINE_HEIGHT, says)


def _bar(style: str, x: float, y: float, length: float) -> str:
    return f'<rect class="{style}" x="{_n(x)}" y="{_n(y)}" width="{_n(length)}" height="{_BAR}"/>'


def _drawn(
    number: int, one: Curve, across: Callable[[float], float], down: Callable[[float], float]
) -> list[str]:
    parts: list[str] = []
    points = [(across(x), down(y)) for x, y in zip(one.x, one.y, strict=True)]
    for (x, _), (low, high) in zip(points, one.ends, strict=False):
        parts.append(
            f'<line class="s{number} whisker" x1="{_n(x)}" x2="{_n(x)}" y1="{_n(down(low))}" y2="{_n(down(high))}"/>'
        )
    if one.joined:
        parts.append(_polyline(points, f"s{number} d{number}"))
    parts += [_mark(number, x, y) for x, y in points]
    return parts


def _named(number: int | None, name: str, y: float) -> list[str]:
    if number is None:
        return [_text(_LEFT, y + 4, name, soft=True)]
    return [
        f'<line class="s{number} d{number} whisker" x1="{_LEFT}" x2="{_LEFT + 26}" y1="{_n(y)}" y2="{_n(y)}"/>',
        _mark(number, _LEFT + 13, y),
        _text(_LEFT + 34, y + 4, _cut(name)),
    ]


def _scale(
    ticks: Sequence[float],
    at: Callable[[float], float],
    bottom: float,
    tick: Callable[[float], str],
    title: str,
    middle: float,
    *,
    top: float = 0.0,
) -> list[str]:
    parts: list[str] = []
    for number, value in enumerate(ticks):
        x = at(value)
        parts.append(f'<line class="grid" x1="{_n(x)}" x2="{_n(x)}" y1="{_n(top)}" y2="{_n(bottom)}"/>')
        # The outer two would stand beyond the edge of the picture.
        edge = "start" if number == 0 else "end" if x > WIDTH - _MARGIN - _TICK_ROOM else "middle"
        parts.append(_text(x, bottom + 13, tick(value), anchor=edge, soft=True))
    if title:
        parts.append(_text(middle, bottom + 27, title, anchor="middle", soft=True))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers from at most `low` to at least `high`, 3 to 7 of them.

    >>> _ticks(0.0, 0.43)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    size = max(abs(low), abs(high), 1e-9)
    # Values that differ by rounding alone would give ticks that are all the same.
    span = high - low if high - low > _ALIKE * size else max(size, 1.0)
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _mark(number: int, x: float, y: float) -> str:
    if number == 0:
        return f'<circle class="s0" cx="{_n(x)}" cy="{_n(y)}" r="3.4"/>'
    if number == 1:
        return f'<rect class="s1 hollow" x="{_n(x - 3.2)}" y="{_n(y - 3.2)}" width="6.4" height="6.4"/>'
    corners = f"{_n(x)},{_n(y - 3.8)} {_n(x + 3.8)},{_n(y + 3)} {_n(x - 3.8)},{_n(y + 3)}"
    return f'<polygon class="s2" points="{corners}"/>'


def _polyline(points: Sequence[tuple[float, float]], style: str) -> str:
    return f'<polyline class="{style}" points="{" ".join(f"{_n(x)},{_n(y)}" for x, y in points)}"/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", soft: bool = False) -> str:
    from markupsafe import escape  # noqa: PLC0415

    style = ' class="soft"' if soft else ""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{_n(x)}" y="{_n(y)}"{where}{style}>{escape(text)}</text>'


def _svg(parts: Sequence[str], height: float, says: str) -> Markup:
    from markupsafe import Markup, escape  # noqa: PLC0415

    # Each part is made here of numbers and escaped text.
    body = "".join(parts)
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {WIDTH} {_n(max(height, 1))}" role="img" aria-label="{escape(says)}">{body}</svg>'
    )


def _cut(text: str) -> str:
    """A label that fits the width; wide scripts take two places a letter."""
    room, kept = float(_LONGEST_LABEL), ""
    for letter in text:
        room -= 2 if ord(letter) > 0x2E7F else 1  # noqa: PLR2004 - where the wide scripts begin
        if room < 1:
            return kept + "…"
        kept += letter
    return kept


def _n(value: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")
