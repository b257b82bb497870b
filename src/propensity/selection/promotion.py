"""Whether a challenger may replace the champion: both judged on the same newest matured rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from propensity.errors import FeatureMismatch, HistoryError, PromotionRefused
from propensity.selection.training import cohorts
from propensity.stats.bootstrap import Difference, paired

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle

COMPARED = ("log_loss", "roc_auc", "average_precision", "brier")
DECISIVE = "log_loss"


@dataclass(frozen=True)
class Comparison:
    """Champion and challenger on the same rows: `differences` by metric, challenger minus champion."""

    rows: int
    conversions: int
    differences: dict[str, Difference]

    @property
    def refused(self) -> bool:
        """Whether the challenger is worse on log loss beyond noise."""
        return bool(self.differences[DECISIVE].worse)

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        differences = {name: asdict(difference) for name, difference in self.differences.items()}
        return {"rows": self.rows, "conversions": self.conversions, "differences": differences}

    def table(self) -> str:
        """The comparison as text, a line a metric."""
        lines = [f"{'':20} {'champion':>9} {'challenger':>10}   difference (95 % interval)"]
        lines += [
            f"{name:20} {d.champion:9.4f} {d.challenger:10.4f}   {d.value:+.4f} ({d.low:+.4f} to {d.high:+.4f})"
            for name, d in self.differences.items()
        ]
        return "\n".join(lines)


def refuse_leaks(challenger: Bundle, config: Config) -> None:
    """Raise PromotionRefused where the leakage court's verdicts on the challenger's columns do not let it pass.

    A suspect column passes once the configuration says why it is known in time (`known_in_time`), at the training or now;
    a convicted one does not.

    Raises
    ------
    PromotionRefused
        With the verdicts and what to write where; or the model was never tried.
    """
    court = challenger.metadata.get("court")
    if court is None:
        raise PromotionRefused(
            "the challenger was trained before there was a leakage court: nothing says whether its columns know the "
            "outcome. Run `propensity train` again."
        )
    blocking = [
        verdict
        for verdict in court["verdicts"]
        if verdict["blocks"]
        and (verdict["verdict"] == "convicted" or not _declared(config, verdict["place"], verdict["column"]))
    ]
    if not blocking:
        return
    table = "\n".join(f"  {v['column']}: {v['verdict']}. {v['reasons'][0]['sentence']}" for v in blocking)
    steps = [_step(verdict) for verdict in blocking]
    raise PromotionRefused(
        f"{len(blocking)} columns of the challenger may know the outcome (leakage court):\n{table}\n"
        + "\n".join(dict.fromkeys(steps))
    )


def _step(verdict: Mapping[str, Any]) -> str:
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


def unseen_rows(frame: FeatureFrame, champion: Bundle, challenger: Bundle) -> FeatureFrame:
    """The rows whose labels neither model can have learned from: at or after both tests' beginnings.

    Raises
    ------
    HistoryError
        No such row holds both classes.
    """
    boundaries = [bundle.metadata["split"]["boundary"] for bundle in (champion, challenger)]
    order = frame.time_order
    if order is None or None in boundaries:
        raise HistoryError(
            "champion and challenger cannot be compared: without time there are no rows that neither has seen. Set "
            "tables.leads.order_by, or map dates."
        )
    newest = frame.take(order >= max(boundaries))
    if len(newest) == 0 or not 0 < int(newest.y.sum()) < len(newest):
        raise HistoryError(
            f"champion and challenger cannot be compared: {len(newest):,} matured snapshots are newer than what both "
            f"were trained on, with {int(newest.y.sum()) if len(newest) else 0} conversions. "
            "Promote with the data that the challenger was trained on, or wait for labels to mature."
        )
    return newest


def compare(champion: Bundle, challenger: Bundle, rows: FeatureFrame, config: Config) -> Comparison:
    """Compare both on `rows`, by paired bootstrap over accounts (else leads).

    Raises
    ------
    PromotionRefused
        The champion needs features that the data and the configuration no longer give.
    """
    try:
        forecasts = [bundle.probability(bundle.margin(rows.values)) for bundle in (champion, challenger)]
    except FeatureMismatch as error:
        raise PromotionRefused(
            f"champion and challenger cannot be compared on the same data. {error}"
        ) from error
    differences = paired(
        rows.y,
        np.asarray(forecasts[0]),
        np.asarray(forecasts[1]),
        seed=config.model.seed,
        cluster=rows.groups,
        cohort=cohorts(rows),
        resamples=config.model.resamples,
        metrics=COMPARED,
    )
    return Comparison(len(rows), int(rows.y.sum()), differences)


def refuse_worse(comparison: Comparison) -> None:
    """Raise PromotionRefused, with the table, where the challenger is worse beyond noise."""
    if comparison.refused:
        raise PromotionRefused(
            f"the challenger is worse than the champion in {DECISIVE} on the same {comparison.rows:,} rows "
            f"({comparison.conversions:,} conversions), beyond noise:\n{comparison.table()}\n"
            "The champion stays. Train another challenger."
        )
