"""Orders as a part of the product."""

from crm_api.domains.deals.winning import Consequences
from crm_api.domains.orders.changes import ChangeRequestService
from crm_api.domains.orders.changing import (
    TARGET,
    follow_change,
    no_pending_changes,
)
from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.importer import ContractImporter, OrderImporter
from crm_api.domains.orders.jobs import watch_contracts
from crm_api.domains.orders.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.orders.renewing import RenewalOfContract
from crm_api.domains.orders.service import OrderService
from crm_api.domains.orders.settings import AREA, CONFIGURED
from crm_api.domains.orders.standard import STANDARD_REPORTS
from crm_api.domains.orders.states import WAYS, Blockers
from crm_api.domains.orders.winning import OrderOfDeal
from crm_api.domains.orders.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.platform.approvals.service import ApprovalService

Consequences.steps += [OrderOfDeal(), RenewalOfContract()]
Blockers.checks.append(no_pending_changes)
ApprovalService.followers[TARGET] = follow_change
_CHANGED = ("submitted", "approved", "applied", "rejected", "withdrawn")
_CONTRACTS = (
    *("activated", "renewal_begun", "renewal_due"),
    *("renewed", "ended", "cancelled"),
)


def _faces() -> Faces:
    from crm_api.domains.orders import change_graphql, contract_graphql, contract_rest
    from crm_api.domains.orders.graphql import MUTATIONS, QUERIES
    from crm_api.domains.orders.rest import ROUTERS

    return Faces(
        routers=(*ROUTERS, *contract_rest.ROUTERS),
        queries=(*QUERIES, *change_graphql.QUERIES, *contract_graphql.QUERIES),
        mutations=(*MUTATIONS, *change_graphql.MUTATIONS, *contract_graphql.MUTATIONS),
    )


MODULE = Module(
    key="orders",
    title="Orders",
    description="What was agreed with customers, how it is handed over, and how it changes.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices", "quotes"],
    faces=_faces,
    chores=[Chore("contracts.watch", watch_contracts)],
    importers=[OrderImporter(), ContractImporter()],
    areas=[AREA],
    managed={AREA: Managed("manage_settings")},
    events=[
        CONFIGURED,
        *(
            f"order.{verb}"
            for verb in (*(way.event for way in WAYS.values()), "handed_over", "changed")
        ),
        *(f"change_request.{v}" for v in _CHANGED),
        *(f"contract.{verb}" for verb in _CONTRACTS),
    ],
    work=WORK,
    standard_reports=STANDARD_REPORTS,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    services=[OrderService, ChangeRequestService, ContractService],
)
