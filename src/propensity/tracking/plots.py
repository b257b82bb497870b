"""The pictures of a training, drawn with matplotlib's object API: no display, no global state."""

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
    figure, (axes,) = _axes(1)
    _gains(axes, evaluations)
    return figure


def reliability_plot(evaluation: Evaluation) -> Figure:
    """Draw the observed rate by predicted probability with 95 % Wilson intervals."""
    figure, (axes,) = _axes(1)
    _reliability(axes, evaluation)
    return figure


def overview_plot(evaluation: Evaluation) -> Figure:
    """Draw gains and reliability side by side."""
    figure, (left, right) = _axes(2)
    _gains(left, {"model": evaluation})
    _reliability(right, evaluation)
    return figure


def importance_plot(importance: Mapping[str, float]) -> Figure:
    """Draw the mean absolute contribution to the log odds by concept, largest first, at most 20."""
    ranked = sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:_MOST_CONCEPTS]
    figure, (axes,) = _axes(1)
    axes.set(title="Importance by concept", xlabel="mean absolute contribution (log odds)")
    places = range(len(ranked))
    axes.barh(places, [value for _, value in ranked], color=_BLUE)
    # A dollar sign in a company's own concept is no formula.
    axes.set_yticks(places, labels=[name for name, _ in ranked], parse_math=False)
    axes.invert_yaxis()
    return figure


def _gains(axes: Axes, evaluations: Mapping[str, Evaluation]) -> None:
    axes.set(
        title="Gains on the forward test", xlabel="share of leads called", ylabel="share of conversions found"
    )
    for name, found in evaluations.items():
        axes.plot(found.gains.share, found.gains.captured, marker=".", label=name)
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="at random")
    axes.legend(loc="lower right")


def _reliability(axes: Axes, evaluation: Evaluation) -> None:
    axes.set(title="Reliability on the forward test", xlabel="predicted probability", ylabel="observed rate")
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


def _axes(number: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes beside each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # An opaque ground, so that black words can be read on a dark page too.
    figure = Figure(figsize=(7 if number == 1 else 6 * number, 5), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    every = figure.subplots(1, number, squeeze=False).ravel().tolist()
    for axes in every:
        axes.grid(visible=True, alpha=0.3)
        axes.set_axisbelow(True)
    return figure, every
