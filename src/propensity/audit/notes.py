"""What the court says of the split as a whole: twins on both sides of it, and a random split that flatters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from propensity.audit.evidence import separation
from propensity.audit.exhibits import joined
from propensity.audit.trial import folds_of, out_of_fold

if TYPE_CHECKING:
    from propensity.audit.trial import Bench
    from propensity.config.court import CourtConfig

_TEST_SHARE: Final = 0.25
_FEWEST: Final = 30
_FEWEST_COLUMNS: Final = 5
_MOST_TWINS: Final = 0.5


def notes_of(bench: Bench, court: CourtConfig, *, dated: bool) -> tuple[str, ...]:
    """Notes on a bench of leads, where there is time to split by; both compare the newest quarter with the rest.

    They block nothing: drift alone may make a forward split worse, and a form with few questions makes twins.
    """
    if not dated or bench.base.shape[1] == 0:
        return ()
    order = bench.base[:, 0]
    test = order >= np.quantile(order, 1 - _TEST_SHARE)
    yes = bench.y[test]
    if test.all() or min(yes.sum(), len(yes) - yes.sum(), bench.y[~test].sum()) < _FEWEST:
        return ()
    return (*_twins(bench, court, test), *_flattery(bench, court, test))


def _twins(bench: Bench, court: CourtConfig, test: npt.NDArray[np.bool_]) -> list[str]:
    if len(bench.columns) < _FEWEST_COLUMNS:
        return []
    matrix, _ = joined(bench.columns, len(bench.y))
    rows: list[Any] = [row.tobytes() for row in np.ascontiguousarray(np.nan_to_num(matrix, nan=-1e300))]
    learned = {row for row, held in zip(rows, test, strict=True) if not held}
    share = sum(row in learned for row, held in zip(rows, test, strict=True) if held) / int(test.sum())
    # Where most leads have a twin, the columns are too few to tell people apart.
    if not court.twins <= share < _MOST_TWINS:
        return []
    said = (
        f"{share:.0%} of the newest quarter of the leads have a twin, equal in all {len(bench.columns)} columns, among the "
        "older ones: if they are the same people twice, the test is easier than the future."
    )
    return [said]


def _flattery(bench: Bench, court: CourtConfig, test: npt.NDArray[np.bool_]) -> list[str]:
    matrix, codes = joined(bench.columns, len(bench.y))
    if matrix.shape[1] == 0:
        return []
    shuffled = out_of_fold(bench.y, folds_of(bench.cluster), matrix, codes, large=True)
    forward = out_of_fold(bench.y, np.where(test, 0, -1), matrix, codes, large=True)
    random_auc = separation(bench.y, shuffled).auc
    forward_auc = separation(bench.y[test], forward[test]).auc
    if random_auc - forward_auc < court.random_over_forward:
        return []
    said = (
        f"a random split would promise a ROC-AUC of {random_auc:.2f}, where the forward one gives {forward_auc:.2f}: the "
        "world moves, or columns hold what only the past's outcomes tell. Trust the forward figure."
    )
    return [said]
