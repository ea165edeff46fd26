"""Tax rates as a part of the product."""

from crm_api.domains.taxes.importer import TaxRateImporter
from crm_api.domains.taxes.service import TaxRateService
from crm_api.kit.access import Managed
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.taxes.graphql import Mutation, Query
    from crm_api.domains.taxes.rest import router

    return Faces(
        routers=[router],
        queries=[Query],
        mutations=[Mutation],
    )


MODULE = Module(
    key="taxes",
    title="Taxes",
    description="What taxes are of net amounts, by jurisdiction, category and day.",
    faces=_faces,
    importers=[TaxRateImporter()],
    managed={"tax_rates": Managed("manage_settings")},
    services=[TaxRateService],
)
