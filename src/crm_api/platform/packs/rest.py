"""Packs over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request, Response

from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import new_router, page_shape
from crm_api.platform.packs.schemas import (
    PackApplicationOut,
    PackApplied,
    PackList,
    PackOut,
    PackRolledBack,
)
from crm_api.platform.packs.service import PackService

packs = new_router("packs", "packs")
applications = new_router("pack_applications", "pack-applications")
Key = Annotated[str, Path(max_length=60, examples=["sales_team"])]
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": PackList}}
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": PackOut}}
_APPLIED: dict[int | str, dict[str, Any]] = {200: {"model": PackApplied}}
_APPLICATIONS: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(PackApplicationOut)}}
_APPLICATION: dict[int | str, dict[str, Any]] = {200: {"model": PackApplicationOut}}
_ROLLED_BACK: dict[int | str, dict[str, Any]] = {200: {"model": PackRolledBack}}


@packs.get("", operation_id="listPacks", summary="List packs", responses=_MANY | problems(403))
async def list_packs(tx: Reading) -> Response:
    """Presets for industries and sizes, and which of them are applied."""
    return answers.plain({"data": await PackService(tx).all()})


@packs.get(
    "/{key}",
    operation_id="getPack",
    summary="Read a pack",
    responses=_ONE | problems(403, 404, 422),
)
async def read_pack(key: Key, tx: Reading) -> Response:
    """What it sets up."""
    return answers.plain(await PackService(tx).one(key))


@packs.post(
    "/{key}/apply",
    operation_id="applyPack",
    summary="Apply a pack",
    responses=_APPLIED | problems(403, 404, 409, 422),
)
async def apply_pack(key: Key, tx: Writing) -> Response:
    """Switches modules and creates what is missing; what is there is not touched.

    By the scopes of the credential: those of all that it sets up, beside `packs:write`. `dry_run`
    shows what it would do.
    """
    return answers.plain(await PackService(tx).set_up(key))


@applications.get(
    "",
    operation_id="listPackApplications",
    summary="List applied packs",
    responses=_APPLICATIONS | problems(403, 422),
)
async def list_applications(
    request: Request, tx: Reading, limit: params.Limit = 50, cursor: params.Cursor = None
) -> Response:
    """Newest first, those that were taken back too."""
    return answers.page(request, await params.newest(PackService(tx), limit, cursor))


@applications.get(
    "/{id}",
    operation_id="getPackApplication",
    summary="Read an applied pack",
    responses=_APPLICATION | problems(403, 404, 422),
)
async def read_application(id: UUID, tx: Reading) -> Response:
    """Every step of it."""
    return answers.record(await PackService(tx).get(id))


@applications.post(
    "/{id}/rollback",
    operation_id="rollBackPack",
    summary="Take an applied pack back",
    responses=_ROLLED_BACK | problems(403, 404, 409, 422),
)
async def roll_back(
    id: UUID,
    tx: Writing,
    force: Annotated[  # noqa: FBT002 - a query parameter
        bool, Query(description="Also what was changed since; what is in use goes to the bin.")
    ] = False,
) -> Response:
    """Puts back exactly what it changed; 409 `pack_in_use` names what was changed or used since."""
    return answers.plain(await PackService(tx).roll_back(id, force=force))
