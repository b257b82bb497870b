"""Scoring where the data are: the model travels to them as files, and leads come to this machine only to be counted.

The model's folder is sent along and read by each worker with its manifest checked, as the nightly job reads it: nothing is
pickled but the name of this class and a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from propensity.model.bundle import Bundle
from propensity.scoring.score import ScoredParts, measures, scored
from propensity.scoring.surprises import Surprises
from propensity.timeline.history import SNAPSHOT

if TYPE_CHECKING:
    from propensity.engines import Distributed
    from propensity.features.frame import FeatureQuery
    from propensity.scoring.profile import NightProfile

_TIE = pa.decimal128(20, 0)
"""Whole numbers up to 2**64 in a kind that all engines hold."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """What a worker does to a batch of features.

    Attributes
    ----------
    widest
        `lists.widest_interval`.
    digest
        Of the model; a worker that was sent another one refuses it.
    """

    widest: float
    digest: str

    @property
    def schema(self) -> pa.Schema:
        """`scoring.score.SCORE_COLUMNS`."""
        text, number = pa.string(), pa.float64()
        return pa.schema(
            [
                ("lead_id", text), ("account_id", text), ("as_of", pa.timestamp("us", tz="UTC")), ("margin", number),
                ("probability", number), ("probability_low", number), ("probability_high", number), ("evidence", text),
                ("tier", text), ("tie", _TIE),
            ]
        )  # fmt: skip

    def opened(self, folder: Path) -> Callable[[pa.Table], pa.Table]:
        """Read the model and check it.

        Raises
        ------
        BundleError
            A file is damaged, or the model is another.
        """
        bundle = Bundle.load(folder, digest=self.digest)
        return lambda batch: scored(batch, bundle, widest=self.widest, threads=1).cast(self.schema)


def score_where_they_are(
    query: FeatureQuery,
    bundle: Bundle,
    engine: Distributed,
    folder: Path,
    *,
    batch_rows: int,
    progress: Callable[[int], None],
    profile: NightProfile | None,
) -> ScoredParts:
    """Let the engine compute the features once, and score them in its workers; parameters as of `score.score_parts`.

    Features and scores then pass through this machine once, `batch_rows` leads at a time, to be counted.
    """
    scores, features = folder / "scores", folder / "features"
    rows = engine.write_parts(query.expression, features)
    here = query.canonical.engine
    known = here.read_parts(features)
    model = bundle.save(folder / "model")
    work = Scoring(query.canonical.config.lists.widest_interval, bundle.digest)
    engine.map_parts(known, work, model, scores)
    surprises = Surprises(bundle)
    found: Any = here.read_parts(scores).select("lead_id", "margin", "probability", "tie")
    found = known.select(SNAPSHOT, "lead_id", *bundle.names).join(found, "lead_id")
    for batch in here.stream(found, batch_rows):
        table = pa.Table.from_batches([batch])
        surprises.see(table)
        if profile is not None:
            profile.see(table, **measures(table))
        progress(batch.num_rows)
    return ScoredParts(scores, features, rows, surprises)
