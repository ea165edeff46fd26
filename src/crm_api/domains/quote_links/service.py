"""The rules of links, of questions and of decisions, for those who sell."""

from typing import Any
from uuid import UUID

from crm_api.domains.quote_links.models import QuoteDecision, QuoteLink, QuoteQuestion
from crm_api.domains.quote_links.repository import (
    AREA,
    QuoteDecisions,
    QuoteLinks,
    QuoteQuestions,
)
from crm_api.domains.quote_links.schemas import (
    QuoteAnswer,
    QuoteLinkCreate,
    QuoteLinkUpdate,
)
from crm_api.domains.quotes.models import QuoteVersion
from crm_api.domains.quotes.service import QuoteService
from crm_api.kit.crud.personal import About, Gone
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.linking import LinkService
from crm_api.kit.links.tokens import LinkTokens
from crm_api.kit.query.selection import Selection

_KEPT = "Says when a quote was open to whom; the label and what was seen are emptied."


TOKENS = LinkTokens("quote", "quote link")


class QuoteLinkService(LinkService[QuoteLink]):
    """Secret addresses at which customers read quotes and answer them."""

    repository = QuoteLinks
    area = AREA
    plural = "quote_links"
    personal = About(("contact_id",), end="kept", reason=_KEPT)
    create_shape = QuoteLinkCreate
    update_shape = QuoteLinkUpdate
    tokens = TOKENS
    page_path = "/public/quotes/{token}/page"
    records: QuoteLinks

    async def check_purge(self, current: QuoteLink) -> None:
        """What was seen by it goes with it."""
        await super().check_purge(current)
        await self.records.forget_views(current.id)

    async def engagement(self, quote_id: UUID) -> dict[str, Any]:
        """What the customer did with a quote; raises `NotFound`."""
        self.need("read")
        await QuoteService(self.tx).get(quote_id, Selection(("id", "version")))
        links = [dict(row) for row in await self.records.views(quote_id)]
        moments = [link[n] for link in links for n in ("first_at", "last_at") if link[n]]
        return {
            **{name: sum(link[name] for link in links) for name in ("views", "documents")},
            "first_at": min(moments, default=None),
            "last_at": max(moments, default=None),
            **await self.records.asked(quote_id),
            "links": links,
            "recent": await self.records.recent(quote_id),
        }


class QuoteQuestionService(CrudService[QuoteQuestion]):
    """What customers asked about quotes; asked by a link, answered by whoever sells."""

    repository = QuoteQuestions
    area = AREA
    plural = "quote_questions"
    personal = About(("contact_id",), end="kept", reason="Who asked, and what, is emptied.")
    plain = False
    upserts = False
    begins = "asked"
    records: QuoteQuestions

    async def answer(self, id: UUID, data: QuoteAnswer, expected: int | None = None) -> Any:
        """Say something to a question, or something else than before."""
        self.need("update")
        current = await self.locked(id, expected)
        values = {
            "answer": data.answer,
            "answered_at": self.tx.now,
            "answered_by": self.tx.actor.me,
        }
        if current.answer == data.answer:
            return await self.told(self.shown_of(current))
        return await self.told(await self.change(current, values, verb="answered"))


class QuoteDecisionService(CrudService[QuoteDecision]):
    """That customers accepted or declined quotes, who it was, and what exactly."""

    repository = QuoteDecisions
    area = AREA
    plural = "quote_decisions"
    personal = About(
        ("contact_id",),
        end="kept",
        reason="That a quote was accepted is kept; who it was, and from where, is emptied.",
    )
    plain = False
    upserts = False
    begins = "made"
    records: QuoteDecisions


async def keep_hash(tx: Tx, version: QuoteVersion) -> None:
    """Say of what was decided before there was a document which one it was about."""
    found = await QuoteDecisions(tx).of(version.id, lock=True)
    if found is not None and found.document_sha256 is None:
        values = {"document_sha256": version.document_sha256}
        await QuoteDecisionService(tx).change(found, values, verb="documented")


async def wipe(tx: Tx, gone: Gone) -> int:
    """Empty what links, views, questions and decisions tell of a person."""
    found = await QuoteLinks(tx).wipe(gone.ids, [*gone.names, *gone.values("email")])
    await empty_events(tx, found)
    return len(found)
