"""The rules of units and categories."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.attributes import combined
from crm_api.domains.catalogue.models import ProductCategory, Unit
from crm_api.domains.catalogue.repository import CATALOGUE, ProductCategories, Units
from crm_api.domains.catalogue.schemas import (
    ProductCategoryCreate,
    ProductCategoryUpdate,
    QuantityConversion,
    UnitCreate,
    UnitUpdate,
)
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.money import shown_quantity
from crm_api.kit.query.selection import Selection

_DIGITS, _PLACES = 80, Decimal("1e-15")
_SELECTS = frozenset({"select", "multiselect"})


class UnitService(NamedService[Unit]):
    """Units of measure, and what one is in another."""

    repository = Units
    area = CATALOGUE
    plural = "units"
    personal = Impersonal("How things are counted.")
    create_shape = UnitCreate
    update_shape = UnitUpdate
    records: Units

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Unit | None, country: str | None
    ) -> dict[str, Any]:
        """The ratio is kept as its digits."""
        if "ratio" in values:
            values["ratio"] = shown_quantity(Decimal(values["ratio"]))
        return super().normalise(values, current, country)

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by its key."""
        return [("key", record["key"])]

    async def convert(self, asked: QuantityConversion) -> dict[str, Any]:
        """A quantity in another unit of the same dimension; raises `Invalid`."""
        self.need("read")
        found = await self.records.by_key([asked.from_unit, asked.to_unit])
        ends = {"from_unit": asked.from_unit, "to_unit": asked.to_unit}
        faults = [
            Fault("unknown_unit", "There is no such unit.", f"/{name}")
            for name, key in ends.items()
            if key not in found
        ]
        if faults:
            raise Invalid("There is no such unit.", faults=faults)
        source, target = found[asked.from_unit], found[asked.to_unit]
        if source["dimension"] != target["dimension"]:
            message = f"It measures {target['dimension']}, the other one {source['dimension']}."
            raise Invalid.at("/to_unit", "other_dimension", message)
        with localcontext(prec=_DIGITS):
            whole, ratio = asked.quantity * Decimal(source["ratio"]), Decimal(target["ratio"])
            quantity = (whole / ratio).quantize(_PLACES)
            is_exact = quantity * ratio == whole
        shown = shown_quantity(quantity)
        return {"quantity": shown, "unit": target["key"], "is_exact": is_exact}


class ProductCategoryService(TreeService[ProductCategory], NamedService[ProductCategory]):
    """Categories of products in their tree, and what attributes their products have."""

    repository = ProductCategories
    area = CATALOGUE
    plural = "product_categories"
    personal = Impersonal("How what is sold is put in order.")
    create_shape = ProductCategoryCreate
    update_shape = ProductCategoryUpdate
    records: ProductCategories

    async def prepare(
        self, values: dict[str, Any], current: ProductCategory | None
    ) -> dict[str, Any]:
        """Refuse attributes that contradict themselves, or whose unit is not there."""
        values = await super().prepare(values, current)
        if values.get("attributes"):
            await self._check(values["attributes"])
        return values

    async def _check(self, attributes: list[dict[str, Any]]) -> None:
        units = {told["unit"] for told in attributes} - {None}
        known = await Units(self.tx).by_key(sorted(units)) if units else {}
        faults: list[Fault] = []
        seen = set[str]()
        for place, told in enumerate(attributes):
            at = f"/attributes/{place}"
            if told["key"] in seen:
                faults.append(Fault("duplicate", "Another attribute has it.", f"{at}/key"))
            seen.add(told["key"])
            if bool(told["choices"]) != (told["type"] in _SELECTS):
                message = "What is selected from has choices, and nothing else."
                faults.append(Fault("choices", message, f"{at}/choices"))
            if told["unit"] is not None and told["unit"] not in known:
                faults.append(Fault("unknown_unit", "There is no such unit.", f"{at}/unit"))
        if faults:
            raise Invalid("The attributes are not right.", faults=faults)

    async def schema(self, id: UUID) -> dict[str, Any] | None:
        """The attributes that count for a category by their keys; None where there is none."""
        lineage = await self.records.lineage(id)
        return combined(lineage) if lineage else None

    async def effective(self, id: UUID) -> dict[str, Any]:
        """The attributes that count for a category, those from above first; raises `NotFound`."""
        self.need("read")
        await self.records.row(id, Selection(("id",)))
        return {"data": list((await self.schema(id) or {}).values())}
