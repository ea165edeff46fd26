"""Every part of the product, lower first: the whole of it on one screen."""

from functools import cache

from crm_api.domains.activities.module import MODULE as ACTIVITIES
from crm_api.domains.activities.module import move_links
from crm_api.domains.attendees.module import MODULE as ATTENDEES
from crm_api.domains.attribution.module import MODULE as ATTRIBUTION
from crm_api.domains.attribution.module import tell_touches
from crm_api.domains.booking_links.module import MODULE as BOOKING_LINKS
from crm_api.domains.campaigns.merging import move_members
from crm_api.domains.campaigns.module import MODULE as CAMPAIGNS
from crm_api.domains.case_links.module import MODULE as CASE_LINKS
from crm_api.domains.cases.module import MODULE as CASES
from crm_api.domains.catalogue.module import MODULE as CATALOGUE
from crm_api.domains.commitments.module import MODULE as COMMITMENTS
from crm_api.domains.companies.module import MODULE as COMPANIES
from crm_api.domains.contacts.module import MODULE as CONTACTS
from crm_api.domains.conversations.module import MODULE as CONVERSATIONS
from crm_api.domains.customers.keeping import move_touchpoints
from crm_api.domains.customers.module import MODULE as CUSTOMERS
from crm_api.domains.customers.module import tell_parts
from crm_api.domains.dashboards.module import MODULE as DASHBOARDS
from crm_api.domains.deals.module import MODULE as DEALS
from crm_api.domains.delivery_links.module import MODULE as DELIVERY_LINKS
from crm_api.domains.forecasting.module import MODULE as FORECASTING
from crm_api.domains.journeys.module import MODULE as JOURNEYS
from crm_api.domains.leads.merger import move_leads
from crm_api.domains.leads.module import MODULE as LEADS
from crm_api.domains.mailings.module import MODULE as MAILINGS
from crm_api.domains.marketing_plans.module import MODULE as MARKETING_PLANS
from crm_api.domains.orders.module import MODULE as ORDERS
from crm_api.domains.prices.module import MODULE as PRICES
from crm_api.domains.projects.module import MODULE as PROJECTS
from crm_api.domains.promotions.module import MODULE as PROMOTIONS
from crm_api.domains.prospects.module import MODULE as PROSPECTS
from crm_api.domains.prospects.moving import move_prospects
from crm_api.domains.quote_links.module import MODULE as QUOTE_LINKS
from crm_api.domains.quotes.module import MODULE as QUOTES
from crm_api.domains.recipes.module import MODULE as RECIPES
from crm_api.domains.report_watch.module import MODULE as REPORT_WATCH
from crm_api.domains.reports.module import MODULE as REPORTS
from crm_api.domains.reports.module import report_on
from crm_api.domains.scheduling.module import MODULE as SCHEDULING
from crm_api.domains.segments.barring import suppressed
from crm_api.domains.segments.keeping import move_behaviour
from crm_api.domains.segments.module import MODULE as SEGMENTS
from crm_api.domains.sequences.module import MODULE as SEQUENCES
from crm_api.domains.taxes.module import MODULE as TAXES
from crm_api.domains.work.module import work_module
from crm_api.kit.crud.collections import lead_back, lead_to_users, serve
from crm_api.kit.module import Module, governed, lay_out_routes
from crm_api.platform.access.module import access_module
from crm_api.platform.access.rights import Rights, restored
from crm_api.platform.access.service import assign_roles, forget_roles
from crm_api.platform.access.sharing import move_shares
from crm_api.platform.accounts.module import accounts_module
from crm_api.platform.accounts.service import spend_reset
from crm_api.platform.approvals.module import approvals_module
from crm_api.platform.approvals.standing import approved_among
from crm_api.platform.attachments.module import attachments_module
from crm_api.platform.attachments.service import move_attachments
from crm_api.platform.audit.exporting import AuditLines
from crm_api.platform.audit.module import audit_module
from crm_api.platform.automations.module import MODULE as AUTOMATIONS
from crm_api.platform.automations.module import equip
from crm_api.platform.batching.module import batching_module
from crm_api.platform.calendars.module import MODULE as CALENDARS
from crm_api.platform.calendars.service import open_at, time_after
from crm_api.platform.comments.module import MODULE as COMMENTS
from crm_api.platform.comments.module import comment_on
from crm_api.platform.comments.service import move_comments
from crm_api.platform.custom_fields.module import custom_fields_module
from crm_api.platform.custom_fields.service import CustomFieldService, CustomObjectService
from crm_api.platform.custom_objects.module import MODULE as CUSTOM_OBJECTS
from crm_api.platform.custom_objects.service import CustomRecordService
from crm_api.platform.duplicates.module import duplicates_module
from crm_api.platform.duplicates.service import DuplicateService
from crm_api.platform.exchange.module import MODULE as EXCHANGE
from crm_api.platform.exports.module import exports_module
from crm_api.platform.history.module import history_module
from crm_api.platform.identity.module import MODULE as IDENTITY
from crm_api.platform.identity.service import UserService
from crm_api.platform.jobs.module import MODULE as JOBS
from crm_api.platform.mail.module import MODULE as MAIL
from crm_api.platform.merging.module import merging_module
from crm_api.platform.merging.service import folded
from crm_api.platform.modules.module import MODULE as SWITCHES
from crm_api.platform.modules.module import switch_all
from crm_api.platform.notifications.following import follow_merge
from crm_api.platform.notifications.module import notifications_module
from crm_api.platform.numbering.module import MODULE as NUMBERING
from crm_api.platform.outreach.module import outreach_module
from crm_api.platform.packs.module import packs_module
from crm_api.platform.privacy.module import MODULE as PRIVACY
from crm_api.platform.privacy.module import cover
from crm_api.platform.quotas.module import MODULE as QUOTAS
from crm_api.platform.repeats.module import MODULE as REPEATS
from crm_api.platform.search.module import search_module
from crm_api.platform.system.module import system_module
from crm_api.platform.transfer.module import transfer_module
from crm_api.platform.views.module import views_module
from crm_api.platform.views.service import ViewService
from crm_api.platform.webhooks.module import MODULE as WEBHOOKS
from crm_api.platform.webhooks.module import announce

DOMAINS: tuple[Module, ...] = (
    COMPANIES,
    CONTACTS,
    CATALOGUE,
    TAXES,
    PROMOTIONS,
    PRICES,
    DEALS,
    QUOTES,
    RECIPES,
    QUOTE_LINKS,
    FORECASTING,
    ORDERS,
    SEGMENTS,
    PROJECTS,
    DELIVERY_LINKS,
    ACTIVITIES,
    SCHEDULING,
    BOOKING_LINKS,
    COMMITMENTS,
    CASES,
    CASE_LINKS,
    CONVERSATIONS,
    LEADS,
    PROSPECTS,
    ATTENDEES,
    CAMPAIGNS,
    MARKETING_PLANS,
    SEQUENCES,
    JOURNEYS,
    MAILINGS,
    REPORTS,
    DASHBOARDS,
    ATTRIBUTION,
    REPORT_WATCH,
    CUSTOMERS,
)
ACCESS = access_module(
    (service for module in DOMAINS for service in module.services), CustomRecordService
)
UserService.assign, UserService.forget = staticmethod(assign_roles), staticmethod(forget_roles)
UserService.spend = staticmethod(spend_reset)
ACCOUNTS = accounts_module(UserService)
OUTREACH = outreach_module(
    (s for module in DOMAINS for s in module.services), open_at, approved_among, suppressed
)
APPROVALS = approvals_module(
    (service for module in DOMAINS for service in module.services),
    CustomRecordService,
    lambda database, actor, user: Rights(database).acting(actor, user),
    time_after,
)
SETTINGS: tuple[Module, ...] = (
    IDENTITY,
    ACCESS,
    ACCOUNTS,
    CALENDARS,
    NUMBERING,
    OUTREACH,
    PRIVACY,
    WEBHOOKS,
    AUTOMATIONS,
    COMMENTS,
    APPROVALS,
)
TRANSFER = transfer_module(importer for module in DOMAINS for importer in module.importers)
DUPLICATES = duplicates_module(
    (matcher for module in DOMAINS for matcher in module.matchers), folded
)
MERGING = merging_module(
    (merger for module in DOMAINS for merger in module.mergers),
    [
        DuplicateService.after_merge,
        move_comments,
        move_attachments,
        move_shares,
        move_links,
        follow_merge,
        move_touchpoints,
        move_behaviour,
        move_leads,
        move_prospects,
        move_members,
    ],
    [move_members],
)
ATTACHMENTS = attachments_module(
    [
        *(service for module in (*SETTINGS, *DOMAINS) for service in module.services),
        CustomFieldService,
        CustomObjectService,
        ViewService,
    ],
    CustomRecordService,
)
VIEWS = views_module(
    [
        *(service for module in (*SETTINGS, ATTACHMENTS, *DOMAINS) for service in module.services),
        # Of one another: there are views of definitions, and views have custom fields.
        CustomFieldService,
        CustomObjectService,
    ]
)
CUSTOM_FIELDS = custom_fields_module(
    service for module in (*SETTINGS, ATTACHMENTS, VIEWS, *DOMAINS) for service in module.services
)
EXPORTS = exports_module(
    (
        s
        for module in (*SETTINGS, ATTACHMENTS, CUSTOM_FIELDS, VIEWS, *DOMAINS)
        for s in module.services
    ),
    CustomRecordService,
    [AuditLines()],
)
RECORDS: tuple[Module, ...] = (
    *SETTINGS,
    CUSTOM_FIELDS,
    TRANSFER,
    MERGING,
    DUPLICATES,
    ATTACHMENTS,
    VIEWS,
    EXPORTS,
    *DOMAINS,
)
SERVICES = [service for module in RECORDS for service in module.services]
PACKS = packs_module((SWITCHES, *RECORDS))
BATCHING = batching_module(SERVICES, CustomRecordService)
TOLD = [*SERVICES, *PACKS.services, CustomRecordService]
HISTORY = history_module(TOLD)
AUDIT = audit_module([*SERVICES, *PACKS.services])
NOTIFICATIONS = notifications_module(
    (service for module in DOMAINS for service in module.services),
    CustomRecordService,
    {service.repository.listing.entity: service for service in TOLD},
    lambda database, actor, user: Rights(database).acting(actor, user),
    {topic: texts for module in DOMAINS for topic, texts in module.reminders.items()},
    {topic: permission for module in DOMAINS for topic, permission in module.guarded.items()},
)
SEARCHED = {
    service.repository.listing.entity: service
    for service in SERVICES
    if service.repository.listing.search is not None
}
SEARCH = search_module(SEARCHED)
WORK = work_module(load for module in (*SETTINGS, *DOMAINS) for load in module.work)

serve(SERVICES)
lead_back(SERVICES)
lead_to_users(TOLD, UserService.repository.listing)
comment_on(SERVICES, CustomRecordService)

MODULES: tuple[Module, ...] = governed(
    switch_all(
        (
            JOBS,
            REPEATS,
            MAIL,
            QUOTAS,
            HISTORY,
            AUDIT,
            SWITCHES,
            EXCHANGE,
            *RECORDS,
            CUSTOM_OBJECTS,
            PACKS,
            NOTIFICATIONS,
            SEARCH,
            WORK,
            BATCHING,
            system_module((HISTORY, JOBS, WEBHOOKS)),
        )
    )
)

cover(MODULES)
_BY_ENTITY = {service.repository.listing.entity: service for service in TOLD}
tell_parts(MODULES, _BY_ENTITY)
tell_touches(MODULES, _BY_ENTITY)
report_on(MODULES, SERVICES)
EVENT_TYPES = announce(MODULES, _BY_ENTITY, restored)
equip(MODULES, _BY_ENTITY, EVENT_TYPES.knows, restored)


@cache
def shown() -> tuple[Module, ...]:
    """The modules with their faces, which workers do without.

    Those of the domains are made first: types of the others are made of theirs.
    """
    from crm_api.kit.graphql.edges import show_users, show_ways_back
    from crm_api.platform.identity.graphql import User

    for module in (*DOMAINS, *MODULES):
        _ = module.shown
    show_ways_back(SERVICES)
    show_users(TOLD, User)
    lay_out_routes(MODULES)
    return MODULES
