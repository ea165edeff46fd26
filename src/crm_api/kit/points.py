"""Contact points: e-mail addresses, phone numbers and postal addresses of anybody."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from crm_api.kit.errors import Invalid
from crm_api.kit.schema import Cleaned, Country, Line, Name, Schema
from crm_api.kit.values import email, phone
from crm_api.kit.values.errors import BadValue

PointStatus = Literal["ok", "bounced", "invalid", "opted_out"]
PointKind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,29}$")]


class Point(Schema):
    """One e-mail address or phone number."""

    value: Annotated[str, Field(min_length=3, max_length=320)]
    kind: PointKind = Field("work", description="`work`, `home`, `mobile` or a word of yours.")
    primary: bool = Field(False, description="The one to use; without any, the first is.")
    status: PointStatus = "ok"


class PointOut(BaseModel):
    """One e-mail address or phone number, normalised."""

    value: str = Field(description="An e-mail address, or a phone number in E.164.")
    kind: str
    primary: bool
    status: PointStatus


class Address(Schema):
    """A postal address; lines are kept as they are written."""

    kind: PointKind = "work"
    primary: bool = False
    street: Line | None = None
    city: Name | None = None
    region: Name | None = None
    postal_code: Annotated[str, StringConstraints(min_length=1, max_length=20), Cleaned] | None = (
        None
    )
    country: Country | None = None


class AddressOut(BaseModel):
    """A postal address."""

    kind: str
    primary: bool
    street: str | None
    city: str | None
    region: str | None
    postal_code: str | None
    country: str | None


Points = Annotated[list[Point], Field(max_length=20)]
Addresses = Annotated[list[Address], Field(max_length=20)]


def email_key(value: str, country: str | None = None) -> str:
    """The form in which an e-mail address is looked up."""
    del country
    return email.normalise(value).key


def phone_key(value: str, country: str | None) -> str:
    """The form in which a phone number is looked up: E.164."""
    return phone.normalise(value, country)


def normalised(
    points: Sequence[dict[str, Any]], field: str, country: str | None
) -> list[dict[str, Any]]:
    """Points with their values normalised, repeats dropped and exactly one primary.

    Raises `Invalid` with a pointer to the value that is wrong.
    """
    found: dict[str, dict[str, Any]] = {}
    for index, point in enumerate(points):
        try:
            if field == "emails":
                address = email.normalise(point["value"])
                key, value = address.key, address.value
            else:
                key = value = phone.normalise(point["value"], country)
        except BadValue as error:
            raise Invalid.at(f"/{field}/{index}/value", error.code, str(error)) from None
        if key not in found:
            found[key] = {**point, "value": value}
        elif point["primary"]:
            found[key]["primary"] = True
    return with_primary(list(found.values()), field)


def with_primary(points: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
    """The same points with one primary: the marked one, or else the first."""
    marked = [point for point in points if point["primary"]]
    if len(marked) > 1:
        raise Invalid.at(f"/{field}", "several_primary", "Only one can be primary.")
    if points and not marked:
        points[0]["primary"] = True
    return points


def primary_of(points: Sequence[dict[str, Any]]) -> str | None:
    """The value of the primary point."""
    return next((point["value"] for point in points if point["primary"]), None)


def keys_of(record: Any) -> list[tuple[str, str]]:
    """The look-up keys of a record's e-mail addresses and phone numbers."""
    emails = [("email", email.normalise(p["value"]).key) for p in record.get("emails") or ()]
    return emails + [("phone", p["value"]) for p in record.get("phones") or ()]
