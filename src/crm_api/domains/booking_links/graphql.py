"""Pages and links of bookings over GraphQL, for those who hand them out."""

from uuid import UUID

import strawberry

from crm_api.domains.booking_links import schemas
from crm_api.domains.booking_links.service import BookingLinkService, BookingPageService
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.scheduling.graphql import Booking
from crm_api.domains.scheduling.type_graphql import BookingType
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.BookingPageOut)
class BookingPage:
    """An address at which whoever has it books something of a type."""

    booking_type = related(BookingPageService, "booking_type", BookingType)
    contact = related(BookingPageService, "contact", Contact)


@type_from(schemas.BookingPageMade)
class NewBookingPage:
    """A new page with its token."""


@type_from(schemas.BookingLinkOut)
class BookingLink:
    """A secret address at which a customer moves or cancels a booking."""

    booking = related(BookingLinkService, "booking", Booking)
    contact = related(BookingLinkService, "contact", Contact)


@type_from(schemas.BookingLinkMade)
class NewBookingLink:
    """A new link with its token."""


_PAGES = Collection(BookingPageService, BookingPage, made=NewBookingPage)
_LINKS = Collection(BookingLinkService, BookingLink, made=NewBookingLink)


@strawberry.type
class BookingLinkMutation:
    """What is done with pages and links."""

    @mutation
    async def revoke_booking_page(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> BookingPage:
        """Have a page open nothing from now on, for good."""
        return await BookingPageService(info.context.tx).revoke(id, expected_version)

    @mutation
    async def revoke_booking_link(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> BookingLink:
        """Have a link open nothing from now on, for good."""
        return await BookingLinkService(info.context.tx).revoke(id, expected_version)


QUERIES = (_PAGES.query(), _LINKS.query())
MUTATIONS = (_PAGES.mutation(), _LINKS.mutation(), BookingLinkMutation)
