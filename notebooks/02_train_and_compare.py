# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Train, compare, and read the evidence
#
# The first notebook built one model step by step. Here the whole training runs as the nightly job runs it, twice, with two
# settings. Each run is kept in MLflow: one parent run for the training, one child run for each rung of the ladder. We
# compare them, read what the leakage court says of the columns, and open the evidence pack.
#
# The data are the demo's: a simulated CRM, made afresh in a temporary folder. `PROPENSITY_NOTEBOOK_LEADS` says how many
# leads it has, `PROPENSITY_NOTEBOOK_FOLDER` where everything lands instead.

# %%
import os
import tempfile
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from propensity import workflow
from propensity.config import Config
from propensity.config.file import load_config
from propensity.demo.world import simulate, write

LEADS = int(os.environ.get("PROPENSITY_NOTEBOOK_LEADS", "5000"))
workspace = tempfile.TemporaryDirectory()
folder = Path(os.environ.get("PROPENSITY_NOTEBOOK_FOLDER", workspace.name))
files = write(simulate(leads=LEADS, months=24, seed=7), folder / "crm")

# %% [markdown]
# ## One configuration, two settings
#
# A configuration is a YAML file; anything in it can be overridden, as `--set` does on the command line. The second setting
# leaves out what our own people did (calls made, e-mails sent). Reps call whom they like, so a model may learn their taste
# instead of the lead's. How much of the figures hangs on that?


# %%
def config(*settings: str) -> Config:
    """The demo's configuration, with all that is written below our folder."""
    places = {name: folder / name for name in ("models", "out", "quarantine", "reports")}
    return load_config(
        Path("../configs/demo.yaml"),
        [
            f"data.folder={folder / 'crm'}",
            f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
            *(f"paths.{name}={place}" for name, place in places.items()),
            "model.resamples=100",  # behind each interval; 400 by default, which takes longer
            *settings,
        ],
    )


full = workflow.train(config())

# %%
outbound = [feature.name for feature in full.trained.test.features if "outbound" in feature.name]
without = workflow.train(config(f"features.exclude=[{', '.join(outbound)}]"))
f"left out: {len(outbound)} of {len(full.trained.test.features)} features"

# %% [markdown]
# ## The two trainings in MLflow
#
# `mlflow ui --backend-store-uri sqlite:///mlflow.db` shows the same in a browser. Every figure is of the test: snapshots
# that came after everything the model learned from. `low` and `high` are the ends of a 95 % interval, so two figures whose
# intervals overlap widely are not to be told apart.

# %%
import mlflow

mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
runs = mlflow.search_runs(experiment_names=["demo"], order_by=["attributes.start_time ASC"])
parents = runs[runs["tags.mlflow.parentRunId"].isna()] if "tags.mlflow.parentRunId" in runs else runs
figures = ["roc_auc", "roc_auc_low", "roc_auc_high", "log_loss", "calibration_error", "lift_top_decile"]
columns = {f"metrics.test_{name}": name for name in figures}
table = parents.rename(
    columns={"tags.mlflow.runName": "run", "params.rung": "rung", "params.features": "features", **columns}
)
table = table.set_index("run")[["rung", "features", *figures]]
table.round(3)

# %% [markdown]
# ## The rungs of one training
#
# The children of a run are the rungs of its ladder, from the simplest on. Their test figures have the same names as the
# parent's, so that all stand in one table. The choice was made on validation folds of the past (`gain`: log loss of the
# best simpler rung less its own); the test took no part in it.

# %%
children = runs[runs["tags.mlflow.parentRunId"] == full.registered.run_id]
renamed = {"tags.rung": "rung", "tags.chosen": "chosen", "metrics.validation_gain": "gain", **columns}
rungs = children.rename(columns=renamed).set_index("rung")
rungs[["chosen", "gain", *figures]].round(4)

# %%
full.trained.ladder.reason

# %% [markdown]
# ## What the leakage court says
#
# The court asks of each column whether it may have been written after the outcome. A convicted column, or a suspect one that
# nobody declares known in time, keeps the model from being promoted. In the demo there is one such column in the file,
# `qualification_call_minutes`; the configuration leaves it out.

# %%
verdicts = [
    {"column": found.name, "verdict": found.verdict, "blocks": found.blocks, "why": found.sentence}
    for found in full.court.verdicts
]
pd.DataFrame(verdicts).groupby("verdict").agg(columns=("column", "count"), blocking=("blocks", "sum"))

# %% [markdown]
# ## The evidence pack
#
# One HTML file per training, for whoever must decide whether to trust the model: in short first, then every section with its
# figures and what they cannot say. It lies in `reports/` and with the run in MLflow, opens without a network and prints.
# `docs/evidence.md` says how to read it.

# %%
page = full.evidence.read_text(encoding="utf-8")
HTML(f'<div><iframe srcdoc="{escape(page)}" width="100%" height="600"></iframe></div>')

# %% [markdown]
# The same page is a file of the run, beside the configuration, the features, the data's hashes and the plots: from a model's
# version in the registry one comes back to all of it.

# %%
[file.path for file in mlflow.MlflowClient().list_artifacts(full.registered.run_id)]

# %% [markdown]
# ## Where to go next
#
# - `workflow.promote(config())` makes the challenger champion, unless a column blocks it or it is worse than the present one.
# - `workflow.backtest(config())` makes the lists of past dates again with what was known then; the next evidence pack tells it.
# - A setting of your own: `config("outcome.horizon_days=60")`, `config("snapshots.every=2 weeks")`.
# - `docs/leakage.md` explains the court's verdicts, `docs/evidence.md` the pack.
