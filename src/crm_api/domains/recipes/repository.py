"""How recipes are listed and found, and the quotes that are made once."""

from uuid import UUID

from crm_api.domains.recipes.models import ProposalRecipe
from crm_api.domains.recipes.schemas import ProposalRecipeOut
from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing, Searched

AREA = "proposal_recipes"
MOST_RECIPES = 100
"""So many active recipes are looked at for a proposal, by their priority."""
_QUOTE = """
    SELECT record_id FROM record_keys
    WHERE organization_id = $1 AND entity = 'quote' AND kind = 'external' AND value = $2
    ORDER BY record_id LIMIT 1
"""
RECIPES: Listing = Listing(
    model=ProposalRecipe,
    out=ProposalRecipeOut,
    area=AREA,
    sorts={"name": ProposalRecipe.sort_name},
    search=Searched(names=("name",), others=("needs", "description", "external_ids")),
)


class Recipes(Repository[ProposalRecipe]):
    """The recipes of an organization."""

    model = ProposalRecipe
    listing = RECIPES

    async def active(self) -> list[ProposalRecipe]:
        """Those that proposals are made by, the first first, whoever asks."""
        query = self.select_all().where(
            ProposalRecipe.status == "active", ProposalRecipe.deleted_at.is_(None)
        )
        query = query.order_by(ProposalRecipe.priority, ProposalRecipe.id).limit(MOST_RECIPES)
        return list((await self.tx.run(query)).scalars())


async def quote_with(tx: Tx, source: str, id: str) -> UUID | None:
    """The quote with an id in another system, whoever asks; none that is in the bin."""
    rows = await tx.fetch(_QUOTE, tx.organization_id, external_key(source, id))
    return rows[0]["record_id"] if rows else None
