"""The feature frame of a training, kept by content: the same data, features and snapshots are not computed twice.

A frame is a Parquet file named by the SHA-256 of everything that shapes it, with its own SHA-256 beside it. What is damaged,
of other content or not there is computed again, so that the folder may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from propensity.features.catalogue import feature_specs, parameters
from propensity.features.frame import FeatureFrame
from propensity.features.spec import spec_hash

if TYPE_CHECKING:
    from propensity.sources.canonical import Canonical

_SHAPING = ("engines", "sources", "timeline", "features")
"""The rooms whose code shapes a frame: another version of it may give other values."""
MOST_FRAMES = 4
"""So many frames are kept; of more, those that were used last."""
_READ_BYTES = 1 << 20


def cached_frame(
    canonical: Canonical, through: datetime | None, folder: Path | None, build: Callable[[], FeatureFrame]
) -> FeatureFrame:
    """Return the frame that `build` would give, from `folder` where it is there whole; else build it and leave it there.

    Parameters
    ----------
    canonical
        The checked tables; where one of them has no hash, nothing is kept.
    through
        How far the data reach, which decides the snapshots.
    folder
        Of the frames; None for none. That it cannot be written is no error: the frame is then built each time.
    build
        Computes the frame.
    """
    key = None if folder is None else _key(canonical, through)
    if folder is None or key is None:
        return build()
    path = folder / f"{key}.parquet"
    table = _read(path)
    if table is not None:
        features = feature_specs(canonical)
        meaning = spec_hash(features, parameters(canonical))
        return FeatureFrame(table, features, meaning, canonical.config.outcome.horizon_days)
    frame = build()
    with suppress(OSError):
        _write(path, frame.table)
        _forget(folder)
    return frame


def _key(canonical: Canonical, through: datetime | None) -> str | None:
    """SHA-256 over the data, the features, our code and what decides the snapshots; None where some data have no hash."""
    hashes = {name: report.sha256 for name, report in canonical.report.tables.items()}
    if not all(hashes.values()):
        return None
    config = canonical.config
    shaping = config.model_dump(
        mode="json", include={"tables", "checks", "outcome", "snapshots", "features"}
    ) | {"data": config.data.model_dump(mode="json", exclude={"folder", "database"})}
    meaning = spec_hash(feature_specs(canonical), parameters(canonical))
    rows = {name: report.kept for name, report in canonical.report.tables.items()}
    shaping["features"].pop("own")  # `parameters` holds what is in those files
    parts = [_code(), pa.__version__, hashes, rows, shaping, meaning, str(through)]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _code() -> str:
    """SHA-256 over the code that shapes a frame."""
    digest = hashlib.sha256()
    for room in _SHAPING:
        for path in sorted((Path(__file__).parent.parent / room).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> pa.Table | None:
    """The table, if the file is there and is what its hash says; it then counts as just used."""
    try:
        if path.with_suffix(".sha256").read_text() != _digest(path):
            return None
        table = pq.read_table(path)
        os.utime(path)
    except (OSError, pa.ArrowException):
        return None
    return table


def _write(path: Path, table: pa.Table) -> None:
    """Write the file and its hash, each at once or not at all, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            pq.write_table(table, out, compression="lz4")
        digest = _digest(draft)
        draft.replace(path)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(digest)
        draft.replace(path.with_suffix(".sha256"))
    finally:
        draft.unlink(missing_ok=True)


def _forget(folder: Path) -> None:
    """Keep the MOST_FRAMES frames that were used last, and nothing that a killed run left half-written."""
    frames = sorted(folder.glob("*.parquet"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in frames[MOST_FRAMES:]:
        path.unlink(missing_ok=True)
        path.with_suffix(".sha256").unlink(missing_ok=True)
    for draft in folder.glob("*.partial"):
        draft.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
