"""The catalogue as a part of the product."""

from crm_api.domains.catalogue.bundles import BundleComponentService
from crm_api.domains.catalogue.categories import ProductCategoryService, UnitService
from crm_api.domains.catalogue.category_importer import CategoryImporter
from crm_api.domains.catalogue.importer import ProductImporter
from crm_api.domains.catalogue.jobs import follow_dates
from crm_api.domains.catalogue.lifecycle import VERBS
from crm_api.domains.catalogue.part_importers import (
    BundleComponentImporter,
    ProductRelationImporter,
    ServiceSpecificationImporter,
)
from crm_api.domains.catalogue.relations import ProductRelationService
from crm_api.domains.catalogue.repository import CATALOGUE
from crm_api.domains.catalogue.service import ProductService, ProductVariantService
from crm_api.domains.catalogue.specifications import ServiceSpecificationService
from crm_api.domains.catalogue.unit_importer import UnitImporter
from crm_api.domains.catalogue.variant_importer import VariantImporter
from crm_api.kit.access import Managed
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.catalogue.graphql import MUTATIONS, QUERIES
    from crm_api.domains.catalogue.rest import ROUTERS

    return Faces(
        routers=ROUTERS,
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="catalogue",
    title="Catalogue",
    description="What is sold: products and services, variants, bundles, and what goes together.",
    faces=_faces,
    importers=[
        UnitImporter(),
        CategoryImporter(),
        ProductImporter(),
        VariantImporter(),
        BundleComponentImporter(),
        ProductRelationImporter(),
        ServiceSpecificationImporter(),
    ],
    chores=[Chore("catalogue.follow_dates", follow_dates)],
    managed={CATALOGUE: Managed("manage_catalogue")},
    events=[
        f"{entity}.{verb}" for entity in ("product", "product_variant") for verb in VERBS.values()
    ],
    services=[
        UnitService,
        ProductCategoryService,
        ProductService,
        ProductVariantService,
        BundleComponentService,
        ProductRelationService,
        ServiceSpecificationService,
    ],
)
