"""What the sections are written from, and the words that they share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from propensity.audit.report import plain, quoted
from propensity.starting.names import is_personal

if TYPE_CHECKING:
    from propensity.audit.drivers import Drivers
    from propensity.audit.funnel import Funnel
    from propensity.audit.leakage import Court
    from propensity.config import Config
    from propensity.selection.practice import Practices
    from propensity.selection.training import Trained
    from propensity.sources.report import CheckReport
    from propensity.stats.bootstrap import Metric
    from propensity.stats.evaluation import Evaluation


@dataclass(frozen=True)
class Facts:
    """A training, and what the page tells beside it.

    Attributes
    ----------
    config, trained, court, report : of the training.
    through : how far the data reach (UTC); None without dates.
    flat : whether the leads carry their outcome and there is no stage history.
    account_history : whether account attributes have a history; None where there are no accounts.
    funnel : from suspect to customer.
    practices : the test's lists by each practice, with notes on them; None where there was no test.
    drivers : what moves the probability; None where there was no test.
    perfect_error : calibration error that perfect probabilities stay below 95 % of the time; NaN without a test.
    warnings : where the data did not carry the full recipe.
    backtest : JSON of the newest backtest with these features and data; None where there is none.
    """

    config: Config
    trained: Trained
    court: Court
    report: CheckReport
    through: datetime | None
    flat: bool
    account_history: bool | None
    funnel: Funnel
    practices: Practices | None
    practice_notes: tuple[str, ...]
    drivers: Drivers | None
    perfect_error: float
    warnings: tuple[str, ...]
    backtest: Mapping[str, Any] | None = None

    @property
    def judged(self) -> Evaluation | None:
        """The model on the test; None where there was none."""
        return self.trained.evaluations.get("model")

    @property
    def happened(self) -> str:
        """What conversion is, as a verb in the past: `reached prospect within 30 days`."""
        days = self.config.outcome.horizon_days
        return "converted" if self.flat else f"reached {quoted(self.config.outcome.stage)} within {days} days"

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Categories whose values may say who a person is, by their name: not shown."""
        return hidden_features(self.trained)


def hidden_features(trained: Trained) -> frozenset[str]:
    """Names of the categories whose values may say who a person is."""
    return frozenset(
        column.name
        for column in trained.judged.features
        if column.kind == "category" and is_personal(column.name, words=True)
    )


def percent(share: float) -> str:
    """A share as people read it.

    >>> percent(0.1234), percent(0.00012), percent(float("nan"))
    ('12.3 %', '0.01 %', 'unknown')
    """
    if not math.isfinite(share):
        return "unknown"
    return f"{share:.2%}".replace("%", " %") if 0 < abs(share) < 0.001 else f"{share:.1%}".replace("%", " %")  # noqa: PLR2004


def short_percent(share: float) -> str:
    """A share on an axis: whole per cent, or with the decimals that small ones need.

    >>> short_percent(0.2), short_percent(0.025)
    ('20%', '2.5%')
    """
    return f"{share * 100:.6g}%"


def amount(value: float) -> str:
    """A count that may be a mean: one decimal below 10, none above.

    >>> amount(3.14), amount(61.0), amount(1234.5)
    ('3.1', '61', '1,234')
    """
    if not math.isfinite(value):
        return "unknown"
    return f"{value:,.1f}".removesuffix(".0") if abs(value) < 10 else f"{value:,.0f}"  # noqa: PLR2004


def many(count: int, word: str) -> str:
    """A count with its word.

    >>> many(1, "column"), many(1200, "column")
    ('1 column', '1,200 columns')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def within(found: Metric, *, decimals: int | None = None) -> str:
    """The 95 % interval in words, `54 to 68`; `unknown` where there is none."""
    if not (math.isfinite(found.low) and math.isfinite(found.high)):
        return "unknown"
    if decimals is None:
        return f"{amount(found.low)} to {amount(found.high)}"
    return f"{found.low:.{decimals}f} to {found.high:.{decimals}f}"


def with_interval(found: Metric, decimals: int) -> str:
    """A figure and its interval: `0.812 (0.801 to 0.823)`."""
    if not math.isfinite(found.value):
        return "unknown"
    known = math.isfinite(found.low) and math.isfinite(found.high)
    return f"{found.value:.{decimals}f}" + (f" ({within(found, decimals=decimals)})" if known else "")


def day(instant: datetime | str | None) -> str:
    """A date in UTC, `2026-06-01`, with the time where it is not midnight; `no dates` for None."""
    if instant is None:
        return "no dates"
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%d %H:%M} UTC"


def span(edges: list[str] | None) -> str:
    """From the first as_of to the last."""
    return "" if edges is None else f"{day(edges[0])} to {day(edges[1])}"


def told(sentence: str) -> str:
    """A sentence of ours that may quote users' data, with a full stop."""
    line = plain(sentence).rstrip(".")
    # A name such as created_at stays as it is written.
    begins = line if "_" in line.split(" ", 1)[0] else f"{line[:1].upper()}{line[1:]}"
    return f"{begins}."
