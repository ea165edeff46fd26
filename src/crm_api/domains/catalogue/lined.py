"""What the lines of records have of the catalogue, as a part of a larger statement."""

from typing import Any

from sqlalchemy import Uuid, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB

from crm_api.domains.catalogue.models import ProductVariant


def lined(records: Any) -> Any:
    """Each line of some records, whose columns are `organization_id`, `id`, `lines` and others.

    What is selected are these columns without the lines, the `product` of the line, also where
    only a variant of it is named, and the `line` itself.
    """
    each = func.jsonb_array_elements(cast(records.c.lines, JSONB)).table_valued(
        column("value", JSONB), name="each"
    )
    line = each.c.value
    variant = cast(line["variant_id"].astext, Uuid)
    product = func.coalesce(cast(line["product_id"].astext, Uuid), ProductVariant.product_id)
    own = [one for one in records.c if one.name != "lines"]
    return (
        select(*own, product.label("product"), line.label("line"))
        .select_from(records)
        .join(each, true())
        .outerjoin(
            ProductVariant,
            (ProductVariant.organization_id == records.c.organization_id)
            & (ProductVariant.id == variant),
        )
    )
