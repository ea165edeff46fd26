"""What an organization allows."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.filters import Filter
from crm_api.kit.query.page import matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection

Deleted = Literal["only"] | None


async def limit_of(tx: Tx) -> int:
    """How many records one change by filter may touch."""
    rows = await tx.fetch("SELECT bulk_limit FROM organizations WHERE id = $1", tx.organization_id)
    return rows[0]["bulk_limit"]


async def count_of(records: Repository[Any], filter: Filter, until: UUID, deleted: Deleted) -> int:
    """How many records match that were made up to this id."""
    listing = records.listing
    asked = PageQuery(Selection(()), filter, deleted=deleted, sight=records.sight)
    counted: Any = select(func.count()).select_from(listing.model)
    query = matching(listing, counted, asked).where(listing.model.id <= until)
    values = values_of(records.tx, asked, None)
    return (await records.tx.run(query.params(**values))).scalar_one()
