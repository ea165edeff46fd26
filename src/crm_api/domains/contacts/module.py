"""Contacts as a part of the product."""

from crm_api.domains.contacts.importer import ContactImporter
from crm_api.domains.contacts.matcher import ContactMatcher
from crm_api.domains.contacts.merger import ContactMerger
from crm_api.domains.contacts.relationships import ContactRelationshipService
from crm_api.domains.contacts.schemas import ContactJobChanged
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.domains.contacts.standard import STANDARD_REPORTS
from crm_api.kit.crud.picturing import Pictured, rolled_up
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Told


def _faces() -> Faces:
    from crm_api.domains.contacts.graphql import MUTATIONS, QUERIES
    from crm_api.domains.contacts.rest import contacts, employments, relationships

    return Faces(
        routers=[contacts, employments, relationships],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="contacts",
    title="Contacts",
    description="People, how to reach them, where they work, and what they are to each other.",
    depends_on=["companies"],
    faces=_faces,
    events=["contact.changed_job"],
    told={"contact.changed_job": Told("contact", ContactJobChanged)},
    importers=[ContactImporter()],
    matchers=[ContactMatcher()],
    mergers=[ContactMerger()],
    services=[ContactService, EmploymentService, ContactRelationshipService],
    roll_ups=[rolled_up("people", Pictured(ContactService, {}))],
    standard_reports=STANDARD_REPORTS,
)
