"""How one column is read: where its value comes from, which words mean nothing, how numbers and times are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from propensity.config.types import Model, Real, Text

_RESERVED = frozenset({"position", "snapshot_id", "as_of", "label", "time_order", "outcome"})


def _as_list(value: object) -> object:
    """One word stands for a list of one."""
    return (value,) if isinstance(value, str | int | float | bool) else value


Words = Annotated[tuple[Text, ...], BeforeValidator(_as_list)]
"""A list of words, or one word."""


class ColumnReading(Model):
    """What columns of any kind may say of how they are written."""

    null_words: Words = Field(default=(), description="words that mean unknown in this column")
    format: Words = Field(
        default=(),
        description="strptime format of a time, such as %d.%m.%Y %H:%M, or a list that is tried in order",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description="decimal sign of numbers that also hold thousands separators or a currency, such as `€ 1.234,50`",
    )
    band: Literal["lower", "middle", "upper"] | None = Field(
        default=None, description="the number that stands for a band such as `200-499`, `10k-50k` or `1000+`"
    )
    scale: Real = Field(
        default=1.0, description="what a number is multiplied by, such as 1000000 for millions"
    )
    known_in_time: str | None = Field(
        default=None,
        min_length=1,
        description="why the value is known before the outcome, where the leakage court suspects the column",
    )

    @field_validator("scale")
    @classmethod
    def _scales(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("scale 0 would make every number 0")
        return scale


class ColumnMapping(ColumnReading):
    """Where a canonical column comes from, when a bare column name does not say enough."""

    column: Text | None = Field(
        default=None, description="the source column, or `LOOKUP.column` of a lookup of this table"
    )
    constant: Text | None = Field(default=None, description="instead: the same value in every row")
    join: tuple[Text, ...] = Field(
        default=(),
        description="instead: several columns, their texts joined by a space, such as a date and a time",
    )
    fallback: Text | None = Field(default=None, description="the column to take where the value is unknown")
    prefix: str = Field(
        default="", description="put before ids and texts, to tell apart what two sources call the same"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        given = [self.column is not None, self.constant is not None, bool(self.join)]
        if sum(given) != 1:
            raise ValueError(
                "give one of `column`, `constant` and `join`: it says where the value comes from"
            )
        return self


class ExtraColumn(ColumnReading):
    """A company's own column that becomes a feature. It must say since when its value is known."""

    column: Text | None = Field(
        default=None,
        description="the source column, or `LOOKUP.column` of a lookup; the extra's own name by default",
    )
    family: Literal["firmographic", "budget", "engagement"] = Field(
        default="firmographic", description="feature family"
    )
    type: Literal["number", "category", "boolean"] = Field(default="category", description="how to read it")
    concept: str | None = Field(default=None, description="what a rep would call it; its name by default")
    unit: str = Field(default="", description="unit of a number, such as euros or days")
    static: bool = Field(
        default=False, description="true: known when the lead was created and never changed since"
    )
    known_at: Text | None = Field(
        default=None,
        description="the source column that says when the value became known; `format` is how it is written",
    )

    @property
    def meaning(self) -> tuple[Any, ...]:
        """What must be the same in all sources of a table: everything but where and how the value is written."""
        return (self.family, self.type, self.concept, self.unit, self.static, self.known_at is None)


def as_mapping(found: str | ColumnMapping | None) -> ColumnMapping | None:
    """A bare column name in the form of a mapping."""
    return ColumnMapping(column=found) if isinstance(found, str) else found


def extras_that_say_when(extras: Mapping[str, ExtraColumn]) -> Mapping[str, ExtraColumn]:
    """Refuse names that would meet ours, and extras that do not say since when they are known."""
    folded = [name.casefold() for name in extras]
    for name, extra in extras.items():
        if not name.isidentifier() or "__" in name or name.startswith("_") or name.casefold() in _RESERVED:
            raise ValueError(
                f"{name!r} cannot name an extra column: letters, digits and single underscores, and none of "
                f"{', '.join(sorted(_RESERVED))}. Say `column: {name}` under a name of your own"
            )
        if folded.count(name.casefold()) > 1:
            raise ValueError(f"two extra columns are called {name!r} but for upper and lower case")
        if not extra.static and extra.known_at is None:
            raise ValueError(
                f"extra column {name!r} does not say when its value is known. If it was known when the lead was "
                f"created and never changed, add `static: true`; else add `known_at: <column with that time>`. "
                f"A value that may be from after the outcome would leak."
            )
        if extra.static and extra.known_at is not None:
            raise ValueError(f"extra column {name!r} is either `static: true` or has `known_at`, not both")
    return extras
