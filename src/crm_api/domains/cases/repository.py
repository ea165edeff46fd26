"""How cases and their policies are listed and found."""

from crm_api.domains.cases.models import Case, SlaPolicy
from crm_api.domains.cases.schemas import CaseOut, SlaPolicyOut
from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.orders.repository import ORDERS
from crm_api.domains.projects.repository import PROJECTS
from crm_api.domains.projects.work_repository import DELIVERABLES
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.tree import TreeRepository
from crm_api.kit.query.listing import Listing, Relation, Searched
from crm_api.platform.calendars.repository import CALENDARS

CASES: Listing = Listing(
    model=Case,
    out=CaseOut,
    area="cases",
    sorts={"name": Case.sort_name},
    relations=(
        Relation("company", lambda: COMPANIES, Case.company_id, COMPANIES.model.id, back="cases"),
        Relation("contact", lambda: CONTACTS, Case.contact_id, CONTACTS.model.id, back="cases"),
        Relation("product", lambda: PRODUCTS, Case.product_id, PRODUCTS.model.id, back="cases"),
        Relation("order", lambda: ORDERS, Case.order_id, ORDERS.model.id, back="cases"),
        Relation("project", lambda: PROJECTS, Case.project_id, PROJECTS.model.id, back="cases"),
        Relation(
            "deliverable",
            lambda: DELIVERABLES,
            Case.deliverable_id,
            DELIVERABLES.model.id,
            back="cases",
        ),
        Relation("parent", lambda: CASES, Case.parent_id, Case.id),
        Relation("children", lambda: CASES, Case.id, Case.parent_id, many=True),
        Relation("follows", lambda: CASES, Case.follows_id, Case.id),
        Relation("follow_ups", lambda: CASES, Case.id, Case.follows_id, many=True),
    ),
    search=Searched(
        names=("subject", "number"),
        others=("description", "external_ids"),
        title="subject",
        subtitle=("number",),
    ),
)
POLICIES: Listing = Listing(
    model=SlaPolicy,
    out=SlaPolicyOut,
    area="sla_policies",
    sorts={"name": SlaPolicy.sort_name},
    relations=(Relation("calendar", lambda: CALENDARS, SlaPolicy.calendar_id, CALENDARS.model.id),),
)


class Cases(TreeRepository[Case]):
    """The cases of an organization."""

    model = Case
    listing = CASES


class SlaPolicies(Repository[SlaPolicy]):
    """How soon cases are answered."""

    model = SlaPolicy
    listing = POLICIES
