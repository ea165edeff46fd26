"""Links, questions and decisions over GraphQL, for those who sell."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.quote_links import schemas
from crm_api.domains.quote_links.service import (
    QuoteDecisionService,
    QuoteLinkService,
    QuoteQuestionService,
)
from crm_api.domains.quotes.graphql import Quote, QuoteVersion
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.QuoteLinkOut)
class QuoteLink:
    """A secret address at which a customer reads a quote and answers it."""

    quote = related(QuoteLinkService, "quote", Quote)
    contact = related(QuoteLinkService, "contact", Contact)


@type_from(schemas.QuoteLinkMade)
class NewQuoteLink:
    """A new link with its token."""


@type_from(schemas.QuoteQuestionOut)
class QuoteQuestion:
    """What a customer asked about a quote."""

    quote = related(QuoteQuestionService, "quote", Quote)
    link = related(QuoteQuestionService, "link", QuoteLink)
    contact = related(QuoteQuestionService, "contact", Contact)


@type_from(schemas.QuoteDecisionOut)
class QuoteDecision:
    """That a customer accepted or declined a version."""

    quote = related(QuoteDecisionService, "quote", Quote)
    quote_version = related(QuoteDecisionService, "quote_version", QuoteVersion)
    link = related(QuoteDecisionService, "link", QuoteLink)
    contact = related(QuoteDecisionService, "contact", Contact)


@type_from(schemas.QuoteEngagement)
class QuoteEngagement:
    """What the customer did with a quote."""


_LINKS = Collection(QuoteLinkService, QuoteLink, made=NewQuoteLink)
_QUESTIONS = Collection(QuoteQuestionService, QuoteQuestion)
_DECISIONS = Collection(QuoteDecisionService, QuoteDecision)


@strawberry.type
class QuoteEngagementQuery:
    """What became of links."""

    @strawberry.field
    async def quote_engagement(self, info: GraphInfo, id: UUID) -> QuoteEngagement:
        """How often a quote was looked at by its links, by whom last, and what was asked."""
        return cast("Any", await QuoteLinkService(info.context.tx).engagement(id))


@strawberry.type
class QuoteLinkMutation:
    """What is done with links and questions."""

    @mutation
    async def revoke_quote_link(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> QuoteLink:
        """Have a link open nothing any more, for good."""
        return await QuoteLinkService(info.context.tx).revoke(id, expected_version)

    @mutation
    async def answer_quote_question(
        self, info: GraphInfo, id: UUID, answer: str, expected_version: int | None = None
    ) -> QuoteQuestion:
        """Answer a question about a quote; it stands on the page of whoever asked."""
        data = shape_given(schemas.QuoteAnswer, {"answer": answer})
        return await QuoteQuestionService(info.context.tx).answer(id, data, expected_version)


QUERIES = (_LINKS.query(), _QUESTIONS.query(), _DECISIONS.query(), QuoteEngagementQuery)
MUTATIONS = (_LINKS.mutation(), QuoteLinkMutation)
