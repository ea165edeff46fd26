"""The rules of secret links, whatever they open."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.service import CrudService, E
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.links.tokens import LinkTokens
from crm_api.kit.schema import Create


class LinkService(CrudService[E]):
    """Secret addresses: a token is told once, and opens something until it ends or is revoked."""

    # Only creation shows a token, so the caller must know which of the two it was.
    upserts = False
    begins_with: ClassVar[Mapping[str, Any]] = {"revoked_at": None, "first_viewed_at": None}
    tokens: ClassVar[LinkTokens]
    page_path: ClassVar[str]
    records: Any
    """Where the page of a `{token}` is."""

    async def create(self, data: Create) -> Any:
        """A new link; the answer holds its token this once."""
        self.need("create")
        self.tx.confidential = True
        values = await self.prepare(await self.given(data), None)
        await self.admit(values, None)
        token = self.tokens.new(self.tx.organization_id, id := new_id())
        hashed = self.tokens.hash_of(self.tx.database.signing_key, token.secret)
        own = {"id": id, "secret_hash": hashed}
        made = await self.told(self.add({**values, **self.begins_with, **own}), new=True)
        return {
            **{name: getattr(made, name) for name in self.records.listing.shown},
            "token": str(token),
            "path": self.page_path.format(token=token),
        }

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """An end that is yet to come."""
        values = await super().prepare(values, current)
        ends = values.get("expires_at")
        if (
            ends is not None
            and ends != getattr(current, "expires_at", None)
            and ends <= self.tx.now
        ):
            raise Invalid.at("/expires_at", "in_the_past", "It would be over already: revoke it.")
        return values

    async def revoke(self, id: UUID, expected: int | None = None) -> Any:
        """Have a link open nothing from now on, for good; one that was revoked stays so."""
        self.need("update")
        current: Any = await self.locked(id, expected)
        if current.revoked_at is not None:
            return await self.told(self.shown_of(current))
        return await self.told(
            await self.change(current, {"revoked_at": self.tx.now}, verb="revoked")
        )
