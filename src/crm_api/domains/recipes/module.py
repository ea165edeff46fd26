"""Automatic proposals as a part of the product."""

from crm_api.domains.recipes.importer import RecipeImporter
from crm_api.domains.recipes.service import ProposalRecipeService
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.recipes.graphql import MUTATIONS, QUERIES
    from crm_api.domains.recipes.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="proposals",
    title="Automatic proposals",
    description="Drafts of quotes for customers, by recipes, needs, past orders and quotes, "
    "and a budget.",
    depends_on=["catalogue", "companies", "contacts", "deals", "prices", "quotes"],
    faces=_faces,
    tags={"proposals": "Drafts of quotes that are prepared for a customer."},
    importers=[RecipeImporter()],
    appliers=[CollectionApplier(ProposalRecipeService, by=["name"])],
    managed={ProposalRecipeService.area: Managed("manage_catalogue")},
    services=[ProposalRecipeService],
)
