"""The rules of views."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.service import CrudService, columns_of
from crm_api.kit.db.tables import View
from crm_api.kit.errors import Invalid
from crm_api.kit.query.views import read_saved
from crm_api.platform.views.repository import Views
from crm_api.platform.views.schemas import ViewCreate, ViewUpdate

_PARTS = frozenset({"target", "filter", "sort", "fields", "include"})


class ViewService(CrudService[View]):
    """Saved ways to look at a collection; checked when they are saved and when they are used."""

    repository = Views
    area = "views"
    plural = "views"
    create_shape = ViewCreate
    update_shape = ViewUpdate
    records: Views
    targets: ClassVar[Mapping[str, type[CrudService[Any]]]] = {}
    """The collections that can be looked at, by the word for a record."""

    async def prepare(self, values: dict[str, Any], current: View | None) -> dict[str, Any]:
        """A view belongs to somebody and fits its collection; a default one takes its place."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None and (current is None or whole["sharing"] == "private"):
            whole["owner_id"] = values["owner_id"] = self.tx.actor.id
        if not _PARTS.isdisjoint(values):
            self._check(whole)
        if whole["is_default"]:
            await self._take_place(whole, but=current and current.id)
        return values

    async def restore(self, id: UUID) -> Any:
        """Take a view out of the bin; it is the default no longer."""
        self.tx.actor.require(f"{self.area}:write")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None and current.is_default:
            await self.change(current, {"is_default": False})
        return await super().restore(id)

    def _check(self, view: Mapping[str, Any]) -> None:
        service = self.targets.get(view["target"])
        if service is None:
            message = f"There are views of: {', '.join(sorted(self.targets))}."
            raise Invalid.at("/target", "not_a_choice", message)
        self.tx.actor.require(f"{service.area}:read")
        read_saved(self.tx, service.repository.listing, view)

    async def _take_place(self, view: Mapping[str, Any], *, but: UUID | None) -> None:
        other = await self.records.default_of(view, but=but)
        if other is not None:
            await self.change(other, {"is_default": False})
            await self.tx.flush()  # the unique index must see one go before the other comes
