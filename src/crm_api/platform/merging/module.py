"""Merging as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.module import Faces, Module
from crm_api.platform.merging.merger import Merger
from crm_api.platform.merging.repository import MERGED
from crm_api.platform.merging.service import Follower, MergeService


def merging_module(
    mergers: Iterable[Merger], followers: Iterable[Follower] = (), parters: Iterable[Follower] = ()
) -> Module:
    """Merges of the records that have a merger."""
    MergeService.followers, MergeService.parters = tuple(followers), tuple(parters)
    known = {merger.entity: merger for merger in mergers}
    MergeService.mergers = known
    MERGED[:] = (merger.service.repository.listing for merger in known.values())

    def faces() -> Faces:
        from crm_api.platform.merging.graphql import MergeMutation, MergeQuery, merge_mutations
        from crm_api.platform.merging.rest import merge_routes, router

        return Faces(
            routers=[router, merge_routes(known.values())],
            queries=[MergeQuery],
            mutations=[MergeMutation, *merge_mutations(known.values())],
        )

    return Module(
        key="merging",
        title="Merging",
        description="Several records of the same thing become one, and are taken apart again.",
        faces=faces,
        services=[MergeService],
        events=[
            "merge.undone",
            *(f"{entity}.{verb}" for entity in known for verb in ("merged", "unmerged")),
        ],
    )
