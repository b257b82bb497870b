"""What recorded attributes do to the hidden process; a missing value has a neutral effect of its own.

Only values as the CRM shows them enter here, so that whoever sees the tables can compute the truth exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from propensity.demo import words
from propensity.demo.laws import STATES
from propensity.demo.people import DAY_SECONDS

if TYPE_CHECKING:
    from propensity.demo.laws import Floats, Ints
    from propensity.demo.people import Accounts, People

_SIZE_EDGES: Final = (10.0, 50.0, 250.0, 1000.0, 5000.0)
_SIZE_EFFECTS: Final = (-0.80, -0.20, 0.35, 0.50, 0.10, -0.30)
_SIZE_UNKNOWN: Final = -0.15
_FREE_MAIL_EFFECT: Final = (-0.45, 0.0, -0.2)  # free, corporate, no address
_TITLE_UNKNOWN: Final = -0.20


@dataclass(frozen=True)
class Covariates:
    """Per lead, in order of creation.

    Attributes
    ----------
    birth_day
        Days from the start of the world, (leads,) int64.
    prior
        Belief over the 8 hidden states on the day of birth, (leads, 8), rows sum to 1.
    fast_share
        Weight of the fast transitions, (leads,), in [0, 1].
    conversion_fit, late_conversion_fit, disqualification_fit
        Multipliers of the hazards; the second replaces the first from the drift on, (leads,).
    price_eur
        Price of the product the lead asks for, (leads,).
    """

    birth_day: Ints
    prior: Floats
    fast_share: Floats
    conversion_fit: Floats
    late_conversion_fit: Floats
    disqualification_fit: Floats
    price_eur: Floats


def _effect(effects: list[float], codes: Ints, *, unknown: float = 0.0) -> Floats:
    return np.asarray([*effects, unknown], dtype=np.float64)[codes]  # code -1 picks the last


def _size_effect(employee_count: Floats) -> Floats:
    band = np.searchsorted(_SIZE_EDGES, employee_count, side="right")
    return np.where(np.isnan(employee_count), _SIZE_UNKNOWN, np.asarray([*_SIZE_EFFECTS, 0.0])[band])


def _means_prior(employee_count: Floats, revenue_eur: Floats, price_eur: Floats) -> Floats:
    """P(means): by revenue over price where recorded, else by headcount, else even with a small discount."""
    by_revenue = 0.45 * np.log(np.maximum(revenue_eur, 1.0) / (1500.0 * price_eur))
    by_size = 0.40 * np.log(np.maximum(employee_count, 1.0) * 90.0 / price_eur)
    known = np.where(np.isnan(revenue_eur), by_size, by_revenue)
    logit = np.where(np.isnan(known), -0.3, np.clip(known, -2.5, 2.5))
    return 1.0 / (1.0 + np.exp(-logit))


def covariates(people: People, accounts: Accounts) -> Covariates:
    """Read the recorded attributes of every lead into the parameters of its process."""
    has_account = people.account >= 0
    employees = np.where(has_account, accounts.employee_count[people.account], np.nan)
    revenue = np.where(has_account, accounts.annual_revenue_eur[people.account], np.nan)
    industry = np.where(has_account, accounts.industry[people.account], -1)
    price = np.array([p.price_eur for p in words.PRODUCTS])[people.product]
    fit = (
        _effect([e for _, _, e in words.INDUSTRIES], industry)
        + _size_effect(employees)
        + _effect([t.effect for t in words.TITLES], people.title, unknown=_TITLE_UNKNOWN)
        + _effect([e for _, _, _, e in words.COUNTRIES], people.country)
        + np.where(
            people.free_mail < 0,
            _FREE_MAIL_EFFECT[2],
            np.where(people.free_mail == 1, *_FREE_MAIL_EFFECT[:2]),
        )
    )
    early = _effect([s.effect for s in words.SOURCES], people.source)
    late = _effect([s.late_effect for s in words.SOURCES], people.source)
    start = np.asarray([*(s.start for s in words.SOURCES), words.UNKNOWN_SOURCE_START])[people.source]
    means = _means_prior(employees, revenue, price)
    return Covariates(
        birth_day=people.created_s // DAY_SECONDS,
        prior=np.hstack([start * (1.0 - means[:, None]), start * means[:, None]]).reshape(-1, STATES),
        fast_share=1.0 / (1.0 + np.exp(-1.1 * (fit + early))),
        conversion_fit=np.exp(fit + early),
        late_conversion_fit=np.exp(fit + late),
        disqualification_fit=np.exp(-0.6 * fit),
        price_eur=price,
    )
