"""Many writes in one transaction: as few statements as there can be, and an outcome for each."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal, cast, get_args
from uuid import UUID

from pydantic import BaseModel, Field, ValidationError, create_model

from crm_api.kit.crud.halving import halved
from crm_api.kit.crud.owners import hold_owners
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.upserts import EXTERNAL, Expected, Upsert, check_known
from crm_api.kit.db.ahead import Ahead
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.faults import invalid_body
from crm_api.kit.schema import Int, Schema, Update

MOST = 1_000
Op = Literal["create", "update", "upsert", "delete", "restore"]
OnError = Literal["abort", "skip"]
Result = Literal["created", "updated", "unchanged", "deleted", "restored", "failed", "aborted"]
_STATUSES: Mapping[Result, int] = {"created": 201, "deleted": 204, "aborted": 424}


class RestoreItem(Schema):
    """A record to take out of the bin."""

    id: UUID


class DeleteItem(RestoreItem):
    """A record to put in the bin."""

    expected_version: Int | None = Field(None, description="Only if this is still its version.")


class UpdateItem(DeleteItem):
    """A record to change."""

    patch: Update


@lru_cache(maxsize=256)
def shape_of(service: type[CrudService[Any]], op: Op) -> type[BaseModel]:
    """What one item of an operation looks like."""
    if op == "create":
        return service.create_shape
    if op == "update":
        name = service.update_shape.__name__ + "Item"
        patch: Any = (service.update_shape, ...)
        return create_model(name, __base__=UpdateItem, __doc__=UpdateItem.__doc__, patch=patch)
    if op == "upsert":
        return service.upsert_shape()
    return DeleteItem if op == "delete" else RestoreItem


def ops_of(service: type[CrudService[Any]]) -> tuple[Op, ...]:
    """The operations that a collection has."""
    known: tuple[Op, ...] = get_args(Op)
    return known if service.upserts else tuple(op for op in known if op != "upsert")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one write."""

    result: Result
    id: UUID | None = None
    record: Any = None
    error: CrmError | None = None

    @property
    def status(self) -> int:
        """The status that the same write alone would have been answered with."""
        return _STATUSES.get(self.result, 200) if self.error is None else self.error.status


@dataclass(frozen=True, slots=True)
class Report:
    """What became of many writes; without `stored` nothing did."""

    outcomes: Sequence[Outcome]
    stored: bool

    @property
    def failed(self) -> int:
        """How many were refused."""
        return sum(outcome.error is not None for outcome in self.outcomes)

    @property
    def succeeded(self) -> int:
        """How many are stored."""
        return len(self.outcomes) - self.failed if self.stored else 0


class Unfit(Exception):
    """What is asked for cannot be read; the error's pointers lead into the item, not its body."""

    def __init__(self, error: CrmError) -> None:
        super().__init__(error.detail)
        self.error = error


@dataclass(frozen=True, slots=True)
class Act:
    """One write to come; `body` is where in its item the record's own fields stand."""

    run: Callable[[Sequence[Outcome]], Awaitable[Outcome]]
    """Is given the outcomes of those before it."""
    body: str = ""


_ABORTED = Outcome("aborted")
Ready = Callable[[Sequence[int]], Awaitable[None]]
ItemAct = Callable[[Tx, Any], Awaitable[Any]]
"""Does an action by an item of it; answers the record as it is then."""


class _Abort(Exception):
    """Nothing shall be stored."""


async def carry_out(tx: Tx, acts: Sequence[Act], *, ready: Ready, on_error: OnError) -> Report:
    """Carry writes out in their order; each of them happens wholly or not at all.

    `ready` is told the places of what comes next, before it does and again when a part of it is
    tried anew. With `abort` all are tried, and nothing is stored if one of them fails.
    """
    outcomes: list[Outcome] = [Outcome("failed")] * len(acts)

    async def refuse(place: int, error: CrmError) -> None:
        outcomes[place] = Outcome("failed", error=error.under(acts[place].body))

    async def attempt(places: Sequence[int]) -> None:
        async with tx.atomic(), Ahead(tx) as ahead:
            await ready(places)
            for place in places:
                await ahead.step()
                mark = tx.mark
                try:
                    outcomes[place] = await acts[place].run(outcomes)
                except Unfit as unfit:
                    outcomes[place] = Outcome("failed", error=unfit.error)
                except CrmError as error:
                    if error.status >= 500 or not tx.untouched_since(mark):
                        raise
                    await refuse(place, error)

    places = range(len(acts))
    if on_error == "skip":
        await halved(places, attempt, refuse)
        return Report(outcomes, stored=True)
    with suppress(_Abort):
        async with tx.atomic():
            await halved(places, attempt, refuse)
            if any(outcome.error is not None for outcome in outcomes):
                raise _Abort
        return Report(outcomes, stored=True)
    return Report([o if o.error is not None else _ABORTED for o in outcomes], stored=False)


async def write(service: CrudService[Any], op: Op, item: Any, match: str | None = None) -> Outcome:
    """One write of one record by its shape; `match` is what an upsert finds it by."""
    if op == "upsert":
        result, record = await service.upsert(match or EXTERNAL, item)
        return Outcome(result, record.id, record)
    if op == "create":
        made = await service.create(item)
        return Outcome("created", _id_of(made), made)
    id: UUID = item.id
    if not service.records.holds(id):
        await service.ready([id])
    before = service.records.held(id)
    if op == "delete":
        await service.delete(id, expected_version=item.expected_version)
        return Outcome("deleted", id)
    version = None if before is None else before.version
    if op == "restore":
        record = await service.restore(id)
    else:
        record = await service.update(id, item.patch, expected_version=item.expected_version)
    done: Result = "restored" if op == "restore" else "updated"
    return Outcome("unchanged" if record.version == version else done, id, record)


def _id_of(made: Any) -> UUID:
    # Some creations answer more than the record shows later.
    return cast("dict[str, Any]", made)["id"] if isinstance(made, dict) else made.id


async def bulk(
    service: CrudService[Any],
    op: Op,
    items: Sequence[Any],
    *,
    on_error: OnError = "abort",
    match: str | None = None,
) -> Report:
    """One operation on many records of a collection; `items` are the values of its shape.

    `match` is the look-up key by which an upsert finds the record, such as `email`.
    """
    service.tx.actor.require(f"{service.area}:write")
    _check_count(len(items))
    check_match(service, op, match)
    work = _Bulk(service, op, items, match)
    # Locks that are taken before the first part stay when that is taken back.
    await work.ready(range(len(items)))
    acts = [Act(partial(work.act, place), body_of(op)) for place in range(len(items))]
    report = await carry_out(service.tx, acts, ready=work.ready, on_error=on_error)
    return located(report, "/items")


def _check_count(count: int) -> None:
    if count == 0:
        raise Invalid.at("/items", "too_few", "Give at least one item.")
    if count > MOST:
        raise Invalid.at("/items", "too_many", f"At most {MOST:,} items at once.")


def check_match(service: CrudService[Any], op: Op, match: str | None) -> None:
    """That an upsert of a collection says by what, and nothing else does; raises `Invalid`."""
    if op == "upsert":
        check_known(service, match)
    elif match is not None:
        raise Invalid.parameter("match", "unknown_parameter", f"Not for {op}.")


@lru_cache(maxsize=64)
def item_of(body: type[BaseModel]) -> type[BaseModel]:
    """What one item of an action looks like: a record, and what the action is told of it."""
    doc = "A record, and what is said of it."
    return create_model(f"{body.__name__}Item", __base__=(body, DeleteItem), __doc__=doc)


async def bulk_action(
    service: CrudService[Any],
    body: type[BaseModel],
    items: Sequence[Any],
    act: ItemAct,
    *,
    on_error: OnError = "abort",
) -> Report:
    """An action on many records of a collection; `items` are the values of `item_of(body)`.

    Each is done as it is alone, by `act`, once all records are locked.
    """
    service.need("update")
    _check_count(len(items))
    given = [_shaped(item_of(body), item) for item in items]

    async def ready(places: Sequence[int]) -> None:
        found = [item for item in (given[p] for p in places) if not isinstance(item, Unfit)]
        await service.ready([item.id for item in found])
        await hold_owners(service.tx, [getattr(item, "owner_id", None) for item in found])

    async def run(place: int, _: Sequence[Outcome]) -> Outcome:
        item = given[place]
        if isinstance(item, Unfit):
            raise item
        return Outcome("updated", item.id, await act(service.tx, item))

    await ready(range(len(items)))
    acts = [Act(partial(run, place)) for place in range(len(items))]
    report = await carry_out(service.tx, acts, ready=ready, on_error=on_error)
    return located(report, "/items")


class _Bulk:
    """The items of a bulk, each read or found to be wrong."""

    def __init__(
        self, service: CrudService[Any], op: Op, items: Sequence[Any], match: str | None
    ) -> None:
        self.service, self.match = service, match
        self.op: Op = op
        self.items = [_given(service, op, item) for item in items]

    async def ready(self, places: Sequence[int]) -> None:
        """Lock what these items name, and have it at hand."""
        items = [item for item in (self.items[p] for p in places) if not isinstance(item, Unfit)]
        if self.op == "upsert":
            await self.service.ready(await self._matched(items))
        elif self.op != "create":
            await self.service.ready([item.id for item in items])
        bodies = [item.patch if self.op == "update" else item for item in items]
        await self.service.records.hold_custom([getattr(b, "custom", None) or {} for b in bodies])
        await hold_owners(self.service.tx, [getattr(body, "owner_id", None) for body in bodies])

    async def _matched(self, items: Sequence[Any]) -> list[UUID]:
        values: list[str] = []
        kind = ""
        for item in items:
            # What has no value to be matched by is told when its turn comes.
            with suppress(Invalid):
                kind, found = Upsert(self.service, item, Expected()).keys_of(self.match or EXTERNAL)
                values += found
        return await self.service.records.hold_keys(kind, list(dict.fromkeys(values)))

    async def act(self, place: int, _: Sequence[Outcome]) -> Outcome:
        """Carry one item out."""
        item = self.items[place]
        if isinstance(item, Unfit):
            raise item
        return await write(self.service, self.op, item, self.match)


def body_of(op: Op) -> str:
    """Where in an item of this operation the record's own fields stand."""
    return "/patch" if op == "update" else ""


def read(service: CrudService[Any], op: Op, item: Any) -> Any:
    """An item by the shape of its operation; raises `Unfit`."""
    found = _shaped(shape_of(type(service), op), item)
    if isinstance(found, Unfit):
        raise found
    return found


def _given(service: CrudService[Any], op: Op, item: Any) -> Any:
    return _shaped(shape_of(type(service), op), item)


def _shaped(shape: type[BaseModel], item: Any) -> Any:
    """An item by its shape, or how it does not fit."""
    if isinstance(item, shape):
        return item
    try:
        return shape.model_validate(item)
    except ValidationError as error:
        return Unfit(invalid_body(error.errors(include_url=False)))


def located(report: Report, pointer: str) -> Report:
    """The same with mistakes that point into the list at which this pointer leads."""
    outcomes = [
        outcome
        if outcome.error is None
        else Outcome("failed", error=outcome.error.under(f"{pointer}/{place}"))
        for place, outcome in enumerate(report.outcomes)
    ]
    return Report(outcomes, report.stored)
