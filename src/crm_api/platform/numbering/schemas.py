"""What number sequences look like from outside."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.schema import Code, Create, Day, Name, Out, Schema, Shape, patch_of
from crm_api.platform.numbering.models import Period

_PART = re.compile(r"\{([^{}]*)\}")
_KNOWN = re.compile(r"number(:0[1-9])?|year|month|day")


def _pattern(value: str) -> str:
    parts = _PART.findall(value)
    if not all(_KNOWN.fullmatch(part) for part in parts) or set("{}") & set(_PART.sub("", value)):
        raise ValueError("a pattern has {number}, {number:05}, {year}, {month} and {day}")
    if sum(part.startswith("number") for part in parts) != 1:
        raise ValueError("a pattern has {number} once")
    return value


Pattern = Annotated[str, StringConstraints(min_length=3, max_length=60), AfterValidator(_pattern)]


class _SequenceFields(Create):
    name: Name = Field(examples=["Invoices"])
    pattern: Pattern = Field(
        "{number}",
        description="The text of a number, of `{number}`, `{number:05}`, `{year}`, `{month}` and "
        "`{day}`.",
        examples=["INV-{year}-{number:05}"],
    )


class NumberSequenceCreate(_SequenceFields):
    """A new sequence."""

    key: Code = Field(description="What others know it by.", examples=["invoice"])
    restarts: Period = Field(
        "never", description="When it begins at 1 again, in the organization's time zone."
    )
    next_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = Field(
        1, description="The first number that is given."
    )


NumberSequenceUpdate = patch_of("NumberSequenceUpdate", _SequenceFields, required=("pattern",))


class NumberSequenceOut(Out):
    """Running numbers of one kind of document."""

    name: str
    key: str
    pattern: str
    restarts: Period
    period: str | None = Field(description="The year or month that `next_number` is of.")
    next_number: int


class TakeInput(Schema):
    """For what a number is taken."""

    on: Day | None = Field(
        None, description="The day of the document; today, in the organization's time zone."
    )


class Taken(Shape):
    """A number that was given."""

    number: int
    text: str = Field(examples=["INV-2026-00001"])
    on: date
