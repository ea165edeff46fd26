"""Contacts and employments over GraphQL."""

from typing import Annotated

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.schemas import ContactOut, EmploymentOut
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import type_from


@type_from(ContactOut)
class Contact:
    """A contact."""

    company = related(ContactService, "company", Company)
    employments = related_many(
        ContactService,
        "employments",
        Annotated["EmploymentConnection", strawberry.lazy(__name__)],
    )


@type_from(EmploymentOut)
class Employment:
    """A time that a person works, or worked, for a company."""

    contact = related(EmploymentService, "contact", Contact)
    company = related(EmploymentService, "company", Company)


_CONTACTS = Collection(ContactService, Contact)
_EMPLOYMENTS = Collection(EmploymentService, Employment)
EmploymentConnection = _EMPLOYMENTS.connection
QUERIES = (_CONTACTS.query(), _EMPLOYMENTS.query())
MUTATIONS = (_CONTACTS.mutation(), _EMPLOYMENTS.mutation())
