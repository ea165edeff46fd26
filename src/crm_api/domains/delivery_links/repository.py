"""How links of projects are found, and what was done by them is kept."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.delivery_links.models import DeliveryLink, DeliveryVisit
from crm_api.domains.delivery_links.schemas import DeliveryLinkOut
from crm_api.domains.projects.models import Project
from crm_api.domains.projects.repository import PROJECTS
from crm_api.kit.links.owning import LinkRepository
from crm_api.kit.query.listing import Listing, Relation

AREA = "delivery_links"
MOST_VISITS = 10_000
"""Of one link; no more looks are written down, but every decision is."""
LINKS: Listing = Listing(
    model=DeliveryLink,
    out=DeliveryLinkOut,
    area=AREA,
    relations=(
        Relation("project", lambda: PROJECTS, DeliveryLink.project_id, Project.id),
        Relation("contact", lambda: CONTACTS, DeliveryLink.contact_id, CONTACTS.model.id),
    ),
    within="project",
)
# What opens a link, and the days of whoever it belongs to: before anything else is known.
OPENING = """
    SELECT l.secret_hash, o.time_zone, o.country FROM delivery_links l
    JOIN organizations o ON o.id = l.organization_id
    WHERE l.organization_id = $1 AND l.id = $2
"""
_PROJECT = """
    SELECT p.name AS project, o.name AS supplier FROM projects p
    JOIN organizations o ON o.id = p.organization_id
    WHERE p.organization_id = $1 AND p.id = $2 AND p.deleted_at IS NULL
"""
_RECENT = """
    SELECT id, link_id, deliverable_id, did, name, at, address, user_agent FROM delivery_visits
    WHERE organization_id = $1 AND project_id = $2 ORDER BY id DESC LIMIT 50
"""
_LAST = """
    SELECT link_id FROM delivery_visits WHERE organization_id = $1 AND deliverable_id = $2
    ORDER BY id DESC LIMIT 1
"""
_IS_FULL = """
    SELECT EXISTS (SELECT FROM delivery_visits WHERE organization_id = $1 AND link_id = $2
        OFFSET $3) AS is_full
"""
_FORGET = "DELETE FROM delivery_visits WHERE organization_id = $1 AND link_id = $2"
_THEIRS = (
    "SELECT id FROM delivery_links WHERE organization_id = $1 AND contact_id = ANY($2::uuid[])"
)
_WIPE_LINKS = """
    UPDATE delivery_links SET label = NULL WHERE organization_id = $1 AND label IS NOT NULL
    AND (id = ANY($2::uuid[]) OR EXISTS (SELECT FROM unnest($3::text[]) AS said
        WHERE position(lower(said) IN lower(label)) > 0))
    RETURNING id
"""
_WIPE_VISITS = """
    UPDATE delivery_visits SET name = NULL, address = NULL, user_agent = NULL
    WHERE organization_id = $1 AND (link_id = ANY($2::uuid[])
        OR EXISTS (SELECT FROM unnest($3::text[]) AS said
            WHERE position(lower(said) IN lower(name)) > 0))
    AND (name IS NOT NULL OR address IS NOT NULL OR user_agent IS NOT NULL)
    RETURNING id
"""


class DeliveryLinks(LinkRepository[DeliveryLink]):
    """The links of an organization."""

    model = DeliveryLink
    listing = LINKS

    async def names(self, project_id: UUID) -> dict[str, Any] | None:
        """What a living project and its organization are called."""
        rows = await self.tx.fetch(_PROJECT, self.tx.organization_id, project_id)
        return dict(rows[0]) if rows else None

    async def recent(self, project_id: UUID) -> list[dict[str, Any]]:
        """What was done last by the links of a project."""
        rows = await self.tx.fetch(_RECENT, self.tx.organization_id, project_id)
        return [dict(row) for row in rows]

    async def decided_by_link(self, deliverable_id: UUID) -> UUID | None:
        """The link by which a deliverable was decided on last."""
        rows = await self.tx.fetch(_LAST, self.tx.organization_id, deliverable_id)
        return rows[0]["link_id"] if rows else None

    async def forget_visits(self, id: UUID) -> None:
        """Remove what was done by a link."""
        await self.tx.write(_FORGET, self.tx.organization_id, id)

    async def note(self, values: dict[str, Any]) -> None:
        """Write down what was done; whoever goes on looking fills no tables."""
        if values["deliverable_id"] is None:
            own, link_id = self.tx.organization_id, values["link_id"]
            (found,) = await self.tx.fetch(_IS_FULL, own, link_id, MOST_VISITS - 1)
            if found["is_full"]:
                return
        self.tx.insert(DeliveryVisit, values)

    async def wipe(self, ids: Sequence[UUID], marks: Sequence[str]) -> list[UUID]:
        """Empty what tells a person; the ids of the rows that did."""
        own = self.tx.organization_id
        theirs = [row["id"] for row in await self.tx.fetch(_THEIRS, own, list(ids))]
        found: list[UUID] = []
        for sql in (_WIPE_LINKS, _WIPE_VISITS):
            found += [row["id"] for row in await self.tx.write(sql, own, theirs, list(marks))]
        self.tx.forget(set(found))
        return found
