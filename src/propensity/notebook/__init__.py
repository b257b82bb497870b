"""The job in steps, for notebooks. Each step gives an object that shows itself.

    import propensity as pp
    crm = pp.connect("configs/demo.yaml")
    data = pp.features(crm, pp.snapshots(crm, every="1 month", horizon_days=30))
    past, test = pp.forward_split(data, test_share=0.25)
    model = pp.PropensityClassifier().fit(past.X, past.y, as_of=past.as_of, groups=past.account_id)
    report = pp.evaluate(model, test)
    calls = pp.rank(pp.score(model, crm, as_of="2026-06-01"), capacity=200)

The nightly job is `propensity.workflow`; both share every line that computes.
"""

from propensity.notebook.calls import CallList, Scored, load_model, rank, score
from propensity.notebook.judging import Report, evaluate, forward_split
from propensity.notebook.tables import Crm, Snapshots, connect, features, snapshots

__all__ = [
    "CallList",
    "Crm",
    "Report",
    "Scored",
    "Snapshots",
    "connect",
    "evaluate",
    "features",
    "forward_split",
    "load_model",
    "rank",
    "score",
    "snapshots",
]
