"""Having people enter a journey: some at once, each only where the policy lets them."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.contacts.service import ContactService
from crm_api.domains.journeys.definitions import ENTITY, Definition
from crm_api.domains.journeys.models import Journey
from crm_api.domains.journeys.repository import NEXT_OWN, JourneyRuns, Journeys
from crm_api.domains.journeys.schemas import MOST_AT_ONCE, Entering, JourneyRunCreate
from crm_api.domains.journeys.service import JourneyService, RunService, through_by
from crm_api.domains.segments.asking import asked
from crm_api.kit.actor import Actor
from crm_api.kit.automation import condition_of
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, WrongState
from crm_api.kit.query.page import passing
from crm_api.kit.query.visibility import sight_of


async def enter(tx: Tx, id: UUID, data: Entering) -> dict[str, Any]:
    """Have some people enter, or those who pass a filter; who may not is counted."""
    service = RunService(tx)
    service.need("create")
    await JourneyService(tx).get(id)
    journey = await Journeys(tx).find(id, lock=True)
    if journey is None or journey.status == "stopped":
        raise WrongState("Nobody enters a journey that is stopped.", code="journey_stopped")
    ids, more = await _people(tx, journey, data)
    seen = await ContactService(tx).many(ids)
    entered = await let_in(tx, journey, [one for one in ids if one in seen], "manual")
    return {"entered": entered, "refused": len(ids) - entered, "more": more}


async def _people(tx: Tx, journey: Journey, data: Entering) -> tuple[list[UUID], bool]:
    if data.contact_ids is not None:
        return list(dict.fromkeys(data.contact_ids)), False
    contacts = ContactService(tx)
    contacts.need("read")
    never = {"journey_runs": {"none": {"journey_id": {"eq": str(journey.id)}}}}
    filter = condition_of(tx, ENTITY, {"and": [data.filter, never]} if data.filter else never)
    listing = contacts.records.listing
    # Whoever is held out never enters: they would fill the first thousand for good.
    seen = asked(tx, listing, select(listing.model.id), filter, behind=NEXT_OWN, named="ids")
    ids = await JourneyRuns(tx).next(journey, seen, MOST_AT_ONCE + 1)
    return ids[:MOST_AT_ONCE], len(ids) > MOST_AT_ONCE


async def let_in(tx: Tx, journey: Journey, contact_ids: Sequence[UUID], by: str) -> int:
    """Have those enter whom the policy lets in; the journey is locked. Returns how many did."""
    service = RunService(tx)
    service.begun_by = by
    # What was made before in this transaction counts as well.
    await tx.flush()
    policy = await service.policy(journey)
    ids = list(dict.fromkeys(contact_ids))
    may = await service.records.may_enter(journey, ids, through_by(policy, tx.now))
    begun = await service.begun(journey)
    for id in ids:
        if id in may:
            asked = JourneyRunCreate.model_validate({"journey_id": journey.id, "contact_id": id})
            values = await service.given(asked)
            service.add({**values, **service.begins_with, **begun, "begun_by": by})
    return len(may)


def fits(definition: Definition, row: Mapping[str, Any], data: Mapping[str, Any]) -> bool:
    """Whether an event of the feed is one by which its contact enters."""
    entry, type_ = definition.entry, row["type"]
    match entry["type"]:
        case "segment":
            mine = str(data.get("segment_id")) == str(entry["segment_id"])
            return type_ == "segment.entered" and mine
        case "event":
            return type_ == "behaviour_event.created" and data.get("name") == entry["event"]
        case "filter":
            return type_ in {"contact.created", "contact.updated"}
        case "feed":
            return any(matches(type_, topic) for topic in entry["topics"])
        case _:
            return False


def matches(type_: str, topic: str) -> bool:
    """Whether a kind of event is meant by a topic; `contact.*` means several."""
    return type_.startswith(topic[:-1]) if topic.endswith(".*") else type_ == topic


def contact_of(row: Mapping[str, Any], data: Mapping[str, Any]) -> UUID | None:
    """The contact that an event is about."""
    if row["entity"] == ENTITY:
        return row["record_id"]
    id = data.get("contact_id")
    if id is None and data.get("target") == ENTITY:
        # What may be about records of several kinds, such as a consent, names theirs beside them.
        id = data.get("record_id")
    try:
        return UUID(str(id))
    except ValueError:
        return None


async def among(
    tx: Tx, actor: Actor, source: Mapping[str, Any] | None, ids: Sequence[UUID]
) -> list[UUID]:
    """Those of some contacts whom somebody sees and who pass a filter, in their order."""
    records = service_of(tx, ENTITY).records
    try:
        with tx.learned.seeing_as(actor):
            filter = condition_of(tx, ENTITY, source or {})
            sight = sight_of(actor, records.listing)
            found = await passing(tx, records.listing, sight, list(ids), filter)
    except CrmError:
        # It fits no more, or they may ask it no more: nobody enters by it.
        return []
    return [id for id in ids if id in found]
