"""Quotes as a part of the product."""

from collections.abc import Collection, Mapping
from uuid import UUID

from crm_api.domains.deals.artefacts import ARTEFACTS, Artefact
from crm_api.domains.quotes.actions import accepted_among, follow_approval
from crm_api.domains.quotes.drifting import DRIFTED
from crm_api.domains.quotes.importer import ClauseImporter, QuoteImporter
from crm_api.domains.quotes.jobs import (
    check_prices,
    expire,
    print_quote,
    remind,
    remove_files,
)
from crm_api.domains.quotes.letterhead import LETTERED
from crm_api.domains.quotes.metrics import METRICS
from crm_api.domains.quotes.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.quotes.reminding import EXPIRING, UNVIEWED
from crm_api.domains.quotes.repository import Quotes
from crm_api.domains.quotes.service import ClauseService, QuoteService, QuoteVersionService
from crm_api.domains.quotes.settings import AREA, CONFIGURED
from crm_api.domains.quotes.standard import STANDARD_REPORTS
from crm_api.domains.quotes.states import WAYS
from crm_api.domains.quotes.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.db.tx import Tx
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.platform.approvals.service import ApprovalService

ApprovalService.followers["quote"] = follow_approval
ApprovalService.settled["quote"] = accepted_among


def _quote_of(*statuses: str) -> Artefact:
    """Which deals have a quote that has come so far, or further."""

    async def find(tx: Tx, deal_ids: Collection[UUID]) -> set[UUID]:
        return await Quotes(tx).deals_with(deal_ids, statuses)

    return find


_SENT = ("sent", "viewed", "accepted")
ARTEFACTS.update(
    {
        "approved_quote": _quote_of("approved", *_SENT),
        "sent_quote": _quote_of(*_SENT),
        "accepted_quote": _quote_of("accepted"),
    }
)

REMINDERS: Mapping[str, Mapping[str, str]] = {
    EXPIRING: {
        "en": "{record} ends soon",
        "de": "{record} läuft bald ab",
        "ru": "скоро истекает срок: {record}",
    },
    UNVIEWED: {
        "en": "Nobody has looked at {record} yet",
        "de": "{record} hat noch niemand angesehen",
        "ru": "запись {record} ещё никто не смотрел",
    },
    DRIFTED: {
        "en": "{record} would cost something else by now",
        "de": "{record} würde inzwischen etwas anderes kosten",
        "ru": "цены записи {record} уже другие",
    },
}


def _faces() -> Faces:
    from crm_api.domains.quotes.graphql import MUTATIONS, QUERIES
    from crm_api.domains.quotes.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="quotes",
    title="Quotes",
    description="What is offered to customers, by versions, with approvals and documents.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices"],
    faces=_faces,
    jobs=[print_quote],
    chores=[
        Chore("quotes.expire", expire),
        Chore("quotes.remind", remind),
        Chore("quotes.check_prices", check_prices, every_s=86_400),
        Chore("quotes.remove_files", remove_files),
    ],
    importers=[QuoteImporter(), ClauseImporter()],
    appliers=[CollectionApplier(ClauseService, by=["key"])],
    areas=[AREA],
    managed={AREA: Managed("manage_settings")},
    reminders=REMINDERS,
    events=[
        CONFIGURED,
        LETTERED,
        *REMINDERS,
        *(
            f"quote.{verb}"
            for verb in (*(way.event for way in WAYS.values()), "approved", "returned")
        ),
        *(f"quote_version.{verb}" for verb in ("sent", "printed", "superseded")),
    ],
    work=WORK,
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    metrics=METRICS,
    standard_reports=STANDARD_REPORTS,
    services=[QuoteService, QuoteVersionService, ClauseService],
)
