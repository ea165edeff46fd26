"""The use cases of many writes: a batch of mixed ones, and the same for all that match."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from crm_api.kit.crud.bulk import (
    Act,
    Outcome,
    Report,
    Unfit,
    body_of,
    carry_out,
    check_match,
    located,
    ops_of,
    read,
    write,
)
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.owners import hold_owners, need_owner
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, CrmError, Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.references import resolved, value_at
from crm_api.kit.schema import Update
from crm_api.platform.batching.events import WriteMatching
from crm_api.platform.batching.references import faults_of
from crm_api.platform.batching.repository import limit_of
from crm_api.platform.batching.schemas import BatchInput, MatchingInput, Operation

Services = Mapping[str, type[CrudService[Any]]]
SAMPLE = 5
_DATA = "/data"
_WHOLE = ("create", "upsert")
"""The operations that take a record and not an id."""


class BatchService:
    """Writes of records of any kind, in their order."""

    services: ClassVar[Services] = {}
    """The collections by the word for their records; there are custom objects beside them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def run(self, data: BatchInput) -> Report:
        """Carry the operations out: all or none with `atomic`, else each by itself."""
        return await _Batch(self.tx, self.services, data).run()


class _Batch:
    """One batch: its collections, and what its operations have come to."""

    def __init__(self, tx: Tx, services: Services, data: BatchInput) -> None:
        self.tx, self.data = tx, data
        self.operations = data.operations
        self.values = [_values_of(operation) for operation in self.operations]
        used = {operation.entity for operation in self.operations}
        self.known = sorted([*services, *tx.catalogue.objects])
        self.services = {e: service_of(tx, e) for e in sorted(used.intersection(self.known))}
        self.places = {
            o.name: place for place, o in reversed(list(enumerate(self.operations))) if o.name
        }
        self.mistakes = faults_of(
            [(o.name, v) for o, v in zip(self.operations, self.values, strict=True)]
        )

    async def run(self) -> Report:
        places = range(len(self.operations))
        await self._hold(places)
        acts = [
            Act(partial(self._act, place), _DATA if o.op in _WHOLE else body_of(o.op))
            for place, o in enumerate(self.operations)
        ]
        on_error = "abort" if self.data.atomic else "skip"
        report = await carry_out(self.tx, acts, ready=self._hold, on_error=on_error)
        return located(report, "/operations")

    async def _hold(self, places: Sequence[int]) -> None:
        """Lock the records that are named by their ids, in one order for every batch."""
        for entity, service in self.services.items():
            here = [o for o in (self.operations[p] for p in places) if o.entity == entity]
            ids = [id for o in here if (id := _id_of(o.id)) is not None]
            if self.tx.actor.covers(f"{service.area}:write"):
                await service.ready(ids)
        await hold_owners(self.tx, [_owner_in(self.values[place]) for place in places])

    async def _act(self, place: int, before: Sequence[Outcome]) -> Outcome:
        service, op = self._service(place), self.operations[place].op
        item = self._item(place, before)
        try:
            match = self.operations[place].match
            return await write(service, op, read(service, op, item), match)
        except Unfit as unfit:
            raise Unfit(unfit.error.under(_DATA)) if op in _WHOLE else unfit from None

    def _service(self, place: int) -> CrudService[Any]:
        if place in self.mistakes:
            raise Unfit(self.mistakes[place])
        operation = self.operations[place]
        if operation.entity not in self.services:
            message = f"There are: {', '.join(self.known)}."
            raise Unfit(Invalid.at("/entity", "not_a_choice", message))
        service = self.services[operation.entity]
        if operation.op not in ops_of(type(service)):
            raise Unfit(Invalid.at("/op", "not_a_choice", f"Not for a {operation.entity}."))
        try:
            check_match(service, operation.op, operation.match)
        except Invalid as error:
            raise Unfit(Invalid.at("/match", error.own_code, error.detail)) from None
        return service

    def _item(self, place: int, before: Sequence[Outcome]) -> Any:
        """What the operation says of its record, with the values that it refers to."""
        operation = self.operations[place]
        try:
            values = resolved(self.values[place], partial(self._referred, before))
        except Invalid as error:
            raise Unfit(error) from None
        if operation.op not in _WHOLE:
            return values
        # Only `data`, which is read by the rules of its record; its mistakes lie below it.
        wrong = [name for name in values if name != "data"]
        faults = [Fault("unknown_field", f"not for {operation.op}", f"/{name}") for name in wrong]
        if "data" not in values:
            faults.append(Fault("required", "Field required", "/data"))
        if faults:
            raise Unfit(Invalid(f"{operation.op} takes `data`.", faults=faults))
        return values["data"]

    def _referred(self, before: Sequence[Outcome], path: str, pointer: str) -> Any:
        name, _, field = path.partition(".")
        outcome = before[self.places[name]]
        if outcome.error is not None:
            message = f"{name} failed, so there is nothing to refer to."
            raise Invalid.at(pointer, "ref_failed", message)
        record: Any = msgspec.to_builtins(outcome.record or {}) | {"id": str(outcome.id)}
        try:
            return value_at(record, field)
        except KeyError:
            message = f"The record of {name} has no {field[:60]!r}."
            raise Invalid.at(pointer, "unknown_ref_field", message) from None


class MatchingService:
    """The same change of every record that matches a filter."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def ask(self, entity: str, data: MatchingInput, patch: Update | None) -> dict[str, Any]:
        """How many records it means; with `expected_count` the job that it has begun.

        Raises `Conflict` where they are more than they may be, or not about as many as expected.
        """
        service = service_of(self.tx, entity)
        self.tx.actor.require(f"{service.area}:write")
        _check(service, data, patch)
        if patch is not None:
            await _check_values(service, patch)
        listing = service.records.listing
        query = PageQuery(
            Selection(listing.shown),
            filter=parse(data.filter, listing, self.tx),
            limit=SAMPLE,
            count="exact",
            deleted="only" if data.action == "restore" else None,
        )
        page = await service.page(query)
        limit, found = await limit_of(self.tx), page.total or 0
        begun = None
        if data.expected_count is not None:
            _guard(found, data.expected_count, limit)
            begun = self.tx.enqueue(
                WriteMatching(
                    entity=entity,
                    action=data.action,
                    filter=data.filter,
                    asked_at=self.tx.now,
                    until=new_id(),
                    count=found,
                    patch=None
                    if patch is None
                    else patch.model_dump(mode="json", exclude_unset=True),
                    tags=data.tags,
                )
            )
        return {"count": found, "limit": limit, "sample": page.data, "job_id": begun}


def _check(service: CrudService[Any], data: MatchingInput, patch: Update | None) -> None:
    """That the action has what it needs and nothing else."""
    tagging = data.action in {"tag", "untag"}
    if tagging and "tags" not in service.update_shape.model_fields:
        raise Invalid.at("/action", "not_a_choice", "These records have no tags.")
    for name, given, wanted in (
        ("patch", patch is not None, data.action == "update"),
        ("tags", data.tags is not None, tagging),
    ):
        if wanted and not given:
            raise Invalid.at(f"/{name}", "required", f"Say what to {data.action}.")
        if given and not wanted:
            raise Invalid.at(f"/{name}", "unknown_field", f"Not for {data.action}.")
    if patch is not None and not patch.model_fields_set:
        raise Invalid.at("/patch", "too_few", "A patch changes something.")


async def _check_values(service: CrudService[Any], patch: Update) -> None:
    """That values are such as any record may have; raises `Invalid`, `Forbidden`."""
    given: Mapping[str, Any] | None = getattr(patch, "custom", None)
    owner: UUID | None = getattr(patch, "owner_id", None)
    try:
        if owner is not None:
            await need_owner(service.tx, owner)
        await service.records.check_custom(service.fields.patched({}, given, service.tx.actor))
    except CrmError as error:
        raise error.under("/patch") from None


def _guard(found: int, expected: int, limit: int) -> None:
    """That as many match as the client believes, give or take a hundredth, and not too many."""
    details = {"count": found, "expected_count": expected, "limit": limit}
    if abs(found - expected) > expected // 100:
        message = f"{found:,} records match, not {expected:,}."
        raise Conflict(message, code="count_differs", details=details)
    if found > limit:
        message = f"{found:,} records match; one change may touch {limit:,}."
        raise Conflict(message, code="too_many_records", details=details)


def _id_of(given: Any) -> UUID | None:
    """An id that stands in the request; what is none is told when its turn comes."""
    try:
        return UUID(given) if isinstance(given, str) else None
    except ValueError:
        return None


def _owner_in(values: Mapping[str, Any]) -> UUID | None:
    """Whose an operation says that a record is, if it names them by their id."""
    whole: Any = values.get("data") or values.get("patch")
    return _id_of(whole.get("owner_id")) if isinstance(whole, dict) else None


_ABOUT = {"op", "entity", "name", "match"}


def _values_of(operation: Operation) -> dict[str, Any]:
    """What an operation says of its record, as it was sent."""
    given = {name: getattr(operation, name) for name in operation.model_fields_set - _ABOUT}
    return {name: value for name, value in given.items() if value is not None}
