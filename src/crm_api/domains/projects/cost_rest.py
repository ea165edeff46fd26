"""Times, expenses, status reports, load and earned value of projects over REST."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from crm_api.domains.projects.cost_schemas import (
    EarnedValue,
    ExpenseOut,
    ProjectLoad,
    StatusReportInput,
    StatusReportOut,
)
from crm_api.domains.projects.earning import earned_value_of
from crm_api.domains.projects.entering import EntryService
from crm_api.domains.projects.loading import load_of
from crm_api.domains.projects.reporting import StatusReportService
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.timing import ExpenseService, TimeEntryService
from crm_api.domains.projects.work_schemas import TimeEntryOut, TimeRejection
from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router, read_router

Responses = dict[int | str, dict[str, Any]]
Act = Callable[[EntryService[Any]], Callable[..., Awaitable[Any]]]
From = Annotated[date, Query(alias="from", description="The week of this day is the first.")]
To = Annotated[date, Query(description="The week of this day is the last; 53 at the most.")]
_CHANGES = problems(400, 403, 404, 409, 412, 415, 422)
_LOAD: Responses = {200: {"model": ProjectLoad}}
_EARNED: Responses = {200: {"model": EarnedValue}}
_REPORTED: Responses = {201: {"model": StatusReportOut}}
times = crud_router(TimeEntryService)
expenses = crud_router(ExpenseService)
reports = read_router(StatusReportService)
# Before the projects, lest `load` is taken for an id.
looks = new_router(ProjectService.plural, "projects")


def _add_step(
    verb: str,
    act: Act,
    ways: tuple[tuple[str, str], tuple[str, str]],
    body: type[TimeRejection] | None = None,
) -> None:
    kinds = ((times, TimeEntryService, TimeEntryOut), (expenses, ExpenseService, ExpenseOut))
    for (router, service, out), texts in zip(kinds, ways, strict=True):
        _add_one(router, service, out, verb, act, texts, body)


def _add_one(
    router: APIRouter,
    service: type[EntryService[Any]],
    out: type[BaseModel],
    verb: str,
    act: Act,
    texts: tuple[str, str],
    body: type[TimeRejection] | None,
) -> None:
    async def done(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
        said = () if body is None else (data,)
        return await act(service(tx))(id, *said, expected)

    add_action(router, verb, done, out, texts, body=body)


_STAYS = "From here on it stays as it is."
_ANOTHER = "For good; takes the right to change projects, and is not for one's own."
_REASON = "For a reason; it may be changed and submitted again."
_add_step(
    "submit",
    lambda s: s.submit,
    (("Have time approved", _STAYS), ("Have an expense approved", _STAYS)),
)
_add_step(
    "recall",
    lambda s: s.recall,
    (
        ("Take submitted time back", "To change it."),
        ("Take a submitted expense back", "To change it."),
    ),
)
_add_step(
    "approve",
    lambda s: s.approve,
    (("Approve time", _ANOTHER), ("Approve an expense", _ANOTHER)),
)
_add_step(
    "reject",
    lambda s: s.reject,
    (("Send time back", _REASON), ("Send an expense back", _REASON)),
    TimeRejection,
)


@looks.get(
    "/load",
    operation_id="getProjectLoad",
    summary="Who has how much to do",
    responses=_LOAD | problems(403, 422),
)
async def load(tx: Reading, since: From, to: To) -> Response:
    """What is left of the tasks of open projects, by who does it and week, and the capacity."""
    return answers.plain(await load_of(tx, since, to))


@looks.get(
    "/{id}/earned-value",
    operation_id="getProjectEarnedValue",
    summary="What of a project is earned",
    responses=_EARNED | problems(403, 404, 409, 422),
)
async def earned_value(id: Id, tx: Reading) -> Response:
    """PV, EV, AC, CPI, SPI and EAC, and how it burns week by week."""
    return answers.plain(await earned_value_of(tx, id))


@looks.post(
    "/{id}/status-reports",
    status_code=201,
    operation_id="publishStatusReport",
    summary="Tell how a project fares",
    responses=_REPORTED | problems(400, 403, 404, 409, 415, 422),
)
async def publish(id: Id, tx: Writing, body: StatusReportInput) -> Response:
    """With its figures of this moment; nothing of it changes from then on."""
    made = await StatusReportService(tx).publish(id, body)
    return answers.made("status-reports", made)


ROUTERS = (times, expenses, reports)
