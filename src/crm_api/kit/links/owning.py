"""How the link that asks is found, whatever it opens."""

from crm_api.kit.crud.repository import E, Repository


class LinkRepository(Repository[E]):
    """Links of one kind."""

    async def own(self, *, lock: bool = False) -> E | None:
        """The link that asks, in the bin too; locked, it is not revoked meanwhile."""
        query = self.select_all().where(self.model.id == self.tx.actor.id)
        if lock:
            query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
        return (await self.tx.run(query)).scalar_one_or_none()
