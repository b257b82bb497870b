"""How many verdicts the next best question would set right, for one who knows what the simulated world hides."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from propensity.stats.bootstrap import percentiles, times_drawn

if TYPE_CHECKING:
    import pyarrow as pa

_RESAMPLES = 2_000
_WANTS = ("evaluating", "ready")
_PROSPECT = "prospect"


@dataclass(frozen=True)
class Asked:
    """Verdicts before and after the true answers.

    True is that a lead is a prospect when the world's own probability, for one who knew its means and its interest, reaches the
    threshold of the list.

    Attributes
    ----------
    listed, with_question
        Leads on the list, and those of them that have a question.
    judged
        Questions of which the world holds the true answer: budget (the lead has the means) and need (it is evaluating or ready).
        It holds no hidden authority, fit or answer to a call.
    wrong_before, wrong_after
        Of the judged, verdicts that are not the true one: today's, and that of the branch which the true answer takes.
    fewer_low, fewer_high
        95 % interval of wrong_before - wrong_after, from resampling accounts; nan where nothing is judged.
    """

    listed: int
    with_question: int
    judged: int
    wrong_before: int
    wrong_after: int
    fewer_low: float
    fewer_high: float

    def to_dict(self) -> dict[str, Any]:
        """JSON types; null where there is no interval."""
        return {
            key: None if isinstance(value, float) and np.isnan(value) else value
            for key, value in asdict(self).items()
        }


def asked(listed: pa.Table, latent: pa.Table, threshold: float, *, seed: int) -> Asked:
    """Answer every question by what is hidden, and count.

    Parameters
    ----------
    listed
        The list: `lead_id`, `account_id`, `verdict` and the columns of its question.
    latent
        `World.latent`.
    threshold
        Probability from which a lead is a prospect.
    seed
        Of the resampling.
    """
    hidden = {row["lead_id"]: row for row in latent.to_pylist()}
    rows = [row for row in listed.to_pylist() if row["question"] is not None]
    owners: list[str] = []
    before: list[bool] = []
    after: list[bool] = []
    for row in rows:
        true = hidden.get(row["lead_id"])
        if true is None or row["question_about"] not in ("budget", "need"):
            continue
        met = true["means"] if row["question_about"] == "budget" else true["interest"] in _WANTS
        told = row["question_verdict_if_met"] if met else row["question_verdict_if_not"]
        is_prospect = true["probability"] >= threshold
        before.append((row["verdict"] == _PROSPECT) != is_prospect)
        after.append((told == _PROSPECT) != is_prospect)
        owners.append(row["account_id"] or f"lead {row['lead_id']}")
    fewer = np.array(before, dtype=np.float64) - np.array(after, dtype=np.float64)
    low, high = _interval(fewer, owners, seed)
    return Asked(listed.num_rows, len(rows), len(owners), sum(before), sum(after), low, high)


def _interval(fewer: np.ndarray[Any, Any], owners: list[str], seed: int) -> tuple[float, float]:
    if not owners:
        return float("nan"), float("nan")
    cluster = np.unique(np.array(owners), return_inverse=True)[1]
    count = int(cluster.max()) + 1
    draws = [float((times_drawn(count, seed, r)[cluster] * fewer).sum()) for r in range(_RESAMPLES)]
    return percentiles(np.array(draws))
