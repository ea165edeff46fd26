"""Contacts, where they work and what they are to each other, over GraphQL."""

from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts import relating
from crm_api.domains.contacts.actions import ContactActions
from crm_api.domains.contacts.relationships import DEEPEST, ContactRelationshipService
from crm_api.domains.contacts.resolving import ContactResolver
from crm_api.domains.contacts.schemas import (
    ContactIdentifiers,
    ContactOut,
    EmploymentOut,
    JobChange,
)
from crm_api.domains.contacts.schemas import ContactResolution as Resolution
from crm_api.domains.contacts.schemas import ResolvedContact as Resolved
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.errors import Invalid
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.duplicates.graphql import DuplicateReason


@type_from(ContactOut)
class Contact:
    """A contact."""

    company = related(ContactService, "company", Company)
    employments = related_many(
        ContactService,
        "employments",
        Annotated["EmploymentConnection", strawberry.lazy(__name__)],
    )
    relationships = related_many(
        ContactService,
        "relationships",
        Annotated["ContactRelationshipConnection", strawberry.lazy(__name__)],
    )
    related_by = related_many(
        ContactService,
        "related_by",
        Annotated["ContactRelationshipConnection", strawberry.lazy(__name__)],
    )


@type_from(EmploymentOut)
class Employment:
    """A time that a person works, or worked, for a company."""

    contact = related(EmploymentService, "contact", Contact)
    company = related(EmploymentService, "company", Company)


@type_from(relating.ContactRelationshipOut)
class ContactRelationship:
    """What one person is to another."""

    contact = related(ContactRelationshipService, "contact", Contact)
    related = related(ContactRelationshipService, "related", Contact)


@type_from(relating.RelationshipGraph)
class RelationshipGraph:
    """The circle of a person."""


@type_from(Resolved)
class ResolvedContact:
    """A contact that is probably the one in question."""

    contact: Contact
    reasons: list[DuplicateReason]


@type_from(Resolution)
class ContactResolution:
    """Who is probably meant."""


@strawberry.type
class ContactQuery:
    """Who is meant by what is known of a person, and who is around somebody."""

    @strawberry.field
    async def resolve_contact(
        self,
        info: GraphInfo,
        input: input_from(ContactIdentifiers),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> ContactResolution:
        """The likeliest contact and the others, with what tells it; nothing is stored."""
        data = shape_given(ContactIdentifiers, input)
        return cast("Any", await ContactResolver(info.context.tx).resolve(data))

    @strawberry.field
    async def contact_relationship_graph(
        self,
        info: GraphInfo,
        id: UUID,
        *,
        depth: int = 2,
        current: bool = True,
        kinds: list[str] | None = None,
    ) -> RelationshipGraph:
        """Who is related to a person, and to those, as far as you see them."""
        if not 1 <= depth <= DEEPEST:
            raise Invalid.parameter("depth", "out_of_range", f"Between 1 and {DEEPEST}.")
        service = ContactRelationshipService(info.context.tx)
        return cast("Any", await service.around(id, depth=depth, current=current, kinds=kinds))


@strawberry.type
class ContactMutation:
    """What happens to people."""

    @mutation
    async def change_contact_job(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(JobChange),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Contact:
        """Somebody works elsewhere from a day on."""
        data = shape_given(JobChange, input)
        return await ContactActions(info.context.tx).change_job(id, data, expected_version)


_CONTACTS = Collection(ContactService, Contact)
_EMPLOYMENTS = Collection(EmploymentService, Employment)
_RELATIONSHIPS = Collection(ContactRelationshipService, ContactRelationship)
EmploymentConnection = _EMPLOYMENTS.connection
ContactRelationshipConnection = _RELATIONSHIPS.connection
_ALL = (_CONTACTS, _EMPLOYMENTS, _RELATIONSHIPS)
QUERIES = (*(one.query() for one in _ALL), ContactQuery)
MUTATIONS = (*(one.mutation() for one in _ALL), ContactMutation)
