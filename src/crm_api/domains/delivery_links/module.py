"""Links of projects as a part of the product."""

from crm_api.domains.delivery_links.service import DeliveryLinkService, wipe
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.delivery_links import public_rest
    from crm_api.domains.delivery_links.graphql import MUTATIONS, QUERIES
    from crm_api.domains.delivery_links.rest import ROUTERS

    return Faces(
        routers=[*ROUTERS, *public_rest.ROUTERS],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="delivery_links",
    title="Links of projects",
    description="Customers accept and reject what was delivered by a secret link.",
    depends_on=["companies", "contacts", "projects"],
    faces=_faces,
    traces=[
        Trace(
            "delivery_links",
            ("delivery_visits",),
            wipe,
            rows_of(
                delivery_visits="link_id IN (SELECT id FROM delivery_links WHERE organization_id = $1 AND contact_id = ANY($2))"
            ),
        )
    ],
    events=["delivery_link.revoked", "delivery_link.viewed"],
    services=[DeliveryLinkService],
)
