"""The laws of the demo world: how hidden interest and means drive what a CRM can see.

A lead's hidden state is `means * 4 + interest`: interest moves daily between cold, curious, evaluating and
ready; means (has a budget or not) never change. Rates are per lead and day; arrays over states have 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

INTERESTS: Final = ("cold", "curious", "evaluating", "ready")
STATES: Final = 2 * len(INTERESTS)
MAX_LAG_DAYS: Final = 5


class Kind(IntEnum):
    """What can be observed; the order is that of the rows in every table of rates."""

    WEB_VISIT = 0
    PRICING_VIEW = 1
    CONTENT_DOWNLOAD = 2
    FORM_SUBMIT = 3
    CALL_IN = 4
    MEETING = 5
    DEMO_REQUEST = 6
    QUOTE_REQUEST = 7
    BUDGET_STATED = 8
    BUDGET_QUOTE = 9
    BUDGET_FUNDING = 10
    BUDGET_SPEND = 11
    EMAIL_OPEN = 12
    EMAIL_CLICK = 13
    EMAIL_REPLY = 14
    EMAIL_SENT = 15
    CALL_ANSWERED = 16
    CALL_UNANSWERED = 17


KINDS: Final = len(Kind)
BUDGETS: Final = slice(Kind.BUDGET_STATED, Kind.BUDGET_SPEND + 1)
# Answers to e-mail: their rate is multiplied by the pressure of the e-mails sent so far.
ANSWERS: Final = slice(Kind.EMAIL_OPEN, Kind.EMAIL_REPLY + 1)
SPONTANEOUS: Final = slice(Kind.WEB_VISIT, Kind.BUDGET_SPEND + 1)


@dataclass(frozen=True, kw_only=True)
class Laws:
    """Every true parameter of the world.

    Attributes
    ----------
    slow, fast
        Daily transitions of interest, (4, 4), rows sum to 1; a lead mixes them by its own `fast_share`.
    rates
        Poisson rates per day, (15, 8): spontaneous kinds first, then answers per unit of e-mail pressure.
    call_answered
        Probability that an outbound call is answered, (8,).
    amount_log_mean, amount_log_sd
        Of ln(budget amount / product price), by budget kind and means, (4, 2) and (4,).
    convert, disqualify
        Daily hazards by state, (8,), before the lead's own multipliers.
    lag
        Probability that a fact is recorded k days after the day it happened, (18, 6), rows sum to 1.
    """

    slow: Floats
    fast: Floats
    rates: Floats
    call_answered: Floats
    amount_log_mean: Floats
    amount_log_sd: Floats
    convert: Floats
    disqualify: Floats
    lag: Floats
    weekend_activity: float = 0.3
    weekend_decision: float = 0.1
    pressure_decay: float = 0.7
    drift_convert: float = 0.75
    season_amplitude: float = 0.12

    def activity_level(self, weekday: int) -> float:
        """Multiplier of spontaneous rates and of outbound touches on a weekday (0 is Monday)."""
        return self.weekend_activity if weekday in _WEEKEND else 1.0

    def decision_level(self, weekday: int, day_of_year: int) -> float:
        """Multiplier of the conversion hazard: offices decide on working days, and less in summer."""
        season = 1.0 + self.season_amplitude * float(np.cos(2.0 * np.pi * (day_of_year - 20) / 365.25))
        return season * (self.weekend_decision if weekday in _WEEKEND else 1.0)

    def hazards(self, conversion_fit: Floats, disqualification_fit: Floats) -> tuple[Floats, Floats]:
        """Daily probabilities of being qualified and of being disqualified, both (leads, 8).

        The caps keep their sum below 1; they are part of the truth.
        """
        convert = np.minimum(conversion_fit[:, None] * self.convert, 0.5)
        disqualify = np.minimum(disqualification_fit[:, None] * self.disqualify, 0.2)
        return convert, disqualify

    def recorded_by(self, age_days: int) -> Floats:
        """P(a fact of `age_days` ago, at least 1, is recorded before the midnight of as_of), (18,)."""
        return self.lag[:, : min(age_days, MAX_LAG_DAYS + 1)].sum(axis=1)


_WEEKEND: Final = (5, 6)


def _by_state(interest: tuple[float, ...], *, none: float = 1.0, means: float = 1.0) -> Floats:
    values = np.asarray(interest, dtype=np.float64)
    return np.concatenate([values * none, values * means])


def _rates() -> Floats:
    return np.stack(
        [
            _by_state((0.020, 0.070, 0.170, 0.260)),
            _by_state((0.0015, 0.009, 0.040, 0.080), none=0.85, means=1.15),
            _by_state((0.004, 0.020, 0.035, 0.025)),
            _by_state((0.0010, 0.004, 0.009, 0.014)),
            _by_state((0.0008, 0.003, 0.011, 0.028)),
            _by_state((0.0004, 0.002, 0.011, 0.034)),
            _by_state((0.0002, 0.0012, 0.006, 0.011)),
            _by_state((0.0001, 0.0006, 0.0035, 0.013), none=0.6, means=1.4),
            _by_state((0.0014, 0.0050, 0.0120, 0.0180)),
            _by_state((0.0003, 0.0010, 0.0040, 0.0100), none=0.8, means=1.2),
            _by_state((0.0008, 0.0008, 0.0008, 0.0008), none=0.5, means=1.5),
            _by_state((0.0018, 0.0020, 0.0022, 0.0022), none=0.8, means=1.2),
            _by_state((0.100, 0.180, 0.260, 0.300)),
            _by_state((0.012, 0.035, 0.070, 0.090)),
            _by_state((0.005, 0.018, 0.060, 0.110)),
        ]
    )


def _lags() -> Floats:
    prompt = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    synced = (0.955, 0.03, 0.01, 0.005, 0.0, 0.0)
    typed_in = (0.76, 0.12, 0.06, 0.03, 0.02, 0.01)
    rows = [synced] * KINDS
    for kind in (Kind.CALL_IN, Kind.MEETING, Kind.CALL_ANSWERED, Kind.CALL_UNANSWERED):
        rows[kind] = typed_in
    # A budget has one clock, the recorded one. E-mails sent are prompt because answers depend on them: were
    # they late, the rate of an answer would not be known at as_of.
    for kind in (*range(BUDGETS.start, BUDGETS.stop), Kind.EMAIL_SENT):
        rows[kind] = prompt
    return np.asarray(rows, dtype=np.float64)


def default_laws() -> Laws:
    """Return the world as shipped."""
    return Laws(
        slow=np.array(
            [
                [0.994, 0.006, 0.0, 0.0],
                [0.040, 0.950, 0.010, 0.0],
                [0.005, 0.045, 0.935, 0.015],
                [0.010, 0.0, 0.050, 0.940],
            ]
        ),
        fast=np.array(
            [
                [0.985, 0.014, 0.001, 0.0],
                [0.025, 0.940, 0.035, 0.0],
                [0.003, 0.027, 0.930, 0.040],
                [0.008, 0.0, 0.032, 0.960],
            ]
        ),
        rates=_rates(),
        call_answered=_by_state((0.20, 0.32, 0.45, 0.52)),
        amount_log_mean=np.array([[-0.75, 0.40], [-0.40, 0.15], [0.8, 2.0], [-1.3, -0.2]]),
        amount_log_sd=np.array([0.5, 0.4, 0.8, 0.7]),
        convert=_by_state((0.00008, 0.0007, 0.006, 0.030), none=0.15, means=1.7),
        disqualify=_by_state((0.0030, 0.0016, 0.0008, 0.0005), none=1.5, means=0.6),
        lag=_lags(),
    )
