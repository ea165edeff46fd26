"""Recipes and automatic proposals over REST."""

from typing import Annotated, Any

from fastapi import Query, Response

from crm_api.domains.recipes.asking import ProposalRequest, Proposals
from crm_api.domains.recipes.preparing import Kind, ProposalService
from crm_api.domains.recipes.service import ProposalRecipeService
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Writing
from crm_api.kit.rest.router import crud_router, new_router

Commit = Annotated[bool, Query(description="Make a quote of each draft; else nothing is stored.")]
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": Proposals},
    201: {"model": Proposals, "description": "The drafts, and the quotes that were made of them."},
} | problems(400, 403, 404, 409, 415, 422)
_SUMMARY = "Prepare up to three quotes for a {kind}"
_DESCRIPTION = """By needs, products, past quotes, recipes and a budget: `good`, `better` and `best`.

Each draft is what `POST /v1/quotes` takes, with what it comes to, why each line is there and what
was left out. Where nothing can be offered `drafts` is empty and `withheld` says why; with `commit`
that is 409 `nothing_proposed`."""

companies = new_router("proposals", "companies")
contacts = new_router("proposals", "contacts")
deals = new_router("proposals", "deals")
ROUTERS = [crud_router(ProposalRecipeService), companies, contacts, deals]


async def _answer(tx: Any, kind: Kind, id: Any, body: ProposalRequest, *, commit: bool) -> Response:
    proposals = ProposalService(tx)
    if commit:
        return answers.plain(await proposals.make(kind, id, body), status=201)
    # Nothing was done that must not be done twice.
    tx.answer_matters = False
    return answers.plain(await proposals.prepare(kind, id, body))


@companies.post(
    "/{id}/proposals",
    operation_id="proposeToCompany",
    summary=_SUMMARY.format(kind="company"),
    description=_DESCRIPTION,
    responses=_ANSWERS,
)
async def for_company(
    id: Id, tx: Writing, body: ProposalRequest, *, commit: Commit = False
) -> Response:
    """Drafts for a company."""
    return await _answer(tx, "company", id, body, commit=commit)


@contacts.post(
    "/{id}/proposals",
    operation_id="proposeToContact",
    summary=_SUMMARY.format(kind="contact"),
    description=_DESCRIPTION,
    responses=_ANSWERS,
)
async def for_contact(
    id: Id, tx: Writing, body: ProposalRequest, *, commit: Commit = False
) -> Response:
    """Drafts for a contact, by the prices of the company that they work for."""
    return await _answer(tx, "contact", id, body, commit=commit)


@deals.post(
    "/{id}/proposals",
    operation_id="proposeToDeal",
    summary=_SUMMARY.format(kind="deal"),
    description=_DESCRIPTION,
    responses=_ANSWERS,
)
async def for_deal(
    id: Id, tx: Writing, body: ProposalRequest, *, commit: Commit = False
) -> Response:
    """Drafts for the company and the contact of an open deal."""
    return await _answer(tx, "deal", id, body, commit=commit)
