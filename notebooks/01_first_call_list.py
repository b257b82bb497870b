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
# # From tables to a first call list
#
# A *lead* showed interest. A *prospect* was qualified: it fits, has the budget, the authority and the need, and answers
# back. Here a model learns from a company's CRM history which leads become prospects within 30 days, and we end with the
# leads to call, and why.
#
# The data are the demo's: a simulated CRM, made afresh in a temporary folder, so there is nothing to download.
# `PROPENSITY_NOTEBOOK_LEADS` says how many leads it has.

# %%
import os
import tempfile
from pathlib import Path

import propensity as pp
from propensity.demo.world import simulate, write

LEADS = int(os.environ.get("PROPENSITY_NOTEBOOK_LEADS", "5000"))
workspace = tempfile.TemporaryDirectory()
folder = Path(workspace.name)
files = write(simulate(leads=LEADS, months=24, seed=7), folder / "crm")

# %% [markdown]
# ## What the data hold
#
# One YAML file says which of a company's tables and columns are what. `connect` reads them, maps them and checks them;
# rows that break a rule are set aside and counted, never dropped silently. For your own data, write such a file
# (`docs/configuration.md` has every key) and call `pp.connect("crm.yaml")`.

# %%
crm = pp.connect(
    "../configs/demo.yaml",
    [f"data.folder={folder / 'crm'}", f"paths.quarantine={folder / 'quarantine'}"],
)
crm

# %%
crm.table("leads", rows=5)

# %% [markdown]
# ## Snapshots: pretend to stand in the past
#
# A lead has no label today: it may convert tomorrow. So we stand at the first of each past month, take the leads that
# were open then, and look what became of them within the horizon. One row is one lead at one such moment, its *as_of*. Moments
# too recent for their outcome to be known are left out.

# %%
spine = pp.snapshots(crm, every="1 month", horizon_days=30)
spine

# %% [markdown]
# ## Features, as they were known then
#
# A fact counts at an as_of only if it happened *and* was recorded strictly before it. That is the one rule that cannot
# bend: a model that has seen the future looks good on paper and fails on the phone. Null means unknown, zero means none
# seen.

# %%
data = pp.features(crm, spine)
data

# %%
data.X[["firmographic_industry", "budget_to_price_ratio", "engagement_inbound_count_30d"]].describe(
    include="all"
)

# %% [markdown]
# ## Learn from the past, judge on what came after
#
# The newest quarter of the snapshots is the test. Between the two parts lies a gap of one horizon: what becomes of the
# past's last leads is not yet known when the test begins.

# %%
past, test = pp.forward_split(data, test_share=0.25)
past, test

# %% [markdown]
# The classifier is an ordinary scikit-learn classifier. Given `as_of`, it learns the number of trees and the calibration
# from folds that go forward in time, too. `groups` keeps an account together where folds cannot go forward.

# %%
model = pp.PropensityClassifier().fit(past.X, past.y, as_of=past.as_of, groups=past.account_id)
model

# %% [markdown]
# ## How good is it?
#
# Each figure comes with a 95 % interval; leads of one account are not independent, so whole accounts are resampled.
# `lift_top_decile` 3 means: among the top tenth of a list, three times as many convert as among leads picked at random.
# On the right, points on the dashed line mean that 10 % is 10 %. The model says who converts, not what a call causes.

# %%
report = pp.evaluate(model, test)
report

# %% [markdown]
# ## Tonight's list
#
# `score` gives every lead its probability at one moment; `rank` takes out who must not be called (asked not to be, already a
# prospect, disqualified), keeps the best 200, and says why: three reasons for, one against, with the lead's own values.

# %%
scored = pp.score(model, crm, as_of="2026-06-01")
scored

# %%
calls = pp.rank(scored, capacity=200)
calls

# %% [markdown]
# ## Where to go next
#
# - Another horizon or rhythm: `pp.snapshots(crm, every="2 weeks", horizon_days=60)`. Several can be open at once.
# - The nightly job does the same from the command line and keeps runs and models in MLflow: `propensity train`, `promote`,
#   `score`, each with `--config`. It also passes `monotone_constraints=data.directions`.
# - A registered model beside yours: `pp.evaluate(pp.load_model(crm, judged=True), test)`.
# - `docs/notebook.md` has each step, `docs/time.md` the time rule.
