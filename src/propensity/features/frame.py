"""The feature frame: the only thing that passes from features to model and scoring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from propensity.features.assemble import assemble
from propensity.features.catalogue import feature_specs, parameters, possible_features
from propensity.features.spec import Feature, spec_hash
from propensity.timeline.history import SNAPSHOT, cut
from propensity.timeline.snapshots import LABEL, ORDER

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from propensity.engines.untyped import Table
    from propensity.sources.canonical import Canonical

KEYS = (SNAPSHOT, "lead_id", "account_id", "as_of", ORDER)


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
    """

    table: pa.Table
    features: tuple[Feature, ...]
    spec_hash: str

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
    def groups(self) -> npt.NDArray[np.object_]:
        """Whom a row belongs to: its account, else its lead. Prefixed, so that ids of both never meet."""
        accounts, leads = self.table["account_id"].to_pylist(), self.table["lead_id"].to_pylist()
        pairs = zip(accounts, leads, strict=True)
        return np.array(
            [f"lead {lead}" if account is None else f"account {account}" for account, lead in pairs]
        )

    def take(self, rows: npt.NDArray[np.bool_]) -> FeatureFrame:
        """The rows where the boolean array (shape (rows,)) is true."""
        return replace(self, table=self.table.filter(pa.array(rows)))


@dataclass(frozen=True)
class FeatureQuery:
    """The feature expression of a spine, not yet computed: collect it to train, stream it to score."""

    canonical: Canonical
    expression: Table
    features: tuple[Feature, ...]
    spec_hash: str

    def collect(self) -> FeatureFrame:
        """Compute all rows, in the order of their snapshot ids."""
        table = self.canonical.engine.collect(self.expression.order_by(SNAPSHOT))
        return FeatureFrame(table, self.features, self.spec_hash)

    def stream(self, rows: int) -> Iterator[pa.Table]:
        """Compute in batches of at most `rows` rows, in no particular order."""
        for batch in self.canonical.engine.stream(self.expression, rows):
            yield pa.Table.from_batches([batch])


def features_of(canonical: Canonical, spine: Table) -> FeatureQuery:
    """The features of every snapshot in `spine`, whether it is there to be learned from or to be scored."""
    features = feature_specs(canonical)
    keys: Sequence[str] = (*KEYS, LABEL) if LABEL in spine.columns else KEYS
    every = assemble(cut(canonical, spine), possible_features(canonical), keys, canonical.config.features)
    expression = every.select(*keys, *(feature.name for feature in features))
    return FeatureQuery(canonical, expression, features, spec_hash(features, parameters(canonical)))
