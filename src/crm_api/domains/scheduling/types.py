"""The rules of pools of resources and of the types of bookings."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.type_models import BookingType, ResourcePool
from crm_api.domains.scheduling.type_repository import POOLS, BookingTypes, ResourcePools
from crm_api.domains.scheduling.type_schemas import (
    BookingTypeCreate,
    BookingTypeUpdate,
    ResourcePoolCreate,
    ResourcePoolUpdate,
)
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.listing import Listing

Places = Mapping[str, UUID]
"""By JSON pointer, the record that stands there."""


class ResourcePoolService(NamedService[ResourcePool]):
    """Resources of which one is as good as the other."""

    repository = ResourcePools
    area = "resources"
    plural = "resource_pools"
    personal = Impersonal("What can be booked; a person among it is a user.")
    create_shape = ResourcePoolCreate
    update_shape = ResourcePoolUpdate
    records: ResourcePools

    async def prepare(self, values: dict[str, Any], current: ResourcePool | None) -> dict[str, Any]:
        """Each member is there, and once."""
        values = await super().prepare(values, current)
        if "members" in values:
            members: list[dict[str, Any]] = decode(encode(values["members"] or []))
            values["members"] = members
            pairs = enumerate(members)
            named = {f"/members/{n}/resource_id": UUID(one["resource_id"]) for n, one in pairs}
            kept = () if current is None else current.members
            await need_each(self.tx, RESOURCES, named, {one["resource_id"] for one in kept})
        return values


class BookingTypeService(NamedService[BookingType]):
    """What can be booked by name."""

    repository = BookingTypes
    area = "booking_types"
    plural = "booking_types"
    personal = Impersonal("What is offered; a person among it is a user.")
    create_shape = BookingTypeCreate
    update_shape = BookingTypeUpdate
    records: BookingTypes

    async def prepare(self, values: dict[str, Any], current: BookingType | None) -> dict[str, Any]:
        """A price has a currency; what is required is there."""
        values = await super().prepare(values, current)
        if current is None and values.get("time_zone") is None:
            values["time_zone"] = self.tx.actor.time_zone
        after = {**(columns_of(current) if current else {}), **values}
        if after.get("price") is not None and after.get("currency") is None:
            raise Invalid.at("/currency", "required", "A price needs a currency.")
        if "requirements" in values:
            values["requirements"] = decode(encode(values["requirements"]))
            kept = [] if current is None else current.requirements
            await need_required(self.tx, values["requirements"], kept)
        return values


async def need_required(
    tx: Tx, requirements: list[dict[str, Any]], kept: list[dict[str, Any]]
) -> None:
    """Raise `Invalid` unless the pools and resources of these are there, or were named before."""
    known = {one["pool_id"] for one in kept}
    known |= {id for one in kept for id in one["resource_ids"] or ()}
    pools, resources = dict[str, UUID](), dict[str, UUID]()
    for number, one in enumerate(requirements):
        at = f"/requirements/{number}"
        if one["pool_id"] is not None:
            pools[f"{at}/pool_id"] = UUID(one["pool_id"])
        own = {f"{at}/resource_ids/{n}": UUID(id) for n, id in enumerate(one["resource_ids"] or ())}
        _need_distinct(own)
        resources |= own
    await need_there(tx, POOLS, pools, known)
    await need_there(tx, RESOURCES, resources, known)


async def need_each(tx: Tx, listing: Listing, named: Places, known: set[str]) -> None:
    """Raise `Invalid` unless each of these is there and seen, or was named before, and once."""
    _need_distinct(named)
    await need_there(tx, listing, named, known)


def _need_distinct(named: Places) -> None:
    seen = set[UUID]()
    for at, id in named.items():
        if id in seen:
            raise Invalid.at(at, "named_twice", "Each resource is named once.")
        seen.add(id)


async def need_there(tx: Tx, listing: Listing, named: Places, known: Collection[str] = ()) -> None:
    """Raise `Invalid` unless each of these is there and seen, or was named before."""
    asked = sorted({id for id in named.values() if str(id) not in known})
    found = await kinds_of(tx, [listing], asked)
    absent = [at for at, id in named.items() if id in asked and id not in found]
    if absent:
        message = f"There is no such {listing.entity}."
        faults = [Fault("unknown_reference", message, at) for at in absent]
        raise Invalid(message, faults=faults)
