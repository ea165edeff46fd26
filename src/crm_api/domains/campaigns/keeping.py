"""What becomes of audiences with the people and the campaigns they are of."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.tx import Tx

_FORGET_PEOPLE = """
    WITH gone AS (
        DELETE FROM campaign_members WHERE organization_id = $1 AND contact_id = ANY($2)
        RETURNING contact_id)
    SELECT count(*) AS number FROM gone
"""
_FORGET_CAMPAIGNS = """
    DELETE FROM campaign_members WHERE organization_id = $1 AND campaign_id = ANY($2)
"""


async def forget_purged(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away what is kept of records that were destroyed."""
    if entity == "contact":
        await tx.write(_FORGET_PEOPLE, tx.organization_id, list(ids))
    if entity == "campaign":
        await tx.write(_FORGET_CAMPAIGNS, tx.organization_id, list(ids))


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Take a person out of all audiences; how often they were in one."""
    rows: list[Any] = await tx.write(_FORGET_PEOPLE, tx.organization_id, list(gone.ids))
    return rows[0]["number"]
