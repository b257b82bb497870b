"""What a lead's own row says of the person. Titles are read by Python's `re`."""

from __future__ import annotations

import re
from typing import Any

from oracles.canonical import Crm, Row
from propensity.features.firmographic import FREE_MAIL_DOMAINS
from propensity.features.titles import DEPARTMENTS, SENIORITY

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
        values["firmographic_seniority_rank"] = seniority(lead["title"])
        values["firmographic_department"] = department(lead["title"])
    if has("leads", "email"):
        free = {*FREE_MAIL_DOMAINS, *(domain.lower() for domain in settings.free_mail_domains)}
        values["firmographic_email_is_free_mail"] = _truth(
            lead["email"], lambda text: text.lower().rpartition("@")[2] in free
        )
    return values


def seniority(title: str | None) -> float | None:
    return None if title is None else float(_first(title, SENIORITY, OTHER_RANK))


def department(title: str | None) -> str | None:
    return None if title is None else _first(title, DEPARTMENTS, OTHER_DEPARTMENT)


def _first(title: str, table: Any, otherwise: Any) -> Any:
    """What the first pattern says that is there as whole words; every letter and digit of any script is part of a word."""
    fits = (result for words, result in table if re.search(rf"(?<!\w)(?:{words})(?!\w)", title.lower()))
    return next(fits, otherwise)


def _truth(text: str | None, test: Any) -> float | None:
    return None if text is None else float(test(text))
