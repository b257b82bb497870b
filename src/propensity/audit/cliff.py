"""The cliff: what is gone of a feature's power when it is computed a day earlier. Facts written back in time fall off it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import numpy.typing as npt

from propensity.audit.benches import groups_of
from propensity.audit.evidence import Separation, critical, gain_error, separation
from propensity.features.assemble import assemble
from propensity.features.catalogue import possible_features
from propensity.features.frame import KEYS, FeatureFrame
from propensity.timeline.history import SNAPSHOT, cut
from propensity.timeline.snapshots import LABEL

if TYPE_CHECKING:
    from propensity.features.spec import Feature
    from propensity.sources.canonical import Canonical

Floats = npt.NDArray[np.float64]
DAY: Final = timedelta(days=1)
_FACTS: Final = ("activities", "stages", "budgets")
_LEAST_POWER: Final = 0.02


@dataclass(frozen=True, slots=True)
class Cliff:
    """What one concept of one table of facts loses when its features are computed a day earlier.

    `now` and `earlier` are the ROC-AUCs of its strongest feature on the same snapshots, turned so that `now` is above
    one half; `lost` is the lower bound on the share of (now - 0.5) that is gone, in [0, 1].
    """

    name: str
    feature: str
    now: float
    earlier: float
    lost: float


def cliffs(canonical: Canonical, frame: FeatureFrame) -> tuple[Cliff, ...]:
    """Recompute the features of facts a day earlier and compare, the greatest loss first.

    Parameters
    ----------
    canonical
        The checked tables, with dates.
    frame
        Labelled snapshots; their labels stay as they are.
    """
    features = [feature for feature in frame.features if feature.over in _FACTS and feature.kind == "number"]
    if not features:
        return ()
    earlier = _earlier(canonical, frame, features)
    ids = earlier[SNAPSHOT].to_numpy()
    rows = np.isin(frame.table[SNAPSHOT].to_numpy(), ids)
    same = frame.take(rows)
    y = same.y.astype(np.int64)
    if len(y) == 0 or y.min() == y.max():
        return ()
    cluster = np.unique(groups_of(same.table), return_inverse=True)[1].astype(np.int64)
    strongest: dict[str, tuple[str, Floats, Separation]] = {}
    for feature in features:
        values = _filled(same.table[feature.name])
        found = separation(y, values)
        if found.auc < 0.5:  # noqa: PLR2004 - chance
            values, found = -values, replace(found, auc=1 - found.auc, influence=-found.influence)
        name = f"{feature.over}: {feature.concept}"
        if name not in strongest or found.auc > strongest[name][2].auc:
            strongest[name] = (feature.name, values, found)
    z = critical(canonical.config.court.false_alarms, len(strongest))
    found = [
        _fallen(name, feature, now, _turned(earlier, feature, values, same), y, cluster, z)
        for name, (feature, values, now) in strongest.items()
        if now.auc - z * now.error(cluster) >= 0.5 + _LEAST_POWER
    ]
    return tuple(sorted(found, key=lambda cliff: (-cliff.lost, cliff.name)))


def _earlier(canonical: Canonical, frame: FeatureFrame, features: list[Feature]) -> Any:
    keys: Any = canonical.engine.register("court_earlier", frame.table.select([*KEYS, LABEL]))
    leads: Any = canonical.tables["leads"]
    spine = keys.join(leads.select("lead_id", "created_at"), "lead_id")
    step = ibis.interval(days=DAY.days)
    spine = spine.mutate(as_of=spine["as_of"] - step)
    spine = spine.filter(spine["created_at"] < spine["as_of"])
    needed = {feature.name for feature in features}
    every = [f for f in possible_features(canonical) if f.over in _FACTS and f.name in needed]
    table = assemble(cut(canonical, spine), every, [SNAPSHOT], canonical.config.features)
    return canonical.engine.collect(table.order_by(SNAPSHOT))


def _filled(column: Any) -> Floats:
    """Numbers with the unknown below all others."""
    values = column.to_pandas().to_numpy(dtype=np.float64, na_value=np.nan)
    known = values[~np.isnan(values)]
    return np.where(np.isnan(values), (known.min() if len(known) else 0.0) - 1.0, values)


def _turned(earlier: Any, feature: str, now: Floats, same: FeatureFrame) -> Floats:
    """The earlier values, turned as the present ones were."""
    values = _filled(earlier[feature])
    upright = np.array_equal(now, _filled(same.table[feature]))
    return values if upright else -values


def _fallen(
    name: str, feature: str, now: Separation, values: Floats, y: Any, cluster: Any, z: float
) -> Cliff:
    then = separation(y, values)
    drop = now.auc - then.auc - z * gain_error(then, now, cluster)
    return Cliff(name, feature, now.auc, then.auc, float(np.clip(drop / (now.auc - 0.5), 0, 1)))
