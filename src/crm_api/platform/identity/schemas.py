"""What organizations and API keys look like from outside."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from crm_api.kit.schema import Create, Instant, Name, Out, patch_of

Scope = Annotated[str, StringConstraints(pattern=r"^(\*|(\*|[a-z_]{1,40}):(\*|[a-z_]{1,20}))$")]


class ApiKeyCreate(Create):
    """A new API key."""

    name: Name = Field(description="What the key is for.", examples=["Website forms"])
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=100)] = Field(
        description="What it may do; never more than its maker.",
        examples=[["contacts:read", "companies:write"]],
    )
    expires_at: Instant | None = Field(None, description="Never, when it is left out.")


class _Renamed(Create):
    name: Name = Field(description="What the key is for.")


ApiKeyUpdate = patch_of("ApiKeyUpdate", _Renamed)


class ApiKeyOut(Out):
    """An API key, without its secret."""

    name: str
    prefix: str = Field(description="The part of the token that may be seen.")
    scopes: list[str]
    expires_at: datetime | None


class ApiKeyMade(ApiKeyOut):
    """A new API key with its token."""

    token: str = Field(description="Shown this once.")


class OrganizationOut(BaseModel):
    """The organization that the credential belongs to."""

    id: UUID
    name: str
    country: str | None
    time_zone: str
    currency: str
    created_at: datetime
