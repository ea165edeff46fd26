"""Duplicates over REST: the same routes for each kind of record that has a matcher."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, create_model

from crm_api.kit.crud.service import CrudService
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import Id, new_router, page_shape
from crm_api.kit.rest.routes import joined
from crm_api.kit.schema import Shape
from crm_api.platform.duplicates.matcher import Matcher
from crm_api.platform.duplicates.repository import LISTING
from crm_api.platform.duplicates.schemas import (
    Candidates,
    DuplicateOut,
    MergePairInput,
    PairInput,
    PolicyInput,
    PolicyOut,
    ScanInput,
    ScanStarted,
)
from crm_api.platform.duplicates.service import DuplicateService, PolicyService

_ONE: dict[int | str, dict[str, Any]] = {200: {"model": DuplicateOut}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(DuplicateOut)}}
_LIKE: dict[int | str, dict[str, Any]] = {200: {"model": Candidates}}
_POLICY: dict[int | str, dict[str, Any]] = {200: {"model": PolicyOut}}
_STARTED: dict[int | str, dict[str, Any]] = {202: {"model": ScanStarted}}
Status = Annotated[
    Literal["open", "merged", "not_duplicate", "any"], Query(description="Only pairs like this.")
]
Record = Annotated[UUID | None, Query(description="Only pairs with this record.")]


def duplicate_routes(matchers: Iterable[Matcher]) -> APIRouter:
    """`/v1/{collection}/duplicates` for each kind of record."""
    makers = (_pair_routes, _search_routes, _policy_routes)
    return joined(make(matcher) for matcher in matchers for make in makers)


def _router_of(service: type[CrudService[Any]]) -> APIRouter:
    return new_router(service.plural, service.plural.replace("_", "-"))


def _names_of(service: type[CrudService[Any]]) -> tuple[str, str]:
    """The last halves of operation ids: `Contact`, `Contacts`."""
    words = (service.repository.listing.entity, service.plural)
    single, plural = ("".join(part.capitalize() for part in w.split("_")) for w in words)
    return single, plural


def _pair_routes(matcher: Matcher) -> APIRouter:
    service, target = matcher.service, matcher.entity
    own, (single, plural) = _router_of(service), _names_of(service)
    merged: type[BaseModel] = create_model(
        f"{single}DuplicateMerged",
        __base__=Shape,
        __doc__="A pair that was made one.",
        duplicate=(DuplicateOut, ...),
        merge_id=(UUID, ...),
        record=(service.repository.listing.out, ...),
    )

    @own.get(
        "/duplicates",
        operation_id=f"list{single}Duplicates",
        summary=f"List {service.plural} that are probably one",
        responses=_MANY | problems(403, 422),
    )
    async def list_pairs(
        request: Request,
        tx: Reading,
        status: Status = "open",
        record_id: Record = None,
        limit: params.Limit = 50,
        cursor: params.Cursor = None,
        sort: params.Sort = None,
        count: params.Count = None,
    ) -> Response:
        """Pairs with what each field tells, the likeliest first. An open pair is listed while
        both of its records are there; one that was called two is not suggested again.
        """
        wanted: dict[str, Any] = {"target": {"eq": target}}
        if status != "any":
            wanted["status"] = {"eq": status}
        if record_id is not None:
            ids = ({name: {"eq": str(record_id)}} for name in ("first_id", "second_id"))
            wanted["or"] = list(ids)
        query = PageQuery(
            Selection(LISTING.shown),
            filter=parse(wanted, LISTING, tx),
            limit=limit,
            cursor=cursor,
            sort=sort,
            count=count,
        )
        return answers.page(request, await DuplicateService(tx).page(query))

    @own.post(
        "/duplicates/dismiss",
        operation_id=f"dismiss{single}Pair",
        summary=f"Say of two {service.plural} that they are two",
        responses=_ONE | problems(400, 403, 409, 415, 422),
    )
    async def dismiss_two(tx: Writing, body: PairInput) -> Response:
        """Whether they were found or not: they are never suggested."""
        return answers.record(await DuplicateService(tx).dismiss_pair(target, body.record_ids))

    @own.post(
        "/duplicates/{id}/dismiss",
        operation_id=f"dismiss{single}Duplicate",
        summary="Say that a pair is two",
        responses=_ONE | problems(403, 404, 409, 422),
    )
    async def dismiss(id: Id, tx: Writing) -> Response:
        """The pair is never suggested again, not even for what its records are merged into."""
        return answers.record(await DuplicateService(tx).dismiss(id, target))

    @own.post(
        "/duplicates/{id}/reopen",
        operation_id=f"reopen{single}Duplicate",
        summary="Take back that a pair is two",
        responses=_ONE | problems(403, 404, 409, 422),
    )
    async def reopen(id: Id, tx: Writing) -> Response:
        """The pair is suggested again."""
        return answers.record(await DuplicateService(tx).reopen(id, target))

    @own.post(
        "/duplicates/{id}/merge",
        status_code=201,
        operation_id=f"merge{single}Duplicate",
        summary="Make one record of a pair",
        responses={201: {"model": merged}} | problems(400, 403, 404, 409, 415, 422),
    )
    async def merge(id: Id, tx: Writing, body: MergePairInput | None = None) -> Response:
        """As `merge` of the collection; undoing the merge opens the pair again."""
        data = body or MergePairInput()  # pyright: ignore[reportCallIssue]
        pair, made, record = await DuplicateService(tx).merge(id, data, target)
        found = {"duplicate": pair, "merge_id": made.id, "record": record}
        headers = {"Location": f"/v1/merges/{made.id}"}
        return answers.plain(found, status=201, headers=headers)

    del plural, list_pairs, dismiss_two, dismiss, reopen, merge
    return own


def _search_routes(matcher: Matcher) -> APIRouter:
    service, target = matcher.service, matcher.entity
    own, (single, plural) = _router_of(service), _names_of(service)

    async def check(tx: Reading, body: Any) -> Response:
        """The records that probably are what the body would create; nothing is stored."""
        return answers.plain({"data": await DuplicateService(tx).check(target, body)})

    check.__annotations__["body"] = service.create_shape
    own.post(
        "/duplicates/check",
        operation_id=f"check{single}",
        summary=f"Whether a {target} is there already",
        responses=_LIKE | problems(400, 403, 415, 422),
    )(check)

    @own.get(
        "/{id}/duplicates",
        operation_id=f"get{single}Duplicates",
        summary=f"What probably is the same as a {target}",
        responses=_LIKE | problems(403, 404, 409, 422),
    )
    async def of_record(id: Id, tx: Reading) -> Response:
        """As things are now, whether they were looked for before or not."""
        return answers.plain({"data": await DuplicateService(tx).of_record(target, id)})

    @own.post(
        "/duplicates/scan",
        status_code=202,
        operation_id=f"scan{plural}",
        summary=f"Look for duplicates among all {service.plural}",
        responses=_STARTED | problems(400, 403, 409, 415, 422),
    )
    async def scan(tx: Writing, body: ScanInput | None = None) -> Response:
        """A job that fills the list; while one is at it already, that one."""
        job_id = await DuplicateService(tx).scan(target, full=body is not None and body.full)
        headers = {"Location": f"/v1/jobs/{job_id}"}
        return answers.plain({"job_id": job_id}, status=202, headers=headers)

    del of_record, scan
    return own


def _policy_routes(matcher: Matcher) -> APIRouter:
    service, target = matcher.service, matcher.entity
    own, (single, _) = _router_of(service), _names_of(service)

    @own.get(
        "/duplicates/policy",
        operation_id=f"get{single}DuplicatePolicy",
        summary=f"The rules for duplicate {service.plural}",
        responses=_POLICY | problems(403),
    )
    async def read_policy(tx: Reading) -> Response:
        """What is compared, how much it tells, and what happens when a record is there already."""
        return answers.plain(await PolicyService(tx).current(target))

    @own.put(
        "/duplicates/policy",
        operation_id=f"put{single}DuplicatePolicy",
        summary=f"Set the rules for duplicate {service.plural}",
        responses=_POLICY | problems(400, 403, 409, 415, 422),
    )
    async def put_policy(tx: Writing, body: PolicyInput) -> Response:
        """The whole policy; other processes of the service follow within a second."""
        return answers.plain(await PolicyService(tx).put(target, body))

    del read_policy, put_policy
    return own
