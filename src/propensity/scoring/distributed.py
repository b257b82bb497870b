"""Scoring where the data are: the model travels to them as files, and no lead comes to this machine.

The model's folder is sent along and read by each worker with its manifest checked, as the nightly job reads it: nothing is
pickled but the name of this class and a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from propensity.model.bundle import Bundle
from propensity.scoring.score import ScoredParts, scored
from propensity.scoring.surprises import Surprises

if TYPE_CHECKING:
    from propensity.engines import Distributed
    from propensity.features.frame import FeatureQuery

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
    query: FeatureQuery, bundle: Bundle, engine: Distributed, folder: Path, progress: Callable[[int], None]
) -> ScoredParts:
    """Let the engine compute the features once, and score them in its workers; parameters as of `score.score_parts`."""
    scores, features = folder / "scores", folder / "features"
    rows = engine.write_parts(query.expression, features)
    known = query.canonical.engine.read_parts(features)
    model = bundle.save(folder / "model")
    work = Scoring(query.canonical.config.lists.widest_interval, bundle.digest)
    engine.map_parts(known, work, model, scores)
    surprises = Surprises(bundle)
    surprises.see_table(query.canonical.engine, known)
    progress(rows)
    return ScoredParts(scores, features, rows, surprises)
