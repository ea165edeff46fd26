"""Pages and links of bookings as a part of the product."""

from crm_api.domains.booking_links.service import BookingLinkService, BookingPageService
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.booking_links import public_rest
    from crm_api.domains.booking_links.graphql import MUTATIONS, QUERIES
    from crm_api.domains.booking_links.rest import ROUTERS

    return Faces(
        routers=[*ROUTERS, *public_rest.ROUTERS],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="booking_links",
    title="Booking pages",
    description="Customers book on a page, and move or cancel what they booked by a secret link.",
    depends_on=[
        *("catalogue", "companies", "contacts", "deals", "prices", "quotes", "orders"),
        *("projects", "scheduling"),
    ],
    faces=_faces,
    events=[
        f"{entity}.{verb}"
        for entity in ("booking_page", "booking_link")
        for verb in ("revoked", "viewed")
    ],
    services=[BookingPageService, BookingLinkService],
)
