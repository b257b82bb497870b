"""What a prospect is, and what to do next about a lead: the part of the configuration about qualification."""

from __future__ import annotations

import string
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from propensity.config.types import MOST_DAYS, Model, Real, Text, Whole

State = Literal["met", "not met", "unknown"]
FitPart = Literal["industry", "country", "region", "employee_count", "annual_revenue", "seniority"]
Action = Literal[
    "call", "reply", "find the decision maker", "ask about budget", "nurture", "keep as referral source", "leave alone"
]  # fmt: skip
NURTURE: Action = "nurture"
REFERRAL: Action = "keep as referral source"
LEAVE: Action = "leave alone"
PLACES = (
    "approached_on", "called_on", "colleague", "criteria", "failed", "met", "price", "probability", "rest_until", "threshold",
    "unanswered", "unknown", "wrote_on",
)  # fmt: skip
"""What a rule's cause may speak of, in braces."""


class FitConfig(Model):
    """Fit: the company is one of those that `features.ideal_customer` describes."""

    hard: bool = Field(default=True, description="whether a lead that fails it is no prospect")
    parts: tuple[FitPart, ...] = Field(
        default=("industry", "country", "region", "employee_count", "annual_revenue"),
        description="of the criteria under features.ideal_customer, those that must be met",
    )


class BudgetConfig(Model):
    """Budget: the amount that was stated or quoted last (`features.capacity_kinds`) reaches the price."""

    hard: bool = Field(default=True, description="whether a lead that fails it is no prospect")
    least_share: Real = Field(
        default=1, gt=0, le=100, description="share of the price that the amount must reach"
    )
    price: Real | None = Field(
        default=None, gt=0, description="price of a lead whose product has none, in the base currency"
    )
    deal_value: bool = Field(
        default=False,
        description="before `price`, take the lead's deal value; it stands as of today, whatever as_of is",
    )
    revenue_times_price: Real | None = Field(
        default=100,
        ge=1,
        description="where no amount is known: met from this many times the price as revenue a year, not met below "
        "the price itself, unknown between; null: revenue says nothing",
    )


class AuthorityConfig(Model):
    """Authority: the title may decide a purchase (`features.titles`), or someone else's at the account may."""

    hard: bool = Field(default=False, description="whether a lead that fails it is no prospect")
    colleagues: bool = Field(default=True, description="whether someone else at the account may have it")


class NeedConfig(Model):
    """Need: an act that speaks of buying."""

    hard: bool = Field(default=False, description="whether a lead that fails it is no prospect")
    within_days: Whole = Field(default=90, ge=1, le=MOST_DAYS, description="how old the act may be, in days")
    acts: tuple[Text, ...] | None = Field(
        default=None, description="kinds of acts; by default those that `features` marks as `intent`"
    )


class DialogueConfig(Model):
    """Dialogue: an answer after we got in touch, or a meeting; the acts that `features` marks as `reply`, `two_way`."""

    hard: bool = Field(default=False, description="whether a lead that fails it is no prospect")
    within_days: Whole | None = Field(
        default=None, ge=1, le=MOST_DAYS, description="how old the answer may be, in days; any by default"
    )


class ThresholdConfig(Model):
    """From which probability on a lead counts as a prospect."""

    by: Literal["capacity", "cost", "fixed"] = Field(
        default="capacity",
        description="`capacity`: the probability at which the list is full (lists.capacity; without one every probability "
        "is enough); `cost`: call_cost / prospect_value; `fixed`: probability",
    )
    probability: Real | None = Field(default=None, ge=0, le=1, description="for `fixed`")
    call_cost: Real | None = Field(default=None, gt=0, description="for `cost`: of one call, in money")
    prospect_value: Real | None = Field(
        default=None, gt=0, description="for `cost`: of one prospect, in the same money"
    )

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.by == "fixed" and self.probability is None:
            raise ValueError("by: fixed needs `probability`, such as 0.2")
        if self.by == "cost":
            if self.call_cost is None or self.prospect_value is None:
                raise ValueError("by: cost needs `call_cost` and `prospect_value`")
            if self.call_cost > self.prospect_value:
                raise ValueError(
                    f"a call costs {self.call_cost:g} and a prospect is worth {self.prospect_value:g}: no call pays"
                )
        return self


class WhenConfig(Model):
    """When a rule applies: everything that is given must hold; nothing given always holds."""

    fit: tuple[State, ...] | None = Field(default=None, description="states of the criterion")
    budget: tuple[State, ...] | None = Field(default=None, description="states of the criterion")
    authority: tuple[State, ...] | None = Field(default=None, description="states of the criterion")
    need: tuple[State, ...] | None = Field(default=None, description="states of the criterion")
    dialogue: tuple[State, ...] | None = Field(default=None, description="states of the criterion")
    hard_failed: bool | None = Field(default=None, description="a hard criterion is not met")
    over_threshold: bool | None = Field(default=None, description="the probability reaches the threshold")
    colleague_decides: bool | None = Field(
        default=None, description="the authority is not the lead's, but that of someone else at the account"
    )
    wrote_last_within_days: Real | None = Field(
        default=None, gt=0, le=MOST_DAYS, description="they wrote last, and not longer ago, in days"
    )
    approached_within_days: Real | None = Field(
        default=None, gt=0, le=MOST_DAYS, description="we got in touch not longer ago, in days"
    )
    called_within_days: Real | None = Field(
        default=None, gt=0, le=MOST_DAYS, description="we called or met not longer ago, in days"
    )
    unanswered_least: Whole | None = Field(
        default=None, ge=1, description="approaches without a sign of the lead since"
    )


def _known_places(text: str) -> str:
    try:
        found = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}; write a brace twice to mean the brace") from error
    unknown = [
        str(place) for _, place, spec, conversion in found if place not in PLACES or spec or conversion
    ]
    if unknown:
        raise ValueError(f"{text!r} speaks of {{{unknown[0]}}}; there are {', '.join(PLACES)}")
    return text


class ActionRule(Model):
    """One line of the table of next actions."""

    action: Action = Field(description="what to do")
    when: WhenConfig = WhenConfig()
    because: Annotated[Text, AfterValidator(_known_places)] = Field(
        description=f"the cause, in a rep's words; may hold {', '.join(f'`{{{place}}}`' for place in PLACES)}"
    )
    rest_days: Real = Field(
        default=0, ge=0, le=MOST_DAYS, description="of `leave alone`: days after our last approach"
    )


def _default_actions() -> tuple[ActionRule, ...]:
    rows: tuple[dict[str, object], ...] = (
        {"action": "reply", "when": {"wrote_last_within_days": 14}, "because": "they wrote last, on {wrote_on}"},
        {
            "action": "leave alone", "rest_days": 30, "when": {"unanswered_least": 6, "approached_within_days": 30},
            "because": "{unanswered} approaches without an answer; leave alone until {rest_until}",
        },
        {
            "action": "keep as referral source", "when": {"hard_failed": True, "dialogue": ("met",)},
            "because": "answers us, but is no buyer: {failed} not met",
        },
        {"action": "nurture", "when": {"hard_failed": True}, "because": "{failed} not met"},
        {
            "action": "nurture", "when": {"over_threshold": False},
            "because": "probability {probability} is below {threshold}",
        },
        {
            "action": "find the decision maker", "when": {"colleague_decides": True},
            "because": "may not decide alone; {colleague} may",
        },
        {
            "action": "find the decision maker", "when": {"authority": ("not met",)},
            "because": "may not decide, and we know of nobody at the company who may: ask for a head or director",
        },
        {
            "action": "ask about budget", "when": {"budget": ("unknown",), "dialogue": ("met",)},
            "because": "answers us, but no budget is known",
        },
        {"action": "call", "because": "{criteria}"},
    )  # fmt: skip
    return tuple(ActionRule.model_validate(row) for row in rows)


class FollowUpConfig(Model):
    """When to get in touch again: after the lead's own usual time to an answer."""

    times_response: Real = Field(
        default=2, gt=0, le=100, description="times the lead's median response time after our last approach"
    )
    default_days: Real = Field(
        default=7, gt=0, le=MOST_DAYS, description="for leads that have answered nothing yet, in days"
    )
    least_days: Real = Field(default=1, ge=0, le=MOST_DAYS, description="never sooner, in days")
    most_days: Real = Field(default=30, gt=0, le=MOST_DAYS, description="never later, in days")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least_days > self.most_days:
            raise ValueError(f"least_days {self.least_days:g} is above most_days {self.most_days:g}")
        return self


class NurtureConfig(Model):
    """How leads outside the calling capacity are handed to the marketing tool."""

    segment_by: tuple[Literal["industry", "country", "region", "interest", "stage", "source"], ...] = Field(
        default=("industry", "region", "interest", "stage"),
        description="what makes a segment; `interest`: the product asked for, else the last act worth mentioning",
    )
    arms: tuple[Text, ...] = Field(
        default=("A", "B"), min_length=1, description="arms of a test of messages, with equal shares"
    )
    salt: Text = Field(default="", description="another salt draws the arms anew")

    @field_validator("arms")
    @classmethod
    def _differ(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(arms)) < len(arms):
            raise ValueError("each arm is named once")
        return arms


class QualificationConfig(Model):
    """When a lead is a prospect, what to do next, and what to mention first."""

    fit: FitConfig = FitConfig()
    budget: BudgetConfig = BudgetConfig()
    authority: AuthorityConfig = AuthorityConfig()
    need: NeedConfig = NeedConfig()
    dialogue: DialogueConfig = DialogueConfig()
    threshold: ThresholdConfig = ThresholdConfig()
    actions: tuple[ActionRule, ...] = Field(
        default_factory=_default_actions,
        min_length=1,
        description="the table of next actions: the first rule that applies decides, the last must always apply; by "
        "default the one in docs/qualification.md",
    )
    follow_up: FollowUpConfig = FollowUpConfig()
    nurture: NurtureConfig = NurtureConfig()
    messages: tuple[Text, ...] = Field(
        default=("form_submit", "demo_request", "quote_request"),
        description="inbound acts that want an answer, beside those that `features` marks as `reply`",
    )
    not_mentioned: tuple[Text, ...] = Field(
        default=("web_visit", "email_open", "email_click"),
        description="acts that an opening never mentions: they tell that we watch",
    )

    @field_validator("actions")
    @classmethod
    def _ends(cls, actions: tuple[ActionRule, ...]) -> tuple[ActionRule, ...]:
        if actions[-1].when != WhenConfig():
            raise ValueError(
                "the last rule must always apply: leave its `when` out, so that every lead has an action"
            )
        return actions
