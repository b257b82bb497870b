"""The part of the page that tells what came of past lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from propensity.audit.charts import Curve, over_time
from propensity.audit.report import Block, Drawing, Grid, Words, listed

if TYPE_CHECKING:
    from propensity.config import MonitoringConfig
    from propensity.monitoring.outcomes import Pooled

_MOST_ROWS: Final = 60


def came_of(
    outcomes: Mapping[str, Mapping[str, Any]], together: Pooled | None, rules: MonitoringConfig
) -> tuple[Block, ...]:
    """Expected beside realised conversions, the verdict on the newest nights, and each night's lists."""
    if not outcomes:
        return (
            Words(
                "Nothing yet: no night of the ledger has matured, that is, lies one horizon and the recording lag behind the data."
            ),
        )
    rows = [outcomes[key] for key in sorted(outcomes)][-rules.page_nights :]
    return (
        _together(together, rules),
        _drawing(rows),
        Grid(
            "By matured night, the newest first: conversions within the horizon, whoever called; shares in %, with 95 % intervals",
            (
                "night", "open leads", "expected", "converted", "chance allows",
                "listed", "callable", "lift", "held out",
            ),
            tuple(_row(one) for one in reversed(rows[-_MOST_ROWS:])),
            "lrrrrrrrr",
        ),
        Words(
            "Lift is the listed leads' share over that of all who might have been called: it says how well the list chooses, "
            "not what calling does. Only leads held out at random show that, where lists.holdout is on.",
            "note",
        ),
    )  # fmt: skip


def _together(found: Pooled | None, rules: MonitoringConfig) -> Words:
    if found is None:
        return Words("No matured night can be judged.")
    nights = listed([night[:10] for night in found.nights])
    if found.conversions < rules.conversions:
        return Words(
            f"Too few conversions for a verdict: {found.conversions:,} over {nights}, of {rules.conversions:,} that it takes."
        )
    slope = (
        ""
        if found.slope != found.slope
        else f" The calibration slope is {found.slope:.2f} ({found.slope_low:.2f} to {found.slope_high:.2f}); 1 is right."
    )
    off = found.ratio_low > rules.calibration_ratio or found.ratio_high < 1 / rules.calibration_ratio
    return Words(
        f"{found.conversions:,} open leads converted where {found.expected:,.1f} were expected, {found.ratio:.2f} times as many "
        f"({found.ratio_low:.2f} to {found.ratio_high:.2f}), over {nights}.{slope}",
        "alarm" if off else "verdict",
    )


def _drawing(rows: Sequence[Mapping[str, Any]]) -> Drawing:
    x = [float(datetime.fromisoformat(one["as_of"]).date().toordinal()) for one in rows]
    expected = Curve(
        "expected, with what chance allows",
        x,
        [one["open"]["expected"] for one in rows],
        ends=[(one["low"], one["high"]) for one in rows],
        joined=False,
    )
    converted = Curve("converted", x, [float(one["open"]["conversions"]) for one in rows])
    last = rows[-1]
    svg = over_time(
        [expected, converted],
        says=f"Expected and realised conversions by night; in the end {last['open']['expected']:.1f} and {last['open']['conversions']}",
        tick=lambda value: f"{value:g}",
        y_title="conversions of open leads within the horizon",
    )
    return Drawing(
        svg,
        "Expected and realised conversions, by night of the list. Neighbouring nights share most of their leads and conversions.",
    )


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    lift = "-" if one["lift"] is None else f"{one['lift']:.1f}"
    return (
        one["as_of"][:10], f"{one['open']['rows']:,}", f"{one['open']['expected']:.1f}",
        f"{one['open']['conversions']:,}", f"{one['low']:.0f} to {one['high']:.0f}",
        _share(one["listed"]), _share(one["callable"]), lift, _share(one["held_out"]),
    )  # fmt: skip


def _share(group: Mapping[str, Any]) -> str:
    if group["rate"] is None:
        return "-"
    return f"{100 * group['rate']:.1f} ({100 * group['low']:.1f} to {100 * group['high']:.1f})"
