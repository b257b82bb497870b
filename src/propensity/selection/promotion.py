"""What a promotion rests on: the court's verdicts, the rows that neither model learned from, and the comparison on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from propensity.errors import FeatureMismatch, HistoryError, PromotionRefused
from propensity.selection.ladder import HORIZON_UNIT_US
from propensity.selection.training import cohorts
from propensity.stats.bootstrap import Difference, paired
from propensity.stats.evaluation import json_safe
from propensity.stats.measures import Measure, conversions_at
from propensity.stats.metrics import TOP_SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle

COMPARED: Final = ("log_loss", "roc_auc", "average_precision", "brier")


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same rows: `differences` by metric, challenger minus champion."""

    rows: int
    conversions: int
    differences: dict[str, Difference]

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        differences = {name: asdict(difference) for name, difference in self.differences.items()}
        found: dict[str, Any] = json_safe(
            {"rows": self.rows, "conversions": self.conversions, "differences": differences}
        )
        return found

    def table(self) -> str:
        """The comparison as text, a line a metric."""
        lines = [f"{'':23} {'champion':>9} {'challenger':>10}   difference (95 % interval)"]
        lines += [
            f"{name:23} {d.champion:9.4f} {d.challenger:10.4f}   {d.value:+.4f} ({d.low:+.4f} to {d.high:+.4f})"
            for name, d in self.differences.items()
        ]
        return "\n".join(lines)


def blocking_verdicts(challenger: Bundle, config: Config) -> list[Mapping[str, Any]] | None:
    """Return the leakage court's verdicts that keep the challenger out; None where it was never tried.

    A suspect column passes once the configuration says why it is known in time (`known_in_time`), at the training or now;
    a convicted one does not.
    """
    court = challenger.metadata.get("court")
    if court is None:
        return None
    return [
        verdict
        for verdict in court["verdicts"]
        if verdict["blocks"]
        and (verdict["verdict"] == "convicted" or not _declared(config, verdict["place"], verdict["column"]))
    ]


def step_for(verdict: Mapping[str, Any]) -> str:
    """What to do about a column that keeps a challenger out, with the line to write."""
    place, column = verdict["place"], verdict["column"]
    if verdict["verdict"] == "convicted":
        return (
            f"Take {column} out of the configuration ({place}), or give its time (known_at), and train again."
        )
    if place == "court.known_in_time":
        line = f'court.known_in_time: {{"{column}": "why it is known before the outcome"}}'
    elif ".columns." in place:
        source = column.removeprefix(f"{verdict['table']}.")
        line = f'{place}: {{column: "{source}", known_in_time: "why it is known before the outcome"}}'
    else:
        line = f'{place}.known_in_time: "why it is known before the outcome"'
    return f"If {column} is known before the outcome, say why, and promote again:  {line}"


def _declared(config: Config, place: str, column: str) -> bool:
    """Whether the configuration, as it stands now, says why a column is known in time."""
    if place == "court.known_in_time":
        return column in config.court.known_in_time
    _, table, *path = place.split(".")
    number = int(path.pop(0)) if path[0].isdecimal() else 0
    tables = cast("Mapping[str, Any]", config.tables)
    if table not in tables or number >= len(tables[table].sources):
        return False
    source = tables[table].sources[number]
    part, name = path
    said = [
        getattr(each, part).get(name) for each in ((source, *source.rows) if part == "columns" else (source,))
    ]
    return any(getattr(each, "known_in_time", None) is not None for each in said)


def unseen_rows(frame: FeatureFrame, challenger: Bundle, champion: Bundle | None) -> FeatureFrame:
    """The rows whose labels no model can have learned from: at or after the beginnings of all their tests.

    Raises
    ------
    HistoryError
        No such row holds both classes; without a champion, nothing can then be said of the challenger.
    """
    bundles = [challenger] if champion is None else [champion, challenger]
    boundaries = [bundle.metadata["split"]["boundary"] for bundle in bundles]
    order, who = frame.time_order, "the challenger" if champion is None else "champion and challenger"
    judged = "judged" if champion is None else "compared"
    if order is None or None in boundaries:
        raise HistoryError(
            f"{who} cannot be {judged}: without time there are no rows that {_none_of(champion)} has seen. Set "
            "tables.leads.order_by, or map dates."
        )
    newest = frame.take(order >= max(boundaries))
    if len(newest) == 0 or not 0 < int(newest.y.sum()) < len(newest):
        raise HistoryError(
            f"{who} cannot be {judged}: {len(newest):,} matured snapshots are newer than what "
            f"{'it was' if champion is None else 'both were'} trained on, with "
            f"{int(newest.y.sum()) if len(newest) else 0} conversions. "
            "Promote with the data that the challenger was trained on, or wait for labels to mature."
        )
    return newest


def _none_of(champion: Bundle | None) -> str:
    return "it surely never" if champion is None else "neither"


def past_rows(frame: FeatureFrame, challenger: Bundle, *, dated: bool) -> FeatureFrame:
    """The rows that the challenger can have learned from: a horizon before its test, or earlier."""
    boundary, order = challenger.metadata["split"]["boundary"], frame.time_order
    if order is None or boundary is None:
        return frame.take(np.zeros(len(frame), dtype=np.bool_))
    gap = challenger.horizon_days * HORIZON_UNIT_US if dated else 0
    return frame.take(order <= boundary - gap if gap else order < boundary)


def forecasts(
    challenger: Bundle, champion: Bundle | None, rows: FeatureFrame
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
    """Return the probabilities of both, each (rows,); None for a champion that there is not.

    Raises
    ------
    FeatureMismatch
        The challenger needs features that the data and the configuration do not give.
    PromotionRefused
        The champion does.
    """
    ours = challenger.probability(challenger.margin(rows.values))
    if champion is None:
        return ours, None
    try:
        return ours, champion.probability(champion.margin(rows.values))
    except FeatureMismatch as error:
        raise PromotionRefused(
            f"champion and challenger cannot be compared on the same data. {error}"
        ) from error


def compare(
    rows: FeatureFrame,
    challenger: npt.ArrayLike,
    rival: npt.ArrayLike,
    config: Config,
    metrics: Sequence[str | Measure] = COMPARED,
) -> Comparison:
    """Compare two sets of probabilities on `rows`, by paired bootstrap over accounts (else leads).

    `metrics` come from the same resamples, beside them the conversions at the capacity of the lists.
    """
    differences = paired(
        rows.y,
        rival,
        challenger,
        seed=config.model.seed,
        # As whole numbers, since text is slow to sort.
        cluster=np.unique(rows.groups, return_inverse=True)[1],
        cohort=cohorts(rows),
        resamples=config.model.resamples,
        metrics=(*metrics, capacity_of(config)),
    )
    return Comparison(len(rows), int(rows.y.sum()), differences)


def capacity_of(config: Config) -> Measure:
    """Conversions among as many leads as a list may hold; where that is not said, in the top tenth as in the lift."""
    if config.lists.places is None:
        return conversions_at(share=TOP_SHARE)
    return conversions_at(count=config.lists.places)


def capacity_in_words(config: Config) -> str:
    """How many leads a list holds."""
    return "the top tenth" if config.lists.places is None else f"the top {config.lists.places:,}"
