"""How number sequences are found."""

from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.errors import NotFound
from crm_api.kit.query.listing import Listing
from crm_api.platform.numbering.models import NumberSequence
from crm_api.platform.numbering.schemas import NumberSequenceOut

_HAS_GIVEN = """
    SELECT FROM events WHERE organization_id = $1 AND record_id = $2
        AND type = 'number_sequence.taken' LIMIT 1
"""


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

    async def has_given(self, id: UUID) -> bool:
        """Whether a number of a sequence was taken."""
        return bool(await self.tx.fetch(_HAS_GIVEN, self.tx.organization_id, id))

    async def of_key(self, key: str) -> NumberSequence | None:
        """The sequence that goes by a key, or the last that did, whoever asks; locked."""
        query = self.select_all().where(NumberSequence.key == key)
        query = query.order_by(NumberSequence.deleted_at.desc().nulls_first(), NumberSequence.id)
        query = query.limit(1).with_for_update(key_share=True)
        query = query.execution_options(populate_existing=True)
        return (await self.tx.run(query)).scalar_one_or_none()
