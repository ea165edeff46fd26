"""Which collection a record belongs to, by its id alone."""

from collections.abc import Sequence
from functools import cache
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, literal_column, select, union_all

from crm_api.kit.db.base import Entity
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.compile import ORGANIZATION
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.statements import Statement, compiled


async def kinds_of(tx: Tx, listings: Sequence[Listing], ids: Sequence[UUID]) -> dict[UUID, str]:
    """The entity of each id that is a living record of one of these collections."""
    if not listings or not ids:
        return {}
    statement = _statement(tuple(listing.model for listing in listings))
    values = {"organization": tx.organization_id, "ids": list(ids)}
    return {row[1]: row[0] for row in await tx.fetch(statement.sql, *statement.args(values))}


@cache
def _statement(models: tuple[type[Entity], ...]) -> Statement:
    ids = bindparam("ids", type_=ARRAY(Uuid()))
    parts = [
        select(literal_column(f"'{model.entity}'").label("entity"), model.id).where(
            model.organization_id == ORGANIZATION,
            model.id == func.any(ids),
            model.deleted_at.is_(None),
        )
        for model in models
    ]
    return compiled(union_all(*parts))
