"""Who is called, by whom, and how the list says why: the part of the configuration about lists."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from propensity.config.crm import CrmConfig
from propensity.config.database import TargetConfig
from propensity.config.types import MOST_DAYS, Model, Real, Text, Whole

TERRITORY = ("country", "region", "industry", "product", "source")
"""What a territory may be drawn by; each is a field of `TerritoryConfig`."""
_LONGEST_NAME = 200


def _one_line(text: str) -> str:
    if not text.isprintable() or len(text) > _LONGEST_NAME:
        raise ValueError(f"a name is one line of at most {_LONGEST_NAME} signs that can be seen")
    return text


Name = Annotated[Text, AfterValidator(_one_line)]


class TerritoryConfig(Model):
    """Whose leads a rep may be given: of each line that is given, one of the values; nothing given takes every lead.

    A lead of whom the value is not known lies in no territory that asks for it.
    """

    country: tuple[Text, ...] | None = Field(
        default=None, description="the lead's country, else its account's"
    )
    region: tuple[Text, ...] | None = Field(default=None, description="the lead's region, else its account's")
    industry: tuple[Text, ...] | None = Field(default=None, description="the account's industry")
    product: tuple[Text, ...] | None = Field(default=None, description="the product asked for")
    source: tuple[Text, ...] | None = Field(default=None, description="where the lead came from")


class RepConfig(Model):
    """One who calls."""

    name: Name = Field(description="as the leads' `owner` spells it, so that owners keep their leads")
    capacity: Whole | None = Field(
        default=None, ge=0, description="leads on one list; `lists.rep_capacity` where null; 0: on holiday"
    )
    territory: TerritoryConfig = TerritoryConfig()


class HoldoutConfig(Model):
    """Accounts that are left out at random although they would be listed, to learn what calling causes."""

    share: Real = Field(default=0, ge=0, le=0.5, description="share of the accounts; 0: nobody is held out")
    salt: Text = Field(default="", description="another salt draws the accounts anew")


class ExplorationConfig(Model):
    """Places of a list that are drawn at random among those who may be called, to learn about whom the model overlooks."""

    share: Real = Field(default=0, ge=0, le=0.5, description="share of each list's places; 0: none")
    salt: Text = Field(default="", description="another salt draws the leads anew")


class ReasonsConfig(Model):
    """What a list says of why a lead is where it is."""

    protected: tuple[Text, ...] = Field(
        default=(
            "age", "birth_date", "birthday", "date_of_birth", "disability", "ethnicity", "family_status", "gender",
            "health", "marital", "marital_status", "nationality", "political_party", "pregnancy", "race", "religion",
            "sex", "sexual_orientation", "trade_union",
        ),
        description="columns, features or concepts that no reason speaks of; the model may still use them: "
        "`features.exclude` takes a feature away from the model",
    )  # fmt: skip


class ListsConfig(Model):
    """The lists that reps receive."""

    capacity: Whole | None = Field(
        default=None, ge=1, description="leads of one night over all reps; the sum of the reps' by default"
    )
    order: Literal["probability", "expected_value"] = Field(
        default="probability",
        description="what leads are ranked by; `expected_value` is the probability times the deal value (0 where the deal "
        "value is not known)",
    )
    reps: tuple[RepConfig, ...] = Field(
        default=(), description="who calls; without them there is one list for everybody"
    )
    owners_are_reps: bool = Field(
        default=False,
        description="each `owner` in the leads is a rep, beside those under `reps`, with `rep_capacity`",
    )
    rep_capacity: Whole | None = Field(
        default=None,
        ge=1,
        description="leads on one rep's list, where the rep has no capacity of its own; any number by default",
    )
    ownership: Literal["keep", "prefer", "ignore"] = Field(
        default="prefer",
        description="`keep`: a lead whose owner is a rep goes to that rep or to nobody; `prefer`: to another where its owner's "
        "list is full; `ignore`: owners do not matter",
    )
    cool_down_days: Real = Field(
        default=2,
        ge=0,
        le=MOST_DAYS,
        description="nobody is listed who was called or met not longer ago, in days",
    )
    not_now_days: Real = Field(
        default=90,
        ge=0,
        le=MOST_DAYS,
        description="nobody is listed of whom a rep reported `not_now` not longer ago, in days",
    )
    same_person_by: tuple[Literal["email", "phone"], ...] = Field(
        default=("email", "phone"),
        description="leads that share one of these, spelled alike or not, are one person: only the best is listed, and who asked "
        "not to be called takes the others along",
    )
    same_person_most: Whole = Field(
        default=10,
        ge=2,
        description="an address or a number that more leads share is a switchboard's, and makes nobody the same person",
    )
    deal_stages: tuple[Text, ...] = Field(
        default=("opportunity",), description="stages of a deal that is being negotiated"
    )
    open_deals: Literal["lead", "account"] = Field(
        default="lead",
        description="whose open deal keeps a lead from the list: its own, or that of anybody at its account",
    )
    holdout: HoldoutConfig = HoldoutConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    reasons: ReasonsConfig = ReasonsConfig()
    crm: CrmConfig = CrmConfig()
    database: TargetConfig | None = Field(
        default=None, description="PostgreSQL tables that scores and lists are written to, beside the files"
    )
    steady_within: Real = Field(
        default=0.1,
        ge=0,
        le=10,
        description="a change of the log odds since the last list that is still called steady",
    )
    questions: Whole = Field(
        default=5_000,
        ge=0,
        description="listed leads, from the first rank down, that get a next best question; 0: none",
    )
    recent_acts: Whole = Field(
        default=8, ge=0, le=100, description="acts of a lead that its page shows, equal ones of a day as one"
    )
    batch_rows: Whole = Field(default=20_000, ge=1_000, description="leads scored at a time")
    widest_interval: Real = Field(
        default=0.2,
        gt=0,
        le=1,
        description="widest 95 % interval of a probability that is called enough evidence; wider: `not enough evidence`",
    )

    @property
    def places(self) -> int | None:
        """Leads of one night over all reps, as far as the configuration alone says; None for any number."""
        of_reps = [self.rep_capacity if rep.capacity is None else rep.capacity for rep in self.reps]
        known = [capacity for capacity in of_reps if capacity is not None]
        if self.owners_are_reps or not self.reps or len(known) < len(of_reps):
            return self.capacity
        return max(1, min(sum(known), self.capacity or sum(known)))

    @field_validator("reps")
    @classmethod
    def _differ(cls, reps: tuple[RepConfig, ...]) -> tuple[RepConfig, ...]:
        names = [rep.name for rep in reps]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each rep is named once; twice there: {', '.join(twice[:3])}")
        return reps

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.holdout.share + self.exploration.share > 1 / 2:
            raise ValueError("holdout.share and exploration.share together may take half of a list at most")
        return self
