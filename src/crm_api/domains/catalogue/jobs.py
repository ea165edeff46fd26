"""What becomes of products when their days come."""

from datetime import date

from crm_api.domains.catalogue.models import Product
from crm_api.domains.catalogue.service import ProductService
from crm_api.kit.crud.due import moving


async def _follow(service: ProductService, product: Product, today: date) -> None:
    """Activate a draft whose first day has come, and discontinue what is past its last day.

    A draft that lacks something stays one.
    """
    first, last = product.valid_from, product.valid_to
    is_over = last is not None and last < today
    if product.status == "draft" and first is not None and first <= today and not is_over:
        await service.apply(product, {"status": "active"})
    elif product.status == "active" and is_over:
        await service.apply(product, {"status": "discontinued"})


follow_dates = moving("crm_products_due", ProductService, _follow)
