"""Many writes over GraphQL: a batch, and for each collection a change by filter."""

from collections.abc import Iterable, Sequence
from typing import Any, Optional
from uuid import UUID

import strawberry
from msgspec import to_builtins
from strawberry.scalars import JSON

from crm_api.kit.crud.service import CrudService
from crm_api.kit.graphql.bulk import report_type, told
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import filter_of, where_of
from crm_api.kit.graphql.mutations import Insistent, mutation, shape_given
from crm_api.kit.graphql.types import input_from, output_type, values_of
from crm_api.kit.schema import pascal
from crm_api.platform.batching.schemas import BatchInput, MatchingInput, Operation
from crm_api.platform.batching.service import BatchService, MatchingService


def batch_mutation() -> type:
    """`batch(operations:, atomic:)`; data and patches have the names that REST gives their fields."""
    report = report_type("Batch", JSON, name=Optional[str])  # noqa: UP045 - built at run time

    async def resolver(info: GraphInfo, operations: Sequence[Any], *, atomic: bool = True) -> Any:
        given = {"atomic": atomic, "operations": [values_of(given) for given in operations]}
        data = shape_given(BatchInput, given)
        shown = told(info.context, await BatchService(info.context.tx).run(data))
        for result in shown["results"]:
            result["name"] = data.operations[result["index"]].name
            result["record"] = to_builtins(result["record"])
        return shown

    inputs: Any = list[input_from(Operation)]  # pyright: ignore[reportInvalidTypeForm]
    resolver.__annotations__.update(operations=inputs, **{"return": report})
    description = "Up to 100 writes of records of any kind, in their order."
    field = mutation(resolver, description=description, extensions=[Insistent()])
    return strawberry.type(type("BatchMutation", (), {"batch": field}))


def matching_mutations(services: Iterable[type[CrudService[Any]]]) -> list[type]:
    """`writeContactsByFilter(where:, action:)` and the like; the records' types must be made."""
    return [_matching_of(service) for service in services]


def _matching_of(service: type[CrudService[Any]]) -> type:
    listing, name = service.repository.listing, pascal(service.plural)
    annotations: dict[str, Any] = {
        "count": int,
        "limit": int,
        "sample": list[output_type(listing.out)],  # pyright: ignore[reportInvalidTypeForm]
        "job_id": Optional[UUID],  # noqa: UP045 - built at run time
    }
    answer = strawberry.type(
        type(f"{name}ByFilter", (), {"__annotations__": annotations}),
        description="How many records a change means; the job, if it has begun.",
    )

    async def resolver(
        info: GraphInfo,
        where: Any,
        action: str,
        patch: Any = None,
        tags: list[str] | None = None,
        expected_count: int | None = None,
    ) -> Any:
        given = {
            "filter": filter_of(where),
            "action": action,
            "tags": tags,
            "expected_count": expected_count,
        }
        change = None if patch is None else shape_given(service.update_shape, patch, "/patch")
        asking = MatchingService(info.context.tx)
        return await asking.ask(listing.entity, shape_given(MatchingInput, given), change)

    resolver.__annotations__.update(
        where=where_of(listing),
        patch=Optional[input_from(service.update_shape)],  # noqa: UP045
        **{"return": answer},
    )
    what = service.plural.replace("_", " ")
    field = mutation(
        resolver,
        description=f"Do the same to all {what} that match: `update`, `delete`, `restore`, `tag` "
        "or `untag`. Without `expectedCount` nothing is done.",
    )
    return strawberry.type(
        type(f"{name}ByFilterMutation", (), {f"write_{service.plural}_by_filter": field})
    )
