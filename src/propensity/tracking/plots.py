"""The three pictures of a training, drawn with matplotlib's object API: no display, no global state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from propensity.stats.evaluation import Evaluation

_MOST_CONCEPTS: Final = 20
_GREY: Final = "0.6"
_BLUE: Final = "tab:blue"


def gains_plot(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Draw the share of conversions found by the share of leads called, one line per evaluation."""
    figure, axes = _axes("Gains on the forward test", "share of leads called", "share of conversions found")
    for name, found in evaluations.items():
        axes.plot(found.gains.share, found.gains.captured, marker=".", label=name)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="at random")
    axes.legend(loc="lower right")
    return figure


def reliability_plot(evaluation: Evaluation) -> Figure:
    """Draw the observed rate by predicted probability with 95 % Wilson intervals."""
    figure, axes = _axes("Reliability on the forward test", "predicted probability", "observed rate")
    bins = evaluation.reliability
    observed = [b.observed for b in bins]
    below = [b.observed - b.low for b in bins]
    above = [b.high - b.observed for b in bins]
    top = max([*(b.predicted for b in bins), *(b.high for b in bins)], default=1.0)
    axes.plot([0, top], [0, top], color=_GREY, linestyle="--", label="perfect")
    axes.errorbar(
        [b.predicted for b in bins],
        observed,
        yerr=[below, above],
        fmt="o",
        color=_BLUE,
        capsize=3,
        label="95 % interval",
    )
    axes.legend(loc="upper left")
    return figure


def importance_plot(importance: Mapping[str, float]) -> Figure:
    """Draw the mean absolute contribution to the log odds by concept, largest first, at most 20."""
    ranked = sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CONCEPTS]
    figure, axes = _axes("Importance by concept", "mean absolute contribution (log odds)", "")
    places = range(len(ranked))
    axes.barh(places, [value for _, value in ranked], color=_BLUE)
    # A dollar sign in a company's own concept is no formula.
    axes.set_yticks(places, labels=[name for name, _ in ranked], parse_math=False)
    axes.invert_yaxis()
    return figure


def _axes(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.grid(visible=True, alpha=0.3)
    axes.set_axisbelow(True)
    return figure, axes
