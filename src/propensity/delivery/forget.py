"""Remove a person from everything that propensity keeps: lists of every night, ledger, reports, quarantine, and the tables.

Each file is rewritten beside its place and renamed, so that a run that is killed leaves every file whole, and the same command
goes on from there. A lead is found by its lead_id alone. docs/results.md says what that cannot reach.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

from propensity.delivery.database import forget_rows
from propensity.delivery.lists import MANIFEST, UNDELIVERED, file_entry, manifest_text, write_parquet
from propensity.delivery.mentions import ANOTHER, BECAUSE, csv_without, mentions, named_as_same
from propensity.errors import DeliveryError, UsageError
from propensity.scoring.feedback import DO_NOT_CALL, FEEDBACK
from propensity.scoring.ledger import NIGHTS, SOURCES, sources, write_rows
from propensity.whole import written_whole

if TYPE_CHECKING:
    from propensity.config import PathsConfig, TargetConfig

# Arrow registers its compute functions at run time: a type checker does not see them.
pc: Any = pyarrow.compute
_BATCH_ROWS = 50_000


@dataclass
class Forgotten:
    """What was done. Nothing here names the person.

    Attributes
    ----------
    rows
        File, or table of the database, to the rows that were removed from it.
    deleted
        Files that could not be rewritten row by row and were deleted.
    altered
        Files and tables in which another lead's row named this one, and no longer does.
    do_not_call
        Reports that the person must not be called, which are gone as well.
    """

    rows: dict[str, int] = field(default_factory=dict[str, int])
    deleted: list[str] = field(default_factory=list[str])
    altered: list[str] = field(default_factory=list[str])
    do_not_call: int = 0

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is left to do."""
        if not self.do_not_call:
            return ()
        told = (
            f"{self.do_not_call} report(s) that this person must not be called were removed as well: delete the lead from the CRM, or "
            "mark it as do_not_contact there, before the next list is made"
        )
        return (told,)

    def to_dict(self) -> dict[str, Any]:
        """What `forget --json` prints."""
        return {
            "rows_removed": sum(self.rows.values()),
            "files": dict(sorted(self.rows.items())),
            "altered": sorted(self.altered),
            "deleted": sorted(self.deleted),
            "warnings": list(self.warnings),
        }


def forget_lead(
    lead_id: str, paths: PathsConfig, *, more: Sequence[Path] = (), database: TargetConfig | None = None
) -> Forgotten:
    """Remove a lead.

    Parameters
    ----------
    lead_id
        Of the lead, exactly as the leads table spells it.
    paths
        Where files land.
    more
        Folders of lists outside `paths.out`.
    database
        The tables that nights are written to; None where there are none.

    Raises
    ------
    UsageError
        The lead_id is empty, or a folder of `more` holds no list.
    DeliveryError
        A file cannot be read or rewritten, or the database refuses or does not answer; it goes first.
    """
    if not lead_id.strip():
        raise UsageError("LEAD_ID is empty. Give the id as the leads table spells it.")
    for folder in more:
        if _manifest(folder) is None:
            raise UsageError(
                f"{folder} holds no list: {MANIFEST} is missing. Name the folder that `score` wrote."
            )
    done = _Forgetting(lead_id)
    if database is not None:
        rows, altered = forget_rows(database, lead_id)
        done.found.rows |= rows
        done.found.altered += altered
    try:
        kept = paths.state_folder / UNDELIVERED
        renamed = dict(_nights(done, [*_folders(paths.out), *_folders(kept), *more]))
        _ledger(done, paths.ledger / NIGHTS, renamed)
        for path in sorted((paths.ledger / FEEDBACK).glob("*.parquet")):
            _report_file(done, path)
        for path in sorted(paths.quarantine.glob("*.csv")):
            done.csv(path, f"{paths.quarantine.name}/{path.name}", loose=True)
        if paths.cache is not None:
            for path in sorted(paths.cache.glob("*.parquet")):
                done.frame(path, f"{paths.cache.name}/{path.name}")
    except (OSError, pa.ArrowException) as error:
        raise DeliveryError(
            f"forgetting stopped: {error}. What was done stays done; mend this and run the same command again."
        ) from error
    return done.found


class _Forgetting:
    """What is forgotten, and what was done so far."""

    def __init__(self, lead_id: str) -> None:
        self.lead_id = lead_id
        self.found = Forgotten()

    def parquet(self, path: Path, name: str) -> int:
        """Rewrite a Parquet file without the lead; return the rows that are left."""
        file = pq.ParquetFile(path)
        schema = file.schema_arrow
        if "lead_id" not in schema.names:
            return file.metadata.num_rows
        told = [column for column in ("lead_id", BECAUSE) if column in schema.names]
        gone = changed = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=told):
            gone += pc.sum(pc.fill_null(pc.equal(batch["lead_id"], self.lead_id), False)).as_py() or 0
            if BECAUSE in told:
                changed += pc.sum(pc.fill_null(pc.equal(batch[BECAUSE], self._because), False)).as_py() or 0
        if gone or changed:
            with written_whole(path) as scratch:
                write_parquet(
                    scratch, (self.without(batch) for batch in file.iter_batches(_BATCH_ROWS)), schema
                )
        self.note(name, gone, changed)
        return file.metadata.num_rows - gone

    def without(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of others, and no word of the lead as the same person."""
        kept = batch.filter(pc.fill_null(pc.not_equal(batch["lead_id"], self.lead_id), True))
        if BECAUSE not in kept.schema.names:
            return kept
        names_it = pc.fill_null(pc.equal(kept[BECAUSE], self._because), False)
        place = kept.schema.get_field_index(BECAUSE)
        return kept.set_column(place, kept.schema.field(place), pc.if_else(names_it, ANOTHER, kept[BECAUSE]))

    def csv(self, path: Path, name: str, *, loose: bool = False) -> int:
        """Rewrite a CSV without the lead's rows; return the rows that are left.

        Where no column tells whose a row is, the file is deleted if it names the lead.
        """
        found = csv_without(path, self.lead_id, loose=loose)
        if found is None:
            self.other(path, name)
            return 0
        self.note(name, found.removed, 0)
        return found.left

    def other(self, path: Path, name: str) -> None:
        """Delete a file of another kind that names the lead."""
        if mentions(path, self.lead_id):
            path.unlink()
            self.found.deleted.append(name)

    def frame(self, path: Path, name: str) -> None:
        """Delete a kept feature frame that holds the lead: it is computed again when it is wanted."""
        ids = pq.read_table(path, columns=["lead_id"])["lead_id"]
        if pc.any(pc.equal(ids, self.lead_id)).as_py():
            path.with_suffix(".sha256").unlink(missing_ok=True)
            path.unlink()
            self.found.deleted.append(name)

    def note(self, name: str, gone: int, changed: int) -> None:
        """Say what was done with a file."""
        if gone:
            self.found.rows[name] = self.found.rows.get(name, 0) + gone
        if changed:
            self.found.altered.append(name)

    @property
    def _because(self) -> str:
        return named_as_same(self.lead_id)


def _folders(out: Path) -> Iterator[Path]:
    """The folders of nights, and what a killed run left beside them; nothing else that may lie in `out`."""
    for path in sorted(out.iterdir()) if out.is_dir() else ():
        if path.is_dir() and (_manifest(path) is not None or path.name.startswith(".")):
            yield path


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "propensity" in found else None


def _nights(done: _Forgetting, folders: Iterable[Path]) -> Iterator[tuple[bytes, bytes]]:
    """Clear each night; give what its sources were called in the ledger, and what they are called now."""
    for folder in folders:
        rows: dict[str, int] = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
            inside = path.relative_to(folder).as_posix()
            name = f"{folder.name}/{inside}"
            if path.suffix == ".parquet":
                rows[inside] = _kept(lambda path=path, name=name: done.parquet(path, name), path, folder)
            elif path.suffix == ".csv":
                rows[inside] = done.csv(path, name)
            elif inside != MANIFEST:
                done.other(path, name)
        manifest = _manifest(folder)
        if manifest is None:
            continue
        before = _sources(manifest)
        _refresh(folder, manifest, rows)
        after = _sources(manifest)
        if before is not None and after is not None and before != after:
            yield before, after


def _kept(rewrite: Callable[[], int], path: Path, folder: Path) -> int:
    """What a killed run left half-written holds nothing that anybody needs."""
    try:
        return rewrite()
    except pa.ArrowInvalid:
        if not any(part.startswith(".") for part in (folder.name, *path.relative_to(folder).parts)):
            raise
        path.unlink()
        return 0


def _refresh(folder: Path, manifest: dict[str, Any], rows: dict[str, int]) -> None:
    """Bring bytes, rows and hashes of the manifest up to the files; `manifest` itself is altered."""
    files: dict[str, Any] = {}
    for name, entry in manifest["files"].items():
        path = folder / name
        if path.is_file():
            found = file_entry(path, rows.get(name, entry.get("rows")))
            files[name] = entry if found["sha256"] == entry["sha256"] else found
    if files != manifest["files"]:
        manifest["files"] = files
        with written_whole(folder / MANIFEST) as scratch:
            scratch.write_text(manifest_text(manifest), encoding="utf-8")


def _sources(manifest: dict[str, Any]) -> bytes | None:
    try:
        return sources(
            {name: manifest["files"][name]["sha256"] for name in ("scores.parquet", "list.parquet")}
        )
    except KeyError:
        return None


def _ledger(done: _Forgetting, folder: Path, renamed: dict[bytes, bytes]) -> None:
    """Clear every recorded night, superseded ones too; the file then says that it was made of the cleared list."""
    for path in sorted(folder.glob("*/*.parquet")):
        file = pq.ParquetFile(path)
        metadata: dict[bytes, bytes] = dict(file.schema_arrow.metadata or {})
        gone = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=["lead_id"]):
            gone += pc.sum(pc.equal(batch["lead_id"], done.lead_id)).as_py() or 0
        made_of: bytes = metadata.get(SOURCES) or b""
        if not gone and made_of not in renamed:
            continue
        batches = (pa.Table.from_batches([done.without(batch)]) for batch in file.iter_batches(_BATCH_ROWS))
        with written_whole(path) as scratch:
            write_rows(scratch, batches, {**metadata, SOURCES: renamed.get(made_of, made_of)})
        done.note(f"ledger/{path.parent.name}/{path.name}", gone, 0)


def _report_file(done: _Forgetting, path: Path) -> None:
    """Clear a file of reports; one that holds nothing else goes."""
    table = pq.ParquetFile(path).read()
    theirs = table.filter(pc.equal(table["lead_id"], done.lead_id))
    if not theirs.num_rows:
        return
    done.found.do_not_call += theirs["outcome"].to_pylist().count(DO_NOT_CALL)
    kept = table.filter(pc.not_equal(table["lead_id"], done.lead_id))
    if kept.num_rows:
        with written_whole(path) as scratch:
            pq.write_table(kept, scratch, compression="zstd")
    else:
        path.unlink()
    done.note(f"ledger/{FEEDBACK}/{path.name}", theirs.num_rows, 0)
