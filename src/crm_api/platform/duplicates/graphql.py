"""Duplicates over GraphQL."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import strawberry

from crm_api.kit.errors import Invalid
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.schema import pascal
from crm_api.platform.duplicates.matcher import Matcher
from crm_api.platform.duplicates.schemas import Candidate as CandidateShape
from crm_api.platform.duplicates.schemas import (
    DuplicateOut,
    MergePairInput,
    PolicyInput,
    PolicyOut,
    ReasonOut,
)
from crm_api.platform.duplicates.service import DuplicateService, PolicyService


@type_from(ReasonOut)
class DuplicateReason:
    """What one field tells about two records."""


@type_from(DuplicateOut)
class Duplicate:
    """Two records that are probably one."""


@type_from(CandidateShape)
class DuplicateCandidate:
    """A record that is probably the one in question."""


@type_from(PolicyOut)
class DuplicatePolicy:
    """The rules for duplicates of one kind of record."""


@strawberry.type
class DuplicateMerged:
    """A pair that was made one."""

    duplicate: Duplicate
    merge_id: UUID


@strawberry.type
class DuplicateScan:
    """The job that was asked for, or that was at it already."""

    job_id: UUID


DuplicateQuery = Collection(DuplicateService, Duplicate).query()
_PolicyInput: Any = input_from(PolicyInput)
_MergeInput: Any = input_from(MergePairInput)


def _target(name: str) -> str:
    known = DuplicateService.matchers
    if name not in known:
        message = f"Kinds that have duplicates are: {', '.join(sorted(known))}."
        raise Invalid.at("/target", "not_a_choice", message)
    return name


@strawberry.type
class DuplicatePolicyQuery:
    """The rules for duplicates."""

    @strawberry.field
    async def duplicate_policy(self, info: GraphInfo, target: str) -> DuplicatePolicy:
        """The rules for duplicates of a kind of record."""
        return await PolicyService(info.context.tx).current(_target(target))  # pyright: ignore[reportReturnType]

    @strawberry.field
    async def record_duplicates(
        self, info: GraphInfo, target: str, id: UUID
    ) -> list[DuplicateCandidate]:
        """What probably is the same as a record, as things are now."""
        return await DuplicateService(info.context.tx).of_record(_target(target), id)  # pyright: ignore[reportReturnType]


@strawberry.type
class DuplicateMutation:
    """What may be done about duplicates."""

    @mutation
    async def dismiss_duplicate(self, info: GraphInfo, id: UUID) -> Duplicate:
        """Say that a pair is two; it is never suggested again."""
        return await DuplicateService(info.context.tx).dismiss(id)

    @mutation
    async def dismiss_pair(
        self, info: GraphInfo, target: str, first_id: UUID, second_id: UUID
    ) -> Duplicate:
        """Say of any two records that they are two."""
        service = DuplicateService(info.context.tx)
        return await service.dismiss_pair(_target(target), [first_id, second_id])

    @mutation
    async def reopen_duplicate(self, info: GraphInfo, id: UUID) -> Duplicate:
        """Take back that a pair is two."""
        return await DuplicateService(info.context.tx).reopen(id)

    @mutation
    async def merge_duplicate(
        self,
        info: GraphInfo,
        id: UUID,
        input: _MergeInput | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> DuplicateMerged:
        """Make one record of a pair."""
        data = shape_given(MergePairInput, input) if input is not None else MergePairInput()  # pyright: ignore[reportCallIssue]
        pair, merge, _ = await DuplicateService(info.context.tx).merge(id, data)
        return DuplicateMerged(duplicate=pair, merge_id=merge.id)

    @mutation
    async def scan_duplicates(
        self, info: GraphInfo, target: str, *, full: bool = False
    ) -> DuplicateScan:
        """Look for duplicates among all records of a kind."""
        job_id = await DuplicateService(info.context.tx).scan(_target(target), full=full)
        return DuplicateScan(job_id=job_id)

    @mutation
    async def put_duplicate_policy(
        self,
        info: GraphInfo,
        target: str,
        input: _PolicyInput,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> DuplicatePolicy:
        """Set the rules for duplicates of a kind of record, as a whole."""
        data = shape_given(PolicyInput, input)
        return await PolicyService(info.context.tx).put(_target(target), data)  # pyright: ignore[reportReturnType]


def check_queries(matchers: Iterable[Matcher]) -> list[type]:
    """`checkContact(input:)` and the like; the records' types must have been made before."""
    return [_check_of(matcher) for matcher in matchers]


def _check_of(matcher: Matcher) -> type:
    shape, entity = matcher.service.create_shape, matcher.entity

    async def resolver(info: GraphInfo, input: Any) -> Any:
        data = shape_given(shape, input)
        return await DuplicateService(info.context.tx).check(entity, data)

    returned = list[DuplicateCandidate]
    resolver.__annotations__.update(input=input_from(shape), **{"return": returned})
    description = f"The records that probably are what the input would create as a {entity}."
    field = strawberry.field(resolver=resolver, description=description)
    return strawberry.type(type(f"{pascal(entity)}CheckQuery", (), {f"check_{entity}": field}))
