"""What features are derived, and from which of a company's own words: the part of the configuration about features."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from propensity.config.types import MOST_DAYS, Model, Real, Text, Whole

MOST_RANK = 5
"""The rank of an owner or chief officer."""


class ActivityType(Model):
    """One kind of act: what a rep would call it, and what it says."""

    phrase: str = Field(description="for reasons, after a verb is not needed: `viewed pricing`")
    direction: Literal["inbound", "outbound"] | None = Field(
        default=None, description="where the data do not say"
    )
    channel: str | None = Field(default=None, description="where the data do not say")
    intent: bool = Field(default=False, description="an act that speaks of buying")
    reply: bool = Field(default=False, description="where inbound: an answer of the lead to something we did")
    two_way: bool = Field(default=False, description="a dialogue by its nature, such as a meeting")


def _default_types() -> dict[str, ActivityType]:
    rows: list[tuple[str, str, str, str, str]] = [
        ("web_visit", "visited the web site", "inbound", "web", ""),
        ("pricing_view", "viewed pricing", "inbound", "web", "intent"),
        ("content_download", "downloaded content", "inbound", "web", ""),
        ("form_submit", "sent a form", "inbound", "web", ""),
        ("email_sent", "was sent an e-mail", "outbound", "email", ""),
        ("email_open", "opened an e-mail", "inbound", "email", ""),
        ("email_click", "clicked in an e-mail", "inbound", "email", ""),
        ("email_reply", "replied to an e-mail", "inbound", "email", "reply"),
        ("call", "was on a call", "outbound", "phone", "reply"),
        ("meeting", "met us", "outbound", "in_person", "two_way"),
        ("demo_request", "asked for a demo", "inbound", "chat", "intent"),
        ("quote_request", "asked for a quote", "inbound", "chat", "intent"),
    ]
    return {
        name: ActivityType.model_validate(
            {"phrase": phrase, "direction": way, "channel": channel} | ({says: True} if says else {})
        )
        for name, phrase, way, channel, says in rows
    }


_LITERAL_ESCAPE = re.compile(r"\\[^\w\s]")
_QUANTIFIER = re.compile(r"(?:[*+?]|\{[0-9]*,?[0-9]*\})[+]")
_CLASS = re.compile(r"\[\^?\]?[^\]]*\]")


def _shared_pattern(pattern: str) -> str:
    """Refuse what engines read differently: only what RE2, Java and Python agree on is a pattern here."""
    plain = _LITERAL_ESCAPE.sub("_", pattern)
    if "\\" in plain:
        raise ValueError(
            f"{pattern!r}: a backslash may only stand before a punctuation mark; write [0-9] for \\d, and leave out \\b "
            "(whole words are matched anyway)"
        )
    if re.search(r"\(\?(?!:)", plain):
        raise ValueError(
            f"{pattern!r}: of the groups that begin with (? only (?:...) is known to all engines"
        )
    if any("[" in part[1:] or "&&" in part for part in _CLASS.findall(plain)) or _QUANTIFIER.search(
        _CLASS.sub("_", plain)
    ):
        raise ValueError(
            f"{pattern!r}: sets within sets and possessive repeats mean different things to engines"
        )
    import pyarrow as pa  # noqa: PLC0415 - only who writes patterns pays for it
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        re.compile(pattern)
        pc.call_function("match_substring_regex", [pa.array([""])], pc.MatchSubstringOptions(pattern))
    except (re.error, pa.ArrowInvalid) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {str(error).splitlines()[0]}") from error
    return pattern


Pattern = Annotated[str, AfterValidator(_shared_pattern)]


class TitleRule(Model):
    """Which job titles a rule speaks of: those that hold one of the words, or that the pattern fits."""

    words: tuple[Text, ...] = Field(
        default=(), description="whole words, in any case; a blank also stands for a hyphen"
    )
    pattern: Pattern | None = Field(
        default=None, description="instead of words: a regular expression for whole words, in any case"
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if bool(self.words) == (self.pattern is not None):
            raise ValueError("give either `words` (a list) or `pattern` (a regular expression)")
        if any(not word.strip() for word in self.words):
            raise ValueError("a word is empty, which would fit every title")
        return self


class SeniorityRule(TitleRule):
    """Titles of a rank."""

    rank: Whole = Field(
        ge=0,
        le=MOST_RANK,
        description="5 owner or chief, 4 head, 3 director, 2 manager, 1 others, 0 in training",
    )


class DepartmentRule(TitleRule):
    """Titles of a department."""

    department: Text = Field(description="its name, as a rep reads it")


class AuthorityRule(TitleRule):
    """Titles that have, or lack, the authority to decide a purchase, whatever their rank."""

    authority: bool = Field(description="true: may decide a purchase")


class TitlesConfig(Model):
    """How job titles are read. Of each list the first rule that fits decides; a list given here replaces ours."""

    seniority: tuple[SeniorityRule, ...] | None = Field(
        default=None, description="title to rank; the maintained list by default, see features.md"
    )
    departments: tuple[DepartmentRule, ...] | None = Field(
        default=None, description="title to department; the maintained list by default"
    )
    authority: tuple[AuthorityRule, ...] | None = Field(
        default=None, description="exceptions to authority_rank; the maintained list by default"
    )
    authority_rank: Whole = Field(
        default=3,
        ge=0,
        le=MOST_RANK,
        description="from this rank on a title carries authority to decide a purchase",
    )


class Span(Model):
    """A range of numbers, both ends included."""

    min: Real | None = Field(default=None, description="the least that fits; any by default")
    max: Real | None = Field(default=None, description="the most that fits; any by default")

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: nothing fits")
        return self


class ExtraCriterion(Model):
    """A criterion over one of the company's own columns: words for a category, min and max for a number."""

    words: tuple[Text, ...] = Field(
        default=(), description="whole words, in any case, one of which must be there"
    )
    min: Real | None = Field(default=None, description="the least that fits")
    max: Real | None = Field(default=None, description="the most that fits; true counts as 1, false as 0")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.words) == (self.min is not None or self.max is not None):
            raise ValueError("give either `words` (for a category) or `min` and `max` (for a number)")
        if not self.words:
            Span(min=self.min, max=self.max)
        return self


class IdealCustomerConfig(Model):
    """Whom the company sells to best: each criterion gives a feature, and all of them the share that is met."""

    industry: tuple[Text, ...] = Field(
        default=(), description="whole words, in any case, one of which the industry must hold"
    )
    country: tuple[Text, ...] = Field(
        default=(),
        description="countries as the data spell them, in any case; the company's, else the lead's",
    )
    region: tuple[Text, ...] = Field(
        default=(), description="whole words, in any case, one of which the region must hold"
    )
    employee_count: Span | None = Field(default=None, description="people employed")
    annual_revenue: Span | None = Field(default=None, description="revenue a year, in the base currency")
    seniority: Whole | None = Field(
        default=None, ge=0, le=MOST_RANK, description="the least rank of the job title, 0 to 5"
    )
    extra: Mapping[str, ExtraCriterion] = Field(
        default={}, description="criteria over the company's own columns, by their names under `extra`"
    )


_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_MOST_DAYS_IN_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _month_day(text: str) -> str:
    if not _MONTH_DAY.fullmatch(text) or int(text[3:]) > _MOST_DAYS_IN_MONTH[int(text[:2]) - 1]:
        raise ValueError(f"{text!r} is no month and day, such as '12-31'")
    return text


MonthDay = Annotated[Text, AfterValidator(_month_day)]


class FeaturesConfig(Model):
    """What features are derived."""

    windows_days: tuple[Whole, ...] = Field(
        default=(7, 30, 90, 365), description="look-back windows, in days, ascending"
    )
    half_lives_days: tuple[Real, ...] = Field(default=(7, 30), description="of the decayed activity, in days")
    activity_types: Mapping[Text, ActivityType] = Field(
        default_factory=_default_types, description="the acts that get features of their own"
    )
    add_activity_types: Mapping[Text, ActivityType] = Field(
        default={}, description="company-specific acts, beside the default"
    )
    channels: tuple[Text, ...] = Field(
        default=("web", "email", "phone", "in_person", "chat"), description="channels counted"
    )
    budget_kinds: tuple[Text, ...] = Field(
        default=("stated", "quote", "funding", "spend"), description="kinds of budget"
    )
    offline_sources: tuple[Text, ...] = Field(
        default=("event", "trade_show", "referral", "cold_call", "partner", "outbound"),
        description="sources that are offline",
    )
    free_mail_domains: tuple[Text, ...] = Field(
        default=(), description="free-mail domains beside the well-known ones"
    )
    titles: TitlesConfig = TitlesConfig()
    ideal_customer: IdealCustomerConfig = IdealCustomerConfig()
    capacity_kinds: tuple[Text, ...] = Field(
        default=("stated", "quote"), description="kinds of budget, the last of which must cover the price"
    )
    fiscal_year_end: MonthDay | None = Field(
        default=None, description="last day of the fiscal year, month-day, such as `12-31`, in data.timezone"
    )
    fiscal_year_ends: Mapping[Text, MonthDay] = Field(
        default={}, description="of countries whose fiscal year ends on another day, as the data spell them"
    )
    past_rate_pseudo_leads: Real = Field(
        default=20,
        gt=0,
        le=1e9,
        description="past rates: leads of the base rate that are added to each group's own, so that few leads say little",
    )
    own: tuple[Path, ...] = Field(
        default=(), description="Python files that declare features of your own, see own-features.md"
    )
    exclude: tuple[str, ...] = Field(default=(), description="names of features that are not to be built")

    @field_validator("windows_days")
    @classmethod
    def _ascending(cls, windows: tuple[int, ...]) -> tuple[int, ...]:
        if (
            not windows
            or list(windows) != sorted(set(windows))
            or not 1 <= windows[0] <= windows[-1] <= MOST_DAYS
        ):
            raise ValueError("windows_days are whole days, at least one, each longer than the last")
        return windows

    @field_validator("half_lives_days")
    @classmethod
    def _positive(cls, lives: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < days <= MOST_DAYS for days in lives) or len(set(lives)) < len(lives):
            raise ValueError("half_lives_days are days above 0, each named once")
        return lives

    @field_validator("fiscal_year_ends")
    @classmethod
    def _one_end_a_country(cls, ends: Mapping[str, str]) -> Mapping[str, str]:
        if len({country.casefold() for country in ends}) < len(ends):
            raise ValueError("a country is there twice but for upper and lower case")
        return ends

    @property
    def types(self) -> dict[str, ActivityType]:
        """All acts that get features of their own, by name."""
        return {**self.activity_types, **self.add_activity_types}
