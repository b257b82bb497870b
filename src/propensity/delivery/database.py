"""Scores and lists in PostgreSQL tables, beside the files: both in one transaction, the same night twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from propensity.delivery.lists import LIST, SCORES
from propensity.delivery.mentions import ANOTHER, BECAUSE, named_as_same
from propensity.postgres.address import address_of

if TYPE_CHECKING:
    from propensity.config.database import TargetConfig

WHERE = "lists.database"
NOT_WRITTEN = ("contact_name", "email", "phone")
"""Who the person is stays where it is: the CRM knows it by the lead's id."""
_NEW = (("model_name", pa.string()), ("model_version", pa.string()))
_BATCH_ROWS = 20_000
_NO_DATE = "-infinity"
"""The night of leads without dates."""


@dataclass(frozen=True)
class Upserted:
    """How many rows of either table were added or changed, and how many leads left the scores and the list."""

    scores: int
    no_longer_scored: int
    listed: int
    no_longer_listed: int


def upsert(config: TargetConfig, folder: Path, as_of: datetime | None, model: tuple[str, str]) -> Upserted:
    """Merge a delivered night into both tables.

    Parameters
    ----------
    config
        The server and the names of the tables.
    folder
        Holds scores.parquet and list.parquet, whole.
    as_of
        The night; None for leads without dates.
    model
        Its name and version.

    Raises
    ------
    DeliveryError, DeliveryUnavailable
        The server refuses, does not answer, or was lost: the tables hold what they held.
    ConfigError
        The address is none, or its environment variable is not set.
    """
    from propensity.postgres.merge import Target, transaction  # noqa: PLC0415 - only who uses a server pays for it

    night = _NO_DATE if as_of is None else as_of.isoformat()
    scored = Target(
        config.in_schema, config.scores, ("lead_id",), _schema(folder / SCORES, ("current", pa.bool_()))
    )
    listed = Target(config.in_schema, config.lists, ("as_of", "lead_id"), _schema(folder / LIST))
    with transaction(address_of(config, WHERE)) as writer:
        current = not writer.opened(scored, newer=("as_of", night))
        writer.opened(listed)
        scores = writer.merge(
            scored,
            _rows(folder / SCORES, scored.columns, night, model, current=current),
            keep_if_newer="as_of",
        )
        gone = writer.change(
            scored,
            "UPDATE {table} AS held SET current = false, rank = NULL, rep = NULL, rep_rank = NULL "
            "WHERE held.current AND held.as_of <= {night} AND NOT EXISTS "
            "(SELECT FROM pg_temp.arriving AS tonight WHERE tonight.lead_id = held.lead_id)",
            night=night,
        )
        on_list = writer.merge(listed, _rows(folder / LIST, listed.columns, night, model))
        left = writer.change(
            listed,
            "DELETE FROM {table} AS held WHERE held.as_of = {night} AND NOT EXISTS "
            "(SELECT FROM pg_temp.arriving AS tonight WHERE tonight.lead_id = held.lead_id)",
            night=night,
        )
    return Upserted(scores, gone, on_list, left)


def forget_rows(config: TargetConfig, lead_id: str) -> tuple[dict[str, int], list[str]]:
    """Delete a lead's rows from both tables, and its id from rows of others, in one transaction.

    Returns
    -------
    rows
        Table to the rows deleted from it, where there were any.
    altered
        Tables in which another lead's row named this one.

    Raises
    ------
    DeliveryError, DeliveryUnavailable, ConfigError
        As of `upsert`.
    """
    from propensity.postgres.merge import Target, transaction  # noqa: PLC0415 - only who uses a server pays for it

    rows: dict[str, int] = {}
    altered: list[str] = []
    with transaction(address_of(config, WHERE)) as writer:
        # The scores first, as `upsert` takes them: two writers never wait for each other.
        for name in (config.scores, config.lists):
            there = writer.columns_of(config.in_schema, name)
            table = Target(config.in_schema, name, (), pa.schema([]))
            if "lead_id" not in there:
                continue
            gone = writer.change(table, "DELETE FROM {table} WHERE lead_id = {lead}", lead=lead_id)
            if gone:
                rows[table.shown] = gone
            if BECAUSE in there and writer.change(
                table,
                "UPDATE {table} SET removed_because = {another} WHERE removed_because = {named}",
                another=ANOTHER,
                named=named_as_same(lead_id),
            ):
                altered.append(table.shown)
    return rows, altered


def _schema(path: Path, *more: tuple[str, Any]) -> pa.Schema:
    """The columns of a file but for the person's, the night among them, then what is added."""
    fields = [field for field in pq.read_schema(path) if field.name not in (*NOT_WRITTEN, "as_of")]
    return pa.schema([("as_of", pa.timestamp("us", tz="UTC")), *fields, *_NEW, *more])


def _rows(
    path: Path, schema: pa.Schema, night: str, model: tuple[str, str], *, current: bool = True
) -> Iterator[pa.RecordBatch]:
    """The file's rows as the table has them; the night as text, which COPY reads as a time."""
    constants: dict[str, Any] = {
        "as_of": night,
        "model_name": model[0],
        "model_version": model[1],
        "current": current,
    }
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH_ROWS):
            columns = [
                pa.repeat(pa.scalar(constants[name]), batch.num_rows)
                if name in constants
                else batch.column(name)
                for name in schema.names
            ]
            yield pa.RecordBatch.from_arrays(columns, names=schema.names)
