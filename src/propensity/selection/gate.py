"""The gate between challenger and champion: all checks are run, all are told, and one that fails refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from propensity.errors import BundleError, HistoryError, PromotionRefused, PropensityError, RegistryError
from propensity.selection.checks import (
    Check,
    base_rate_check,
    calibration_checks,
    capacity_check,
    court_check,
    loss_check,
    segment_check,
)
from propensity.selection.promotion import Comparison, compare, forecasts, past_rows, unseen_rows
from propensity.selection.segments import Segment, segments

if TYPE_CHECKING:
    from propensity.config import Config
    from propensity.features.frame import FeatureFrame
    from propensity.model.bundle import Bundle

_NAME_WIDTH = 24
ANYWAY = 'To promote it all the same: --force --reason "why", which is kept with the model.'


@dataclass(frozen=True)
class Champion:
    """A champion's number, and its model before the refit on all rows; None, and why, where it cannot be read."""

    number: str
    judged: Bundle | None
    problem: PropensityError | None = None


@dataclass(frozen=True)
class GateResult:
    """What the gate asked a challenger, and what it answered.

    Attributes
    ----------
    challenger, champion : numbers of the versions; None where there is no champion.
    rows, conversions : snapshots that neither learned from, on which all was measured; 0 where there are none.
    as_of : first and last of them; None where unknown.
    checks : in their order.
    comparison : challenger against champion; None without one, or where they cannot be compared.
    segments : that were looked at, the worst first.
    obstacle : why the two could not be compared, as it is raised.
    """

    challenger: str
    champion: str | None
    rows: int
    conversions: int
    as_of: tuple[str, str] | None
    checks: tuple[Check, ...]
    comparison: Comparison | None = None
    segments: tuple[Segment, ...] = ()
    obstacle: PropensityError | None = field(default=None, compare=False, repr=False)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that speak against the promotion."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What passed only for want of evidence."""
        return tuple(
            f"the gate cannot tell: {check.name}: {check.sentence}"
            for check in self.checks
            if check.passed and not check.sure
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {
            "challenger": self.challenger,
            "champion": self.champion,
            "passed": not self.failed,
            "rows": self.rows,
            "conversions": self.conversions,
            "as_of": None if self.as_of is None else list(self.as_of),
            "checks": [check.to_dict() for check in self.checks],
            "comparison": None if self.comparison is None else self.comparison.to_dict(),
            "segments": [segment.to_dict() for segment in self.segments],
        }

    def table(self) -> str:
        """All checks as text, then the comparison."""
        rival = "no champion yet" if self.champion is None else f"against champion {self.champion}"
        lines = [f"Challenger {self.challenger}, {rival}{self._measured_on()}:"]
        for check in self.checks:
            told = check.sentence.replace("\n", "\n" + " " * 8)
            lines.append(f"{check.verdict:7} {check.name:{_NAME_WIDTH}} {told}")
        if self.comparison is not None:
            lines += ["", self.comparison.table()]
        return "\n".join(lines)

    def _measured_on(self) -> str:
        if self.rows == 0:
            return ""
        when = "" if self.as_of is None else f", as of {self.as_of[0][:10]} to {self.as_of[1][:10]}"
        who = "it was not" if self.champion is None else "neither was"
        return f", on {self.rows:,} snapshots that {who} trained on ({self.conversions:,} conversions{when})"

    def refuse(self) -> None:
        """Raise where a check failed.

        Raises
        ------
        PromotionRefused
            With the whole table, and the next steps.
        HistoryError, BundleError, RegistryError
            Nothing speaks against the challenger but that it cannot be compared: no common rows, or no readable champion.
        """
        failed = self.failed
        if not failed:
            return
        if self.obstacle is not None and len(failed) == 1:
            raise type(self.obstacle)(f"{self.obstacle}\n{ANYWAY}") from self.obstacle
        stays = "" if self.champion is None else f" The champion, version {self.champion}, stays."
        steps = [check.step for check in failed if check.step]
        raise PromotionRefused(
            f"version {self.challenger} fails {len(failed)} of {len(self.checks)} checks "
            f"({', '.join(check.name for check in failed)}).{stays}\n{self.table()}\n\n"
            + "\n".join([*steps, ANYWAY])
        )


def examine(
    number: str,
    challenger: Bundle,
    champion: Champion | None,
    frame: FeatureFrame,
    config: Config,
    *,
    dated: bool,
) -> GateResult:
    """Put all questions of the gate to a challenger.

    Parameters
    ----------
    number
        Of the challenger's version.
    challenger, champion
        The models before their refits; no champion on the first day.
    frame
        All matured snapshots with labels.
    config
        Bounds under `gate`, capacity under `lists`.
    dated
        Whether time is real, so that a horizon has a length.

    Raises
    ------
    FeatureMismatch
        The challenger needs features that the data and the configuration do not give.
    """
    court = court_check(challenger, config)
    who = None if champion is None else champion.number
    rival = None if champion is None else champion.judged
    try:
        if champion is not None and champion.problem is not None:
            raise champion.problem
        rows = unseen_rows(frame, challenger, rival)
        ours, theirs = forecasts(challenger, rival, rows)
    except (HistoryError, PromotionRefused, BundleError, RegistryError) as error:
        return _unmeasured(number, who, court, error)
    past = past_rows(frame, challenger, dated=dated)
    found = segments(rows, ours, theirs, config, past)
    calibration = calibration_checks(rows, ours, theirs, config)
    collapsed = segment_check(found, config, champion=rival is not None)
    if theirs is None:
        against_rate = compare(rows, ours, np.full(len(rows), _base_rate(past, rows)), config, ("log_loss",))
        checks = (base_rate_check(against_rate, challenger, config), court, *calibration, collapsed)
        comparison = None
    else:
        comparison = compare(rows, ours, theirs, config)
        better = (loss_check(comparison), capacity_check(comparison, config, rows))
        checks = (*better, court, *calibration, collapsed)
    return GateResult(number, who, len(rows), int(rows.y.sum()), _as_of(rows), checks, comparison, found)


def _unmeasured(challenger: str, champion: str | None, court: Check, error: PropensityError) -> GateResult:
    """Without rows to measure on, a first model passes unmeasured; two models cannot be told apart."""
    if champion is None:
        unknown = Check("measured at all", passed=True, sentence=str(error), sure=False)
        return GateResult(challenger, None, 0, 0, None, (court, unknown))
    apart = Check("comparison", passed=False, sentence=str(error))
    return GateResult(challenger, champion, 0, 0, None, (apart, court), obstacle=error)


def _base_rate(past: FeatureFrame, rows: FeatureFrame) -> float:
    """The rate of the past under Jeffreys' prior, as the ladder's first rung has it."""
    known = past.y if len(past) else rows.y
    return float((known.sum() + 0.5) / (len(known) + 1))


def _as_of(rows: FeatureFrame) -> tuple[str, str] | None:
    known = rows.table["as_of"].drop_null()
    if len(known) == 0:
        return None
    instants = known.to_numpy()
    first, last = (f"{np.datetime_as_string(edge, unit='s')}Z" for edge in (instants.min(), instants.max()))
    return first, last
