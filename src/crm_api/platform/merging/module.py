"""Merging as a part of the product."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.crud.service import CrudService
from crm_api.kit.module import Module
from crm_api.platform.merging.graphql import MergeMutation, MergeQuery, merge_mutations
from crm_api.platform.merging.merger import Merger
from crm_api.platform.merging.rest import merge_routes, router
from crm_api.platform.merging.service import MergeService


def merging_module(mergers: Iterable[Merger], services: Iterable[type[CrudService[Any]]]) -> Module:
    """Merges of the records that have a merger; `services` are all whose records may refer."""
    known = {merger.entity: merger for merger in mergers}
    MergeService.mergers = known
    MergeService.services = {s.repository.listing.entity: s for s in services}
    return Module(
        name="merging",
        routers=[router, merge_routes(known.values())],
        queries=[MergeQuery],
        mutations=[MergeMutation, *merge_mutations(known.values())],
        services=[MergeService],
        events=[
            "merge.undone",
            *(f"{entity}.{verb}" for entity in known for verb in ("merged", "unmerged")),
        ],
    )
