"""How links, questions and decisions are found, and what was seen is counted."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.quote_links.models import QuoteDecision, QuoteLink, QuoteQuestion, QuoteView
from crm_api.domains.quote_links.schemas import QuoteDecisionOut, QuoteLinkOut, QuoteQuestionOut
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.repository import QUOTES, VERSIONS
from crm_api.kit.crud.repository import Repository
from crm_api.kit.links.owning import LinkRepository
from crm_api.kit.query.listing import Listing, Relation

AREA = "quote_links"
MOST_VIEWS = 10_000
"""Of one link; no more are written down."""
LINKS: Listing = Listing(
    model=QuoteLink,
    out=QuoteLinkOut,
    area=AREA,
    relations=(
        Relation("quote", lambda: QUOTES, QuoteLink.quote_id, Quote.id),
        Relation("contact", lambda: CONTACTS, QuoteLink.contact_id, CONTACTS.model.id),
    ),
    within="quote",
)
QUESTIONS: Listing = Listing(
    model=QuoteQuestion,
    out=QuoteQuestionOut,
    area=AREA,
    relations=(
        Relation("quote", lambda: QUOTES, QuoteQuestion.quote_id, Quote.id),
        Relation("link", lambda: LINKS, QuoteQuestion.link_id, QuoteLink.id),
        Relation("contact", lambda: CONTACTS, QuoteQuestion.contact_id, CONTACTS.model.id),
    ),
    within="quote",
)
DECISIONS: Listing = Listing(
    model=QuoteDecision,
    out=QuoteDecisionOut,
    area=AREA,
    relations=(
        Relation("quote", lambda: QUOTES, QuoteDecision.quote_id, Quote.id),
        Relation(
            "quote_version", lambda: VERSIONS, QuoteDecision.quote_version_id, VERSIONS.model.id
        ),
        Relation("link", lambda: LINKS, QuoteDecision.link_id, QuoteLink.id),
        Relation("contact", lambda: CONTACTS, QuoteDecision.contact_id, CONTACTS.model.id),
    ),
    within="quote",
)
# What opens a link, and the days of whoever it belongs to: before anything else is known.
OPENING = """
    SELECT l.secret_hash, o.time_zone, o.country FROM quote_links l
    JOIN organizations o ON o.id = l.organization_id
    WHERE l.organization_id = $1 AND l.id = $2
"""
_COUNTED = """
    SELECT l.id AS link_id, l.label, count(v.id) FILTER (WHERE v.seen <> 'document') AS views,
        count(v.id) FILTER (WHERE v.seen = 'document') AS documents,
        min(v.at) AS first_at, max(v.at) AS last_at
    FROM quote_links l LEFT JOIN quote_views v ON v.organization_id = $1 AND v.link_id = l.id
    WHERE l.organization_id = $1 AND l.quote_id = $2
    GROUP BY l.id, l.label ORDER BY l.id
"""
_RECENT = """
    SELECT id, link_id, revision, seen, at, address, user_agent FROM quote_views
    WHERE organization_id = $1 AND quote_id = $2 ORDER BY id DESC LIMIT 50
"""
_ASKED = """
    SELECT count(*) AS questions, count(*) FILTER (WHERE answered_at IS NULL) AS unanswered
    FROM quote_questions WHERE organization_id = $1 AND quote_id = $2 AND deleted_at IS NULL
"""
_IS_FULL = """
    SELECT EXISTS (SELECT FROM quote_views WHERE organization_id = $1 AND link_id = $2
        OFFSET $3) AS is_full
"""
_FORGET = "DELETE FROM quote_views WHERE organization_id = $1 AND link_id = $2"
# Whoever is erased is told by the link that was theirs, by their quotes, or by what they said.
_THEIRS = """
    SELECT id FROM quote_links WHERE organization_id = $1 AND (contact_id = ANY($2::uuid[])
        OR quote_id IN (SELECT id FROM quotes WHERE organization_id = $1
            AND company_id IS NULL AND contact_id = ANY($2::uuid[])))
"""
_WIPE_LINKS = """
    UPDATE quote_links SET label = NULL WHERE organization_id = $1 AND label IS NOT NULL
    AND (id = ANY($2::uuid[]) OR EXISTS (SELECT FROM unnest($3::text[]) AS said
        WHERE position(lower(said) IN lower(label)) > 0))
    RETURNING id
"""
_WIPE_VIEWS = """
    UPDATE quote_views SET address = NULL, user_agent = NULL
    WHERE organization_id = $1 AND link_id = ANY($2::uuid[])
    AND (address IS NOT NULL OR user_agent IS NOT NULL)
    RETURNING id
"""
_WIPE_QUESTIONS = """
    UPDATE quote_questions SET name = NULL, email = NULL, text = '(erased)',
        answer = CASE WHEN answer IS NOT NULL THEN '(erased)' END
    WHERE organization_id = $1 AND text <> '(erased)' AND (link_id = ANY($2::uuid[])
        OR EXISTS (SELECT FROM unnest($3::text[]) AS said
            WHERE position(lower(said) IN lower(concat_ws(' ', name, email, text, answer))) > 0))
    RETURNING id
"""
_WIPE_DECISIONS = """
    UPDATE quote_decisions SET name = NULL, email = NULL, role = NULL, comment = NULL,
        reason = NULL, address = NULL, user_agent = NULL
    WHERE organization_id = $1 AND (link_id = ANY($2::uuid[])
        OR EXISTS (SELECT FROM unnest($3::text[]) AS said
            WHERE position(lower(said) IN lower(concat_ws(' ', name, email, role, reason, comment))) > 0))
    RETURNING id
"""


class QuoteLinks(LinkRepository[QuoteLink]):
    """The links of an organization."""

    model = QuoteLink
    listing = LINKS

    async def views(self, quote_id: UUID) -> list[Any]:
        """How often somebody looked, by link."""
        return await self.tx.fetch(_COUNTED, self.tx.organization_id, quote_id)

    async def recent(self, quote_id: UUID) -> list[dict[str, Any]]:
        """Who looked last."""
        rows = await self.tx.fetch(_RECENT, self.tx.organization_id, quote_id)
        return [dict(row) for row in rows]

    async def asked(self, quote_id: UUID) -> dict[str, int]:
        """How many questions there are, and how many without an answer."""
        return dict((await self.tx.fetch(_ASKED, self.tx.organization_id, quote_id))[0])

    async def forget_views(self, id: UUID) -> None:
        """Remove what was seen by a link."""
        await self.tx.write(_FORGET, self.tx.organization_id, id)

    async def note_view(self, values: dict[str, Any]) -> None:
        """Write down that somebody looked; whoever goes on looking fills no tables."""
        own = self.tx.organization_id
        (found,) = await self.tx.fetch(_IS_FULL, own, values["link_id"], MOST_VIEWS - 1)
        if not found["is_full"]:
            self.tx.insert(QuoteView, values)

    async def wipe(self, ids: Sequence[UUID], marks: Sequence[str]) -> list[UUID]:
        """Empty what tells a person; the ids of the rows that did."""
        own = self.tx.organization_id
        theirs = [row["id"] for row in await self.tx.fetch(_THEIRS, own, list(ids))]
        found: list[UUID] = []
        for sql in (_WIPE_LINKS, _WIPE_QUESTIONS, _WIPE_DECISIONS):
            found += [row["id"] for row in await self.tx.write(sql, own, theirs, list(marks))]
        found += [row["id"] for row in await self.tx.write(_WIPE_VIEWS, own, theirs)]
        self.tx.forget(set(found))
        return found


class QuoteQuestions(Repository[QuoteQuestion]):
    """What customers asked."""

    model = QuoteQuestion
    listing = QUESTIONS

    async def by_link(self, link_id: UUID) -> list[QuoteQuestion]:
        """What was asked by a link, the first one first."""
        query = self.select_all().where(
            QuoteQuestion.link_id == link_id, QuoteQuestion.deleted_at.is_(None)
        )
        query = query.order_by(QuoteQuestion.id).limit(100)
        return list((await self.tx.run(query)).scalars())


class QuoteDecisions(Repository[QuoteDecision]):
    """What customers decided."""

    model = QuoteDecision
    listing = DECISIONS

    async def of(self, version_id: UUID, *, lock: bool = False) -> QuoteDecision | None:
        """What was decided of a version; locked to change it."""
        query = self.select_all().where(QuoteDecision.quote_version_id == version_id)
        if lock:
            query = query.with_for_update(key_share=True)
        return (await self.tx.run(query)).scalar_one_or_none()
