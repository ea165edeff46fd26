"""The rules of what bundles are made of."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.compositions import (
    DEEPEST_BUNDLES,
    BundleComponentCreate,
    BundleComponentUpdate,
)
from crm_api.domains.catalogue.models import BundleComponent
from crm_api.domains.catalogue.repository import PRODUCTS, BundleComponents, ProductVariants
from crm_api.domains.catalogue.service import ProductService, product_of
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.errors import Conflict, Fault, Invalid

_PRICED_BY: Mapping[str, str | None] = {"sum": None, "fixed": "price", "percent": "percent"}


class BundleComponentService(CrudService[BundleComponent]):
    """What bundles are made of; a bundle may be a part of another one, but of no circle."""

    repository = BundleComponents
    area = PRODUCTS
    plural = "bundle_components"
    personal = Impersonal("What is sold.")
    create_shape = BundleComponentCreate
    update_shape = BundleComponentUpdate
    records: BundleComponents

    @cached_property
    def products(self) -> ProductService:
        """The bundles, and what is in them."""
        return ProductService(self.tx)

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: BundleComponent | None, country: str | None
    ) -> dict[str, Any]:
        """Its quantities are in order, and its price is what its mode says."""
        after = {**(columns_of(current) if current else {}), **values}
        if after["quantity"] < after["min_quantity"]:
            raise Invalid.at("/quantity", "too_few", "Not less than `min_quantity`.")
        if after["max_quantity"] is not None and after["quantity"] > after["max_quantity"]:
            raise Invalid.at("/quantity", "too_many", "Not more than `max_quantity`.")
        mode = after["price_mode"]
        for name in ("price", "percent"):
            if _PRICED_BY[mode] == name and after[name] is None:
                raise Invalid.at(f"/{name}", "required", f"The mode {mode} needs it.")
            if _PRICED_BY[mode] != name and after[name] is not None:
                raise Invalid.at(f"/{name}", "not_of_mode", f"The mode {mode} has none.")
        return super().normalise(values, current, country)

    async def prepare(
        self, values: dict[str, Any], current: BundleComponent | None
    ) -> dict[str, Any]:
        """Refuse what is no bundle, is not there, would close a circle or nest too deep."""
        values = await super().prepare(values, current)
        if current is None:
            bundle, component = values["product_id"], values["component_id"]
            # Before the products are locked: nobody waits in a ring.
            await lock_graph(self.tx, "bundle_components")
            await self._need_bundle(bundle)
            await product_of(self.products, component, "/component_id")
            await self._need_room(bundle, component)
        if values.get("variant_id") is not None:
            owner = values["component_id"] if current is None else current.component_id
            variant = await ProductVariants(self.tx).find(values["variant_id"])
            if variant is None or variant.product_id != owner:
                message = "The component has no such variant."
                raise Invalid.at("/variant_id", "unknown_reference", message)
        return values

    async def remove(self, records: Sequence[BundleComponent]) -> None:
        """Put components in the bin; an active bundle keeps one, else raises `Conflict`."""
        for bundle in sorted({one.product_id for one in records}):
            await self._need_left(bundle, [one.id for one in records])
        await super().remove(records)

    async def check_purge(self, current: BundleComponent) -> None:
        """The last component of an active bundle stays."""
        if current.deleted_at is None:
            await self._need_left(current.product_id, [current.id])
        await super().check_purge(current)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a component out of the bin, unless that closes a circle or nests too deep by now."""
        self.need("delete")
        await lock_graph(self.tx, "bundle_components")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self._need_bundle(current.product_id)
            await self._need_room(current.product_id, current.component_id)
        return await super().restore(id, expected_version=expected_version)

    async def _need_left(self, bundle: UUID, gone: Sequence[UUID]) -> None:
        # Locked first: of two who take one each, the second finds what the first has left.
        product = await self.products.records.find(bundle, lock=True)
        if product is None or product.status != "active":
            return
        if not await self.records.any_but(bundle, gone):
            message = "An active bundle keeps a component: add another one, or discontinue it."
            fault = Fault("last_component", message, "/product_id")
            raise Conflict(message, code="last_component", faults=[fault])

    async def _need_bundle(self, id: UUID) -> None:
        if (await product_of(self.products, id)).type != "bundle":
            raise Invalid.at("/product_id", "not_a_bundle", "The product is no bundle.")

    async def _need_room(self, bundle: UUID, component: UUID) -> None:
        # Those of the same unit of work count too.
        await self.tx.flush()
        is_circle, deepest = await self.records.nesting(bundle, component, DEEPEST_BUNDLES)
        if is_circle:
            code, message = "bundle_cycle", "A bundle cannot be a part of itself."
        elif deepest > DEEPEST_BUNDLES:
            code = "bundle_too_deep"
            message = f"At most {DEEPEST_BUNDLES} bundles are in one another."
        else:
            return
        raise Conflict(message, code=code, faults=[Fault(code, message, "/component_id")])
