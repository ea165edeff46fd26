"""How tracked events and segments are listed and found."""

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.segments.models import BehaviourEvent, Segment
from crm_api.domains.segments.schemas import BehaviourEventOut, SegmentOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

BEHAVIOUR_AREA = "behaviour"
AREA = "segments"
BEHAVIOUR: Listing = Listing(
    model=BehaviourEvent,
    out=BehaviourEventOut,
    area=BEHAVIOUR_AREA,
    relations=(
        Relation("contact", lambda: CONTACTS, BehaviourEvent.contact_id, CONTACTS.model.id),
    ),
    within="contact",
)
SEGMENTS: Listing = Listing(
    model=Segment,
    out=SegmentOut,
    area=AREA,
    sorts={"name": Segment.sort_name},
    search=Searched(names=("name",), others=("tags", "description", "external_ids")),
)


class BehaviourEvents(Repository[BehaviourEvent]):
    """What contacts did."""

    model = BehaviourEvent
    listing = BEHAVIOUR


class Segments(Repository[Segment]):
    """The segments of an organization."""

    model = Segment
    listing = SEGMENTS
