"""Charts: where a number lands."""

from __future__ import annotations

import math
import re

import pytest

from propensity.audit.charts import Bar, Curve, Interval, bars, curves, intervals


def attribute(svg, tag, name):
    return [float(found) for found in re.findall(rf'<{tag} [^>]*\b{name}="(-?[\d.]+)"', svg)]


def test_bars_are_as_long_as_their_values():
    widths = attribute(bars([Bar("a", 4, "4"), Bar("b", 2, "2"), Bar("c", 0, "0")], says=""), "rect", "width")
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)
    assert widths[2] < 1


def test_charts_that_share_a_scale_draw_like_values_alike():
    short = bars([Bar("a", 1, "1")], says="", largest=4)
    long = bars([Bar("a", 1, "1"), Bar("b", 4, "4")], says="", largest=4)
    assert attribute(short, "rect", "width")[0] == attribute(long, "rect", "width")[0]


def test_balanced_bars_go_to_both_sides_of_one_line():
    svg = bars([Bar("a", 1, "1"), Bar("b", -1, "-1")], says="", balanced=True)
    (right, left), (first, second) = attribute(svg, "rect", "x"), attribute(svg, "rect", "width")
    assert left + second == pytest.approx(right, abs=0.1)
    assert first == second
    assert 'class="more"' in svg
    assert 'class="less"' in svg


def test_an_interval_lies_about_its_dot_and_nan_is_not_drawn():
    svg = intervals(
        [Interval("a", 2, 1, 3, "2"), Interval("b", 2, math.nan, math.nan, "2")], says="", tick=str
    )
    assert len(re.findall(r'class="s0 whisker"', svg)) == 1
    whisker = re.search(r'class="s0 whisker" x1="([\d.]+)" x2="([\d.]+)"', svg)
    dot = attribute(svg, "circle", "cx")[0]
    assert (float(whisker[1]) + float(whisker[2])) / 2 == pytest.approx(dot, abs=0.1)
    assert "nan" not in svg


def test_values_that_differ_by_rounding_alone_make_a_chart():
    row = Interval("base rate", 1.0 - 1e-13, 1.0 - 1e-13, 1.0, "1.00")
    svg = intervals([row], says="x", tick=str, reference=1.0)
    ticks = re.findall(r'<line class="grid" x1="([\d.]+)"', svg)
    assert len(set(ticks)) == len(ticks) > 1


def test_everything_is_inside_the_picture():
    svg = curves(
        [Curve("a" * 80, [0, 0.5, 1], [0, 0.97, 1]), Curve("b", [0, 1], [0, 1], [(0, 0), (0.9, 1)])],
        says="",
        tick=lambda v: f"{v:g}",
        x_title="x",
        y_title="y",
        x_line=(0.2, "here"),
    )
    height = float(re.search(r'viewBox="0 0 360 ([\d.]+)"', svg)[1])
    across = [
        x
        for tag, name in (("circle", "cx"), ("text", "x"), ("line", "x1"), ("line", "x2"))
        for x in attribute(svg, tag, name)
    ]
    down = [
        y
        for tag, name in (("circle", "cy"), ("text", "y"), ("line", "y1"), ("line", "y2"))
        for y in attribute(svg, tag, name)
    ]
    assert 0 <= min(across) <= max(across) <= 360
    assert 0 <= min(down) <= max(down) <= height


def test_lines_differ_by_dash_and_mark_not_by_colour_alone():
    three = [Curve(name, [0, 1], [0, 1]) for name in "abc"]
    svg = curves(three, says="", tick=str, x_title="x", y_title="y")
    assert all(part in svg for part in ("<circle", 'class="s1 hollow"', "<polygon", " d1", " d2"))


@pytest.mark.parametrize("values", [[], [0.0], [1e-9, 2e-9], [1e9], [-5.0, 5.0]])
def test_any_numbers_make_a_chart(values):
    rows = [Interval("a", value, value, value, "v") for value in values]
    assert intervals(rows, says="", tick=str).startswith("<svg")
    assert bars([Bar("a", value, "v") for value in values], says="").startswith("<svg")
