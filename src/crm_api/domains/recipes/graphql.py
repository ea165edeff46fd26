"""Recipes and automatic proposals over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

# What a draft comes to is shown as quotes show it.
from crm_api.domains.quotes import graphql as quotes
from crm_api.domains.recipes import asking, schemas
from crm_api.domains.recipes.preparing import Kind, ProposalService
from crm_api.domains.recipes.service import ProposalRecipeService
from crm_api.kit.errors import Invalid
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from

__all__ = ["MUTATIONS", "QUERIES", "quotes"]


@type_from(schemas.ProposalRecipeOut)
class ProposalRecipe:
    """What is offered to customers who fit, for needs, in up to three tiers."""


@type_from(asking.Proposals)
class Proposals:
    """Up to three drafts, the best first."""


_RECIPES = Collection(ProposalRecipeService, ProposalRecipe)


def _whose(company: UUID | None, contact: UUID | None, deal: UUID | None) -> tuple[Kind, UUID]:
    given: dict[Kind, UUID | None] = {"company": company, "contact": contact, "deal": deal}
    named: list[tuple[Kind, UUID]] = [(kind, id) for kind, id in given.items() if id is not None]
    if len(named) != 1:
        text = "Proposals are for one company, contact or deal."
        raise Invalid.at("/companyId", "one_customer", text)
    return named[0]


@strawberry.type
class ProposalQuery:
    """Proposals that are only looked at."""

    @strawberry.field
    async def proposals(
        self,
        info: GraphInfo,
        input: input_from(asking.ProposalRequest),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        company_id: UUID | None = None,
        contact_id: UUID | None = None,
        deal_id: UUID | None = None,
    ) -> Proposals:
        """Up to three drafts of quotes for a company, a contact or a deal; nothing is stored."""
        kind, id = _whose(company_id, contact_id, deal_id)
        asked = shape_given(asking.ProposalRequest, input, "/input")
        return cast("Any", await ProposalService(info.context.tx).prepare(kind, id, asked))


@strawberry.type
class ProposalMutation:
    """Proposals of which quotes are made."""

    @mutation
    async def commit_proposals(
        self,
        info: GraphInfo,
        input: input_from(asking.ProposalRequest),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        company_id: UUID | None = None,
        contact_id: UUID | None = None,
        deal_id: UUID | None = None,
    ) -> Proposals:
        """Make a quote of each of up to three drafts, all or those of the labels."""
        kind, id = _whose(company_id, contact_id, deal_id)
        asked = shape_given(asking.ProposalRequest, input, "/input")
        return cast("Any", await ProposalService(info.context.tx).make(kind, id, asked))


QUERIES = (_RECIPES.query(), ProposalQuery)
MUTATIONS = (_RECIPES.mutation(), ProposalMutation)
