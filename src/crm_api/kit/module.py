"""What a package adds to the product: its routes, types, jobs and tables, in one value."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from crm_api.kit.access import govern
from crm_api.kit.parts import Part
from crm_api.kit.query.listing import Listing
from crm_api.kit.switches import TERRITORY


@dataclass(frozen=True)
class Faces:
    """What of a part of the product is seen from outside: its routes, and its GraphQL fields."""

    routers: Sequence[APIRouter] = ()
    queries: Sequence[type] = ()
    mutations: Sequence[type] = ()
    subscriptions: Sequence[type] = ()


@dataclass(frozen=True)
class Module(Part):
    """A part of the product with its two faces."""

    faces: Callable[[], Faces] = Faces
    """Imports and makes them. Workers have none, so they start four times as fast."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the groups of its routes are about, where that is not a collection."""

    @cached_property
    def shown(self) -> Faces:
        """Its faces, which are made when they are asked for."""
        return self.faces()

    @property
    def subjects(self) -> dict[str, str]:
        """What each group of its routes is about."""
        collections = {s.plural: (s.__doc__ or "").strip() for s in self.services}
        return {**collections, **self.tags}


def governed(modules: Iterable[Module]) -> tuple[Module, ...]:
    """The same modules; what roles are about is known from here on."""
    modules = tuple(modules)
    for module in modules:
        listings = [service.repository.listing for service in module.services]
        areas = {listing.entity: listing.area for listing in listings}
        following = [s.area for s in module.services if _follows(s.repository.listing)]
        telling = {listing.entity: listing.tells for listing in listings if listing.tells}
        known = {**areas, **{area: area for area in module.areas}}
        govern(known, module.managed, following, module.acts, telling)
    return modules


def _follows(listing: Listing) -> bool:
    return listing.about is not None and listing.about.rules


def lay_out(modules: Sequence[Module]) -> None:
    """Let the switches of organizations know which areas and jobs belong to these modules."""
    for module in modules:
        if module.switchable:
            TERRITORY.areas |= dict.fromkeys(module.all_areas, module.key)
            TERRITORY.jobs |= {
                r.message.kind: frozenset({module.key}) for r in module.jobs if not r.always
            }


def lay_out_routes(modules: Sequence[Module]) -> None:
    """Let them know as well which paths do.

    A path belongs to the module that has the route and to that of the collection below which it
    stands, so `/v1/contacts/{id}/history` goes with the contacts.
    """
    collections = {
        f"/v1/{service.plural.replace('_', '-')}": module.key
        for module in modules
        if module.switchable
        for service in module.services
    }
    for module in modules:
        own = {module.key} if module.switchable else set[str]()
        for path in (path for router in module.shown.routers for path in _paths(router)):
            below = collections.get("/".join(path.split("/")[:3]), "")
            if found := (own | {below}) - {""}:
                TERRITORY.routes[path] = frozenset(found)


def _paths(router: APIRouter) -> Iterable[str]:
    """As documents name them, those of the routers in it too."""
    found = (route.path for route in iter_route_contexts(router.routes))
    return (compile_path(path)[1] for path in found if path is not None)
