"""Links of quotes as a part of the product."""

from crm_api.domains.quote_links.pictured import TOUCHPOINTS
from crm_api.domains.quote_links.service import (
    QuoteDecisionService,
    QuoteLinkService,
    QuoteQuestionService,
    keep_hash,
    wipe,
)
from crm_api.domains.quotes.service import QuoteVersionService
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.quote_links import public_rest
    from crm_api.domains.quote_links.graphql import MUTATIONS, QUERIES
    from crm_api.domains.quote_links.rest import ROUTERS

    return Faces(
        routers=[*ROUTERS, *public_rest.ROUTERS],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


QuoteVersionService.printed.append(keep_hash)

MODULE = Module(
    key="quote_links",
    title="Links of quotes",
    description="Customers read quotes, choose, ask, accept and decline by a secret link.",
    depends_on=["companies", "contacts", "quotes"],
    faces=_faces,
    traces=[
        Trace(
            "quote_links",
            ("quote_views",),
            wipe,
            rows_of(
                quote_views="link_id IN (SELECT id FROM quote_links WHERE organization_id = $1 AND contact_id = ANY($2))"
            ),
        )
    ],
    events=[
        "quote_link.revoked",
        "quote_link.viewed",
        "quote_question.asked",
        "quote_question.answered",
        "quote_decision.made",
        "quote_decision.documented",
    ],
    touchpoints=TOUCHPOINTS,
    services=[QuoteLinkService, QuoteQuestionService, QuoteDecisionService],
)
