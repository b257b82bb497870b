"""Everything that a night leaves, written into one folder: scores, lists, each rep's files, the CRM's, the overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from propensity.delivery.crm import earlier_leads, write_crm
from propensity.delivery.exports import write_exports
from propensity.delivery.lists import LIST, LIST_CSV, SCORES, write_csv, write_parquet
from propensity.delivery.ordered import stream_by
from propensity.delivery.overview import render_overview
from propensity.delivery.page import render_list
from propensity.delivery.reps import FOLDER, RepList, rep_lists
from propensity.delivery.view import Night
from propensity.delivery.workbook import write_workbook
from propensity.scoring.ahead import meanwhile
from propensity.scoring.rank import PLACE

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.engines import Engine
    from propensity.scoring.lists import Ranking

OVERVIEW = "overview.html"


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    rows
        Per file (its path in the folder) the rows in it.
    lists
        Every rep's list; the manifest links names to ids.
    """

    rows: Mapping[str, int]
    lists: tuple[RepList, ...]

    def reps(self) -> list[Mapping[str, Any]]:
        """JSON types, for the manifest."""
        return [one.to_dict() for one in self.lists]


def night_of(config: Config, ranking: Ranking, as_of: Any, *, model: str) -> Night:
    """What holds for every list of the night; `model` is its name and version in words."""
    return Night(
        as_of, config.data.zone, config.data.currency, ranking.qualified.threshold.probability, model
    )


def write_night(
    scratch: Path,
    engine: Engine,
    ranking: Ranking,
    night: Night,
    *,
    config: Config,
    nights: Path,
) -> Written:
    """Write all files into `scratch`.

    Parameters
    ----------
    scratch
        An empty folder.
    engine
        Holds the ranking's tables.
    ranking
        The night.
    night
        What holds for every list.
    config
        The configuration.
    nights
        The folder of earlier nights: who was on their lists and is on none of this one is told to the CRM.
    """
    batch = config.lists.batch_rows
    listed = engine.collect(ranking.listed)
    write_parquet(scratch / LIST, listed.to_batches(), listed.schema)
    write_csv(scratch / LIST_CSV, listed)
    rows = {LIST: listed.num_rows, LIST_CSV: listed.num_rows}
    lists = rep_lists(listed, ranking.reps)
    # Pages and workbooks are Python's work; the large files are the engine's and Arrow's.
    with meanwhile(lambda: write_reps(scratch, lists, ranking.acts, night)) as of_reps:
        rows[SCORES] = _write_scores(scratch / SCORES, engine, ranking.scores, batch)
        rows |= write_exports(scratch, engine, ranking.exports, batch_rows=batch)
        rows |= of_reps()
    earlier = earlier_leads(
        nights, night, config.tracking.model_name, most=config.lists.crm.look_back_lists
    ) - set(listed["lead_id"].to_pylist())
    rows |= write_crm(scratch, listed, _left(engine, ranking, earlier), night, config.lists.crm)
    (scratch / OVERVIEW).write_text(render_overview(lists, ranking, night), encoding="utf-8", newline="\n")
    return Written({**rows, OVERVIEW: len(lists)}, lists)


def _write_scores(path: Path, engine: Engine, scores: Any, batch_rows: int) -> int:
    batches = stream_by(engine, scores, PLACE, batch_rows)
    schema = scores.drop(PLACE).schema().to_pyarrow()
    return write_parquet(path, (batch.drop_columns([PLACE]) for batch in batches), schema)


def write_reps(scratch: Path, lists: Sequence[RepList], acts: pa.Table, night: Night) -> dict[str, int]:
    """Write each rep's page, workbook and CSV into `scratch`/reps; return each file's rows."""
    (scratch / FOLDER).mkdir(exist_ok=True)
    by_lead: dict[str, list[dict[str, Any]]] = {}
    for act in acts.to_pylist():
        by_lead.setdefault(act["lead_id"], []).append(act)
    rows: dict[str, int] = {}
    for one in lists:
        if not one.has_files:
            continue
        page, workbook, table = (one.file(ending) for ending in ("html", "xlsx", "csv"))
        (scratch / page).write_text(render_list(one, by_lead, night), encoding="utf-8", newline="\n")
        write_workbook(scratch / workbook, one, night)
        write_csv(scratch / table, one.rows)
        for file in (page, workbook, table):
            rows[file] = one.rows.num_rows
    return rows


def _left(engine: Engine, ranking: Ranking, earlier: set[str]) -> pa.Table:
    """Of who was on an earlier list and is on none tonight: how it is scored tonight, and why it is off; by lead_id."""
    ids = engine.register("earlier_lists", pa.table({"lead_id": pa.array(sorted(earlier), pa.string())}))
    scores: Any = ranking.scores
    found = scores.semi_join(ids, "lead_id").filter(scores["removed"].notnull())
    columns = ("lead_id", "probability", "tier", "verdict", "removed_because")
    return engine.collect(found.select(*columns).order_by("lead_id"))
