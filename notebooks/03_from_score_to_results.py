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
# # From a champion to a delivered list, and what came of it
#
# The first two notebooks made a model. Here it goes to work: a champion scores every open lead, each rep gets a list, the reps
# say what happened, the next list knows it, and in the end we hold what the lists promised against what came.
#
# The data are the demo's: a simulated CRM, made afresh in a temporary folder. `PROPENSITY_NOTEBOOK_LEADS` says how many
# leads it has, `PROPENSITY_NOTEBOOK_FOLDER` where everything lands instead.

# %%
import csv
import os
import tempfile
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML

from propensity import aftermath, workflow
from propensity.config import Config
from propensity.config.file import load_config
from propensity.delivery.explain import explained
from propensity.demo.world import simulate, write

LEADS = int(os.environ.get("PROPENSITY_NOTEBOOK_LEADS", "5000"))
workspace = tempfile.TemporaryDirectory()
folder = Path(os.environ.get("PROPENSITY_NOTEBOOK_FOLDER", workspace.name))
files = write(simulate(leads=LEADS, months=24, seed=7), folder / "crm")


# %% [markdown]
# ## A champion, as it could have been trained on 1 March
#
# `data.through` says how far the data are complete. Standing at 1 March, nothing later is known: the training learns from
# snapshots whose outcome was known by then. A tenth of the accounts is held out of every list at random: only they can show what
# calling causes.


# %%
def config(through: str, *settings: str) -> Config:
    """The demo's configuration as of a day, with all that is written below our folder."""
    places = {name: folder / name for name in ("models", "out", "quarantine", "reports", "ledger")}
    return load_config(
        Path("../configs/demo.yaml"),
        [
            f"data.folder={folder / 'crm'}",
            f"data.through={through}",
            f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
            *(f"paths.{name}={place}" for name, place in places.items()),
            "model.resamples=100",
            "lists.holdout.share=0.1",
            *settings,
        ],
    )


march = config("2026-03-01")
workflow.train(march)
workflow.promote(march).champion

# %% [markdown]
# ## The lists of 1 March
#
# Every lead is scored; the gate takes out who must not be called; the rest is qualified, ranked and given to the reps. Each
# lead that is on no list has one cause.

# %%
night = workflow.score(march)
pd.Series({"scored": night.scored, "listed": night.listed, **night.removed}, name="leads").to_frame()

# %%
listed = pd.read_parquet(night.out / "list.parquet")
shown = ["rep", "rep_rank", "lead_id", "tier", "probability", "reason_1", "next_action", "question"]
listed[shown].head(8)

# %% [markdown]
# A rep opens one page, on a phone or a laptop, without a network: the list first, and a lead opens in place with its
# reasons, criteria, acts and the question whose answer would change most. The same list is there as a workbook and as CSV,
# and `crm/` holds files that Salesforce and HubSpot import.

# %%
pages = sorted((night.out / "reps").glob("*.html"))
page = pages[0].read_text(encoding="utf-8")
HTML(f'<div><iframe srcdoc="{escape(page)}" width="100%" height="600"></iframe></div>')

# %% [markdown]
# Why is a lead where it is, or on no list? On the command line that is `propensity explain LEAD_ID`.

# %%
scores = pd.read_parquet(night.out / "scores.parquet")
left_out = scores[scores["removed"].notna()].iloc[0]["lead_id"]
found = explained(left_out, march.paths.out, quarantine=march.paths.quarantine)
found.score["removed"], found.score["removed_because"]

# %% [markdown]
# ## The reps say what happened
#
# On the page a rep marks each call, and exports the marks as a CSV. Here we write such a file: the first lead asked not to be
# called again. `feedback` adds it to the ledger as a report with its date. It is never taken for a label by itself: what counts
# as a conversion is what the CRM's stages say.

# %%
first = listed.iloc[0]
with (folder / "outcomes.csv").open("w", encoding="utf-8-sig", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["lead_id", "list_as_of", "rep", "outcome", "reported_on", "note"])
    writer.writerow(
        [
            first["lead_id"],
            "2026-03-01T00:00:00Z",
            first["rep"],
            "do_not_call",
            "2026-03-02T09:30:00Z",
            "asked",
        ]
    )
reported = aftermath.feedback(march, [folder / "outcomes.csv"])
reported.outcomes

# %% [markdown]
# ## The lists of 1 April
#
# Who asked not to be called is on no list any more. Each listed lead that was scored before says what moved it: new facts, time
# passing, or a new model. The three parts add up.

# %%
later = workflow.score(config("2026-04-01"))
april = pd.read_parquet(later.out / "list.parquet")
first["lead_id"] in set(april["lead_id"])

# %%
moved = april.dropna(subset=["changed"])
columns = ["lead_id", "previous_probability", "probability", "change_by_facts", "change_by_time", "changed"]
moved[columns].head(5).round(3)

# %%
april["trend"].value_counts(dropna=False).to_frame()

# %% [markdown]
# ## What came of them
#
# Two months later the outcomes of both lists are known. `results` holds what was promised (the sum of the probabilities)
# against what came, each with a 95 % interval. Leads at the top *did* convert, whoever called them; the line about the
# holdout is the only one that speaks of what calling causes. In this simulated history nobody was called because of our
# lists, so that any difference is chance; and the smallest effect that so small a holdout could show stands beside it.

# %%
came = aftermath.results(config("2026-06-01"))
told = came.to_dict()
pd.DataFrame(told["by_tier"]).T

# %%
pd.DataFrame(told["by_list"]).T

# %%
told["holdout"]

# %% [markdown]
# ## Where to go next
#
# - Every night: `propensity nightly --config crm.yaml` does all of this by itself, with a lock, retries and a summary.
# - Is the model still right? `propensity monitor` watches drift and the realised calibration; `docs/monitoring.md`.
# - A person asks to be forgotten: `propensity forget LEAD_ID`; `docs/results.md`.
