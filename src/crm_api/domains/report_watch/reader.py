"""The eyes that schedules and alerts look with."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden
from crm_api.kit.jobs import JobContext
from crm_api.platform.automations.service import AutomationService
from crm_api.platform.notifications.reading import Audience


async def user_of(context: JobContext, user: UUID) -> Tx:
    """Those of a user with the rights of this moment; raises `Forbidden`."""
    own = context.actor.organization_id
    found = await Audience.reader(context.database, own, user)
    if found is None:
        raise Forbidden("The user is not let in any more.", code="user_not_active")
    return found


async def maker_of(context: JobContext, stored: Mapping[str, Any]) -> Tx:
    """Those of whoever wrote a schedule or alert last, a user or a key, as they are now.

    Raises `Unauthenticated` where they are let in no more.
    """
    found = await AutomationService.acting(context.database, stored, read_only=True)
    await found.learned.learn()
    return found
