"""Who the lead is: the company, the person's rank, where they came from."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import ibis

from propensity.features.spec import DAY_US, Feature
from propensity.features.titles import department, has_authority, seniority_rank
from propensity.timeline.history import ACCOUNT_PREFIX

if TYPE_CHECKING:
    from propensity.config import Config, FeaturesConfig
    from propensity.engines import Functions
    from propensity.engines.untyped import Value

FREE_MAIL_DOMAINS = (
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "yahoo.com", "icloud.com", "me.com",
    "aol.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "t-online.de", "mail.ru", "yandex.ru", "qq.com", "163.com",
    "126.com", "proton.me", "protonmail.com", "orange.fr", "free.fr", "libero.it", "rediffmail.com", "mail.com",
)  # fmt: skip
_DAYS_A_YEAR = 365.25
_CATEGORIES = {
    "source": ("source", "came from {value}"),
    "country": ("country", "is in {value}"),
    "region": ("region", "is in the region {value}"),
    "product": ("product", "asked for {value}"),
}
_ACCOUNT_CATEGORIES = {
    "industry": ("industry", "works in {value}"),
    "country": ("company's country", "the company is in {value}"),
    "region": ("company's region", "the company is in the region {value}"),
}


def firmographic_features(
    config: Config, lead_columns: Collection[str], account_columns: Collection[str], functions: Functions
) -> list[Feature]:
    """The features that the leads' and accounts' columns allow; a column that is not mapped gives none."""
    features = [
        _category(name, name, concept, sentence)
        for name, (concept, sentence) in _CATEGORIES.items()
        if name in lead_columns
    ]
    features += _person(config, lead_columns)
    if "created_at" in lead_columns:
        features.append(
            _number(
                "lead_age_days",
                "age of the lead",
                "days",
                "has been a lead for {value} days",
                lambda t: (
                    (functions.epoch_us(t["as_of"]) - functions.epoch_us(t["created_at"])).cast("float64")
                    / DAY_US
                ),
                null_when="never",
            )
        )
    if "account_id" in lead_columns:
        features.append(
            _number(
                "has_account",
                "known company",
                "",
                "belongs to a known company",
                lambda t: t["account_id"].notnull().cast("float64"),
                null_when="never",
                zero="belongs to no known company",
            )
        )
    return features + _account(account_columns, functions)


def _person(config: Config, columns: Collection[str]) -> list[Feature]:
    features: list[Feature] = []
    offline = [word.lower() for word in config.features.offline_sources]
    if "source" in columns:
        features.append(
            _number(
                "source_is_offline",
                "source",
                "",
                "came from an offline source",
                lambda t: t["source"].lower().isin(offline).cast("float64"),
                null_when="source is unknown",
                zero="came from an online source",
            )
        )
    if "title" in columns:
        features += _title(config.features)
    if "email" in columns:
        domains = [*FREE_MAIL_DOMAINS, *(domain.lower() for domain in config.features.free_mail_domains)]
        features.append(
            _number(
                "email_is_free_mail",
                "kind of e-mail address",
                "",
                "wrote from a free-mail address",
                lambda t: t["email"].lower().split("@")[-1].isin(domains).cast("float64"),
                null_when="email is unknown",
                zero="wrote from a company address",
            )
        )
    return features


def _title(config: FeaturesConfig) -> list[Feature]:
    unknown = "title is unknown"
    return [
        _number(
            "seniority_rank", "seniority", "rank 0 to 5", "seniority {value} of 5 by job title",
            lambda t: seniority_rank(t["title"], config),
            null_when=unknown, zero="is still in training by job title",
        ),
        Feature(
            "firmographic_department", "firmographic", "department", "", "works in {value} by job title",
            "attributes", lambda t: department(t["title"], config), kind="category", null_when=unknown,
        ),
        Feature(
            "firmographic_has_authority", "firmographic", "authority", "", "may decide a purchase by job title",
            "features", lambda t: has_authority(t["title"], t["firmographic_seniority_rank"], config),
            null_when=unknown, zero="may not decide a purchase by job title", actionable=True,
        ),
    ]  # fmt: skip


def _account(columns: Collection[str], functions: Functions) -> list[Feature]:
    features = [
        _category(f"account_{name}" if name != "industry" else name, ACCOUNT_PREFIX + name, concept, sentence)
        for name, (concept, sentence) in _ACCOUNT_CATEGORIES.items()
        if name in columns
    ]
    if "employee_count" in columns:
        features.append(
            _number(
                "employee_count",
                "company size",
                "people",
                "the company has {value} employees",
                lambda t: t[ACCOUNT_PREFIX + "employee_count"],
            )
        )
    if "annual_revenue" in columns:
        features.append(
            _number(
                "annual_revenue",
                "company revenue",
                "base currency a year",
                "the company's revenue is {value} a year",
                lambda t: t[ACCOUNT_PREFIX + "annual_revenue"],
            )
        )
    if {"annual_revenue", "employee_count"} <= set(columns):
        features.append(
            _number(
                "revenue_per_employee",
                "company revenue",
                "base currency a year",
                "the company's revenue is {value} an employee a year",
                lambda t: (
                    t[ACCOUNT_PREFIX + "annual_revenue"] / t[ACCOUNT_PREFIX + "employee_count"].nullif(0)
                ),
            )
        )
    if "founded_on" in columns:
        features.append(
            _number(
                "company_age_years",
                "company age",
                "years",
                "the company is {value} years old",
                lambda t: _years_before(t["as_of"], t[ACCOUNT_PREFIX + "founded_on"], functions),
                null_when="the founding day is unknown, or lies in the future",
            )
        )
    return features


def _years_before(as_of: Value, founded: Value, functions: Functions) -> Value:
    """Null for a company that is not founded yet: its day is a plan, or a mistake."""
    age = (functions.epoch_us(as_of) - functions.epoch_us(founded)).cast("float64") / (DAY_US * _DAYS_A_YEAR)
    return ibis.cases((founded <= as_of, age), else_=ibis.null("float64"))


def _category(name: str, column: str, concept: str, sentence: str) -> Feature:
    return Feature(
        f"firmographic_{name}", "firmographic", concept, "", sentence, "attributes",
        lambda t: t[column], kind="category", null_when=f"{concept} is unknown",
    )  # fmt: skip


def _number(
    name: str, concept: str, unit: str, sentence: str, expression: object, null_when: str = "", zero: str = ""
) -> Feature:
    return Feature(
        f"firmographic_{name}", "firmographic", concept, unit, sentence, "attributes",
        expression,  # type: ignore[arg-type]
        null_when=null_when or f"{concept} is unknown", zero=zero,
    )  # fmt: skip
