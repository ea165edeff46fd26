"""Contacts as a part of the product."""

from crm_api.domains.contacts.graphql import MUTATIONS, QUERIES
from crm_api.domains.contacts.importer import ContactImporter
from crm_api.domains.contacts.merger import ContactMerger
from crm_api.domains.contacts.rest import contacts, employments
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.module import Module

MODULE = Module(
    name="contacts",
    routers=[contacts, employments],
    queries=QUERIES,
    mutations=MUTATIONS,
    importers=[ContactImporter()],
    mergers=[ContactMerger()],
    services=[ContactService, EmploymentService],
)
