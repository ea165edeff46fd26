"""Contacts, where they work and what they are to each other, over REST."""

from typing import Annotated

from fastapi import Query, Response

from crm_api.domains.contacts.actions import ContactActions
from crm_api.domains.contacts.models import RelationshipKind
from crm_api.domains.contacts.relating import RelationshipGraph
from crm_api.domains.contacts.relationships import DEEPEST, ContactRelationshipService
from crm_api.domains.contacts.resolving import ContactResolver
from crm_api.domains.contacts.schemas import (
    ContactIdentifiers,
    ContactOut,
    ContactResolution,
    JobChange,
)
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router

contacts = crud_router(ContactService)
employments = crud_router(EmploymentService)
relationships = crud_router(ContactRelationshipService)
Depth = Annotated[int, Query(ge=1, le=DEEPEST, description="How many relationships away.")]
Current = Annotated[bool, Query(description="Without those that have ended.")]
Kinds = Annotated[list[RelationshipKind] | None, Query(description="By these alone.")]


@contacts.post(
    "/resolve",
    operation_id="resolveContact",
    summary="Find out who is meant",
    responses={200: {"model": ContactResolution}} | problems(400, 403, 415, 422),
)
async def resolve(tx: Reading, body: ContactIdentifiers) -> Response:
    """The likeliest contact, the others, and what tells it, by the matching of duplicates.

    As far as you see contacts; nothing is stored. What is hidden from you identifies nobody: 403
    `hidden_field`. 422 `nothing_to_identify_by` without an id, an address, a number and a name.
    """
    return answers.plain(await ContactResolver(tx).resolve(body))


@contacts.get(
    "/{id}/relationship-graph",
    operation_id="getContactRelationshipGraph",
    summary="The people around somebody",
    responses={200: {"model": RelationshipGraph}} | problems(403, 404, 422),
)
async def relationship_graph(
    id: Id, tx: Reading, *, depth: Depth = 2, current: Current = True, kind: Kinds = None
) -> Response:
    """Who is related to a person, and to those, as far as you see them.

    At most 500 people; `is_truncated` says whether there are more.
    """
    service = ContactRelationshipService(tx)
    return answers.plain(await service.around(id, depth=depth, current=current, kinds=kind))


@contacts.post(
    "/{id}/change-job",
    operation_id="changeContactJob",
    summary="Somebody works elsewhere",
    responses={200: {"model": ContactOut}} | problems(400, 403, 404, 409, 412, 415, 422),
)
async def change_job(id: Id, tx: Writing, body: JobChange, if_match: IfMatch = None) -> Response:
    """The main employment ends on the day before, and another one begins; `contact.changed_job` tells.

    422 `same_company` where nothing changes, `ends_before_start` where the one before began later.
    """
    expected = answers.version_of(if_match)
    return answers.record(await ContactActions(tx).change_job(id, body, expected))
