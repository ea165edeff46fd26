"""What a package adds to the product: its routes, types, jobs and tables, in one value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore, Runner


@dataclass(frozen=True)
class Module:
    """A switchable part of the product."""

    name: str
    routers: Sequence[APIRouter] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the groups of its routes are about, where that is not a collection."""
    queries: Sequence[type] = ()
    mutations: Sequence[type] = ()
    jobs: Sequence[Runner] = ()
    chores: Sequence[Chore] = ()
    """What workers do from time to time."""
    services: Sequence[type[CrudService[Any]]] = ()
    """The plain collections, for the generic tests and for whatever walks all records."""
    events: Sequence[str] = ()
    """Topics beside `created`, `updated`, `deleted` and `restored` of the collections."""
    importers: Sequence[Any] = field(default=())
    """How files become records (`platform/transfer`)."""
    mergers: Sequence[Any] = field(default=())
    """How records become one (`platform/merging`)."""

    @property
    def subjects(self) -> dict[str, str]:
        """What each group of its routes is about."""
        collections = {s.plural: (s.__doc__ or "").strip() for s in self.services}
        return {**collections, **self.tags}

    @property
    def topics(self) -> list[str]:
        """Every event type this module can emit."""
        verbs = ("created", "updated", "deleted", "restored")
        entities = [service.repository.listing.entity for service in self.services]
        return sorted({*self.events, *(f"{e}.{verb}" for e in entities for verb in verbs)})
