"""A night over one server: tables read from it, the list the same as from files, scores and list merged back."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from conftest import scoring_config
from propensity import workflow

TABLES = ("leads", "accounts", "activities", "stages", "budgets", "products")
SECRET = "S3CR3T-of-the-server"  # noqa: S105 - made up here
KINDS = {
    "int64": "bigint",
    "double": "double precision",
    "string": "text",
    "bool": "boolean",
    "date32[day]": "date",
}


def load(connection, world):
    """The small world as tables of the server; ids and times keep their types."""
    for path in sorted(path for path in world.glob("*.*") if path.stem in TABLES):
        table = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path)
        columns = ", ".join(
            f'"{field.name}" {"timestamptz" if pa.types.is_timestamp(field.type) else KINDS.get(str(field.type), "text")}'
            for field in table.schema
        )
        connection.execute(f"CREATE TABLE {path.stem} ({columns})")
        with connection.cursor() as cursor, cursor.copy(f"COPY {path.stem} FROM STDIN") as copy:
            for row in table.to_pylist():
                copy.write_row(list(row.values()))


def test_a_night_over_a_server_is_that_over_files_and_is_merged_back(
    server, database, small_world, champion_place, tmp_path, monkeypatch, capfd
):
    monkeypatch.setenv("CRM_URL", server.uri(database).replace("postgres@", f"postgres:{SECRET}@"))
    with server.connect(database) as connection:
        load(connection, small_world)
    settings = [f"tables.{name}={{table: {name}}}" for name in TABLES]
    there = scoring_config(
        small_world, champion_place, tmp_path / "there", "data.database={url_env: CRM_URL}", "lists.database={url_env: CRM_URL}",
        *settings,
    )  # fmt: skip
    result = workflow.score(there)
    from_files = workflow.score(scoring_config(small_world, champion_place, tmp_path / "here"))
    for name in ("scores.parquet", "list.parquet"):
        assert pq.read_table(result.out / name).equals(pq.read_table(from_files.out / name))
    with server.connect(database) as connection:
        asked = "SELECT lead_id, probability, rank FROM propensity_scores WHERE current ORDER BY lead_id"
        scores = connection.execute(asked).fetchall()
        listed = connection.execute(
            "SELECT lead_id, rank, reason_1 FROM propensity_lists ORDER BY rank"
        ).fetchall()
    rows = pq.read_table(
        result.out / "scores.parquet", columns=["lead_id", "probability", "rank"]
    ).to_pylist()
    assert scores == sorted((tuple(row.values()) for row in rows), key=lambda row: row[0])
    rows = pq.read_table(result.out / "list.parquet", columns=["lead_id", "rank", "reason_1"]).to_pylist()
    assert listed == [tuple(row.values()) for row in rows]
    assert len(listed) == result.listed > 50
    shown = capfd.readouterr()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in f"{shown.out}{shown.err}{result!r}{there!r}"
