"""Quotes over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.prices.graphql import PriceList
from crm_api.domains.quotes import letterhead, schemas, settings, simulated
from crm_api.domains.quotes.actions import QuoteActions
from crm_api.domains.quotes.documents import QuoteDocuments
from crm_api.domains.quotes.drifting import PriceDrift
from crm_api.domains.quotes.pricing import QuotePricing
from crm_api.domains.quotes.service import ClauseService, QuoteService, QuoteVersionService
from crm_api.domains.quotes.simulating import PriceSimulator
from crm_api.domains.quotes.states import Verb
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@type_from(schemas.QuoteOut)
class Quote:
    """An offer."""

    company = related(QuoteService, "company", Company)
    contact = related(QuoteService, "contact", Contact)
    deal = related(QuoteService, "deal", Deal)
    price_list = related(QuoteService, "price_list", PriceList)


@type_from(schemas.QuoteVersionOut)
class QuoteVersion:
    """A quote as it was sent, for good."""

    quote = related(QuoteVersionService, "quote", Quote)


@type_from(schemas.ClauseOut)
class Clause:
    """A paragraph that quotes may have among their terms."""


@type_from(schemas.QuoteCalculation)
class QuoteCalculation:
    """A draft with everything that it comes to."""


@type_from(schemas.QuoteTransitions)
class QuoteTransitions:
    """Where a quote stands, and what may be done with it."""


@type_from(schemas.QuoteDiff)
class QuoteDiff:
    """What is different between two versions."""


@type_from(schemas.QuoteDocument)
class QuoteDocument:
    """The document of a version."""


@type_from(simulated.PriceSimulation)
class PriceSimulation:
    """What a change of prices would do to open quotes and deals."""


@type_from(schemas.QuotePriceDrift)
class QuotePriceDrift:
    """What a quote says, and what the same comes to by the prices that are."""


@type_from(settings.QuoteSettingsOut)
class QuoteSettings:
    """What owners of quotes are told of by themselves."""


@type_from(letterhead.LetterheadOut)
class Letterhead:
    """What proposals say of the seller."""


_QUOTES = Collection(QuoteService, Quote)
_VERSIONS = Collection(QuoteVersionService, QuoteVersion)
_CLAUSES = Collection(ClauseService, Clause)


@strawberry.type
class QuoteQuery:
    """What is asked of quotes beyond their records."""

    @strawberry.field
    async def calculate_quote(
        self,
        info: GraphInfo,
        input: input_from(schemas.QuoteContent),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> QuoteCalculation:
        """What a quote would come to; nothing is stored."""
        data = shape_given(schemas.QuoteContent, input)
        return cast("Any", await QuotePricing(info.context.tx).preview(data))

    @strawberry.field
    async def simulate_prices(
        self,
        info: GraphInfo,
        input: input_from(simulated.SimulationInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> PriceSimulation:
        """What a change of prices would do to open quotes and deals; nothing is changed."""
        asked = shape_given(simulated.SimulationInput, input)
        return cast("Any", await PriceSimulator(info.context.tx).simulate(asked))

    @strawberry.field
    async def quote_settings(self, info: GraphInfo) -> QuoteSettings:
        """What owners of quotes are told of by themselves."""
        return cast("Any", settings.QuoteSettingsService(info.context.tx).get())

    @strawberry.field
    async def letterhead_settings(self, info: GraphInfo) -> Letterhead:
        """What proposals say of the seller."""
        return cast("Any", letterhead.LetterheadService(info.context.tx).get())

    @strawberry.field
    async def quote_price_drift(self, info: GraphInfo, id: UUID) -> QuotePriceDrift:
        """What an open quote says, and what it would come to by the prices that are."""
        return cast("Any", await PriceDrift(info.context.tx).of(id))

    @strawberry.field
    async def quote_transitions(self, info: GraphInfo, id: UUID) -> QuoteTransitions:
        """What may be done with a quote, and what stands in the way."""
        return cast("Any", await QuoteActions(info.context.tx).transitions(id))

    @strawberry.field
    async def quote_diff(
        self, info: GraphInfo, id: UUID, from_revision: int, to_revision: int | None = None
    ) -> QuoteDiff:
        """What is different between two versions, or between one and the quote as it is now."""
        found = await QuoteActions(info.context.tx).diff(id, from_revision, to_revision)
        return cast("Any", found)

    @strawberry.field
    async def quote_document(
        self, info: GraphInfo, id: UUID, revision: int | None = None
    ) -> QuoteDocument:
        """Where the document of a version is, the one sent last without a number."""
        return cast("Any", await QuoteDocuments(info.context.tx).of(id, revision))


def _decision(verb: Verb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        by: str | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
        revision: int | None = None,
    ) -> Quote:
        said = {"by": by, "comment": comment, "revision": revision}
        data = shape_given(schemas.QuoteDecision, said)
        return await QuoteActions(info.context.tx).decide(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class QuoteActionMutation:
    """What is done with quotes."""

    @mutation
    async def set_quote_settings(
        self,
        info: GraphInfo,
        input: input_from(settings.QuoteSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> QuoteSettings:
        """Say what owners of quotes are told of by themselves."""
        data = shape_given(settings.QuoteSettings, input)
        return cast("Any", await settings.QuoteSettingsService(info.context.tx).replace(data))

    @mutation
    async def set_letterhead_settings(
        self,
        info: GraphInfo,
        input: input_from(letterhead.Letterhead),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Letterhead:
        """Say what proposals say of the seller, for versions that are sent from here on."""
        data = shape_given(letterhead.Letterhead, input)
        return cast("Any", await letterhead.LetterheadService(info.context.tx).replace(data))

    @mutation
    async def submit_quote(
        self,
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Quote:
        """Ask for the approvals that a quote needs; where none does, it is approved."""
        data = shape_given(schemas.QuoteSubmission, {"comment": comment})
        return await QuoteActions(info.context.tx).submit(id, data, expected_version)

    @mutation
    async def recall_quote(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Quote:
        """Take a quote back from approval."""
        return await QuoteActions(info.context.tx).recall(id, expected_version)

    @mutation
    async def send_quote(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Quote:
        """Make a version of a quote that never changes; with the first it gets its number."""
        return await QuoteActions(info.context.tx).send(id, expected_version)

    @mutation
    async def view_quote(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Quote:
        """Write down that the customer has looked at a quote."""
        return await QuoteActions(info.context.tx).view(id, expected_version)

    accept_quote = _decision("accept", "Write down that a quote was accepted.")
    decline_quote = _decision("decline", "Write down that a quote was declined.")
    withdraw_quote = _decision("withdraw", "Take a sent quote back.")
    expire_quote = _decision("expire", "Have a quote expire whose last day is over.")

    @mutation
    async def revise_quote(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Quote:
        """Work on the next version of a quote."""
        return await QuoteActions(info.context.tx).revise(id, expected_version)

    @mutation
    async def quote_deal(self, info: GraphInfo, id: UUID) -> Quote:
        """A new draft of the lines of a deal, for its company and contact."""
        return await QuoteActions(info.context.tx).of_deal(id)

    @mutation
    async def clone_quote(self, info: GraphInfo, id: UUID) -> Quote:
        """A new draft with the same lines, by the prices of today."""
        return await QuoteActions(info.context.tx).clone(id)


QUERIES = (_QUOTES.query(), _VERSIONS.query(), _CLAUSES.query(), QuoteQuery)
MUTATIONS = (_QUOTES.mutation(), _CLAUSES.mutation(), QuoteActionMutation)
