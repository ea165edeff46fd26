"""The collections that custom fields are about and may refer to."""

from collections.abc import Callable, Iterable

from crm_api.kit.query.listing import Listing

_known: dict[str, Listing] = {}
_objects: list[tuple[Callable[[str], Listing], Listing]] = []


def refer_to(listings: Iterable[Listing]) -> None:
    """Let custom fields be about the records of these collections, and refer to them."""
    _known.update((listing.entity, listing) for listing in listings)


def refer_to_objects(of: Callable[[str], Listing], every: Listing) -> None:
    """And to those of custom objects; `of` takes the key of one, `every` has those of all."""
    _objects[:] = [(of, every)]


def targets() -> dict[str, Listing]:
    """What fields may refer to, by its kind; the records of all custom objects are one kind."""
    return {kind_of(listing): listing for listing in (*_known.values(), *(e for _, e in _objects))}


def kind_of(listing: Listing) -> str:
    """The kind of the records of a collection, which custom objects have in common."""
    return _objects[0][1].entity if listing.part else listing.entity


def target_of(entity: str) -> Listing | None:
    """The collection of a kind of record, if custom fields may be about it.

    Whether the organization has such an object is for its catalogue to say.
    """
    found = _known.get(entity)
    return _objects[0][0](entity) if found is None and entity and _objects else found


def known_target(entity: str) -> Listing:
    """The same of a kind that a filter has been read with."""
    found = target_of(entity)
    assert found is not None
    return found
