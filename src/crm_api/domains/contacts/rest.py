"""Contacts and employments over REST."""

from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.rest.router import crud_router

contacts = crud_router(ContactService)
employments = crud_router(EmploymentService)
