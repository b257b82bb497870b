import json
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.models import Model

import propensity
from propensity.errors import RegistryError
from propensity.tracking import log_training
from propensity.tracking.experiment import RungRun, metrics_of


@pytest.fixture
def client(store):
    return MlflowClient(tracking_uri=store.uri, registry_uri=store.uri)


@pytest.fixture
def files(client, registered, tmp_path):
    return client.download_artifacts(registered.run_id, "", str(tmp_path)), tmp_path


def test_params_metrics_and_tags_can_be_read_back(client, registered, training, models):
    run = client.get_run(registered.run_id)
    _, evaluation = models
    auc = evaluation.metrics["roc_auc"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {"seed": "0", "horizon_days": "60", "calibration": "platt", "tuned": "False"}
    assert run.data.metrics["test_roc_auc"] == auc.value
    assert run.data.metrics["test_roc_auc_low"] == auc.low
    assert run.data.metrics["test_roc_auc_high"] == auc.high
    assert run.data.metrics["base_rate_log_loss"] == evaluation.metrics["log_loss"].value
    assert run.data.metrics["test_rows"] == 300
    assert run.data.tags["as_of"] == "2025-06-01"
    assert run.data.tags["bundle_digest"] == training.final.digest


def test_what_is_not_a_finite_number_is_no_metric(models):
    evaluation = replace(models[1], calibration_slope=float("nan"))
    found = metrics_of({"model": evaluation})
    assert "test_calibration_slope" not in found
    assert "test_calibration_intercept" in found


def test_files_of_the_run(files, training):
    _, folder = files
    assert sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()) == [
        "config.yaml",
        "court.json",
        "environment.json",
        "evaluation.json",
        "features.json",
        "importance.json",
        "judged/bundle.json",
        "judged/manifest.json",
        "judged/model.txt",
        "lineage.json",
        "plots/gains.png",
        "plots/importance.png",
        "plots/reliability.png",
        "stability.json",
    ]
    assert json.loads((folder / "features.json").read_text()) == training.features
    assert json.loads((folder / "lineage.json").read_text()) == training.lineage
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["propensity"] == propensity.__version__
    assert set(environment) > {"python", "lightgbm", "numpy", "duckdb", "machine"}


def test_the_evidence_pack_is_kept_with_the_run_as_it_is(client, store, training, tmp_path):
    done = log_training(replace(store, model_name="evident"), replace(training, evidence="<p>évidence</p>\n"))
    found = client.download_artifacts(done.run_id, "evidence.html", str(tmp_path))
    assert Path(found).read_bytes() == "<p>évidence</p>\n".encode()


def test_config_is_kept_without_its_secrets(files):
    _, folder = files
    text = (folder / "config.yaml").read_text()
    assert yaml.safe_load(text) == {
        "tracking": {"uri": "postgresql://***@db/crm"},
        "model": {"tiers": [0.5, 0.2, 0.1], "params": {}},
    }


def test_tables_are_the_runs_dataset_inputs(client, registered):
    inputs = client.get_run(registered.run_id).inputs.dataset_inputs
    assert sorted(i.dataset.name for i in inputs) == ["accounts", "leads"]
    assert json.loads(inputs[0].dataset.source)["sha256"] == "ab" * 32
    assert json.loads(inputs[0].dataset.profile)["rows"] == 300


def test_the_model_is_a_version_with_signature_and_example(client, registered, training):
    found = client.get_model_version_by_alias(registered.name, "challenger")
    assert (str(found.version), found.run_id) == (registered.version, registered.run_id)
    location = client.get_model_version_download_uri(found.name, found.version)
    model = Model.load(location.removeprefix("file://"))
    assert model.signature.inputs.input_names() == list(training.final.names)
    assert model.signature.outputs.input_names() == ["probability", "tier"]
    assert model.metadata["kinds"]["firmographic_industry"] == "category"
    assert model.get_input_schema().required_input_names() == list(training.final.names)
    assert model.load_input_example().shape == (3, 3)


def test_nothing_says_who_trained_where_from(client, registered, store):
    tags = client.get_run(registered.run_id).data.tags
    assert {tags["mlflow.user"], tags["mlflow.source.name"]} == {"propensity"}
    assert "mlflow.source.git.commit" not in tags
    root = store.database.parent
    # Secrets, this machine, where the package lies, and the scratch folder.
    words = ["S3CRET", socket.gethostname(), propensity.__path__[0], "propensity-[a-z0-9_]{8}/"]
    written = [p for p in root.rglob("*") if p.is_file() and p.suffix != ".png"]
    assert len(written) > 15
    leaks = [
        (p.name, word)
        for p in written
        for word in words
        if re.search(rb"\b%b\b" % word.encode(), p.read_bytes())
    ]
    assert leaks == []


def test_a_training_that_breaks_leaves_a_failed_run_and_no_version(client, store, training):
    store = replace(store, experiment="broken", model_name="broken")
    with pytest.raises(RecursionError):
        log_training(store, replace(training, example=_Breaks()))
    experiment = client.get_experiment_by_name("broken")
    runs = client.search_runs([experiment.experiment_id])
    assert [r.info.status for r in runs] == ["FAILED"]
    assert client.search_model_versions("name = 'broken'") == []


class _Breaks:
    def to_pylist(self):
        raise RecursionError


def test_a_deleted_experiment_says_how_to_restore_it(client, store, training):
    client.delete_experiment(client.create_experiment("deleted"))
    with pytest.raises(RegistryError, match="mlflow experiments restore"):
        log_training(replace(store, experiment="deleted"), training)


def test_more_params_than_one_request_holds(client, store, training):
    many = replace(training, params={f"p{i:03}": i for i in range(130)}, lineage={}, evaluations={})
    done = log_training(replace(store, model_name="many"), many)
    assert len(client.get_run(done.run_id).data.params) == 130


def test_each_rung_is_a_child_run_whose_metrics_have_the_parents_names(client, store, training, models):
    _, evaluation = models
    rungs = [
        RungRun(
            "logistic",
            {"ridge": 0.1},
            {"validation_log_loss": 0.4},
            evaluation,
            {"why": "better", "chosen": "true"},
        ),
        RungRun(
            "scorecard", {}, {"validation_gain": float("nan")}, None, {"why": "not tried", "chosen": "false"}
        ),
    ]
    done = log_training(replace(store, model_name="ladder"), replace(training, rungs=rungs))
    experiment = client.get_run(done.run_id).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{done.run_id}'")
    found = {run.info.run_name: run for run in children}
    assert set(found) == {"logistic", "scorecard"}
    assert all(run.info.status == "FINISHED" for run in children)
    chosen = found["logistic"].data
    assert chosen.params == {"ridge": "0.1"}
    assert chosen.metrics["validation_log_loss"] == 0.4
    assert chosen.metrics["test_roc_auc"] == client.get_run(done.run_id).data.metrics["test_roc_auc"]
    assert (chosen.tags["why"], chosen.tags["chosen"]) == ("better", "true")
    assert found["scorecard"].data.metrics == {}
    assert found["scorecard"].data.tags["mlflow.user"] == "propensity"
