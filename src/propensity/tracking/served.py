"""The registered model as plain `mlflow.pyfunc` loads it: MLflow keeps this file beside the bundle.

Logged as a *model from code*: on loading, MLflow runs the copy of this file under a name of its own and
takes the model that it sets. Nothing is unpickled, and nothing of the training machine is needed; the
`propensity` package is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from propensity.model.bundle import Bundle


def predict(bundle: Bundle, features: Any) -> pd.DataFrame:
    """Score a frame of features.

    Parameters
    ----------
    features : (n, columns) pandas DataFrame, or what makes one, with at least the model's columns in any
        order; numbers of any width, booleans, nullable or object columns; categories as text or pandas
        categories; null of any kind where unknown.

    Returns
    -------
    pd.DataFrame
        (n, 2), with the index of `features`: probability (float64) and tier (str, "A" to "D").

    Raises
    ------
    FeatureMismatch
        A column is missing.
    ValueError
        A column of numbers holds text or infinity.
    """
    frame = features if isinstance(features, pd.DataFrame) else pd.DataFrame(features)
    probability = bundle.probability(bundle.margin(_arrow(bundle, frame)))
    tier = bundle.tiers.of(probability)
    return pd.DataFrame({"probability": probability, "tier": tier.astype(object)}, index=frame.index)


def _arrow(bundle: Bundle, frame: pd.DataFrame) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for feature in bundle.features:
        if feature.name not in frame.columns:
            # The bundle says which are missing, all at once.
            continue
        column = frame[feature.name]
        if feature.kind == "category":
            held = column.astype(object)
            text = [None if null else str(v) for v, null in zip(held, column.isna(), strict=True)]
            columns[feature.name] = pa.array(text, pa.string())
            continue
        try:
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Column {feature.name!r} holds {column.dtype}, and numbers when it was trained: {error}"
            ) from error
        columns[feature.name] = pa.array(values, pa.float64())
    return pa.table(columns)


def served_model() -> Any:
    """Return the PythonModel; its artifact `bundle` is checked against its hashes when it is loaded."""
    from mlflow.pyfunc.model import PythonModel  # noqa: PLC0415

    class PropensityModel(PythonModel):
        """Probability and tier for a frame of features."""

        # MLflow fills arguments by name, and warns of a predict whose input is not annotated.
        def load_context(self, context: Any) -> None:
            self.bundle = Bundle.load(Path(context.artifacts["bundle"]))

        def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> Any:
            del context, params
            return predict(self.bundle, model_input)

    return PropensityModel()


# Under its own name this file is a module like any other, and importing it has no effects.
if __name__.rpartition(".")[2] != "served":
    from mlflow.models import set_model

    set_model(served_model())
