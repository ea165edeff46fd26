"""What organizations, API keys, users and teams look like from outside."""

from datetime import datetime
from ipaddress import ip_network
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.schema import (
    Country,
    Create,
    Currency,
    Instant,
    Language,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    TimeZone,
    Update,
    patch_of,
)
from crm_api.kit.values import email
from crm_api.platform.identity.models import UserStatus

Scope = Annotated[str, StringConstraints(pattern=r"^(\*|(\*|[a-z_]{1,40}):(\*|[a-z_]{1,20}))$")]


def _networks(values: list[str]) -> list[str]:
    return list(dict.fromkeys(str(ip_network(value.strip(), strict=False)) for value in values))


AllowedAddresses = Annotated[
    list[Annotated[str, StringConstraints(min_length=2, max_length=43)]],
    Field(
        max_length=100,
        description="Addresses or networks (CIDR) that the key may be used from; all if empty.",
        examples=[["192.0.2.0/24", "2001:db8::/32"]],
    ),
    AfterValidator(_networks),
]


class ApiKeyCreate(Create):
    """A new API key."""

    name: Name = Field(description="What the key is for.", examples=["Website forms"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=100)] = Field(
        description="What it may do; never more than its maker.",
        examples=[["contacts:read", "companies:write"]],
    )
    expires_at: Instant | None = Field(None, description="Never, when it is left out.")
    allowed_addresses: AllowedAddresses = Field(default_factory=list)
    user_id: UUID | None = Field(
        None,
        description="For whom it acts: it may do what both its scopes and the user's roles allow. "
        "Without one it is a service account, which has its scopes alone.",
    )


class _Renamed(Create):
    name: Name = Field(description="What the key is for.")
    allowed_addresses: AllowedAddresses = Field(default_factory=list)


ApiKeyUpdate = patch_of("ApiKeyUpdate", _Renamed)


class ApiKeyOut(Out):
    """An API key, without its secret."""

    name: str
    prefix: str = Field(description="The part of the token that may be seen.")
    scopes: list[str]
    expires_at: datetime | None
    allowed_addresses: list[str]
    last_used_at: datetime | None = Field(description="Half a minute late at most.")
    user_id: UUID | None


class KeyRotation(Schema):
    """How long the old key lasts beside the new one."""

    grace_period_seconds: Annotated[int, Field(ge=0, le=604_800)] = 86_400


class ApiKeyMade(ApiKeyOut):
    """A new API key with its token."""

    token: str = Field(description="Shown this once.")


class OrganizationOut(Shape):
    """The organization that the credential belongs to."""

    id: UUID
    name: str
    country: str | None
    time_zone: str
    currency: str
    language: str = Field(description="BCP 47 tag of what is written for customers by default.")
    fiscal_year_starts_in: int = Field(description="The month, 1 to 12.")
    bulk_limit: int = Field(description="How many records one change by filter may touch.")
    created_at: datetime


class OrganizationUpdate(Update):
    """JSON merge patch (RFC 7396); only the country can be cleared."""

    name: Name = Field("")
    country: Country | None = None
    time_zone: TimeZone = Field("", description="IANA time zone of days, weeks and years.")
    currency: Currency = Field("", description="ISO 4217 code; what sums are shown in.")
    language: Language = Field("")
    fiscal_year_starts_in: Annotated[int, Field(ge=1, le=12)] = 1


Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=320),
    AfterValidator(lambda raw: email.normalise(raw).key),
]


class _UserFields(Create):
    email: Email = Field(
        description="Where the invitation goes; what the user logs in with.",
        examples=["member@example.com"],
    )
    name: Name = Field(examples=["Sample Member"])
    language: Language | None = None
    time_zone: TimeZone | None = None


class UserCreate(_UserFields):
    """A new user, who is invited to join."""

    role_ids: Annotated[list[UUID], Field(max_length=50)] = Field(
        default_factory=list, description="The roles to begin with; none may do nothing."
    )


UserUpdate = patch_of("UserUpdate", _UserFields)


class UserOut(Out):
    """A member of the organization."""

    email: str
    name: str
    status: UserStatus = Field(description="`invited` until the invitation is accepted.")
    language: str | None
    time_zone: str | None


class InvitationOut(Shape):
    """An invitation to join; whoever has the token can accept it."""

    token: str = Field(description="Shown this once; hand it to the invited person.")
    user_id: UUID
    email: str
    expires_at: datetime


class TeamCreate(Create):
    """A new team."""

    name: Name = Field(examples=["Inside sales"])
    parent_id: UUID | None = Field(None, description="The team it belongs to.")
    description: Prose | None = None


TeamUpdate = patch_of("TeamUpdate", TeamCreate)


class TeamOut(Out):
    """A team."""

    name: str
    parent_id: UUID | None
    description: str | None


class _Leading(Create):
    is_lead: bool = Field(False, description="Whether the user leads the team.")


class TeamMemberCreate(_Leading):
    """A user who joins a team."""

    team_id: UUID
    user_id: UUID


TeamMemberUpdate = patch_of("TeamMemberUpdate", _Leading, required=("is_lead",))


class TeamMemberOut(Out):
    """That a user belongs to a team."""

    team_id: UUID
    user_id: UUID
    is_lead: bool
