"""Contact points: e-mail addresses, phone numbers and postal addresses of anybody."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import KeyText
from crm_api.kit.errors import Invalid
from crm_api.kit.query.listing import Key
from crm_api.kit.schema import Cleaned, Country, Language, Line, Name, Schema, Shape, TimeZone
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


class PointOut(Shape):
    """One e-mail address or phone number, normalised."""

    value: str = Field(
        description="An e-mail address, or a phone number in E.164.",
        examples=["sample@example.com"],
    )
    kind: str = Field(examples=["work"])
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


class AddressOut(Shape):
    """A postal address."""

    kind: str = Field(examples=["work"])
    primary: bool
    street: str | None = Field(examples=["1 Example Street"])
    city: str | None = Field(examples=["Berlin"])
    region: str | None
    postal_code: str | None = Field(examples=["10115"])
    country: str | None = Field(examples=["DE"])


Points = Annotated[list[Point], Field(max_length=20)]
Addresses = Annotated[list[Address], Field(max_length=20)]


class Reachable:
    """The columns of whoever is reached somewhere; `email` and `phone` are the primary ones."""

    country: Mapped[str | None] = mapped_column(KeyText)
    language: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    phone: Mapped[str | None] = mapped_column(KeyText)
    emails: Mapped[list[dict[str, Any]]]
    phones: Mapped[list[dict[str, Any]]]
    addresses: Mapped[list[dict[str, Any]]]


class ReachableFields(Schema):
    """Where somebody is reached."""

    country: Country | None = Field(
        None,
        description="ISO 3166-1 alpha-2; names and alpha-3 codes are understood. "
        "Phone numbers without a prefix are read by it.",
    )
    language: Language | None = None
    time_zone: TimeZone | None = None
    email: Annotated[str, Field(min_length=3, max_length=320)] | None = Field(
        None, description="Short for the primary one of `emails`.", examples=["sample@example.com"]
    )
    phone: Annotated[str, Field(min_length=3, max_length=100)] | None = Field(
        None, description="Short for the primary one of `phones`."
    )
    emails: Points = Field(default_factory=list)
    phones: Points = Field(default_factory=list)
    addresses: Addresses = Field(default_factory=list)


class ReachableOut(Shape):
    """Where somebody is reached, normalised."""

    country: str | None
    language: str | None
    time_zone: str | None
    email: str | None = Field(description="The primary e-mail address.")
    phone: str | None = Field(description="The primary phone number.")
    emails: list[PointOut]
    phones: list[PointOut]
    addresses: list[AddressOut]


def email_key(value: str, country: str | None = None) -> str:
    """The form in which an e-mail address is looked up."""
    del country
    return email.normalise(value).key


def phone_key(value: str, country: str | None) -> str:
    """The form in which a phone number is looked up: E.164."""
    return phone.normalise(value, country)


POINT_KEYS = {"emails": Key("email", email_key), "phones": Key("phone", phone_key)}
"""How a `Listing` looks up contact points."""


def normalise_points(
    values: dict[str, Any], current: Reachable | None, country: str | None
) -> None:
    """Normalise in place what `values` say of contact points; `current` is None at creation.

    `country` is the organization's, for numbers of records without one of their own.
    """
    country = values.get("country") or (current and current.country) or country
    for field, short in (("emails", "email"), ("phones", "phone")):
        first = short in values and _expand(values, field, short, current, country)
        if field in values:
            found = normalised(values[field], field, country, first=short if first else None)
            values[field] = found
            values[short] = primary_of(values[field])
    if "addresses" in values:
        values["addresses"] = with_primary(values["addresses"], "addresses")


def _expand(
    values: dict[str, Any],
    field: str,
    short: str,
    current: Reachable | None,
    country: str | None,
) -> bool:
    """Turn `email` into the first and primary one of `emails`, keeping the others.

    One that is there already stays what it is: who opted out has not opted in by being named again.
    """
    value = values.pop(short)
    if values.get(field):
        if value is not None:
            raise Invalid.at(f"/{short}", "given_twice", f"Give {short} or {field}, not both.")
        return False
    kept: Sequence[dict[str, Any]] = getattr(current, field) if current is not None else ()
    own: list[dict[str, Any]] = []
    if value is not None:
        same = _found(kept, value, POINT_KEYS[field], country)
        own = [{**_PRIMARY, **(same or {}), "value": value, "primary": True}]
    values[field] = [*own, *(point for point in kept if not point["primary"])]
    return value is not None


def _found(
    points: Sequence[dict[str, Any]], value: Any, key: Key, country: str | None
) -> dict[str, Any] | None:
    try:
        wanted = key.normalise(value, country)
        return next((p for p in points if key.normalise(p["value"], country) == wanted), None)
    except BadValue:
        return None


_PRIMARY: dict[str, Any] = {"kind": "work", "primary": True, "status": "ok"}


def normalised(
    points: Sequence[dict[str, Any]], field: str, country: str | None, *, first: str | None = None
) -> list[dict[str, Any]]:
    """Points with their values normalised, repeats dropped and exactly one primary.

    Raises `Invalid` with a pointer to the value that is wrong; `first` is the field that the first
    one was given as, if it is another.
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
            place = first if first and not index else f"{field}/{index}/value"
            raise Invalid.at(f"/{place}", error.code, str(error)) from None
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
    """The look-up keys of a record's e-mail addresses and phone numbers.

    An address that is one spelling of several has the key of its mailbox as well.
    """
    keys = [email.normalise(point["value"]).key for point in record.get("emails") or ()]
    boxes = [("mailbox", box) for key in keys if (box := email.mailbox(key)) != key]
    phones = [("phone", point["value"]) for point in record.get("phones") or ()]
    return [*(("email", key) for key in keys), *boxes, *phones]


def grown(have: Sequence[dict[str, Any]], more: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Contact points with those added that are not there yet; the primary one stays."""
    known = {point["value"].lower() for point in have}
    fresh = [p for p in more if p["value"].lower() not in known]
    return [*have, *({**p, "primary": p["primary"] and not have} for p in fresh)]


def with_address(
    have: Sequence[dict[str, Any]], more: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Addresses with those added that say more than any that is there; the primary one stays.

    One of which some other has every line says nothing new.
    """
    found = list(have)
    for address in more:
        lines = {k: v for k, v in address.items() if k not in {"primary", "kind"} and v is not None}
        if not any(lines.items() <= other.items() for other in found):
            found.append({**address, "primary": address["primary"] and not have})
    return found
