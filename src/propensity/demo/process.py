"""The hidden process itself: interest, what it emits, and where it ends, day by day over all open leads.

Within a day: interest moves (not on the day of birth), facts are emitted, then the lead may be qualified or
disqualified (not on the day of birth). Every draw depends on the hidden state and on what is already recorded
only, so the forward filter in `forward` sees all there is to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from propensity.demo.laws import ANSWERS, BUDGETS, KINDS, MAX_LAG_DAYS, Kind

if TYPE_CHECKING:
    from propensity.demo.dates import Calendar
    from propensity.demo.fit import Covariates
    from propensity.demo.laws import Floats, Ints, Laws

OPEN: Final = 0
CONVERTED: Final = 1
DISQUALIFIED: Final = 2
NEVER: Final = np.iinfo(np.int64).max

# What a rep reacts to: acts of intent, by their recorded day.
_HEAT: Final = np.zeros(KINDS)
_HEAT[[Kind.PRICING_VIEW, Kind.FORM_SUBMIT, Kind.CALL_IN, Kind.MEETING]] = (0.6, 0.5, 1.0, 1.0)
_HEAT[[Kind.DEMO_REQUEST, Kind.QUOTE_REQUEST, Kind.EMAIL_REPLY]] = (1.5, 1.5, 1.0)
_HEAT_DECAY: Final = 0.75
_HEAT_GAIN: Final = 1.2
_AGE_EDGES: Final = (1, 8, 31, 91)
_EMAILS_PER_DAY: Final = np.array([0.0, 0.16, 0.06, 0.025, 0.008])
_CALLS_PER_DAY: Final = np.array([0.0, 0.09, 0.025, 0.008, 0.002])


@dataclass(frozen=True)
class Facts:
    """Observed events, by day then lead.

    Attributes
    ----------
    lead, kind, day, lag_days
        Each (events,) int64; recorded on day `day + lag_days`.
    amount_eur
        Budget amount in whole cents, nan for other kinds, (events,) float64.
    """

    lead: Ints
    kind: Ints
    day: Ints
    lag_days: Ints
    amount_eur: Floats


@dataclass(frozen=True)
class Fates:
    """Per lead: OPEN, CONVERTED or DISQUALIFIED, the day it happened (NEVER while open), and the last hidden state, int64."""

    fate: Ints
    day: Ints
    state: Ints


def run(
    rng: np.random.Generator, covariates: Covariates, calendar: Calendar, laws: Laws
) -> tuple[Facts, Fates]:
    """Simulate every lead from its birth to its end or the calendar's."""
    simulation = _Simulation(rng, covariates, laws)
    for day in range(calendar.days):
        date = calendar.date(day)
        simulation.live(
            day,
            activity=laws.activity_level(date.weekday()),
            decision=laws.decision_level(date.weekday(), date.timetuple().tm_yday),
            drifted=day >= calendar.drift_day,
        )
    return simulation.facts(), Fates(fate=simulation.fate, day=simulation.end_day, state=simulation.state)


class _Simulation:
    """Mutable state of all leads; `live` moves it by one day."""

    def __init__(self, rng: np.random.Generator, covariates: Covariates, laws: Laws) -> None:
        leads = len(covariates.birth_day)
        self._rng = rng
        self._covariates = covariates
        self._laws = laws
        self.state = np.zeros(leads, dtype=np.int64)
        self._pressure = np.zeros(leads)
        self._heat = np.zeros(leads)
        self._pending = np.zeros((MAX_LAG_DAYS + 1, leads))
        self._open = np.zeros(0, dtype=np.int64)
        self._parts: list[tuple[Ints, Ints, Ints, Ints, Floats]] = []
        self.fate = np.full(leads, OPEN, dtype=np.int64)
        self.end_day = np.full(leads, NEVER, dtype=np.int64)

    def live(self, day: int, *, activity: float, decision: float, drifted: bool) -> None:
        """Let every open lead live one day."""
        self._move(self._open)
        old = len(self._open)
        first, last = np.searchsorted(self._covariates.birth_day, [day, day + 1])
        born = np.arange(first, last, dtype=np.int64)
        self.state[born] = _pick(self._rng, self._covariates.prior[born])
        self._open = np.concatenate([self._open, born])
        self._remember(day)
        self._emit(day, activity)
        self._end(self._open[:old], day, decision=decision, drifted=drifted)
        self._open = self._open[self.fate[self._open] == OPEN]

    def _move(self, leads: Ints) -> None:
        means, interest = np.divmod(self.state[leads], 4)
        fast = self._rng.random(len(leads)) < self._covariates.fast_share[leads]
        # Choosing the matrix at random each day has the law of the mixed matrix.
        rows = np.where(fast[:, None], self._laws.fast[interest], self._laws.slow[interest])
        self.state[leads] = means * 4 + _pick(self._rng, rows)

    def _remember(self, day: int) -> None:
        """Reps know in the morning what was recorded by the evening before."""
        slot = (day - 1) % (MAX_LAG_DAYS + 1)
        self._heat = self._heat * _HEAT_DECAY + self._pending[slot]
        self._pending[slot] = 0.0

    def _emit(self, day: int, activity: float) -> None:
        leads = self._open
        band = np.searchsorted(_AGE_EDGES, day - self._covariates.birth_day[leads], side="right")
        urge = activity * (1.0 + _HEAT_GAIN * np.minimum(self._heat[leads], 3.0))
        emails = self._rng.poisson(_EMAILS_PER_DAY[band] * urge)
        calls = self._rng.poisson(_CALLS_PER_DAY[band] * urge)
        self._pressure[leads] = self._pressure[leads] * self._laws.pressure_decay + emails
        called = np.repeat(leads, calls)
        answered = self._rng.random(len(called)) < self._laws.call_answered[self.state[called]]
        inbound, kinds = self._inbound(leads, activity)
        lead = np.concatenate([np.repeat(leads, emails), called, inbound])
        kind = np.concatenate(
            [
                np.full(int(emails.sum()), Kind.EMAIL_SENT, dtype=np.int64),
                np.where(answered, int(Kind.CALL_ANSWERED), int(Kind.CALL_UNANSWERED)),
                kinds,
            ]
        )
        self._file(day, lead, kind)

    def _inbound(self, leads: Ints, activity: float) -> tuple[Ints, Ints]:
        """Draw how many facts each lead emits, then which: far fewer draws than one per kind."""
        rates = self._laws.rates
        spontaneous = activity * rates[: BUDGETS.stop].sum(axis=0)
        answers = rates[ANSWERS].sum(axis=0)
        state = self.state[leads]
        emitter = np.repeat(
            leads, self._rng.poisson(spontaneous[state] + self._pressure[leads] * answers[state])
        )
        by_kind = rates.T[self.state[emitter]]
        by_kind[:, : BUDGETS.stop] *= activity
        by_kind[:, ANSWERS] *= self._pressure[emitter, None]
        return emitter, _pick(self._rng, by_kind / by_kind.sum(axis=1, keepdims=True))

    def _file(self, day: int, lead: Ints, kind: Ints) -> None:
        order = np.argsort(lead, kind="stable")
        lead, kind = lead[order], kind[order]
        lag = _pick(self._rng, self._laws.lag[kind])
        amount = np.full(len(lead), np.nan)
        budget = np.flatnonzero((kind >= BUDGETS.start) & (kind < BUDGETS.stop))
        row = kind[budget] - BUDGETS.start
        mean = self._laws.amount_log_mean[row, self.state[lead[budget]] // 4]
        ratio = np.exp(self._rng.normal(mean, self._laws.amount_log_sd[row]))
        amount[budget] = np.rint(ratio * self._covariates.price_eur[lead[budget]] * 100.0) / 100.0
        slot = (day + lag) % (MAX_LAG_DAYS + 1)
        np.add.at(self._pending, (slot, lead), _HEAT[kind])
        self._parts.append((lead, kind, np.full(len(lead), day, dtype=np.int64), lag, amount))

    def _end(self, leads: Ints, day: int, *, decision: float, drifted: bool) -> None:
        state = self.state[leads]
        rows = np.arange(len(leads))
        source = self._covariates.late_conversion_fit if drifted else self._covariates.conversion_fit
        level = decision * (self._laws.drift_convert if drifted else 1.0)
        convert, disqualify = self._laws.hazards(
            level * source[leads], self._covariates.disqualification_fit[leads]
        )
        draw = self._rng.random(len(leads))
        qualified = draw < convert[rows, state]
        rejected = ~qualified & (draw < convert[rows, state] + disqualify[rows, state])
        self.fate[leads[qualified]] = CONVERTED
        self.fate[leads[rejected]] = DISQUALIFIED
        self.end_day[leads[qualified | rejected]] = day

    def facts(self) -> Facts:
        """All events so far."""
        columns = [np.concatenate(column) for column in zip(*self._parts, strict=True)]
        lead, kind, day, lag_days, amount_eur = columns
        return Facts(lead=lead, kind=kind, day=day, lag_days=lag_days, amount_eur=amount_eur)


def _pick(rng: np.random.Generator, probabilities: Floats) -> Ints:
    """Draw one column index per row; rows of `probabilities` sum to 1."""
    edges = np.cumsum(probabilities, axis=1)
    # Rounding may leave the last edge a hair below 1, so the last column takes what is left.
    return (rng.random(len(probabilities))[:, None] >= edges[:, :-1]).sum(axis=1).astype(np.int64)
