"""What becomes of sends with the people and the mailings they are of."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.tx import Tx

_FORGET = """
    WITH sends AS (
        DELETE FROM mailing_sends WHERE organization_id = $1 AND {column} = ANY($2) RETURNING id),
    hits AS (
        DELETE FROM mailing_hits h USING sends
        WHERE h.organization_id = $1 AND h.send_id = sends.id)
    SELECT count(*)::int AS number FROM sends
"""
_COLUMNS = {"contact": "contact_id", "mailing": "mailing_id"}


async def forget_purged(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Take away what is kept of records that were destroyed."""
    if entity in _COLUMNS:
        sql = _FORGET.format(column=_COLUMNS[entity])
        await tx.write(sql, tx.organization_id, list(ids))


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Forget what a person got; how many mails it were."""
    sql = _FORGET.format(column="contact_id")
    rows = await tx.write(sql, tx.organization_id, list(gone.ids))
    return rows[0]["number"]
