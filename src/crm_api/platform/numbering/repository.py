"""How number sequences are found."""

from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.errors import NotFound
from crm_api.kit.query.listing import Listing
from crm_api.platform.numbering.models import NumberSequence
from crm_api.platform.numbering.schemas import NumberSequenceOut


class NumberSequences(Repository[NumberSequence]):
    """The sequences of an organization."""

    model = NumberSequence
    listing = Listing(
        model=NumberSequence,
        out=NumberSequenceOut,
        area="number_sequences",
        sorts={"name": NumberSequence.sort_name},
    )

    async def id_of(self, key: str) -> UUID:
        """The sequence that goes by a key; raises `NotFound`."""
        query = self.select().where(NumberSequence.key == key, NumberSequence.deleted_at.is_(None))
        found = (await self.tx.run(query)).scalar_one_or_none()
        if found is None:
            raise NotFound(f"There is no number sequence {key}.")
        return found.id
