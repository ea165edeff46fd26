"""Those who wait, over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.scheduling import waitlist_schemas as schemas
from crm_api.domains.scheduling.waitlist import WaitlistActions, WaitlistService
from crm_api.domains.scheduling.waitlist_schemas import WaitlistVerb
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.WaitlistEntryOut)
class WaitlistEntry:
    """Somebody who waits until resources are free for a while."""

    company = related(WaitlistService, "company", Company)
    contact = related(WaitlistService, "contact", Contact)
    deal = related(WaitlistService, "deal", Deal)


@type_from(schemas.WaitlistTransitions)
class WaitlistTransitions:
    """Where somebody who waits stands, and what may be done."""


_ENTRIES = Collection(WaitlistService, WaitlistEntry)


@strawberry.type
class WaitlistQuery:
    """What is asked of those who wait beyond their records."""

    @strawberry.field
    async def waitlist_entry_transitions(self, info: GraphInfo, id: UUID) -> WaitlistTransitions:
        """What may be done with somebody who waits."""
        return cast("Any", await WaitlistActions(info.context.tx).transitions(id))


def _step(verb: WaitlistVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> WaitlistEntry:
        return await WaitlistActions(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class WaitlistActionMutation:
    """What is done with those who wait."""

    accept_waitlist_entry = _step("accept", "Take what is offered.")
    cancel_waitlist_entry = _step("cancel", "Wait no more.")
    reopen_waitlist_entry = _step("reopen", "Wait again.")


QUERIES = (_ENTRIES.query(), WaitlistQuery)
MUTATIONS = (_ENTRIES.mutation(), WaitlistActionMutation)
