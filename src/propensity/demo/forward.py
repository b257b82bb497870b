"""The exact forward filter: what the recorded facts say about a hidden state, and so about the future.

The truth is P(converted in [as_of, as_of + horizon) | facts that happened and were recorded before as_of, and
still open). Facts of the last days that are still unrecorded are thinned out of the Poisson rates; lags are
independent of everything, so this is exact.

Source: the forward algorithm for hidden Markov models (Rabiner, 1989, A tutorial on hidden Markov models and
selected applications in speech recognition, section III.A), with Poisson emissions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from propensity.demo.laws import ANSWERS, BUDGETS, KINDS, MAX_LAG_DAYS, STATES, Kind
from propensity.demo.process import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from propensity.demo.dates import Calendar
    from propensity.demo.fit import Covariates
    from propensity.demo.laws import Floats, Ints, Laws


@dataclass(frozen=True)
class Truth:
    """One row per (as_of, open lead): day of as_of since the start, lead, probability; by day, then lead."""

    day: Ints
    lead: Ints
    probability: Floats


def true_probabilities(
    facts: Facts,
    end_day: Ints,
    covariates: Covariates,
    calendar: Calendar,
    laws: Laws,
    *,
    as_of_days: Iterable[int],
    horizon_days: int = 30,
) -> Truth:
    """Filter every lead forward and look `horizon_days` ahead from each as_of.

    Parameters
    ----------
    facts
        Observed events of all leads, ascending by day.
    end_day
        Day on which each lead was qualified or disqualified, (leads,) int64; a lead that ended before an
        as_of has no row there.
    as_of_days
        Midnights, in days since the start.
    horizon_days
        Length of the window in days.
    """
    snapshots = sorted(set(as_of_days))
    engine = _Filter(facts, end_day, covariates, calendar, laws)
    rows: list[tuple[Ints, Ints, Floats]] = []
    day = 0
    for as_of in snapshots:
        # What is older than the longest lag is all recorded: that belief serves later snapshots too.
        while day < as_of - MAX_LAG_DAYS:
            engine.advance(day)
            day += 1
        leads, belief = engine.belief_at(as_of, complete_days=day)
        rows.append(
            (np.full(len(leads), as_of), leads, engine.look_ahead(belief, leads, as_of, horizon_days))
        )
    if not rows:
        return Truth(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Truth(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def latent_probabilities(
    states: Ints,
    leads: Ints,
    covariates: Covariates,
    calendar: Calendar,
    laws: Laws,
    *,
    as_of_day: int,
    horizon_days: int,
) -> Floats:
    """P(converted within the horizon) of `leads`, open at as_of, for one who sees the hidden states then, (leads,).

    Parameters
    ----------
    states
        Hidden state of each of `leads` at as_of, (leads,) int64 from 0 to 7.
    """
    nothing = np.zeros(0, dtype=np.int64)
    facts = Facts(lead=nothing, kind=nothing, day=nothing, lag_days=nothing, amount_eur=np.zeros(0))
    engine = _Filter(facts, np.zeros(len(covariates.birth_day), np.int64), covariates, calendar, laws)
    return engine.look_ahead(np.eye(STATES)[states], leads, as_of_day, horizon_days)


class _Filter:
    """Beliefs of all leads, complete up to a day; rows of `belief` sum to 1 once a lead is born."""

    def __init__(
        self, facts: Facts, end_day: Ints, covariates: Covariates, calendar: Calendar, laws: Laws
    ) -> None:
        self._facts = facts
        self._end_day = end_day
        self._covariates = covariates
        self._calendar = calendar
        self._laws = laws
        self._belief = np.zeros((len(end_day), STATES))
        self._pressure = np.zeros(len(end_day))
        self._log_weight = _log_weights(laws)
        self._day_edges = np.searchsorted(facts.day, np.arange(calendar.days + 1))

    def advance(self, day: int) -> None:
        """Bring the shared belief to the end of `day`, whose facts are all recorded."""
        self._step(self._belief, self._pressure, day, as_of=day + 1 + MAX_LAG_DAYS)

    def belief_at(self, as_of: int, *, complete_days: int) -> tuple[Ints, Floats]:
        """Return the leads open at as_of and their beliefs, from the facts recorded before it, (leads, 8)."""
        belief, pressure = self._belief.copy(), self._pressure.copy()
        for day in range(complete_days, as_of):
            self._step(belief, pressure, day, as_of=as_of)
        leads = np.flatnonzero((self._covariates.birth_day < as_of) & (self._end_day >= as_of))
        return leads, belief[leads]

    def look_ahead(self, belief: Floats, leads: Ints, as_of: int, horizon_days: int) -> Floats:
        """P(converted within the horizon) of the absorbing chain started from `belief`, (leads,)."""
        found = np.zeros(len(leads))
        for day in range(as_of, as_of + horizon_days):
            belief = self._transition(belief, leads)
            convert, disqualify = self._hazards(leads, day)
            found += (belief * convert).sum(axis=1)
            belief = belief * (1.0 - convert - disqualify)
        return found

    def _step(self, belief: Floats, pressure: Floats, day: int, *, as_of: int) -> None:
        """Move, weigh by the day's recorded facts and by having stayed open, normalise; in place."""
        birth = self._covariates.birth_day
        # A lead that ends today is in no later snapshot, so its belief is no longer needed.
        leads = np.flatnonzero((birth <= day) & (self._end_day > day))
        old = birth[leads] < day
        now = np.empty((len(leads), STATES))
        now[old] = self._transition(belief[leads[old]], leads[old])
        now[~old] = self._covariates.prior[leads[~old]]

        events = slice(self._day_edges[day], self._day_edges[day + 1])
        sent = self._facts.lead[events][self._facts.kind[events] == Kind.EMAIL_SENT]
        pressure *= self._laws.pressure_decay
        np.add.at(pressure, sent, 1.0)

        log_likelihood = self._silence(leads, pressure, day, as_of)
        log_likelihood += self._evidence(events, as_of)[leads]
        now *= np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
        convert, disqualify = self._hazards(leads[old], day)
        now[old] *= 1.0 - convert - disqualify
        belief[leads] = now / now.sum(axis=1, keepdims=True)

    def _transition(self, belief: Floats, leads: Ints) -> Floats:
        by_means = belief.reshape(len(leads), 2, 4)
        share = self._covariates.fast_share[leads, None, None]
        moved = (1.0 - share) * (by_means @ self._laws.slow) + share * (by_means @ self._laws.fast)
        return moved.reshape(len(leads), STATES)

    def _hazards(self, leads: Ints, day: int) -> tuple[Floats, Floats]:
        date = self._calendar.date(day)
        drifted = day >= self._calendar.drift_day
        fit = self._covariates.late_conversion_fit if drifted else self._covariates.conversion_fit
        level = self._laws.decision_level(date.weekday(), date.timetuple().tm_yday)
        level *= self._laws.drift_convert if drifted else 1.0
        return self._laws.hazards(level * fit[leads], self._covariates.disqualification_fit[leads])

    def _silence(self, leads: Ints, pressure: Floats, day: int, as_of: int) -> Floats:
        """Minus the expected number of recorded facts: the Poisson term that all counts share, (leads, 8)."""
        recorded = self._laws.recorded_by(as_of - day)[: len(self._laws.rates), None] * self._laws.rates
        activity = self._laws.activity_level(self._calendar.date(day).weekday())
        spontaneous = activity * recorded[: BUDGETS.stop].sum(axis=0)
        return -(spontaneous + pressure[leads, None] * recorded[ANSWERS].sum(axis=0))

    def _evidence(self, events: slice, as_of: int) -> Floats:
        """Sum of the log weights of the day's recorded facts, (all leads, 8)."""
        facts = self._facts
        known = facts.day[events] + facts.lag_days[events] < as_of
        lead, kind = facts.lead[events][known], facts.kind[events][known]
        weight = self._log_weight[kind]
        budget = np.flatnonzero((kind >= BUDGETS.start) & (kind < BUDGETS.stop))
        ratio = facts.amount_eur[events][known][budget] / self._covariates.price_eur[lead[budget]]
        weight[budget] += _amount_log_density(self._laws, kind[budget] - BUDGETS.start, ratio)
        total = np.zeros((len(self._end_day), STATES))
        np.add.at(total, lead, weight)
        return total


def _log_weights(laws: Laws) -> Floats:
    """Log factor by which one fact of a kind weighs each state, (18, 8); outbound calls by their answer."""
    weights = np.zeros((KINDS, STATES))
    weights[: len(laws.rates)] = np.log(laws.rates)
    weights[Kind.CALL_ANSWERED] = np.log(laws.call_answered)
    weights[Kind.CALL_UNANSWERED] = np.log1p(-laws.call_answered)
    return weights


def _amount_log_density(laws: Laws, budget_kind: Ints, ratio: Floats) -> Floats:
    """Log density of ln(amount / price) by state, up to a constant, (facts, 8)."""
    mean, sd = laws.amount_log_mean[budget_kind], laws.amount_log_sd[budget_kind]
    by_means = -0.5 * ((np.log(ratio)[:, None] - mean) / sd[:, None]) ** 2
    return np.repeat(by_means, STATES // 2, axis=1)
