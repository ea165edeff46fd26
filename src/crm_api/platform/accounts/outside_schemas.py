"""What logins by outside providers look like from outside."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.schema import Create, Domain, Name, Out, Schema, Shape, Unique, patch_of
from crm_api.platform.accounts.schemas import RedirectUri


def _issuer(value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("an issuer is a URL without blanks")
    parts = urlsplit(value)
    local = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("an issuer is a URL without user, query and fragment")
    if parts.scheme != "https" and not local:
        raise ValueError("an issuer begins with https://")
    return value


def _printable(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("it has visible characters of ASCII alone")
    return value


Issuer = Annotated[str, StringConstraints(min_length=9, max_length=500), AfterValidator(_issuer)]
ClientText = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(_printable)
]


class IdentityProviderCreate(Create):
    """A provider of OpenID Connect, as it knows this service."""

    name: Name = Field(description="What members see.", examples=["Company login"])
    issuer: Issuer = Field(
        description="Letter by letter as the provider's ID tokens have it; its configuration is "
        "read below it, at `/.well-known/openid-configuration`.",
        examples=["https://login.example.com"],
    )
    client_id: ClientText = Field(description="What the provider calls this service by.")
    client_secret: ClientText | None = Field(
        None, description="Stored encrypted and never shown; none for public clients."
    )
    redirect_uris: Annotated[list[RedirectUri], Field(max_length=20), Unique] = Field(
        default_factory=list,
        description="Pages of your front end to which the provider may send people back.",
        examples=[["https://crm.example.com/back"]],
    )
    email_domains: Annotated[list[Domain], Field(max_length=100), Unique] = Field(
        default_factory=list,
        description="If there are any: only people whose verified address is of one of them "
        "get in.",
        examples=[["example.com"]],
    )
    admits: bool = Field(
        False,
        description="Whether people of these domains whom nobody has invited become members by "
        "their first login.",
    )
    default_role_id: UUID | None = Field(
        None,
        description="The role of those who become members so; without it, or while it is in the "
        "bin, they have none.",
    )
    is_active: bool = Field(True, description="Whether people log in by it.")


IdentityProviderUpdate = patch_of(
    "IdentityProviderUpdate", IdentityProviderCreate, required=("admits", "is_active")
)


class IdentityProviderOut(Out):
    """A provider of OpenID Connect, without its secret."""

    name: str
    issuer: str
    client_id: str
    redirect_uris: list[str]
    email_domains: list[str]
    admits: bool
    default_role_id: UUID | None
    is_active: bool


Opaque = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class OutsideBegin(Schema):
    """By which provider, and where the browser comes back to."""

    organization_id: UUID
    provider_id: UUID
    redirect_uri: RedirectUri = Field(description="One of the provider's, letter by letter.")
    invitation: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = Field(
        None, description="The token of an invitation that is accepted by this login."
    )


class LinkBegin(Schema):
    """By which provider one wants to log in as well."""

    provider_id: UUID
    redirect_uri: RedirectUri = Field(description="One of the provider's, letter by letter.")


class OutsideBegunOut(Shape):
    """A login that goes on at the provider."""

    authorization_url: str = Field(description="Where the browser goes now.")
    flow: str = Field(
        description="To be kept by the page that began, and sent with what comes back: no other "
        "browser can finish."
    )
    expires_at: datetime


class OutsideFinish(Schema):
    """What the provider has sent back, and the flow that it belongs to."""

    flow: Opaque
    state: Opaque
    code: Opaque
    iss: Opaque | None = Field(None, description="If the provider has sent it (RFC 9207).")


class OutsideLoginOut(Shape):
    """A login of an outside provider that opens one's account here."""

    id: UUID
    provider_id: UUID
    provider_name: str
    issuer: str
    subject: str = Field(description="What the provider calls the person by.")
    email: str | None
    created_at: datetime
    used_at: datetime
