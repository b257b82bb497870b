"""Probabilities for every lead, in batches: memory does not grow with the number of leads."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from propensity.engines import Distributed
from propensity.errors import ContractError, FeatureMismatch
from propensity.model.intervals import ENOUGH, NOT_ENOUGH
from propensity.scoring.ahead import ahead
from propensity.scoring.surprises import Surprises

if TYPE_CHECKING:
    from propensity.features.frame import FeatureQuery
    from propensity.features.spec import Feature
    from propensity.model.bundle import Bundle
    from propensity.scoring.profile import NightProfile
    from propensity.sources.report import CheckReport

_HASH_BYTES = 8
SCORE_COLUMNS = (
    "lead_id", "account_id", "as_of", "margin", "probability", "probability_low", "probability_high", "evidence", "tier",
    "tie",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ScoredParts:
    """What scoring left on disk: Parquet parts of scores, and of the features that led to them; and what surprised it."""

    scores: Path
    features: Path
    rows: int
    surprises: Surprises


def score_parts(
    query: FeatureQuery,
    bundle: Bundle,
    folder: Path,
    *,
    batch_rows: int,
    threads: int | None,
    progress: Callable[[int], None] = lambda _: None,
    profile: NightProfile | None = None,
) -> ScoredParts:
    """Stream the features of a spine through the model, part by part.

    Parameters
    ----------
    query
        Features of the leads to score.
    bundle
        The model. Its features must be those of the query: see `refuse_other_features`.
    folder
        An empty folder for the parts.
    batch_rows
        Leads at a time.
    threads
        Of the model; all cores where None.
    progress
        Called after each part with the number of leads in it.
    profile
        Counts what the leads look like, where that is wanted.
    """
    engine = query.canonical.engine
    if isinstance(engine, Distributed):
        from propensity.scoring.distributed import score_where_they_are  # noqa: PLC0415 - it is built on this module

        return score_where_they_are(
            query, bundle, engine, folder, batch_rows=batch_rows, progress=progress, profile=profile
        )
    scores, features = folder / "scores", folder / "features"
    scores.mkdir()
    features.mkdir()
    rows, surprises = 0, Surprises(bundle)
    widest = query.canonical.config.lists.widest_interval
    for number, batch in enumerate(ahead(query.stream(batch_rows))):
        table = scored(batch, bundle, widest=widest, threads=threads or 0)
        pq.write_table(table, scores / f"{number:06d}.parquet")
        pq.write_table(batch, features / f"{number:06d}.parquet", compression="lz4")
        rows += batch.num_rows
        surprises.see(batch)
        if profile is not None:
            profile.see(batch, **measures(table))
        progress(batch.num_rows)
    return ScoredParts(scores, features, rows, surprises)


def scored(batch: pa.Table, bundle: Bundle, *, widest: float, threads: int) -> pa.Table:
    """SCORE_COLUMNS of a batch of features, row by row; `threads` 0 is what OpenMP offers."""
    margin = bundle.margin(batch, threads=threads)
    probability = bundle.probability(margin)
    table = batch.select(["lead_id", "account_id", "as_of"])
    for name, values in (
        ("margin", margin),
        ("probability", probability),
        *_sureness(bundle, margin, probability, widest=widest),
        ("tier", pa.array(bundle.tiers.of(probability).tolist(), pa.string())),
        ("tie", tie_breaks(batch["lead_id"])),
    ):
        table = table.append_column(name, pa.array(values))
    return table


def measures(table: pa.Table) -> dict[str, np.ndarray]:
    """Of SCORE_COLUMNS what `NightProfile.see` counts: `margin`, `probability` (float64), `ties` (uint64), each (rows,)."""
    return {
        "margin": table["margin"].to_numpy(),
        "probability": table["probability"].to_numpy(),
        "ties": table["tie"].cast(pa.uint64()).to_numpy(),
    }


def _sureness(
    bundle: Bundle, margin: np.ndarray, probability: np.ndarray, *, widest: float
) -> tuple[tuple[str, pa.Array], ...]:
    """`probability_low`, `probability_high` (null where the model knows no interval) and `evidence`, row by row."""
    rows, table = len(probability), bundle.intervals
    if table is None:
        low = high = pa.nulls(rows, pa.float64())
        said = pa.array([NOT_ENOUGH] * rows, pa.string())
    else:
        low, high = (pa.array(end) for end in table.of(probability))
        enough = table.enough(margin, probability, widest=widest)
        said = pa.array(np.where(enough, ENOUGH, NOT_ENOUGH).tolist(), pa.string())
    return ("probability_low", low), ("probability_high", high), ("evidence", said)


def refuse_other_features(
    bundle: Bundle, features: Sequence[Feature], spec_hash: str, parameters: Mapping[str, Any]
) -> None:
    """Stop where the data and the configuration give other features than the model was trained on.

    Raises
    ------
    FeatureMismatch
        Names, kinds or meanings differ; the message shows the difference.
    """
    bundle.check([(feature.name, feature.kind) for feature in features])
    if bundle.spec_hash == spec_hash:
        return
    then, now = _flat(bundle.metadata.get("parameters", {})), _flat(parameters)
    changed = [
        f"  ~ {key}: was {then.get(key, 'absent')}, is {now.get(key, 'absent')}"
        for key in sorted(then.keys() | now.keys())
        if then.get(key) != now.get(key)
    ]
    raise FeatureMismatch(
        "The features have the names that the model was trained on, but mean something else:\n"
        + "\n".join(changed or ["  ~ another version of propensity defines them otherwise"])
        + "\nScore with the configuration of the training, or train a new model."
    )


def refuse_emptied(bundle: Bundle, report: CheckReport) -> None:
    """Stop where a table holds nothing now that the model learned from: so looks an export that failed.

    Raises
    ------
    ContractError
        Names each such table, and how many rows it had.
    """
    then: Mapping[str, Any] = bundle.metadata.get("data", {}).get("tables", {})
    gone = [
        f"{name} ({table.origin}) holds no usable row, and had {then[name]['kept']:,}"
        for name, table in report.tables.items()
        if not table.kept and name in then and then[name]["kept"]
    ]
    if gone:
        raise ContractError(
            f"{'; '.join(gone)} when the model learned. Bring the export in order, and run again. A table that is empty for good: "
            "take it out of the configuration, and train again."
        )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def tie_breaks(lead_ids: pa.ChunkedArray) -> np.ndarray:
    """A stable number per lead (uint64, shape (rows,)): the first bytes of SHA-256, which no engine or order changes."""
    digests = (hashlib.sha256(lead.encode()).digest()[:_HASH_BYTES] for lead in lead_ids.to_pylist())
    return np.fromiter(
        (int.from_bytes(digest, "big") for digest in digests), dtype=np.uint64, count=len(lead_ids)
    )
