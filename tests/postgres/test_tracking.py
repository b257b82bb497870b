"""MLflow's own store on a real PostgreSQL, and the whole job over one server: read, train, promote, score, write, roll back."""

# ruff: noqa: S105, S608 - the password is made up here, and so are the tables

from __future__ import annotations

import os

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from conftest import small_config
from propensity import workflow
from propensity.config import TrackingConfig
from propensity.errors import ConfigError, RegistryError
from propensity.session import Progress
from propensity.tracking.registry import Registry
from propensity.tracking.store import Store

SECRET = "S3CR3T-of-the-server"
KINDS = {
    "int64": "bigint",
    "double": "double precision",
    "string": "text",
    "bool": "boolean",
    "date32[day]": "date",
}


def load(connection, world):
    """The small world as tables of the server; ids and times keep their types."""
    tables = {}
    for path in sorted([*world.glob("*.csv"), *world.glob("*.parquet")]):
        table = pq.read_table(path) if path.suffix == ".parquet" else pacsv.read_csv(path)
        if path.stem == "truth":
            continue
        columns = ", ".join(
            f'"{field.name}" {"timestamptz" if pa.types.is_timestamp(field.type) else KINDS.get(str(field.type), "text")}'
            for field in table.schema
        )
        connection.execute(f"CREATE TABLE {path.stem} ({columns})")
        with connection.cursor() as cursor, cursor.copy(f"COPY {path.stem} FROM STDIN") as copy:
            for row in table.to_pylist():
                copy.write_row(list(row.values()))
        tables[path.stem] = table.num_rows
    return tables


@pytest.fixture(scope="module")
def night(server, small_world, tmp_path_factory):
    """Everything on one server whose address, with a password, comes from the environment."""
    place, database = tmp_path_factory.mktemp("night"), server.database()
    uri = server.uri(database).replace("postgres@", f"postgres:{SECRET}@")
    before = dict(os.environ)
    os.environ["CRM_URL"], os.environ["MLFLOW_STORE"] = uri, uri
    with server.connect(database) as connection:
        names = load(connection, small_world)
    settings = [
        "data.database={url_env: CRM_URL}",
        *(
            f"tables.{name}={{table: {name}}}"
            for name in ("leads", "accounts", "activities", "stages", "budgets", "products")
        ),
        "tracking.uri_env=MLFLOW_STORE",
        f"tracking.artifacts={place / 'files'}",
        "lists.database={url_env: CRM_URL}",
    ]
    assert set(names) >= {"leads", "accounts", "activities"}
    yield server, database, place, small_config(small_world, place, *settings)
    os.environ.clear()
    os.environ.update(before)


def test_the_whole_job_runs_on_one_server_and_shows_no_password(
    night, small_world, champion_place, tmp_path, capfd
):
    server, database, place, config = night
    first = workflow.train(config)
    workflow.promote(config)
    result = workflow.score(config)
    second = workflow.train(config.model_copy(update={"model": config.model.model_copy(update={"seed": 5})}))
    registry = Registry(Store.from_config(config.tracking), config.paths.models)
    workflow.promote(config, version=second.registered.version, force=True, reason="the test wants two")
    assert registry.champion().number == second.registered.version
    assert workflow.rollback(config, Progress()).restored.number == first.registered.version
    again = workflow.score(config)
    with server.connect(database) as connection:
        scores = connection.execute(
            "SELECT count(*), count(rank), min(model_version) FROM propensity_scores"
        ).fetchone()
        listed = connection.execute("SELECT count(*) FROM propensity_lists").fetchone()
        # MLflow's own tables lie in the same database; none of them knows the password.
        tables = [
            row[0]
            for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ]
        assert {"runs", "model_versions", "registered_model_aliases"} <= set(tables)
        told = [
            name
            for name in tables
            if connection.execute(
                f'SELECT 1 FROM "{name}" AS t WHERE t::text LIKE %s', [f"%{SECRET}%"]
            ).fetchone()
        ]
    assert scores == (result.scored, scores[1], first.registered.version)
    assert listed == (result.listed,)
    assert (again.scored, again.listed) == (result.scored, result.listed)
    shown = capfd.readouterr()
    files = [path for path in place.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not told
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in f"{shown.out}{shown.err}{result!r}{config!r}{registry!r}"
    assert (shown.out, shown.err) == ("", "")
    # The same rows from files give the same list.
    from_files = workflow.score(
        small_config(small_world, champion_place, f"paths.out={tmp_path}", f"paths.quarantine={tmp_path}/q")
    )
    columns = ["lead_id", "probability", "rank", "verdict"]
    tables = [pq.read_table(found.out / "scores.parquet", columns=columns) for found in (result, from_files)]
    assert tables[0].equals(tables[1])


def test_a_store_that_does_not_answer_is_said_at_once_without_its_password(monkeypatch):
    monkeypatch.setenv("STORE", f"postgresql://ann:{SECRET}@127.0.0.1:1/mlflow")
    store = Store.from_config(TrackingConfig(uri_env="STORE", artifacts="files"))
    with pytest.raises(
        RegistryError, match=r"postgresql://127\.0\.0\.1:1/mlflow.*Connection refused"
    ) as refused:
        Registry(store, "models").champion()
    assert SECRET not in f"{refused.value} {store!r}"


def test_a_password_in_the_file_and_a_variable_that_is_not_set_are_refused(monkeypatch):
    with pytest.raises(ValueError, match=r"holds a password.*PGPASSWORD") as refused:
        TrackingConfig(uri=f"postgresql://ann:{SECRET}@db/mlflow")
    assert SECRET not in str(refused.value.errors(include_input=False, include_context=False))
    monkeypatch.delenv("STORE", raising=False)
    with pytest.raises(ConfigError, match="environment variable STORE, which is not set"):
        Store.from_config(TrackingConfig(uri_env="STORE", artifacts="files"))
