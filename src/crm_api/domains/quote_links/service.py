"""The rules of links, of questions and of decisions, for those who sell."""

from collections.abc import Mapping
from typing import Any, ClassVar
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
from crm_api.domains.quote_links.tokens import QUOTES
from crm_api.domains.quotes.service import QuoteService
from crm_api.kit.crud.personal import About, Gone
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Create

_KEPT = "Says when a quote was open to whom; the label and what was seen are emptied."


class QuoteLinkService(CrudService[QuoteLink]):
    """Secret addresses at which customers read quotes and answer them."""

    repository = QuoteLinks
    area = AREA
    plural = "quote_links"
    personal = About(("contact_id",), end="kept", reason=_KEPT)
    create_shape = QuoteLinkCreate
    update_shape = QuoteLinkUpdate
    # Only creation shows a token, so the caller must know which of the two it was.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {"revoked_at": None, "first_viewed_at": None}
    records: QuoteLinks

    async def create(self, data: Create) -> Any:
        """A new link; the answer holds its token this once."""
        self.need("create")
        self.tx.confidential = True
        values = await self.prepare(await self.given(data), None)
        await self.admit(values, None)
        token = QUOTES.new(self.tx.organization_id, id := new_id())
        hashed = QUOTES.hash_of(self.tx.database.signing_key, token.secret)
        own = {"id": id, "secret_hash": hashed}
        made = await self.told(self.add({**values, **self.begins_with, **own}), new=True)
        return {
            **{name: getattr(made, name) for name in self.records.listing.shown},
            "token": str(token),
            "path": path_of(str(token)),
        }

    async def prepare(self, values: dict[str, Any], current: QuoteLink | None) -> dict[str, Any]:
        """An end that is yet to come."""
        values = await super().prepare(values, current)
        ends = values.get("expires_at")
        if (
            ends is not None
            and ends != getattr(current, "expires_at", None)
            and ends <= self.tx.now
        ):
            raise Invalid.at("/expires_at", "in_the_past", "It would be over already: revoke it.")
        return values

    async def revoke(self, id: UUID, expected: int | None = None) -> Any:
        """Have a link open nothing from now on, for good; one that was revoked stays so."""
        self.need("update")
        current = await self.locked(id, expected)
        if current.revoked_at is not None:
            return await self.told(self.shown_of(current))
        return await self.told(
            await self.change(current, {"revoked_at": self.tx.now}, verb="revoked")
        )

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


def path_of(token: str) -> str:
    """Where the page of a token is."""
    return f"/public/quotes/{token}/page"


async def wipe(tx: Tx, gone: Gone) -> int:
    """Empty what links, views, questions and decisions tell of a person."""
    found = await QuoteLinks(tx).wipe(gone.ids, [*gone.names, *gone.values("email")])
    await empty_events(tx, found)
    return len(found)
