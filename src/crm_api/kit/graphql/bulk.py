"""Many writes of a collection as mutations; what fails is told as data."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Optional
from uuid import UUID

import strawberry
from pydantic import BaseModel

from crm_api.kit.crud.bulk import (
    ItemAct,
    OnError,
    Op,
    Report,
    bulk,
    bulk_action,
    item_of,
    ops_of,
    shape_of,
)
from crm_api.kit.crud.reports import shown_report
from crm_api.kit.crud.service import CrudService
from crm_api.kit.graphql.context import Context, GraphInfo
from crm_api.kit.graphql.mutations import Insistent, mutation
from crm_api.kit.graphql.types import input_from, output_type, values_of
from crm_api.kit.problems import Problem
from crm_api.kit.schema import pascal

_VERBS: dict[Op, str] = {
    "create": "Create",
    "update": "Change",
    "upsert": "Create or change",
    "delete": "Put in the bin",
    "restore": "Take out of the bin",
}


@strawberry.enum(name="OnError")
class OnErrorChoice(Enum):
    """What one mistake means for the others."""

    ABORT = "abort"
    SKIP = "skip"

    @property
    def word(self) -> OnError:
        """The word for it elsewhere."""
        return "skip" if self is OnErrorChoice.SKIP else "abort"


def report_type(kind: str, record: Any, /, **more: Any) -> type:
    """The type of a report whose records are of this type."""
    outcome = _typed(
        f"{kind}Outcome",
        "What became of one write.",
        index=int,
        status=int,
        result=str,
        id=Optional[UUID],  # noqa: UP045 - built at run time
        record=Optional[record],  # noqa: UP045
        problem=Optional[output_type(Problem)],  # noqa: UP045
        **more,
    )
    return _typed(
        f"{kind}Report",
        "What became of many writes; if they are not `stored`, none of them is.",
        stored=bool,
        succeeded=int,
        failed=int,
        results=list[outcome],
    )


def told(context: Context, report: Report) -> dict[str, Any]:
    """A report as its type shows it."""
    context.refused |= not report.stored
    shown = shown_report(report)
    for result in shown["results"]:
        if result["problem"] is not None:
            result["problem"].setdefault("errors", [])
    return {"stored": report.stored, **shown}


def bulk_fields(service: type[CrudService[Any]], node: type, made: type | None) -> dict[str, Any]:
    """`createContacts(inputs:, onError:)` and the like."""
    name = pascal(service.plural)
    report = report_type(f"{name}Bulk", node)
    created = report if made is None else report_type(f"{name}BulkCreated", made)
    return {
        f"{op}_{service.plural}": _field(service, op, created if op == "create" else report)
        for op in ops_of(service)
    }


def bulk_action_field(
    service: type[CrudService[Any]],
    act: ItemAct,
    record: type,
    description: str,
    *,
    body: type[BaseModel],
) -> Any:
    """`completeTasks(inputs:, onError:)` and the like: an action on many records, each with what
    `body` says.
    """

    async def resolver(
        info: GraphInfo, inputs: Sequence[Any], on_error: OnErrorChoice = OnErrorChoice.ABORT
    ) -> Any:
        items = [values_of(given) for given in inputs]
        own = service(info.context.tx)
        return told(info.context, await bulk_action(own, body, items, act, on_error=on_error.word))

    given: Any = list[input_from(item_of(body))]  # pyright: ignore[reportInvalidTypeForm]
    report = report_type(f"{body.__name__}Bulk", record)
    resolver.__annotations__.update(inputs=given, **{"return": report})
    return mutation(resolver, description=description)


def _field(service: type[CrudService[Any]], op: Op, report: type) -> Any:
    async def matched(
        info: GraphInfo,
        inputs: Sequence[Any],
        match: str | None = None,
        on_error: OnErrorChoice = OnErrorChoice.ABORT,
    ) -> Any:
        items = [values_of(given) for given in inputs]
        work = bulk(service(info.context.tx), op, items, match=match, on_error=on_error.word)
        return told(info.context, await work)

    async def plain(
        info: GraphInfo, inputs: Sequence[Any], on_error: OnErrorChoice = OnErrorChoice.ABORT
    ) -> Any:
        return await matched(info, inputs, on_error=on_error)

    given: Any = list[input_from(shape_of(service, op))]  # pyright: ignore[reportInvalidTypeForm]
    resolver = matched if op == "upsert" else plain
    resolver.__annotations__.update(inputs=given, **{"return": report})
    what = service.plural.replace("_", " ")
    return mutation(
        resolver,
        description=f"{_VERBS[op]}: up to 1,000 {what} at once.",
        extensions=[Insistent()] if service.matched and op != "delete" else [],
    )


def _typed(kind: str, description: str, /, **fields: Any) -> type:
    return strawberry.type(type(kind, (), {"__annotations__": fields}), description=description)
