"""One training as one MLflow run, and its model as a new version with the alias `challenger`."""

from __future__ import annotations

import json
import math
import platform
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from propensity.errors import RegistryError
from propensity.masking import masked
from propensity.stats.evaluation import json_safe
from propensity.tracking._mlflow import error_code, opened
from propensity.tracking.package import requirements, write_model
from propensity.tracking.plots import gains_plot, importance_plot, reliability_plot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from propensity.model.bundle import Bundle
    from propensity.stats.evaluation import Evaluation
    from propensity.tracking.store import Store

CHALLENGER: Final = "challenger"
DIGEST_TAG: Final = "bundle_digest"
JUDGED_DIGEST_TAG: Final = "judged_digest"
JUDGED: Final = "judged"
EVIDENCE: Final = "evidence.html"
MAIN: Final = "model"
# MLflow's own limits of one request.
_PARAMS_AT_ONCE: Final = 100
_METRICS_AT_ONCE: Final = 1000
_DIGEST_LENGTH: Final = 36


@dataclass(frozen=True)
class RungRun:
    """One rung of the ladder, a child run of the training's.

    Attributes
    ----------
    name : of the rung and of its run.
    params : what it chose.
    metrics : of the validation folds; finite numbers are kept.
    evaluation : of the test, under the very names that the training's run has, so that both stand in one table; None
        where the rung was not tried.
    tags : the decision and its reason.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    evaluation: Evaluation | None
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Training:
    """Everything that a training wants remembered; pure data, and no personal data.

    Attributes
    ----------
    params : flat; what was chosen.
    evaluations : by name. "model" is the forward test of `judged`; others ("base_rate", "scorecard") are
        what it is compared with.
    importance : concept -> mean absolute contribution to the log odds.
    config : the configuration as YAML would hold it; secrets are masked on the way.
    features : one mapping per feature.
    lineage : JSON: rows, hashes, as_of range. What `tables` holds as name -> {"sha256": ..., ...} becomes
        the run's dataset inputs.
    judged : the model before the refit, which the gate compares.
    final : the refitted model, which is registered.
    example : a few rows of features, for the input example.
    tags : of the run.
    rungs : what becomes a child run each.
    court : JSON: the verdicts on the columns; empty where there were none.
    evidence : the evidence pack as HTML; empty where there is none.
    stability : JSON: how the probabilities do by month and by segment; empty where there was no test.
    """

    params: Mapping[str, str | int | float | bool]
    evaluations: Mapping[str, Evaluation]
    importance: Mapping[str, float]
    config: Mapping[str, Any]
    features: Sequence[Mapping[str, Any]]
    lineage: Mapping[str, Any]
    judged: Bundle
    final: Bundle
    example: pa.Table
    tags: Mapping[str, str]
    rungs: Sequence[RungRun] = ()
    court: Mapping[str, Any] = field(default_factory=dict[str, Any])
    evidence: str = ""
    stability: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Registered:
    """The new version: model name, version number, run, and its `models:/name/version` address."""

    name: str
    version: str
    run_id: str
    uri: str


def log_training(store: Store, training: Training) -> Registered:
    """Log a training as a run, and register its final model with the alias `challenger`.

    Raises
    ------
    RegistryError
        The store does not answer. A run that was begun is marked as failed.
    """
    with opened(store) as client:
        experiment = _experiment(client, store)
        run_id = str(
            client.create_run(experiment, run_name=_run_name(training), tags=_tags(training)).info.run_id
        )
        try:
            with tempfile.TemporaryDirectory(prefix="propensity-") as folder:
                _log_numbers(client, run_id, training)
                _log_files(client, run_id, training, Path(folder) / "run")
                _log_datasets(client, run_id, training.lineage)
                for rung in training.rungs:
                    _log_rung(client, run_id, experiment, rung)
                number = _register(client, store, training, run_id, experiment, Path(folder))
        except BaseException:
            # What went wrong first is what matters, also where the store is what broke.
            with suppress(Exception):
                client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")
    return Registered(store.model_name, number, run_id, f"models:/{store.model_name}/{number}")


def metrics_of(evaluations: Mapping[str, Evaluation]) -> dict[str, float]:
    """Return the flat metrics of a run; what is not a number from -1e18 to 1e18 is left out.

    The evaluation "model" is prefixed `test_`, each other with its own name; an interval's ends are
    `..._low` and `..._high`.
    """
    found: dict[str, float] = {}
    for name, evaluation in evaluations.items():
        prefix = "test" if name == MAIN else name
        for metric, value in evaluation.metrics.items():
            found[f"{prefix}_{metric}"] = value.value
            found[f"{prefix}_{metric}_low"] = value.low
            found[f"{prefix}_{metric}_high"] = value.high
        parts = evaluation.brier_decomposition
        found |= {
            f"{prefix}_rows": evaluation.rows,
            f"{prefix}_conversions": evaluation.conversions,
            f"{prefix}_conversion_rate": evaluation.base_rate,
            f"{prefix}_cohorts": evaluation.cohorts,
            f"{prefix}_calibration_slope": evaluation.calibration_slope,
            f"{prefix}_calibration_intercept": evaluation.calibration_intercept,
            f"{prefix}_brier_reliability": parts.reliability,
            f"{prefix}_brier_resolution": parts.resolution,
            f"{prefix}_brier_uncertainty": parts.uncertainty,
        }
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def _experiment(client: Any, store: Store) -> str:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    found = client.get_experiment_by_name(store.experiment)
    if found is None:
        try:
            return str(client.create_experiment(store.experiment, artifact_location=store.artifact_location))
        except MlflowException as error:
            if error_code(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(store.experiment)
    if found.lifecycle_stage != "active":
        raise RegistryError(
            f"The experiment {store.experiment!r} was deleted in {store.shown}. Restore it with `mlflow "
            f"experiments restore -x {found.experiment_id}`, or set another tracking.experiment."
        )
    return str(found.experiment_id)


def _run_name(training: Training) -> str:
    """The rung that became the model, and the model's digest: what tells two trainings apart at a glance."""
    return f"{training.tags.get('rung', 'training')}-{training.final.digest[:12]}"


def _tags(training: Training) -> dict[str, str]:
    return {
        **_own_tags(training.tags),
        DIGEST_TAG: training.final.digest,
        JUDGED_DIGEST_TAG: training.judged.digest,
    }


def _own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    # The last three would otherwise be MLflow's to fill: with the account, the program's path, a guess.
    own = {key: str(masked(value, key)) for key, value in tags.items()}
    return {
        **own,
        # What MLflow shows as the run's description.
        **({"mlflow.note.content": own["why"]} if own.get("why") else {}),
        "propensity_version": version("propensity"),
        "mlflow.user": "propensity",
        "mlflow.source.name": "propensity",
        "mlflow.source.type": "LOCAL",
    }


def _log_rung(client: Any, parent: str, experiment: str, rung: RungRun) -> None:
    tags = {**_own_tags(rung.tags), "mlflow.parentRunId": parent}
    run_id = str(client.create_run(experiment, run_name=rung.name, tags=tags).info.run_id)
    judged = {} if rung.evaluation is None else metrics_of({MAIN: rung.evaluation})
    finite = {name: float(value) for name, value in rung.metrics.items() if math.isfinite(value)}
    _log_batches(client, run_id, rung.params, {**judged, **finite})
    client.set_terminated(run_id, "FINISHED")


def _log_numbers(client: Any, run_id: str, training: Training) -> None:
    _log_batches(client, run_id, training.params, metrics_of(training.evaluations))


def _log_batches(client: Any, run_id: str, settings: Mapping[str, Any], values: Mapping[str, float]) -> None:
    from mlflow.entities import Metric, Param  # noqa: PLC0415
    from mlflow.utils.time import get_current_time_millis  # noqa: PLC0415

    now = get_current_time_millis()
    params = [Param(name, str(masked(value, name))) for name, value in settings.items()]
    metrics = [Metric(name, value, now, 0) for name, value in values.items()]
    for start in range(0, len(params), _PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _PARAMS_AT_ONCE])
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])


def _log_files(client: Any, run_id: str, training: Training, folder: Path) -> None:
    """Write all files of the run, then send them in one go."""
    (folder / "plots").mkdir(parents=True)
    config = yaml.safe_dump(masked(training.config), sort_keys=False, allow_unicode=True)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    tree = {
        "features": training.features,
        "lineage": training.lineage,
        "importance": training.importance,
        "evaluation": {name: found.to_dict() for name, found in training.evaluations.items()},
        "environment": _environment(),
        "court": training.court,
        "stability": training.stability,
    }
    for name, value in tree.items():
        text = json.dumps(json_safe(masked(value)), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    gains_plot(training.evaluations).savefig(folder / "plots" / "gains.png")
    importance_plot(training.importance).savefig(folder / "plots" / "importance.png")
    if MAIN in training.evaluations:
        reliability_plot(training.evaluations[MAIN]).savefig(folder / "plots" / "reliability.png")
    if training.evidence:
        (folder / EVIDENCE).write_text(training.evidence, encoding="utf-8")
    training.judged.save(folder / JUDGED)
    client.log_artifacts(run_id, str(folder))


def _environment() -> dict[str, Any]:
    """Return what ran, without saying where."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": platform.system(),
        "machine": platform.machine(),
        "propensity": version("propensity"),
        "duckdb": version("duckdb"),
        "ibis-framework": version("ibis-framework"),
        **dict(pin.split("==") for pin in requirements()),
    }


def _log_datasets(client: Any, run_id: str, lineage: Mapping[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415

    tables = lineage.get("tables")
    inputs = [
        DatasetInput(
            Dataset(
                name=str(name),
                digest=str(facts["sha256"])[:_DIGEST_LENGTH],
                source_type="propensity",
                source=json.dumps({"table": str(name), "sha256": str(facts["sha256"])}),
                profile=json.dumps(json_safe(masked(facts))),
            ),
            [InputTag("mlflow.data.context", "training")],
        )
        for name, facts in (tables.items() if isinstance(tables, dict) else ())
        if isinstance(facts, dict) and "sha256" in facts
    ]
    if inputs:
        client.log_inputs(run_id, inputs)


def _register(
    client: Any, store: Store, training: Training, run_id: str, experiment: str, scratch: Path
) -> str:
    from mlflow.entities import LoggedModelOutput  # noqa: PLC0415
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    model = client.create_logged_model(experiment, name=MAIN, source_run_id=run_id, model_type="classifier")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    identity = {"model_id": model.model_id, "run_id": run_id, "artifact_path": model.artifact_location}
    client.log_model_artifacts(
        model.model_id, str(write_model(training.final, training.example, scratch, identity))
    )
    client.finalize_logged_model(model.model_id, "READY")
    try:
        client.create_registered_model(store.model_name)
    except MlflowException as error:
        if error_code(error) != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {DIGEST_TAG: training.final.digest, JUDGED_DIGEST_TAG: training.judged.digest}
    # Not models:/ID, which MLflow would look up in the process's global store instead of the client's.
    created = client.create_model_version(
        store.model_name, model.artifact_location, run_id, tags=tags, model_id=model.model_id
    )
    link = [{"name": store.model_name, "version": created.version}]
    client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": json.dumps(link)})
    client.set_registered_model_alias(store.model_name, CHALLENGER, created.version)
    return str(created.version)
