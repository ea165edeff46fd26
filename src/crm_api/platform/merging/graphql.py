"""Merges over GraphQL."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, output_type, type_from
from crm_api.platform.merging.merger import Merger
from crm_api.platform.merging.schemas import MergeInput, MergeOut
from crm_api.platform.merging.service import MergeService


@type_from(MergeOut)
class Merge:
    """A merge: what was folded into what."""


MergeQuery = Collection(MergeService, Merge).query()


@strawberry.type
class MergeMutation:
    """What may be done to merges."""

    @mutation
    async def undo_merge(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Merge:
        """Take merged records apart again."""
        service = MergeService(info.context.tx)
        return (await service.undo(id, expected_version=expected_version))[0]


def merge_mutations(mergers: Iterable[Merger]) -> list[type]:
    """`mergeContacts(input:)` and the like; the records' types must have been made before."""
    return [_mutation_of(merger) for merger in mergers]


def _mutation_of(merger: Merger) -> type:
    listing, plural = merger.service.repository.listing, merger.service.plural
    name = "".join(word.capitalize() for word in plural.split("_"))
    annotations: dict[str, Any] = {"merge": Merge, listing.entity: output_type(listing.out)}
    done = strawberry.type(
        type(f"{name}Merged", (), {"__annotations__": annotations}),
        description="A merge, and the record that it made.",
    )

    async def resolver(info: GraphInfo, input: Any, expected_version: int | None = None) -> Any:
        data, service = shape_given(MergeInput, input), MergeService(info.context.tx)
        merge, record = await service.merge(listing.entity, data, expected_version=expected_version)
        return {"merge": merge, listing.entity: record}

    resolver.__annotations__.update(input=input_from(MergeInput), **{"return": done})
    field = mutation(
        resolver, description=f"Make one of several {plural}; `expectedVersion` is the winner's."
    )
    return strawberry.type(type(f"{name}MergeMutation", (), {f"merge_{plural}": field}))
