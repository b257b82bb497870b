"""Who is in the demo world: invented accounts and leads, as the CRM records them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from propensity.demo import words

if TYPE_CHECKING:
    from propensity.demo.laws import Floats, Ints

DAY_SECONDS: Final = 86_400
NO_ACCOUNT_SHARE: Final = 0.05
DUPLICATE_SHARE: Final = 0.01
DO_NOT_CONTACT_SHARE: Final = 0.03
_UNKNOWN_SIZE_SHARE: Final = 0.12
_UNKNOWN_REVENUE_SHARE: Final = 0.35
_FREE_MAIL_SHARE: Final = 0.18
_NO_EMAIL_SHARE: Final = 0.03
_NO_PHONE_SHARE: Final = 0.15
_NO_DEAL_SHARE: Final = 0.2


@dataclass(frozen=True)
class Accounts:
    """One entry per account; code -1, or nan, where the CRM holds nothing."""

    name: list[str]
    domain: list[str]
    industry: Ints
    employee_count: Floats
    annual_revenue_eur: Floats
    country: Ints
    founded_year: Ints


@dataclass(frozen=True)
class People:
    """One entry per lead in order of creation; codes index the lists in `words`, -1 where not recorded."""

    created_s: Ints
    account: Ints
    contact_name: list[str]
    email: list[str | None]
    free_mail: Ints
    phone: list[str | None]
    title: Ints
    source: Ints
    country: Ints
    product: Ints
    deal_value_eur: Floats
    owner: Ints
    do_not_contact: Ints


def _weighted(rng: np.random.Generator, weights: Floats | list[float], size: int) -> Ints:
    share = np.asarray(weights, dtype=np.float64)
    return rng.choice(len(share), size=size, p=share / share.sum()).astype(np.int64)


def _forget(rng: np.random.Generator, codes: Ints, share: float) -> Ints:
    return np.where(rng.random(len(codes)) < share, -1, codes)


def make_accounts(rng: np.random.Generator, count: int, first_year: int) -> Accounts:
    """Draw `count` companies founded before `first_year`."""
    stems = rng.permutation(len(words.COMPANY_STEMS) * len(words.COMPANY_TAILS))
    names: list[str] = []
    domains: list[str] = []
    for index in range(count):
        series, pick = divmod(index, len(stems))
        stem, tail = divmod(int(stems[pick]), len(words.COMPANY_TAILS))
        suffix = "" if series == 0 else f" {series + 1}"
        name = f"{words.COMPANY_STEMS[stem]} {words.COMPANY_TAILS[tail]}{suffix}"
        names.append(f"{name} {words.LEGAL_FORMS[int(rng.integers(len(words.LEGAL_FORMS)))]}")
        domains.append(f"{words.slug(name, '-')}.example")
    employees = np.maximum(np.rint(np.exp(rng.normal(4.6, 1.6, count))), 1.0)
    revenue = np.rint(employees * 140.0 * np.exp(rng.normal(0.0, 0.5, count))) * 1000.0
    return Accounts(
        name=names,
        domain=domains,
        industry=_forget(rng, _weighted(rng, [w for _, w, _ in words.INDUSTRIES], count), 0.07),
        employee_count=np.where(rng.random(count) < _UNKNOWN_SIZE_SHARE, np.nan, employees),
        annual_revenue_eur=np.where(rng.random(count) < _UNKNOWN_REVENUE_SHARE, np.nan, revenue),
        country=_weighted(rng, [w for _, _, w, _ in words.COUNTRIES], count),
        founded_year=first_year - np.minimum(1 + rng.exponential(18.0, count).astype(np.int64), 120),
    )


def _creation_seconds(rng: np.random.Generator, count: int, days: int, first_weekday: int) -> Ints:
    """Draw seconds since the start, ascending, never a midnight: fewer on weekends, more each month."""
    weekday = (np.arange(days) + first_weekday) % 7
    weight = np.where(weekday >= 5, 0.3, 1.0) * np.linspace(0.85, 1.15, days)  # noqa: PLR2004 - Saturday
    day = _weighted(rng, weight, count)
    return np.sort(day * DAY_SECONDS + rng.integers(6 * 3600, 20 * 3600, count))


def _names(rng: np.random.Generator, count: int) -> list[str]:
    first = rng.integers(len(words.FIRST_NAMES), size=count)
    last = rng.integers(len(words.LAST_NAMES), size=count)
    return [f"{words.FIRST_NAMES[f]} {words.LAST_NAMES[s]}" for f, s in zip(first, last, strict=True)]


def _emails(
    rng: np.random.Generator, names: list[str], account: Ints, accounts: Accounts
) -> tuple[list[str | None], Ints]:
    free = (rng.random(len(names)) < _FREE_MAIL_SHARE) | (account < 0)
    missing = rng.random(len(names)) < _NO_EMAIL_SHARE
    provider = rng.integers(len(words.FREE_MAIL_DOMAINS), size=len(names))
    used: dict[str, int] = {}
    out: list[str | None] = []
    for index, name in enumerate(names):
        if missing[index]:
            out.append(None)
            continue
        domain = words.FREE_MAIL_DOMAINS[provider[index]] if free[index] else accounts.domain[account[index]]
        local = words.slug(name, ".")
        taken = used.get(f"{local}@{domain}", 0)
        used[f"{local}@{domain}"] = taken + 1
        out.append(f"{local}{taken + 1}@{domain}" if taken else f"{local}@{domain}")
    return out, np.where(missing, -1, free.astype(np.int64))


def _phones(rng: np.random.Generator, count: int) -> list[str | None]:
    """Numbers reserved for fiction, each used once; beyond the 80,000 there are, a lead has none."""
    numbers = rng.permutation(80_000)
    missing = rng.random(count) < _NO_PHONE_SHARE
    return [
        None
        if missing[i] or i >= len(numbers)
        else f"+1-{200 + numbers[i] // 100}-555-01{numbers[i] % 100:02d}"
        for i in range(count)
    ]


def _sources(rng: np.random.Generator, late: Ints) -> Ints:
    early_mix = _weighted(rng, [s.weight for s in words.SOURCES], len(late))
    late_mix = _weighted(rng, [s.late_weight for s in words.SOURCES], len(late))
    return _forget(rng, np.where(late == 1, late_mix, early_mix), 0.02)


def _choose_accounts(rng: np.random.Generator, count: int, accounts: Accounts) -> Ints:
    appeal = np.exp(rng.normal(0.0, 0.7, len(accounts.name)))
    return _forget(rng, _weighted(rng, appeal, count), NO_ACCOUNT_SHARE)


def _owners(rng: np.random.Generator, country: Ints) -> Ints:
    """Assign a rep of the country's territory; several reps share each."""
    territory = np.where(country >= 0, country, rng.integers(len(words.COUNTRIES), size=len(country)))
    return (territory * 3 + rng.integers(3, size=len(country))) % len(words.OWNERS)


def make_people(
    rng: np.random.Generator, *, count: int, days: int, drift_day: int, first_weekday: int, accounts: Accounts
) -> People:
    """Draw `count` leads over `days` days; about one in a hundred is a person already known."""
    created = _creation_seconds(rng, count, days, first_weekday)
    account = _choose_accounts(rng, count, accounts)
    names = _names(rng, count)
    emails, free = _emails(rng, names, account, accounts)
    phones = _phones(rng, count)
    _duplicate(rng, account, names, emails, free, phones)
    home = np.where(account >= 0, accounts.country[account], rng.integers(len(words.COUNTRIES), size=count))
    product = _weighted(rng, [p.weight for p in words.PRODUCTS], count)
    price = np.array([p.price_eur for p in words.PRODUCTS])[product]
    country = _forget(rng, home, 0.05)
    return People(
        created_s=created,
        account=account,
        contact_name=names,
        email=emails,
        free_mail=free,
        phone=phones,
        title=_forget(rng, _weighted(rng, [t.weight for t in words.TITLES], count), 0.09),
        source=_sources(rng, (created // DAY_SECONDS >= drift_day).astype(np.int64)),
        country=country,
        product=product,
        deal_value_eur=np.where(
            rng.random(count) < _NO_DEAL_SHARE,
            np.nan,
            np.rint(price * np.exp(rng.normal(0.1, 0.4, count)) / 50.0) * 50.0,
        ),
        owner=_owners(rng, country),
        do_not_contact=(rng.random(count) < DO_NOT_CONTACT_SHARE).astype(np.int64),
    )


def _duplicate(
    rng: np.random.Generator,
    account: Ints,
    names: list[str],
    emails: list[str | None],
    free: Ints,
    phones: list[str | None],
) -> None:
    """Overwrite some leads, in place, with an earlier lead's person, spelled a little differently."""
    count = len(names)
    again = np.sort(rng.permutation(np.arange(1, count))[: round(count * DUPLICATE_SHARE)])
    taken = {int(index) for index in again}
    for index in (int(i) for i in again):
        original = int(rng.integers(index))
        if original in taken:
            continue
        account[index] = account[original]
        free[index] = free[original]
        email = emails[original]
        style = int(rng.integers(3))
        names[index] = words.respell(names[original], style)
        emails[index] = email.upper() if email is not None and style == 0 else email
        phone = phones[original]
        phones[index] = phone.replace("-", " ") if phone is not None and style == 1 else phone
