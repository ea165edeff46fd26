"""The rules of what services take."""

from functools import cached_property
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.compositions import (
    ServiceSpecificationCreate,
    ServiceSpecificationUpdate,
)
from crm_api.domains.catalogue.models import ServiceSpecification
from crm_api.domains.catalogue.repository import PRODUCTS, ServiceSpecifications
from crm_api.domains.catalogue.service import ProductService, product_of
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Invalid


class ServiceSpecificationService(CrudService[ServiceSpecification]):
    """What it takes to render services: time, skills and resources."""

    repository = ServiceSpecifications
    area = PRODUCTS
    plural = "service_specifications"
    personal = Impersonal("What is sold.")
    create_shape = ServiceSpecificationCreate
    update_shape = ServiceSpecificationUpdate
    records: ServiceSpecifications

    @cached_property
    def products(self) -> ProductService:
        """The services."""
        return ProductService(self.tx)

    async def prepare(
        self, values: dict[str, Any], current: ServiceSpecification | None
    ) -> dict[str, Any]:
        """Refuse a product that is no service, and a skill that stands there twice."""
        values = await super().prepare(values, current)
        seen = set[str]()
        for place, skill in enumerate(values.get("skills") or []):
            if skill["skill"] in seen:
                at = f"/skills/{place}/skill"
                raise Invalid.at(at, "duplicate", "The skill stands there already.")
            seen.add(skill["skill"])
        if current is None:
            await self._need_service(values["product_id"])
        return values

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a specification out of the bin, if its product is still a service."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self._need_service(current.product_id)
        return await super().restore(id, expected_version=expected_version)

    async def _need_service(self, id: UUID) -> None:
        if (await product_of(self.products, id)).type != "service":
            raise Invalid.at("/product_id", "not_a_service", "The product is no service.")
