"""The feature frame: the only thing that passes from features to model and scoring."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from propensity import markup
from propensity.engines import Distributed
from propensity.engines.garbage import uncollected
from propensity.features.assemble import asks_past, assemble, needed
from propensity.features.catalogue import feature_specs, parameters, possible_features
from propensity.features.counters import FEW_ACTS
from propensity.features.own import blamed
from propensity.features.ranges import Ranges, ranges_of
from propensity.features.spec import Feature, spec_hash
from propensity.sources.acts import LEAD_NUMBER, coded
from propensity.timeline.history import SNAPSHOT, cut, joined_left
from propensity.timeline.past import Keep, unkept, with_past
from propensity.timeline.snapshots import LABEL, ORDER

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical
    from propensity.timeline.history import History

_LEAST_OWNERS = 20
KEYS = (SNAPSHOT, "lead_id", "account_id", "as_of", ORDER)


def owners_of(rows: pa.Table) -> list[str]:
    """Whom each row belongs to: its account, else its lead. Prefixed, so that ids of both never meet.

    Where accounts are fewer than 20, or one holds over half of the rows, they are no units to draw or to split by: each lead
    then stands for itself.
    """
    accounts, leads = rows["account_id"].to_pylist(), rows["lead_id"].to_pylist()
    found = [
        f"lead {lead}" if account is None else f"account {account}"
        for account, lead in zip(accounts, leads, strict=True)
    ]
    counts = Counter(found)
    if len(counts) < _LEAST_OWNERS or max(counts.values()) > len(found) / 2:
        return [f"lead {lead}" for lead in leads]
    return found


@dataclass(frozen=True)
class FeatureFrame:
    """Features of snapshots, with their keys, and labels where these are known.

    table
        Arrow table, one row a snapshot ordered by time and lead: `snapshot_id`, `lead_id`, `account_id`, `as_of`,
        `time_order`, perhaps `label`, then the features (numbers float64, categories string, null unknown).
    features
        The specs, in the order of the columns.
    spec_hash
        SHA-256 over what the features mean; a model keeps the one that it was trained on.
    horizon_days
        How far ahead the labels look, in days; None for a frame that was put together by hand.
    """

    table: pa.Table
    features: tuple[Feature, ...]
    spec_hash: str
    horizon_days: int | None = None

    def __len__(self) -> int:
        return self.table.num_rows

    @property
    def names(self) -> list[str]:
        """The features' names in order."""
        return [feature.name for feature in self.features]

    @property
    def values(self) -> pa.Table:
        """The features alone, shape (rows, features)."""
        return self.table.select(self.names)

    @property
    def X(self) -> pd.DataFrame:  # noqa: N802 - scikit-learn's name
        """The features as pandas: float64, and categories as strings; shape (rows, features)."""
        return self.values.to_pandas()

    @property
    def y(self) -> npt.NDArray[np.int8]:
        """Labels, int8, shape (rows,). Raises KeyError for a frame that was built to be scored."""
        return self.table[LABEL].to_numpy()

    @property
    def time_order(self) -> npt.NDArray[np.int64] | None:
        """Time of each row, int64: microseconds of as_of, or the declared position; None where unknown."""
        column = self.table[ORDER]
        return None if column.null_count else column.to_numpy()

    @property
    def as_of(self) -> pd.Series | None:
        """Time of each row, for `PropensityClassifier.fit`.

        The instants (datetime64[us, UTC]); where leads have no dates, the declared position (int64); None where
        neither is known. With instants, `attrs["gap"]` is one horizon (timedelta): fit leaves it between its folds.
        """
        if self.time_order is None:
            return None
        if self.table["as_of"].null_count:
            return self.table[ORDER].to_pandas().rename(ORDER)
        instants = self.table["as_of"].to_pandas()
        instants.name = "as_of"
        if self.horizon_days is not None:
            instants.attrs["gap"] = timedelta(days=self.horizon_days)
        return instants

    @property
    def account_id(self) -> pd.Series:
        """Account of each row (text; null where the lead has none), for `PropensityClassifier.fit(groups=...)`."""
        return self.table["account_id"].to_pandas().rename("account_id")

    @property
    def lead_id(self) -> pd.Series:
        """Lead of each row (text, never null)."""
        return self.table["lead_id"].to_pandas().rename("lead_id")

    @property
    def labelled(self) -> bool:
        """Whether the labels are known; a frame that was built to be scored has none."""
        return LABEL in self.table.column_names

    @property
    def directions(self) -> dict[str, int]:
        """Feature name to 1 (more is never worse) or -1, where that is known: the training's `monotone_constraints`."""
        return {feature.name: feature.direction for feature in self.features if feature.direction}

    @property
    def filled(self) -> dict[str, float]:
        """Feature name to the share of rows in which it is known, 0 to 1 (0 where there is no row)."""
        rows = max(len(self), 1)
        return {name: 1 - self.table[name].null_count / rows if len(self) else 0.0 for name in self.names}

    @property
    def groups(self) -> npt.NDArray[np.object_]:
        """Whom a row belongs to, see `owners_of`."""
        return np.array(owners_of(self.table))

    def take(self, rows: npt.NDArray[np.bool_]) -> FeatureFrame:
        """The rows where the boolean array (shape (rows,)) is true."""
        return replace(self, table=self.table.filter(pa.array(rows)))

    def __repr__(self) -> str:
        found = f"FeatureFrame: {len(self):,} snapshots x {len(self.features)} features"
        if self.time_order is not None and len(self) and not self.table["as_of"].null_count:
            instants = self.table["as_of"].to_pandas()
            first, last = instants.min(), instants.max()
            found += f", as_of {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        if self.labelled and len(self):
            conversions = int(self.y.sum())
            within = "" if self.horizon_days is None else f" within {self.horizon_days} days"
            found += f", {conversions:,} convert{within} ({conversions / len(self):.1%})"
        return found

    def _repr_html_(self) -> str:
        known: Counter[str] = Counter()
        for feature in self.features:
            known[feature.family] += len(self) - self.table[feature.name].null_count
        counts = Counter(feature.family for feature in self.features)
        rows = [
            (family, str(number), f"{known[family] / max(1, number * len(self)):.0%}")
            for family, number in counts.items()
        ]
        return markup.paragraph(repr(self)) + markup.table(
            ["family", "features", "values known"], rows, align="lrr"
        )


@dataclass(frozen=True)
class FeatureQuery:
    """The feature expression of a spine, not yet computed: collect it to train, stream it to score."""

    canonical: Canonical
    spine: Table
    expression: Table
    features: tuple[Feature, ...]
    spec_hash: str
    ranges: Ranges | None = None
    kept: Mapping[str, Table] = field(default_factory=dict[str, "Table"])
    """What crosses leads and is computed already, by the names that `timeline.past` and `assemble` keep it under."""

    def collect(self) -> FeatureFrame:
        """Compute all rows, in the order of their snapshot ids; for a query that is not read by ranges."""
        with self._explained():
            table = self.canonical.engine.collect(self.expression.order_by(SNAPSHOT))
        horizon_days = self.canonical.config.outcome.horizon_days
        return FeatureFrame(table, self.features, self.spec_hash, horizon_days)

    def stream(self, rows: int) -> Iterator[pa.Table]:
        """Compute in batches of at most `rows` rows, in no particular order."""
        with self._explained():
            for _ in (None,) if self.ranges is None else self.ranges.in_turn(self.canonical.engine):
                for batch in self.canonical.engine.stream(self.expression, rows):
                    yield pa.Table.from_batches([batch])

    @contextmanager
    def _explained(self) -> Generator[None]:
        """An expression of the data scientist's own may fail on the data alone: say which, and where it stands."""
        try:
            yield
        except Exception as error:
            # One feature alone must fail as the whole did: any other error is no answer to which it was.
            kind = type(error)
            mistake = blamed(self.features, lambda feature: self._failing(feature, kind))
            if mistake is None:
                raise
            raise mistake from error

    def _failing(self, feature: Feature, like: type[Exception]) -> Exception | None:
        try:
            self.canonical.engine.collect(self.expression.select(feature.name))
        except like as error:
            return error
        return None


def features_of(
    canonical: Canonical,
    spine: Table,
    *,
    leads_a_range: int | None = None,
    past: Callable[[Canonical, History], History] = with_past,
) -> FeatureQuery:
    """The features of every snapshot in `spine`, whether it is there to be learned from or to be scored.

    Parameters
    ----------
    canonical
        The tables.
    spine
        The snapshots, kept in the engine.
    leads_a_range
        Where given, and where there are more: `stream` goes by ranges of so many snapshots, for a spine with a row a lead.
        What crosses leads is computed now. Memory then no longer grows with the number of leads. An engine of many machines
        makes parts of its own, and goes without.
    past
        Adds what is known of earlier leads; another one serves leads that are copies of others, and goes without ranges.
    """
    with uncollected():
        if leads_a_range is None or isinstance(canonical.engine, Distributed):
            return _query(canonical, spine, past=past)
        ranges = ranges_of(canonical, spine, leads_a_range)
        return _query(canonical, spine) if ranges is None else _query(canonical, spine, ranges)


def _query(
    canonical: Canonical,
    spine: Table,
    ranges: Ranges | None = None,
    past: Callable[[Canonical, History], History] = with_past,
) -> FeatureQuery:
    features = feature_specs(canonical)
    # Features get tables without the label, so that none, not even one of the data scientist's own, can read it.
    unlabelled = spine.drop(LABEL) if LABEL in spine.columns else spine
    canonical, as_of = _coded(canonical), _shared_as_of(canonical, spine)
    kept: dict[str, Table] = {}

    def keeping(table: Table, name: str) -> Table:
        kept[name] = canonical.engine.materialise(table, name, compressed=False)
        return kept[name]

    keep: Keep = unkept if ranges is None else keeping
    whole = history = cut(canonical, unlabelled, as_of=as_of)
    if ranges is not None:
        history = cut(canonical, ranges.part, whole=whole, as_of=as_of)
    wanted = needed(history.attributes, features, possible_features(canonical))
    if asks_past(canonical, history.attributes, wanted):
        if ranges is None:
            history = past(canonical, history)
        else:
            history = with_past(canonical, history, asked=whole.attributes, keep=keep)
    every = assemble(
        history, wanted, KEYS, canonical.config.features, most_acts=_most_acts(canonical), keep=keep
    )
    expression = every.select(*KEYS, *(feature.name for feature in features))
    if LABEL in spine.columns:
        labelled = joined_left(expression, spine.select(SNAPSHOT, LABEL), SNAPSHOT)
        expression = labelled.select(*KEYS, LABEL, *(feature.name for feature in features))
    meaning = spec_hash(features, parameters(canonical))
    return FeatureQuery(canonical, spine, expression, features, meaning, ranges, kept)


def _coded(canonical: Canonical) -> Canonical:
    """Acts with their words as numbers, before anything is joined to them."""
    tables = dict(canonical.tables)
    if "activities" in tables:
        tables["activities"] = coded(tables["activities"], canonical.config.features)
    return replace(canonical, tables=tables)


def _shared_as_of(canonical: Canonical, spine: Table) -> datetime | None:
    """The as_of of all snapshots; None where they have several, or none."""
    ends = spine.aggregate(first=spine["as_of"].min(), last=spine["as_of"].max())
    first, last = (column[0].as_py() for column in canonical.engine.collect(ends).columns)
    return first if first == last else None


def _most_acts(canonical: Canonical) -> int:
    """At least as many acts as the lead with the most has."""
    if "activities" not in canonical.tables or canonical.report.tables["activities"].kept <= FEW_ACTS:
        return FEW_ACTS
    acts: Table = canonical.tables["activities"]
    lead = LEAD_NUMBER if LEAD_NUMBER in acts.columns else "lead_id"
    most = acts.group_by(lead).aggregate(acts=acts.count())["acts"].max()
    return max(FEW_ACTS, canonical.engine.collect(most.as_table()).column(0)[0].as_py())
