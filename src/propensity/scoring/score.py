"""Probabilities for every lead, in batches: memory does not grow with the number of leads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from propensity.features.frame import FeatureQuery
    from propensity.model.bundle import Bundle

_HASH_BYTES = 8
SCORE_COLUMNS = ("lead_id", "account_id", "as_of", "margin", "probability", "tier", "tie")


@dataclass(frozen=True, slots=True)
class ScoredParts:
    """What scoring left on disk: Parquet parts of scores, and of the features that led to them."""

    scores: Path
    features: Path
    rows: int


def score_parts(
    query: FeatureQuery,
    bundle: Bundle,
    folder: Path,
    *,
    batch_rows: int,
    threads: int | None,
    progress: Callable[[int], None] = lambda _: None,
) -> ScoredParts:
    """Stream the features of a spine through the model, part by part.

    Parameters
    ----------
    query
        Features of the leads to score.
    bundle
        The model. Its features must be those of the query.
    folder
        An empty folder for the parts.
    batch_rows
        Leads at a time.
    threads
        Of the model; all cores where None.
    progress
        Called after each part with the number of leads in it.

    Raises
    ------
    FeatureMismatch
        The model was trained on other features; the message shows the difference.
    """
    bundle.check([(feature.name, feature.kind) for feature in query.features])
    scores, features = folder / "scores", folder / "features"
    scores.mkdir()
    features.mkdir()
    rows = 0
    for number, batch in enumerate(query.stream(batch_rows)):
        margin = bundle.margin(batch, threads=threads or 0)
        probability = bundle.probability(margin)
        table = batch.select(["lead_id", "account_id", "as_of"])
        for name, values in (
            ("margin", margin),
            ("probability", probability),
            ("tier", pa.array(bundle.tiers.of(probability).tolist(), pa.string())),
            ("tie", tie_breaks(batch["lead_id"])),
        ):
            table = table.append_column(name, pa.array(values))
        pq.write_table(table, scores / f"{number:06d}.parquet")
        pq.write_table(batch, features / f"{number:06d}.parquet", compression="lz4")
        rows += batch.num_rows
        progress(batch.num_rows)
    return ScoredParts(scores, features, rows)


def tie_breaks(lead_ids: pa.ChunkedArray) -> np.ndarray:
    """A stable number per lead (uint64, shape (rows,)): the first bytes of SHA-256, which no engine or order changes."""
    digests = (hashlib.sha256(lead.encode()).digest()[:_HASH_BYTES] for lead in lead_ids.to_pylist())
    return np.fromiter(
        (int.from_bytes(digest, "big") for digest in digests), dtype=np.uint64, count=len(lead_ids)
    )


def feature_parts(parts: ScoredParts) -> Iterator[pa.Table]:
    """Read the features back, part by part, in the order in which they were written."""
    for path in sorted(parts.features.glob("*.parquet")):
        yield pq.read_table(path)
