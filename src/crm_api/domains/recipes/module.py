"""Automatic proposals as a part of the product."""

from crm_api.domains.recipes.graphql import MUTATIONS, QUERIES
from crm_api.domains.recipes.rest import ROUTERS
from crm_api.domains.recipes.service import ProposalRecipeService
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.module import Module

MODULE = Module(
    key="proposals",
    title="Automatic proposals",
    description="Drafts of quotes for customers, by recipes, needs, past quotes and a budget.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices", "quotes"],
    routers=ROUTERS,
    tags={"proposals": "Drafts of quotes that are prepared for a customer."},
    queries=QUERIES,
    mutations=MUTATIONS,
    appliers=[CollectionApplier(ProposalRecipeService, by=["name"])],
    managed={ProposalRecipeService.area: Managed("manage_catalogue")},
    services=[ProposalRecipeService],
)
