"""Contacts and employments over REST."""

from crm_api.domains.contacts.schemas import (
    ContactCreate,
    ContactOut,
    ContactUpdate,
    EmploymentCreate,
    EmploymentOut,
    EmploymentUpdate,
)
from crm_api.domains.contacts.service import ContactService, EmploymentService
from crm_api.kit.rest.router import crud_router

contacts = crud_router(ContactService, create=ContactCreate, update=ContactUpdate, out=ContactOut)
employments = crud_router(
    EmploymentService,
    create=EmploymentCreate,
    update=EmploymentUpdate,
    out=EmploymentOut,
)
