"""Whoever reaches a lead of theirs has responded, whether they say so or not."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from crm_api.domains.leads.service import LeadService
from crm_api.kit.db.settling import derive
from crm_api.kit.db.tx import Tx

REACHING = ("call", "email", "message", "meeting", "visit", "letter", "demo")
"""The kinds of activity that reach somebody."""
# By a link to the lead, or with the one contact that it may be; what happened before the lead was
# theirs, and what came from the lead, is no response.
_ANSWERED = """
    SELECT l.id FROM activities a
    CROSS JOIN LATERAL (
        SELECT o.id, o.owner_id, o.assigned_at FROM leads o
        WHERE o.organization_id = $1 AND o.matched_contact_id = a.contact_id
            AND o.status = 'assigned' AND o.responded_at IS NULL AND o.deleted_at IS NULL
        UNION
        SELECT o.id, o.owner_id, o.assigned_at FROM jsonb_array_elements(a.links) k
        JOIN leads o ON o.organization_id = $1 AND o.id = (k ->> 'record_id')::uuid
        WHERE k ->> 'target' = 'lead'
            AND o.status = 'assigned' AND o.responded_at IS NULL AND o.deleted_at IS NULL
    ) l
    WHERE a.organization_id = $1 AND a.id = ANY($2) AND a.deleted_at IS NULL
        AND a.status = 'completed' AND a.kind = ANY($3) AND NOT a.is_internal
        AND a.direction IS DISTINCT FROM 'inbound'
        AND l.owner_id = coalesce(a.owner_id, a.created_by)
        AND coalesce(a.starts_at, a.completed_at) >= l.assigned_at
"""


async def respond_by_activities(tx: Tx, ids: Collection[UUID]) -> None:
    """Have leads be accepted that their owners have reached by activities of a transaction."""
    rows = await tx.fetch(_ANSWERED, tx.organization_id, list(ids), list(REACHING))
    if not rows:
        return
    leads = LeadService(tx)
    found = await leads.records.locked(sorted({row["id"] for row in rows}), everywhere=True)
    for lead in found:
        # Somebody may have taken it back, or accepted it, while it was waited for.
        if lead.status == "assigned" and lead.responded_at is None:
            values: dict[str, Any] = {
                "status": "working",
                "responded_at": tx.now,
                "due_at": None,
            }
            await leads.assignments.respond(lead.id)
            await leads.change(lead, values, verb="accepted")
    await derive(tx, leads.model.entity)
