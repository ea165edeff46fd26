"""What links of cases look like from inside, and cases to those who have a link."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from crm_api.kit.links.schemas import LinkFields, LinkMade, ending
from crm_api.kit.schema import Instant, Out, Shape, patch_of

DAYS = 30
"""How long a link lasts, unless it is said."""


class _LinkFields(LinkFields):
    expires_at: Instant = ending(DAYS)


class CaseLinkCreate(_LinkFields):
    """A new link."""

    case_id: UUID


CaseLinkUpdate = patch_of("CaseLinkUpdate", _LinkFields, required=("expires_at",))


class CaseLinkOut(Out):
    """A secret address at which a customer rates how a case was closed, once."""

    case_id: UUID
    contact_id: UUID | None
    label: str | None
    expires_at: datetime
    revoked_at: datetime | None = Field(description="Since when it opens nothing any more.")
    first_viewed_at: datetime | None
    rated_at: datetime | None = Field(description="When the customer rated by it.")


class CaseLinkMade(LinkMade, CaseLinkOut):
    """A new link with its token."""


# To those who have a link


class RatedCase(Shape):
    """A case, for whoever has its link."""

    number: str
    subject: str
    supplier: str
    closed_at: datetime | None
    can_rate: bool = Field(description="Whether it is closed, and not rated yet.")
    score: int | None = Field(description="What was said by this link, 1 to 5.")
    comment: str | None
    rated_at: datetime | None
    expires_at: datetime = Field(description="When the link ends.")
