"""How a model does on what came after."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from propensity import markup
from propensity.errors import FeatureMismatch, HistoryError, UsageError
from propensity.model.bundle import Bundle
from propensity.model.classifier import PropensityClassifier
from propensity.selection.training import cohorts
from propensity.stats.evaluation import Evaluation
from propensity.stats.evaluation import evaluate as evaluate_probabilities
from propensity.timeline import splits
from propensity.tracking.plots import overview_plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from propensity.features.frame import FeatureFrame
    from propensity.stats.bootstrap import Metric

DAY_US = 86_400_000_000
_MOST_NAMED = 20
_SAYS = "Left: share of conversions found by share of leads called. Right: observed rate by predicted probability."


@dataclass(frozen=True)
class Report:
    """A model's figures on a test frame; it shows itself, with its plots, in a notebook.

    Attributes
    ----------
    evaluation
        Everything that was computed.
    """

    evaluation: Evaluation

    def __getitem__(self, metric: str) -> Metric:
        """The metric of that name: `value`, and `low` and `high` of its 95 % interval."""
        found = self.evaluation.metrics
        if metric not in found:
            raise UsageError(f"there is no metric {metric!r}; there are {', '.join(found)}.")
        return found[metric]

    def to_pandas(self) -> pd.DataFrame:
        """`metric` (text), `value`, `low`, `high` (float64); low and high are the 95 % interval, NaN where undefined."""
        rows = [(name, m.value, m.low, m.high) for name, m in self.evaluation.metrics.items()]
        return pd.DataFrame(rows, columns=["metric", "value", "low", "high"])

    def plot(self) -> Figure:
        """Gains and reliability side by side."""
        return overview_plot(self.evaluation)

    def __repr__(self) -> str:
        lines = [f"  {name:18} {value:>8}  {interval}".rstrip() for name, value, interval in self._rows()]
        return "\n".join([self._title(), *lines])

    def _repr_html_(self) -> str:
        image = io.BytesIO()
        self.plot().savefig(image, format="png", dpi=80)
        figures = markup.table(["metric", "value", "95 % interval"], self._rows(), align="lrl")
        return markup.paragraph(self._title()) + figures + markup.picture(image.getvalue(), _SAYS)

    def _title(self) -> str:
        found = self.evaluation
        return (
            f"{found.rows:,} snapshots, {found.conversions:,} conversions ({found.base_rate:.1%}); "
            f"intervals over {found.clusters:,} accounts, else leads"
        )

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = [
            (
                name,
                f"{m.value:.4f}",
                "too few of one class" if np.isnan(m.low) else f"{m.low:.4f} to {m.high:.4f}",
            )
            for name, m in self.evaluation.metrics.items()
        ]
        slope, base = self.evaluation.calibration_slope, self.evaluation.calibration_intercept
        return [*rows, ("calibration_slope", f"{slope:.2f}", ""), ("calibration_shift", f"{base:.2f}", "")]


def forward_split(
    data: FeatureFrame, *, test_share: float = 0.25, gap_days: float | None = None
) -> tuple[FeatureFrame, FeatureFrame]:
    """Past and test: the newest snapshots, and those that lie a gap or more before them.

    Snapshots in the gap are in neither part: what became of them was not yet known when the test began.

    Parameters
    ----------
    data
        Snapshots with their features.
    test_share
        Wanted share of rows in the test, between 0 and 1; snapshots of one as_of stay together.
    gap_days
        Days between the parts; one horizon of the snapshots by default. Without meaning where leads have a declared
        order instead of dates.

    Raises
    ------
    UsageError
        The leads have neither dates nor an order, or an argument is out of range.
    HistoryError
        There is one moment only, or none a gap before the test.
    """
    if not 0 < test_share < 1:
        raise UsageError(f"test_share is a share of the rows, such as 0.25; found {test_share}.")
    if gap_days is not None and gap_days < 0:
        raise UsageError(f"gap_days must not be negative; found {gap_days}. Leave it out for one horizon.")
    order = data.time_order
    if order is None:
        raise UsageError(
            "these snapshots have no time, so no part of them is newer. Map created_at under tables.leads.columns, or "
            "declare an order with tables.leads.order_by. To split at random by account instead: "
            "sklearn.model_selection.GroupShuffleSplit with groups=data.groups, and data.take(...)."
        )
    dated = not data.table["as_of"].null_count
    days = gap_days if gap_days is not None else data.horizon_days
    if dated and days is None:
        raise UsageError("this frame does not know its horizon; give gap_days.")
    split = splits.forward_split(
        order, test_share=test_share, gap=round((days or 0) * DAY_US) if dated else 0
    )
    return data.take(split.past), data.take(split.test)


def evaluate(model: Any, test: FeatureFrame, *, seed: int = 0, resamples: int = 400) -> Report:
    """Judge a fitted model on labelled snapshots that are newer than what it learned from.

    Parameters
    ----------
    model
        A fitted PropensityClassifier, a registered model (`load_model(..., judged=True)`), or any fitted scikit-learn
        classifier of the frame's columns, such as a Pipeline.
    test
        The newer part that `forward_split` gives.
    seed
        Of the bootstrap.
    resamples
        Bootstrap resamples behind each 95 % interval; they draw accounts, else leads.

    Raises
    ------
    UsageError
        The frame has no labels, or the model learned from snapshots as new as it.
    HistoryError
        The frame holds one class only.
    FeatureMismatch
        The model was fitted on other columns.
    """
    if not test.labelled:
        raise UsageError(
            "this frame has no labels: it was built to be scored. Judge on snapshots: "
            "past, test = pp.forward_split(pp.features(crm, pp.snapshots(crm)))."
        )
    conversions = int(test.y.sum())
    if not 0 < conversions < len(test):
        raise HistoryError(
            f"{conversions:,} of the {len(test):,} snapshots in the test convert, so there is nothing to tell apart. "
            "Raise test_share in pp.forward_split, take smaller steps (every), or bring a longer history."
        )
    _refuse_seen(model, test)
    probability = _probability(model, test)
    return Report(
        evaluate_probabilities(
            test.y, probability, seed=seed, cluster=test.groups, cohort=cohorts(test), resamples=resamples
        )
    )


def refuse_other_columns(fitted: Sequence[str], found: Sequence[str]) -> None:
    """Stop where a model was fitted on other columns (`fitted`) than the features that there are (`found`)."""
    missing = [name for name in fitted if name not in set(found)]
    unknown = [name for name in found if name not in set(fitted)]
    if not missing and not unknown:
        return
    lines = [f"  - missing: {name}" for name in missing] + [
        f"  + unknown to the model: {name}" for name in unknown
    ]
    if len(lines) > _MOST_NAMED:
        lines = [*lines[:_MOST_NAMED], f"  and {len(lines) - _MOST_NAMED} more"]
    raise FeatureMismatch(
        "the model was fitted on other columns than this connection gives:\n"
        + "\n".join(lines)
        + "\nFit it on pp.features(crm, ...).X of this connection. To leave features out of both: "
        'pp.connect(path, "features.exclude=[name, ...]").'
    )


def _probability(model: Any, test: FeatureFrame) -> npt.NDArray[np.float64]:
    if isinstance(model, Bundle):
        model.check([(feature.name, feature.kind) for feature in test.features])
        if model.spec_hash != test.spec_hash:
            raise FeatureMismatch(
                "the model's features have the names of this frame's, but mean something else. Make the frame with the "
                "configuration that the model was trained with."
            )
        return model.probability(model.margin(test.values))
    if not hasattr(model, "predict_proba"):
        raise UsageError(
            f"a {type(model).__name__} cannot be judged: it has no predict_proba. Give a fitted PropensityClassifier, "
            "another fitted classifier, or what pp.load_model gives."
        )
    if isinstance(model, PropensityClassifier) and hasattr(model, "encoder_"):
        refuse_other_columns(model.encoder_.names, test.names)
    return np.asarray(model.predict_proba(test.X))[:, 1]


def _refuse_seen(model: Any, test: FeatureFrame) -> None:
    """A model is not judged on what it learned from. What a model does not say of its past cannot be refused."""
    as_of = test.as_of
    last = learned_to(model)
    if (
        as_of is None
        or last is None
        or isinstance(last, pd.Timestamp) != isinstance(as_of.iloc[0], pd.Timestamp)
    ):
        return
    first = as_of.min()
    if last < first:
        return
    raise UsageError(
        f"the model learned from snapshots up to {last}, and these begin at {first}: it would be judged on what it has "
        "seen. Fit on `past` and judge on `test` of pp.forward_split(data); of a registered model take the one that was "
        "fitted on its past: pp.load_model(crm, judged=True)."
    )


def learned_to(model: Any) -> Any:
    """The newest as_of that a model says it learned from: a UTC Timestamp, or a number where times are positions."""
    if isinstance(model, Bundle):
        span = model.metadata.get("as_of")
        return None if span is None else pd.Timestamp(span[1])
    span = getattr(model, "as_of_range_", None)
    return None if span is None else span[1]
