"""The rules of views."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
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
    personal = Impersonal("Ways to look at records.")
    create_shape = ViewCreate
    update_shape = ViewUpdate
    records: Views
    targets: ClassVar[frozenset[str]] = frozenset()
    """The collections that can be looked at, by the word for a record; also custom objects can."""

    async def prepare(self, values: dict[str, Any], current: View | None) -> dict[str, Any]:
        """A view belongs to somebody and fits its collection; a default one takes its place."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None and (current is None or whole["sharing"] == "private"):
            whole["owner_id"] = values["owner_id"] = self.tx.actor.me
        if not _PARTS.isdisjoint(values):
            self._check(whole)
        if whole["is_default"]:
            await self._take_place(whole, but=current and current.id)
        return values

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a view out of the bin; it is the default no longer."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        await self.guard.permit([id], "delete")
        if current.deleted_at is not None and current.is_default:
            await self.change(current, {"is_default": False})
        return await super().restore(id, expected_version=expected_version)

    def _check(self, view: Mapping[str, Any]) -> None:
        target, known = view["target"], {*self.targets, *self.tx.catalogue.objects}
        if target not in known:
            message = f"There are views of: {', '.join(sorted(known))}."
            raise Invalid.at("/target", "not_a_choice", message)
        service = service_of(self.tx, target)
        self.tx.actor.require(f"{service.area}:read")
        read_saved(self.tx, service.records.listing, view)

    async def _take_place(self, view: Mapping[str, Any], *, but: UUID | None) -> None:
        other = await self.records.default_of(view, but=but)
        if other is not None:
            await self.change(other, {"is_default": False})
            await self.tx.flush()  # the unique index must see one go before the other comes
