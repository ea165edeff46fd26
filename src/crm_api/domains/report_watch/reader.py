"""The eyes that schedules and alerts look with."""

from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden
from crm_api.kit.jobs import JobContext
from crm_api.platform.notifications.reading import Audience


async def reader_of(context: JobContext, user: UUID | None) -> Tx:
    """Those of a user with the rights of this moment; raises `Forbidden`."""
    own = context.actor.organization_id
    found = None if user is None else await Audience.reader(context.database, own, user)
    if found is None:
        raise Forbidden("The user is not let in any more.", code="user_not_active")
    return found
