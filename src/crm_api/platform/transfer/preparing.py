"""How rows become records whose rules need look-ups: of circles, say, or of what contradicts."""

from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft, Importer


class PreparedImporter(Importer):
    """Rows of which each new record is prepared by its service, one after the other."""

    async def make(self, tx: Tx, draft: Draft) -> None:
        """Store a new record; raises `Conflict`, `Invalid`."""
        draft.values = await self.service(tx).prepare(draft.values, None)
        self.add(tx, draft)
