"""What links of projects look like from inside, and deliverables to those who have a link."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from crm_api.domains.delivery_links.models import Did
from crm_api.domains.projects.models import DeliverableStatus
from crm_api.kit.links.schemas import LinkFields, LinkMade, ending
from crm_api.kit.schema import Instant, Line, Name, Out, QuantityOut, Schema, Shape, patch_of

DAYS = 90
"""How long a link lasts, unless it is said."""


class _LinkFields(LinkFields):
    expires_at: Instant = ending(DAYS)


class DeliveryLinkCreate(_LinkFields):
    """A new link."""

    project_id: UUID


DeliveryLinkUpdate = patch_of("DeliveryLinkUpdate", _LinkFields, required=("expires_at",))


class DeliveryLinkOut(Out):
    """A secret address at which a customer accepts what was delivered of a project."""

    project_id: UUID
    contact_id: UUID | None
    label: str | None
    expires_at: datetime
    revoked_at: datetime | None = Field(description="Since when it opens nothing any more.")
    first_viewed_at: datetime | None


class DeliveryLinkMade(LinkMade, DeliveryLinkOut):
    """A new link with its token."""


class DeliveryVisitOut(Shape):
    """That somebody looked by a link, or decided on a deliverable."""

    id: UUID
    link_id: UUID
    deliverable_id: UUID | None
    did: Did
    name: str | None = Field(description="Who said so.")
    at: datetime
    address: str | None
    user_agent: str | None


class DeliveryVisits(Shape):
    """What was done by the links of a project."""

    recent: list[DeliveryVisitOut] = Field(description="The last 50, newest first.")


# To those who have a link


class HandedOver(Shape):
    """Something that was delivered."""

    id: UUID
    name: str
    description: str | None
    quantity: QuantityOut = Field(description="How much was promised.")
    delivered_quantity: QuantityOut
    delivered_on: date | None
    due_on: date | None
    status: DeliverableStatus
    decided_at: datetime | None
    decided_by: str | None
    rejection_reasons: list[str]
    can_accept: bool
    can_reject: bool


class HandedOverProject(Shape):
    """What was delivered of a project, for whoever has its link."""

    project: str
    supplier: str
    deliverables: list[HandedOver]
    expires_at: datetime = Field(description="When the link ends.")


class DeliveryAcceptance(Schema):
    """Who accepts."""

    name: Name = Field(examples=["Sample Person"])


class DeliveryRefusal(Schema):
    """Who rejects, and why."""

    name: Name
    reason: Line


class DeliveryDecision(Shape):
    """What was written down."""

    id: UUID
    status: DeliverableStatus
    decided_at: datetime
    decided_by: str
