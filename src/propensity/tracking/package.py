"""A bundle as an MLflow model folder, free of the paths of the machine that wrote it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from propensity.tracking import served

if TYPE_CHECKING:
    import pyarrow as pa

    from propensity.model.bundle import Bundle

BUNDLE_PATH: Final = "artifacts/bundle"
# propensity itself is not among them: whoever builds an environment from this list on a machine with a
# public index would otherwise be handed whatever carries that name there.
_REQUIREMENTS: Final = ("mlflow", "lightgbm", "scikit-learn", "scipy", "numpy", "pandas", "pyarrow")


def write_model(bundle: Bundle, example: pa.Table, scratch: Path, identity: dict[str, Any]) -> Path:
    """Write `bundle` as a model folder below `scratch` and return it.

    `identity` holds what MLflow writes into the model about itself: model_id, run_id, artifact_path.
    """
    import mlflow.pyfunc  # noqa: PLC0415
    from mlflow.models import Model  # noqa: PLC0415

    folder, nowhere = scratch / "model", scratch / "nowhere"
    nowhere.mkdir()
    model = Model(model_uuid=identity["model_id"], **identity)
    mlflow.pyfunc.save_model(
        path=str(folder),
        mlflow_model=model,
        python_model=str(Path(served.__file__)),
        artifacts={"bundle": str(bundle.save(scratch / "bundle"))},
        signature=_signature(bundle),
        # As objects, since NaN is no JSON and null is.
        input_example=pd.DataFrame(example.to_pylist(), columns=list(bundle.names), dtype=object),
        pip_requirements=requirements(),
        metadata={
            "propensity_version": version("propensity"),
            "bundle_digest": bundle.digest,
            "horizon_days": bundle.horizon_days,
            "kinds": {f.name: f.kind for f in bundle.features},
        },
        # Else MLflow copies the pyproject.toml and lock of whatever folder the process stands in.
        uv_project_path=str(nowhere),
    )
    flavor = model.flavors["python_function"]
    flavor["model_code_path"] = Path(served.__file__).name
    for artifact in flavor["artifacts"].values():
        artifact["uri"] = artifact["path"]
    model.save(str(folder / "MLmodel"))
    return folder


def requirements() -> list[str]:
    """Return the pinned packages that predicting needs, without propensity itself."""
    return [f"{name}=={version(name)}" for name in _REQUIREMENTS]


def _signature(bundle: Bundle) -> Any:
    """Return names for the input, types for the output.

    A typed input would make MLflow refuse whole numbers where most rows had fractions, and pandas
    categories where it expects text; the model reads both. What each column holds is in the metadata.
    """
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema  # noqa: PLC0415

    return ModelSignature(
        inputs=Schema([ColSpec(AnyType(), name) for name in bundle.names]),
        outputs=Schema([ColSpec(DataType.double, "probability"), ColSpec(DataType.string, "tier")]),
    )
