"""What a lead's own row says of the person. Titles are read by Python's `re`."""

from __future__ import annotations

import re
from typing import Any

from oracles.canonical import Crm, Row
from propensity.config import FeaturesConfig
from propensity.features.firmographic import FREE_MAIL_DOMAINS
from propensity.features.titles import AUTHORITY, DEPARTMENTS, SENIORITY

DEFAULT = FeaturesConfig()
OTHER_RANK, OTHER_DEPARTMENT = 1.0, "other"


def person_values(crm: Crm, lead: Row) -> dict[str, Any]:
    has, settings = crm.world.has, crm.config.features
    values: dict[str, Any] = {
        f"firmographic_{name}": lead[name]
        for name in ("source", "country", "region", "product")
        if has("leads", name)
    }
    if has("leads", "source"):
        offline = {word.lower() for word in settings.offline_sources}
        values["firmographic_source_is_offline"] = _truth(
            lead["source"], lambda text: text.lower() in offline
        )
    if has("leads", "title"):
        values["firmographic_seniority_rank"] = seniority(lead["title"], settings)
        values["firmographic_department"] = department(lead["title"], settings)
        values["firmographic_has_authority"] = authority(lead["title"], settings)
    if has("leads", "email"):
        free = {*FREE_MAIL_DOMAINS, *(domain.lower() for domain in settings.free_mail_domains)}
        values["firmographic_email_is_free_mail"] = _truth(
            lead["email"], lambda text: text.lower().rpartition("@")[2] in free
        )
    return values


def seniority(title: str | None, settings: FeaturesConfig = DEFAULT) -> float | None:
    own = settings.titles.seniority
    rules = SENIORITY if own is None else [(rule_pattern(rule), rule.rank) for rule in own]
    return None if title is None else float(_first(title, rules, OTHER_RANK))


def department(title: str | None, settings: FeaturesConfig = DEFAULT) -> str | None:
    own = settings.titles.departments
    rules = DEPARTMENTS if own is None else [(rule_pattern(rule), rule.department) for rule in own]
    return None if title is None else _first(title, rules, OTHER_DEPARTMENT)


def authority(title: str | None, settings: FeaturesConfig = DEFAULT) -> float | None:
    """What the first rule says, else whether the rank is high enough."""
    own = settings.titles.authority
    rules = AUTHORITY if own is None else [(rule_pattern(rule), rule.authority) for rule in own]
    if title is None:
        return None
    return float(_first(title, rules, seniority(title, settings) >= settings.titles.authority_rank))


def rule_pattern(rule: Any) -> str:
    return words_pattern(rule.words) if rule.pattern is None else rule.pattern.lower()


def words_pattern(words: Any) -> str:
    return "|".join(re.escape(word.lower()).replace(r"\ ", "[ -]+") for word in words)


def has_words(text: str | None, words: Any) -> bool | None:
    return None if text is None else _first(text, [(words_pattern(words), True)], otherwise=False)


def _first(title: str, table: Any, otherwise: Any) -> Any:
    """What the first pattern says that is there as whole words; every letter and digit of any script is part of a word."""
    fits = (result for words, result in table if re.search(rf"(?<!\w)(?:{words})(?!\w)", title.lower()))
    return next(fits, otherwise)


def _truth(text: str | None, test: Any) -> float | None:
    return None if text is None else float(test(text))
