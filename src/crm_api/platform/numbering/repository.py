"""How number sequences are found."""

from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.query.listing import Listing
from crm_api.platform.numbering.models import NumberSequence
from crm_api.platform.numbering.schemas import NumberSequenceOut

_HAS_GIVEN = """
    SELECT FROM events WHERE organization_id = $1 AND record_id = $2
        AND type = 'number_sequence.taken' LIMIT 1
"""

# All of them, few as they are, locked: none of them comes into the bin meanwhile.
_FORMER = """
    SELECT id, key, deleted_at IS NOT NULL AND EXISTS (
        SELECT FROM events e WHERE e.organization_id = $1 AND e.record_id = s.id
            AND e.type = 'number_sequence.taken') AS has_given
    FROM number_sequences s WHERE organization_id = $1 ORDER BY id FOR NO KEY UPDATE
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

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self._former: dict[str, UUID] | None = None

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

    async def former(self) -> dict[str, UUID]:
        """The sequences in the bin that have given numbers, by their keys; asked once."""
        if self._former is None:
            rows = await self.tx.write(_FORMER, self.tx.organization_id)
            self._former = {row["key"]: row["id"] for row in rows if row["has_given"]}
        return self._former

    async def of_key(self, key: str) -> NumberSequence | None:
        """The sequence that goes by a key, or the last that did, whoever asks; locked."""
        query = self.select_all().where(NumberSequence.key == key)
        query = query.order_by(NumberSequence.deleted_at.desc().nulls_first(), NumberSequence.id)
        query = query.limit(1).with_for_update(key_share=True)
        query = query.execution_options(populate_existing=True)
        return (await self.tx.run(query)).scalar_one_or_none()
