import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from propensity.errors import FeatureMismatch
from propensity.tracking.served import predict
from tracking.made import features

PROGRAM = """
import sys
import mlflow
import pandas as pd
model = mlflow.pyfunc.load_model("models:/propensity@challenger")
frames = pd.read_pickle(sys.argv[1])
pd.to_pickle({name: model.predict(frame) for name, frame in frames.items()}, sys.argv[2])
print(sorted(n for n in sys.modules if n.startswith("skops")))
"""


def frames():
    """Return the same rows as every kind of frame that a notebook may bring."""
    plain = features(seed=5).to_pandas()
    views, ratio, industry = plain.columns
    return {
        "plain": plain,
        "integers": plain.astype({views: "int64"}),
        "small": plain.astype({views: "int8", ratio: "float64"}),
        "nullable": plain.astype({views: "Int64", ratio: "Float64", industry: "string"}),
        "category": plain.astype({industry: "category"}),
        "objects": plain.astype(object).where(plain.notna(), None),
        "arrow": plain.convert_dtypes(dtype_backend="pyarrow"),
        "reordered": plain[[industry, ratio, views]],
        "extra": plain.assign(lead_id=range(len(plain))),
        "index": plain.set_axis([7] * len(plain)),
    }


def expected(bundle, index):
    probability = bundle.probability(bundle.margin(features(seed=5)))
    return pd.DataFrame({"probability": probability, "tier": bundle.tiers.of(probability)}, index=index)


def same(found, wanted):
    assert found["probability"].dtype == np.float64
    assert found["probability"].to_numpy().tobytes() == wanted["probability"].to_numpy().tobytes()
    assert found["tier"].tolist() == wanted["tier"].tolist()
    assert found.index.equals(wanted.index)


@pytest.mark.parametrize("kind", frames())
def test_every_kind_of_frame_gives_the_bundles_own_numbers(kind, training):
    frame = frames()[kind]
    same(predict(training.final, frame), expected(training.final, frame.index))


def test_plain_pyfunc_in_a_process_of_its_own_with_pickle_forbidden(registered, store, training, tmp_path):
    pd.to_pickle(frames(), tmp_path / "in")
    assert registered.version == "1"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "in"), str(tmp_path / "out")],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "MLFLOW_TRACKING_URI": store.uri,
            "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = pd.read_pickle(tmp_path / "out")  # noqa: S301
    assert list(found) == list(frames())
    for kind, frame in frames().items():
        same(found[kind], expected(training.final, frame.index))


def test_a_missing_column_is_named(training):
    with pytest.raises(FeatureMismatch, match="missing: budget_to_price_ratio"):
        predict(training.final, frames()["plain"].drop(columns="budget_to_price_ratio"))


def test_text_among_numbers_is_refused_by_name(training):
    frame = frames()["objects"]
    frame.iloc[0, 0] = "many"
    with pytest.raises(ValueError, match="engagement_pricing_view_count_7d"):
        predict(training.final, frame)


def test_records_make_a_frame(training):
    rows = features(seed=5).slice(0, 2).to_pylist()
    assert len(predict(training.final, rows)) == 2


def test_no_rows(training):
    found = predict(training.final, pa.table(features(rows=0)).to_pandas())
    assert found.columns.tolist() == ["probability", "tier"]
    assert len(found) == 0
