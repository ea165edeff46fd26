"""Every part of the product, lower first: the whole of it on one screen."""

from crm_api.domains.companies.module import MODULE as COMPANIES
from crm_api.domains.contacts.module import MODULE as CONTACTS
from crm_api.kit.module import Module
from crm_api.platform.calendars.module import MODULE as CALENDARS
from crm_api.platform.exchange.module import MODULE as EXCHANGE
from crm_api.platform.exports.module import exports_module
from crm_api.platform.history.module import history_module
from crm_api.platform.identity.module import MODULE as IDENTITY
from crm_api.platform.jobs.module import MODULE as JOBS
from crm_api.platform.merging.module import merging_module
from crm_api.platform.numbering.module import MODULE as NUMBERING
from crm_api.platform.search.module import search_module
from crm_api.platform.transfer.module import transfer_module
from crm_api.platform.views.module import views_module

DOMAINS: tuple[Module, ...] = (COMPANIES, CONTACTS)
SETTINGS: tuple[Module, ...] = (IDENTITY, CALENDARS, NUMBERING)
TRANSFER = transfer_module(importer for module in DOMAINS for importer in module.importers)
MERGING = merging_module(
    (merger for module in DOMAINS for merger in module.mergers),
    (service for module in (*SETTINGS, TRANSFER, *DOMAINS) for service in module.services),
)
VIEWS = views_module(service for module in (*SETTINGS, *DOMAINS) for service in module.services)
EXPORTS = exports_module(
    service for module in (*SETTINGS, VIEWS, *DOMAINS) for service in module.services
)
RECORDS: tuple[Module, ...] = (*SETTINGS, TRANSFER, MERGING, VIEWS, EXPORTS, *DOMAINS)
HISTORY = history_module(service for module in RECORDS for service in module.services)
SEARCHED = {
    service.repository.listing.entity: service
    for module in RECORDS
    for service in module.services
    if service.repository.listing.search is not None
}
SEARCH = search_module(SEARCHED)

MODULES: tuple[Module, ...] = (JOBS, HISTORY, EXCHANGE, *RECORDS, SEARCH)
