"""The ledger: what was scored, ranked and delivered, night by night. Only ever added to, and read by what comes after.

A night is one Parquet file, `nights/as_of=<instant>/<number>.parquet`, a row a scored lead (ROWS). A night that is scored again with
another result gets the next number, and readers take the last; with the same result nothing is written. Files appear whole or
not at all, so that no reader ever sees half of one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from propensity.errors import LedgerError
from propensity.whole import written_whole

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute

NIGHTS = "nights"
_PARTITION, _INSTANT = "as_of=", "%Y-%m-%dT%H-%M-%S.%fZ"
_SCORED = (
    ("lead_id", pa.string()), ("account_id", pa.string()), ("margin", pa.float64()), ("probability", pa.float64()),
    ("tier", pa.string()), ("rank", pa.int64()), ("verdict", pa.string()), ("removed", pa.string()), ("rep", pa.string()),
    ("rep_rank", pa.int64()), ("selection", pa.string()), ("selection_probability", pa.float64()),
)  # fmt: skip
ROWS = pa.schema(
    [
        ("as_of", pa.timestamp("us", tz="UTC")), *_SCORED[:2], ("model_name", pa.string()), ("model_version", pa.string()),
        ("model_digest", pa.string()), *_SCORED[2:], ("listed", pa.bool_()), ("delivered", pa.bool_()),
    ]
)  # fmt: skip
"""A row a scored lead; `listed`: it was on a list, `delivered`: and that list reached its place."""
_BATCH_ROWS = 50_000
_SOURCES = ("scores.parquet", "list.parquet")
SOURCES = b"propensity.sources"
"""In a file's metadata: the SHA-256 of the delivered files that it was made of, as JSON."""
_MODEL = b"propensity.model"


@dataclass(frozen=True)
class Night:
    """One recorded night.

    Attributes
    ----------
    as_of
        At which it stood (UTC).
    path
        Its file.
    model
        `name`, `version`, `digest`, `horizon_days` and so on, as the manifest said.
    leads
        That were scored.
    """

    as_of: datetime
    path: Path
    model: Mapping[str, Any]
    leads: int

    @property
    def horizon_days(self) -> int:
        """How far ahead its probabilities look, in days."""
        return int(self.model["horizon_days"])

    def rows(self, columns: list[str] | None = None) -> pa.Table:
        """ROWS, or some columns of them, by rank; leads that may not be called last.

        Raises
        ------
        LedgerError
            The file is damaged.
        """
        try:
            return pq.ParquetFile(self.path).read(columns)
        except (OSError, pa.ArrowException) as error:
            raise LedgerError(_damaged(self.path, error)) from error


class Ledger:
    """The nights below a folder. Nothing is made before something is recorded.

    Parameters
    ----------
    folder
        `paths.ledger`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._problems: dict[Path, str] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be read so far, a sentence a file; an older file of the same night then speaks for it."""
        return tuple(self._problems.values())

    def nights(self) -> list[Night]:
        """All nights, by rising as_of; of a night that was recorded several times, the last whole file."""
        found: list[Night] = []
        for as_of, folder in self._partitions():
            newest = next(
                (night for path in self._files(folder) if (night := self._night(as_of, path))), None
            )
            if newest is not None:
                found.append(newest)
        return found

    def before(self, as_of: datetime) -> Night | None:
        """The newest night strictly before `as_of`."""
        for at, folder in reversed(self._partitions()):
            if at < as_of:
                for path in self._files(folder):
                    night = self._night(at, path)
                    if night is not None:
                        return night
        return None

    def known(self, leads: Collection[str]) -> set[str]:
        """Those of `leads` that any night holds, as far as nights can be read."""
        left, found = set(leads), set[str]()
        for night in reversed(self.nights()):
            if not left:
                break
            wanted = pa.array(sorted(left), pa.string())
            try:
                ids = night.rows(["lead_id"])["lead_id"]
            except LedgerError as error:
                self._problems[night.path] = str(error)
                continue
            met = set(ids.filter(pc.is_in(ids, value_set=wanted)).to_pylist())
            found |= met
            left -= met
        return found

    def holds(self, manifest: Mapping[str, Any]) -> bool:
        """Whether the night of a manifest is recorded, superseded since or not."""
        as_of = _as_of(manifest)
        if as_of is None:
            return False
        wanted = _sources(manifest)
        return any(_recorded_from(path) == wanted for path in self._files(self._partition(as_of)))

    def record(self, folder: Path, manifest: Mapping[str, Any]) -> bool:
        """Record a delivered night from its own files.

        Parameters
        ----------
        folder
            Where it was delivered: `scores.parquet` lies there.
        manifest
            Its manifest.

        Returns
        -------
        Whether something was written: the same night with the same content adds nothing, and a night without dates has no
        place in a ledger.

        Raises
        ------
        LedgerError
            The night's files are damaged, or the ledger cannot be written.
        """
        as_of = _as_of(manifest)
        if as_of is None:
            return False
        partition = self._partition(as_of)
        files = self._files(partition)
        if files and _recorded_from(files[0]) == _sources(manifest):
            return False
        try:
            _append(partition, _number(files), folder / _SOURCES[0], manifest, as_of)
        except (OSError, pa.ArrowException, KeyError) as error:
            raise LedgerError(
                f"the night of {manifest['as_of']} was delivered to {folder}, but could not be recorded in {self.folder}: {error}. "
                "Mend that; the next run records it first."
            ) from error
        return True

    def _partitions(self) -> list[tuple[datetime, Path]]:
        """Instants and folders, by rising time."""
        found: list[tuple[datetime, Path]] = []
        for path in self.folder.glob(f"{NIGHTS}/{_PARTITION}*"):
            try:
                at = datetime.strptime(path.name.removeprefix(_PARTITION), _INSTANT).replace(tzinfo=UTC)
            except ValueError:
                self._problems[path] = (
                    f"{path} is no night of the ledger: its name is no instant. It was left out."
                )
            else:
                found.append((at, path))
        return sorted(found)

    def _partition(self, as_of: datetime) -> Path:
        return self.folder / NIGHTS / f"{_PARTITION}{as_of.astimezone(UTC):{_INSTANT}}"

    @staticmethod
    def _files(partition: Path) -> list[Path]:
        """The newest first."""
        return sorted((path for path in partition.glob("*.parquet") if path.stem.isdecimal()), reverse=True)

    def _night(self, as_of: datetime, path: Path) -> Night | None:
        try:
            footer = pq.read_metadata(path)
            model = json.loads((footer.metadata or {})[_MODEL])
            return Night(as_of, path, model, footer.num_rows)
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            self._problems[path] = _damaged(path, error)
            return None


def _append(partition: Path, number: int, scores: Path, manifest: Mapping[str, Any], as_of: datetime) -> None:
    """Write the next file; where another run took the number meanwhile, the one after that."""
    while True:
        try:
            with written_whole(partition / f"{number:06d}.parquet", replace=False) as scratch:
                write_rows(scratch, rows_of(scores, manifest, as_of), _metadata(manifest))
        except FileExistsError:
            number += 1
        else:
            return


def write_rows(path: Path, batches: Iterator[pa.Table], metadata: Mapping[bytes, bytes]) -> None:
    """Write ROWS as one Parquet file, in bounded memory."""
    with pq.ParquetWriter(path, ROWS.with_metadata(dict(metadata)), compression="zstd") as writer:
        for table in batches:
            writer.write_table(table, row_group_size=_BATCH_ROWS)


def rows_of(scores: Path, manifest: Mapping[str, Any], as_of: datetime) -> Iterator[pa.Table]:
    """ROWS of a delivered night, batch by batch: its scores, and what its manifest says of the model."""
    model = manifest["model"]
    same = {
        "as_of": pa.scalar(as_of, ROWS.field("as_of").type),
        **{
            f"model_{name}": pa.scalar(str(model[name]), pa.string())
            for name in ("name", "version", "digest")
        },
    }
    with pq.ParquetFile(scores) as file:
        for batch in file.iter_batches(_BATCH_ROWS, columns=[name for name, _ in _SCORED]):
            listed = pc.is_null(batch["removed"])
            columns = {
                **{name: batch[name].cast(kind) for name, kind in _SCORED},
                **{name: pa.repeat(value, batch.num_rows) for name, value in same.items()},
                "listed": listed,
                "delivered": listed,
            }
            yield pa.table([columns[name] for name in ROWS.names], schema=ROWS)


def _metadata(manifest: Mapping[str, Any]) -> dict[bytes, bytes]:
    return {
        SOURCES: _sources(manifest),
        _MODEL: json.dumps(manifest["model"], sort_keys=True).encode(),
    }


def _sources(manifest: Mapping[str, Any]) -> bytes:
    """What a night was made of: the SHA-256 of its scores and its list."""
    return sources({name: manifest["files"][name]["sha256"] for name in _SOURCES})


def sources(sha256: Mapping[str, str]) -> bytes:
    """SHA-256 by file name, as a file's metadata hold them."""
    return json.dumps(sha256, sort_keys=True).encode()


def _recorded_from(path: Path) -> bytes | None:
    """What a file was made of; None where it cannot be read."""
    try:
        return (pq.read_metadata(path).metadata or {}).get(SOURCES)
    except (OSError, pa.ArrowException):
        return None


def _as_of(manifest: Mapping[str, Any]) -> datetime | None:
    return None if manifest["as_of"] is None else datetime.fromisoformat(manifest["as_of"])


def _number(files: list[Path]) -> int:
    return int(files[0].stem) + 1 if files else 1


def _damaged(path: Path, error: Exception) -> str:
    why = (str(error).splitlines() or [type(error).__name__])[0]
    return f"{path} cannot be read ({why}): it does not count. Restore it from a backup, or delete it."
