"""Quotes as a part of the product."""

from crm_api.domains.quotes.actions import accepted_among, follow_approval
from crm_api.domains.quotes.graphql import MUTATIONS, QUERIES
from crm_api.domains.quotes.jobs import expire, print_quote, remove_files
from crm_api.domains.quotes.rest import ROUTERS
from crm_api.domains.quotes.service import ClauseService, QuoteService, QuoteVersionService
from crm_api.domains.quotes.states import WAYS
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Module
from crm_api.platform.approvals.service import ApprovalService

ApprovalService.followers["quote"] = follow_approval
ApprovalService.settled["quote"] = accepted_among
MODULE = Module(
    key="quotes",
    title="Quotes",
    description="What is offered to customers, by versions, with approvals and documents.",
    depends_on=["catalogue", "companies", "contacts", "prices"],
    routers=ROUTERS,
    queries=QUERIES,
    mutations=MUTATIONS,
    jobs=[print_quote],
    chores=[
        Chore("quotes.expire", expire),
        Chore("quotes.remove_files", remove_files),
    ],
    appliers=[CollectionApplier(ClauseService, by=["key"])],
    events=[
        *(
            f"quote.{verb}"
            for verb in (*(way.event for way in WAYS.values()), "approved", "returned")
        ),
        *(f"quote_version.{verb}" for verb in ("sent", "printed", "superseded")),
    ],
    services=[QuoteService, QuoteVersionService, ClauseService],
)
