"""What was told of records by itself, so that nothing is told twice: that is no change of them."""

from uuid import UUID

from crm_api.kit.db.base import Entity
from crm_api.kit.db.tx import Tx

_MARK = """
    UPDATE {table} SET alerts = CASE WHEN $4::text IS NULL THEN alerts - $3::text
        ELSE alerts || jsonb_build_object($3::text, $4::text) END
    WHERE organization_id = $1 AND id = $2 AND alerts ->> $3::text IS DISTINCT FROM $4::text
    RETURNING id
"""


async def marked(tx: Tx, model: type[Entity], id: UUID, alert: str, mark: str | None) -> bool:
    """Note in the column `alerts` of a record what is told of it, or that nothing is.

    Returns whether that is new.
    """
    statement = _MARK.format(table=model.__tablename__)
    return bool(await tx.write(statement, tx.organization_id, id, alert, mark))
