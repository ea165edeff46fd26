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


def _customer(company_id: UUID | None, contact_id: UUID | None) -> tuple[Kind, UUID]:
    if company_id is not None and contact_id is None:
        return "company", company_id
    if contact_id is not None and company_id is None:
        return "contact", contact_id
    raise Invalid.at("/companyId", "one_customer", "Proposals are for one company or contact.")


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
    ) -> Proposals:
        """Up to three drafts of quotes for a company or a contact; nothing is stored."""
        kind, id = _customer(company_id, contact_id)
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
    ) -> Proposals:
        """Make a quote of each of up to three drafts, all or those of the labels."""
        kind, id = _customer(company_id, contact_id)
        asked = shape_given(asking.ProposalRequest, input, "/input")
        return cast("Any", await ProposalService(info.context.tx).make(kind, id, asked))


QUERIES = (_RECIPES.query(), ProposalQuery)
MUTATIONS = (_RECIPES.mutation(), ProposalMutation)
