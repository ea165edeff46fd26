"""How rows of files become components of bundles, relations, and specifications of services."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.catalogue.bundles import BundleComponentService
from crm_api.domains.catalogue.codes import sku_key
from crm_api.domains.catalogue.importer import sold_by
from crm_api.domains.catalogue.relations import MUTUAL, ProductRelationService
from crm_api.domains.catalogue.repository import LISTING, ProductVariants
from crm_api.domains.catalogue.specifications import ServiceSpecificationService
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.visibility import among, sight_of
from crm_api.platform.transfer.importer import Draft, Plan, data_of
from crm_api.platform.transfer.preparing import PreparedImporter
from crm_api.platform.transfer.reading.aliases import EXTERNAL_ID, hint
from crm_api.platform.transfer.reading.lists import parts_of

_NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
_SKU = "Product SKU | SKU | Product | Artikelnummer | Artikel | Référence | Referencia | Артикул"
_POSITION = hint("Position", "Position | Sort Order | Order | Reihenfolge | Порядок", "integer")
_LEANT_ON = """
    SELECT c.id FROM bundle_components c JOIN products p ON p.organization_id = $1
        AND p.id = c.product_id AND p.status = 'active' AND p.deleted_at IS NULL
    WHERE c.organization_id = $1 AND c.id = ANY($2) AND c.deleted_at IS NULL
        AND NOT EXISTS (SELECT FROM bundle_components o WHERE o.organization_id = $1
            AND o.product_id = c.product_id AND o.deleted_at IS NULL AND o.id <> ALL($2))
"""
COMPONENT_FIELDS = {
    "bundle": hint("Bundle's SKU", "Bundle SKU | Bundle | Kit | Set | Parent SKU | Комплект"),
    "component": hint(
        "Component's SKU", f"Component SKU | Component | Part | Komponente | Компонент | {_SKU}"
    ),
    "quantity": hint("Quantity", "Quantity | Qty | Menge | Quantité | Количество", "money"),
    "min_quantity": hint("At least", "Min Quantity | Minimum Quantity | Mindestmenge", "money"),
    "max_quantity": hint("At most", "Max Quantity | Maximum Quantity | Höchstmenge", "money"),
    "is_optional": hint("Optional", "Optional | Is Optional | Необязательно", "bool"),
    "price_mode": hint("Price mode", "Price Mode | Pricing | Preismodus"),
    "price": hint("Price", "Price | Unit Price | Preis | Prix | Precio | Цена", "money"),
    "percent": hint("Percent", "Percent | Percentage | % | Prozent | Процент", "money"),
    "position": _POSITION,
    "external_id": hint("External ID", f"Component ID | {EXTERNAL_ID}"),
}
RELATION_FIELDS = {
    "product": hint("SKU", _SKU),
    "related": hint(
        "Other SKU",
        "Related SKU | Related Product | Related | Other SKU | Verwandter Artikel | Связанный товар",
    ),
    "kind": hint("Kind", "Kind | Relation | Relation Type | Type | Art | Beziehung | Вид связи"),
    "reason": hint("Reason", "Reason | Why | Note | Grund | Причина"),
    "position": _POSITION,
    "external_id": hint("External ID", f"Relation ID | {EXTERNAL_ID}"),
}
SPECIFICATION_FIELDS = {
    "product": hint("Service's SKU", f"Service SKU | Service | Leistung | Услуга | {_SKU}"),
    "duration_minutes": hint(
        "Minutes",
        "Duration (minutes) | Duration | Minutes | Dauer | Durée | Длительность",
        "integer",
    ),
    "buffer_before_minutes": hint("Minutes before", "Buffer Before | Vorlauf", "integer"),
    "buffer_after_minutes": hint("Minutes after", "Buffer After | Nachlauf", "integer"),
    "capacity_per_day": hint("Per day", "Capacity Per Day | Per Day | Pro Tag | В день", "integer"),
    "skills": hint("Skills", "Skills | Fähigkeiten | Compétences | Навыки"),
    "resources": hint("Resources", "Resources | Ressourcen | Ressources | Ресурсы"),
    "external_id": hint("External ID", f"Specification ID | {EXTERNAL_ID}"),
}
_KINDS: Final[Mapping[str, str]] = {
    "crosssell": "cross_sell",
    "accessory": "cross_sell",
    "upsell": "up_sell",
    "upgrade": "up_sell",
    "alternative": "substitute",
    "replacement": "substitute",
    "incompatible": "excludes",
    "required": "requires",
}
"""What other systems call relations."""


class _PartImporter(PreparedImporter):
    """Rows of what products have; the products, named by their SKUs, are there already."""

    match = ("external_id", "same")
    named: ClassVar[Mapping[str, str]]
    """The columns of the products that a row names, by the fields that name them."""
    same: ClassVar[tuple[str, ...]]
    """The columns by which there is one of it, the first of which is `product_id`."""

    def _named(self, texts: Mapping[str, list[Any]]) -> dict[str, Any]:
        """What a row calls its products; raises `Invalid`."""
        for field, column in self.named.items():
            if not texts.get(field):
                raise Invalid.at(f"/{column}", "required", f"A row names its {field}.")
        return {field: texts[field][0] for field in self.named}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find products, and variants where such are meant, by their SKUs."""
        for field, column in self.named.items():
            keys = {draft.number: sku_key(draft.related[field]) for draft in drafts}
            found = await self._sold(tx, list(keys.values()))
            for draft in drafts:
                self._set(draft, plan, column, found[keys[draft.number]])
        for draft in drafts:
            if not draft.faults:
                draft.keys = [*draft.keys, ("same", self.key(draft.values))]

    async def _sold(self, tx: Tx, keys: Sequence[str]) -> dict[str, list[tuple[UUID, UUID | None]]]:
        """By SKU the products that are seen, with the variant if it is that of one."""
        sold = await sold_by(tx, "sku", keys)
        variants = [id for column, ids in sold.values() if column == "variant_id" for id in ids]
        of = {one.id: one.product_id for one in await ProductVariants(tx).some(variants)}
        pairs = {
            key: [
                (of[id], id) if column == "variant_id" else (id, None)
                for id in ids
                if column == "product_id" or id in of
            ]
            for key, (column, ids) in sold.items()
        }
        products = [product for those in pairs.values() for product, _ in those]
        seen = await among(tx, LISTING, sight_of(tx.actor, LISTING), products)
        return {key: [one for one in those if one[0] in seen] for key, those in pairs.items()}

    def _set(
        self, draft: Draft, plan: Plan, column: str, found: Sequence[tuple[UUID, UUID | None]]
    ) -> None:
        fits = len(found) == 1 and (found[0][1] is None or self._takes_variant(column))
        if not fits:
            code = "ambiguous_product" if len(found) > 1 else "unknown_product"
            message = f"{len(found) or 'No'} product of that SKU that it could be."
            draft.faults.append(self.located(Fault(code, message, f"/{column}"), draft, plan))
            return
        draft.values[column] = found[0][0]
        if found[0][1] is not None:
            draft.values["variant_id"] = found[0][1]

    def _takes_variant(self, column: str) -> bool:
        return column == "component_id"

    def key(self, values: Mapping[str, Any]) -> str:
        """What there is one of."""
        return ":".join(str(values[name]) for name in self.same)

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """What there is one of is no look-up key: whoever else writes such waits."""
        if drafts:
            await lock_graph(tx, self.service.repository.model.__tablename__)

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The stored ones that rows say something of."""
        model: Any = self.service.repository.model
        ids = {draft.values[column] for draft in drafts for column in self.named.values()}
        columns = [getattr(model, name) for name in self.same]
        query = select(model.id, *columns).where(
            model.organization_id == tx.organization_id,
            model.deleted_at.is_(None),
            model.product_id.in_(ids),
        )
        rows: list[Any] = list(await tx.run(query)) if ids else []
        return [
            ("same", self.key(dict(zip(self.same, row[1:], strict=True))), row[0]) for row in rows
        ]

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """All that rows refer to is there already."""
        del tx, drafts

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """It stays one of its products; raises `Invalid`."""
        if self.key({name: getattr(current, name) for name in self.same}) != self.key(draft.values):
            message = "The row means a record that is for something else."
            raise Invalid.at("/product_id", "other_target", message)
        await super().absorb(tx, current, draft)

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """Not what it is of."""
        found = super().patch(current, draft)
        return {name: value for name, value in found.items() if name not in self.same}

    def pointed(self, path: Sequence[str]) -> str:
        """Products are given by their SKUs."""
        by = {column: field for field, column in self.named.items()}
        return by.get(path[0]) or super().pointed(path)


class BundleComponentImporter(_PartImporter):
    """Rows of bundles' components; a price says that it is fixed, a percentage that it is such."""

    target = "bundle_component"
    fields = COMPONENT_FIELDS
    service = BundleComponentService
    touched = (BundleComponentService,)
    named: ClassVar[Mapping[str, str]] = {"bundle": "product_id", "component": "component_id"}
    same = ("product_id", "component_id", "variant_id")

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The component of a row, and what it calls its products; raises `Invalid`."""
        names = ("quantity", "min_quantity", "max_quantity", "is_optional", "price", "percent")
        data = data_of(texts, (*names, "position"))
        if texts.get("price_mode"):
            data["price_mode"] = texts["price_mode"][0].strip().lower()
        elif "price" in data or "percent" in data:
            data["price_mode"] = "fixed" if "price" in data else "percent"
        named = self._named(texts)
        return data | {"product_id": _NOT_YET, "component_id": _NOT_YET}, named

    async def leant_on(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """The components without which active bundles would have none."""
        del entity
        rows = await tx.fetch(_LEANT_ON, tx.organization_id, list(ids))
        return {row["id"] for row in rows}

    def patch(self, current: Any, draft: Draft) -> dict[str, Any]:
        """Another mode has nothing of what the one before took."""
        found = super().patch(current, draft)
        if found.get("price_mode") not in {None, current.price_mode}:
            found = {"price": None, "percent": None, **found}
        return found


class ProductRelationImporter(_PartImporter):
    """Rows of relations between two products."""

    target = "product_relation"
    fields = RELATION_FIELDS
    service = ProductRelationService
    touched = (ProductRelationService,)
    named: ClassVar[Mapping[str, str]] = {"product": "product_id", "related": "related_id"}
    same = ("product_id", "related_id", "kind")

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The relation of a row, and what it calls its products; raises `Invalid`."""
        data = data_of(texts, ("reason", "position"))
        if texts.get("kind"):
            kind = re.sub(r"[\s-]+", "_", texts["kind"][0].strip().lower())
            data["kind"] = _KINDS.get(kind.replace("_", ""), kind)
        return data | {"product_id": _NOT_YET, "related_id": _NOT_YET}, self._named(texts)

    def key(self, values: Mapping[str, Any]) -> str:
        """What goes both ways is one, whichever product is named first."""
        ends = [str(values["product_id"]), str(values["related_id"])]
        if values["kind"] in MUTUAL:
            ends.sort()
        return ":".join([*ends, values["kind"]])

    async def make(self, tx: Tx, draft: Draft) -> None:
        """Store a new relation, unless a product would require what it excludes by it."""
        await super().make(tx, draft)
        values = draft.values
        service = ProductRelationService(tx)
        await service.need_consistent(values["kind"], values["product_id"], values["related_id"])


class ServiceSpecificationImporter(_PartImporter):
    """Rows of what services take; skills and resources as `welding: 3; driving`."""

    target = "service_specification"
    fields = SPECIFICATION_FIELDS
    service = ServiceSpecificationService
    touched = (ServiceSpecificationService,)
    named: ClassVar[Mapping[str, str]] = {"product": "product_id"}
    same = ("product_id",)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The specification of a row, and what it calls its service; raises `Invalid`."""
        data = data_of(texts, [name for name in SPECIFICATION_FIELDS if name.endswith(_PLAIN)])
        for field, (name, count) in _COUNTED.items():
            if texts.get(field):
                data[field] = list(_counted(texts[field][0], field, name, count))
        return data | {"product_id": _NOT_YET}, self._named(texts)


_PLAIN = ("_minutes", "_per_day")
_COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    "skills": ("skill", "level"),
    "resources": ("kind", "quantity"),
}


def _counted(text: str, field: str, name: str, count: str) -> list[dict[str, Any]]:
    """What a cell lists, each with a number if it says one; raises `Invalid`."""
    found: list[dict[str, Any]] = []
    for part in parts_of(text):
        what, _, number = (piece.strip() for piece in part.partition(":"))
        if number and not number.isdecimal():
            raise Invalid.at(f"/{field}", "invalid_number", "Not as in `welding: 3; driving`.")
        found.append({name: what} | ({count: int(number)} if number else {}))
    return found
