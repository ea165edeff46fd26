"""Every part of the product, lower first: the whole of it on one screen."""

from crm_api.domains.companies.module import MODULE as COMPANIES
from crm_api.domains.contacts.module import MODULE as CONTACTS
from crm_api.kit.module import Module
from crm_api.platform.history.module import MODULE as HISTORY
from crm_api.platform.identity.module import MODULE as IDENTITY
from crm_api.platform.jobs.module import MODULE as JOBS

MODULES: tuple[Module, ...] = (IDENTITY, HISTORY, JOBS, COMPANIES, CONTACTS)
