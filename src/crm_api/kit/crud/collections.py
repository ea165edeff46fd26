"""Which service is in charge of a kind of record: of every collection, and of custom objects."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.custom.catalogue import OBJECTS
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing, Relation

Service = type[CrudService[Any]]
_known: dict[str, Service] = {}
_objects: list[Callable[[str], Service]] = []


def serve(services: Iterable[Service]) -> None:
    """Have these be in charge of their records."""
    _known.update((service.repository.listing.entity, service) for service in services)


def ways_back(services: Iterable[Service]) -> Iterator[tuple[Service, Service, Relation]]:
    """What leads where by a way back: from which records, to which, and by what."""
    known = {service.repository.listing.entity: service for service in services}
    for service in known.values():
        for relation in service.repository.listing.relations:
            if relation.back is not None:
                below = known[relation.target().entity]
                yield below, service, relation.turned(service.repository.listing)


def lead_back(services: Iterable[Service]) -> None:
    """Lead from every record to those that refer to it by a relation with a name for that.

    Once, when all collections are known and before anything reads them.
    """
    for below, _, relation in list(ways_back(services)):
        below.repository.listing.lead(relation)


def lead_to_users(services: Iterable[Service], users: Listing) -> None:
    """Lead from every record to its owner and to who made it; once, as `lead_back`."""
    for service in services:
        service.repository.listing.lead_to(users)


def serve_objects(of: Callable[[str], Service]) -> None:
    """Have the records of custom objects be served; `of` takes the key of one."""
    _objects[:] = [of]


def service_type(tx: Tx, entity: str) -> Service:
    """What is in charge of a kind of record; raises `NotFound`."""
    if entity in _known:
        return _known[entity]
    return _objects[0](tx.catalogue.object(entity).key)


def service_of(tx: Tx, entity: str) -> CrudService[Any]:
    """The service of a kind of record; raises `NotFound`."""
    return service_type(tx, entity)(tx)


def area_of(entity: str) -> str:
    """The first half of the scopes of a kind of record, whether there still is such a kind or not."""
    return _known[entity].area if entity in _known else OBJECTS
