"""What the import files for a CRM call their columns: the part of the configuration about them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from propensity.config.types import Model, Text, Whole

_LONGEST = 200


def _heading(text: str) -> str:
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST or text.lstrip()[0] in "=+-@":
        raise ValueError(
            f"a heading is one line of at most {_LONGEST} signs that can be seen, and no formula"
        )
    return text


Heading = Annotated[Text, AfterValidator(_heading)]


class CrmColumns(Model):
    """The headings of one import file; null leaves a column out."""

    lead_id: Heading = Field(
        default="Id", description="by which the CRM finds its record: the leads' `lead_id`"
    )
    listed: Heading | None = Field(
        default="Propensity_Listed__c", description="`true` on a list of this night, `false` no longer on one"
    )
    score: Heading | None = Field(
        default="Propensity_Score__c", description="the probability in percent, 0 to 100, two decimals"
    )
    tier: Heading | None = Field(default="Propensity_Tier__c", description="A to D")
    verdict: Heading | None = Field(
        default="Propensity_Verdict__c", description="`prospect` or `no prospect`"
    )
    reasons: Heading | None = Field(
        default="Propensity_Reasons__c", description="for and against, in sentences"
    )
    next_action: Heading | None = Field(
        default="Propensity_Next_Action__c", description="what to do; `off the list` for who left it"
    )
    because: Heading | None = Field(
        default="Propensity_Because__c", description="the cause of the action, or of leaving the list"
    )
    list_date: Heading | None = Field(
        default="Propensity_List_Date__c", description="the date of the night, YYYY-MM-DD"
    )

    @model_validator(mode="after")
    def _differ(self) -> Self:
        names = [name.casefold() for name in self.model_dump().values() if name is not None]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each heading is given once; twice there: {', '.join(twice)}")
        return self


class SalesforceColumns(CrmColumns):
    """Salesforce: API names of fields; custom ones end in `__c`."""


class HubspotColumns(CrmColumns):
    """HubSpot: internal names of properties."""

    lead_id: Heading = Field(
        default="Record ID", description="by which the CRM finds its record: the leads' `lead_id`"
    )
    listed: Heading | None = Field(
        default="propensity_listed", description="`true` on a list of this night, `false` no longer on one"
    )
    score: Heading | None = Field(
        default="propensity_score", description="the probability in percent, 0 to 100, two decimals"
    )
    tier: Heading | None = Field(default="propensity_tier", description="A to D")
    verdict: Heading | None = Field(default="propensity_verdict", description="`prospect` or `no prospect`")
    reasons: Heading | None = Field(default="propensity_reasons", description="for and against, in sentences")
    next_action: Heading | None = Field(
        default="propensity_next_action", description="what to do; `off the list` for who left it"
    )
    because: Heading | None = Field(
        default="propensity_because", description="the cause of the action, or of leaving the list"
    )
    list_date: Heading | None = Field(
        default="propensity_list_date", description="the date of the night, YYYY-MM-DD"
    )


class CrmConfig(Model):
    """Import files for a CRM."""

    salesforce: SalesforceColumns = SalesforceColumns()
    hubspot: HubspotColumns = HubspotColumns()
    look_back_lists: Whole = Field(
        default=5,
        ge=0,
        le=100,
        description="earlier lists whose leads are reported as having left, where they are on none of this night's; 0: none",
    )
