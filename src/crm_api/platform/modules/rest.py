"""The switches over REST."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import new_router
from crm_api.platform.modules.schemas import ModuleList, ModuleOut, ModuleSwitched
from crm_api.platform.modules.service import ModuleService

router = new_router("modules", "modules")
Key = Annotated[str, Path(max_length=60, description="Such as `contacts`.", examples=["contacts"])]
Cascade = Annotated[bool, Query(description="Also switch the modules that stand in the way.")]
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": ModuleList}}
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": ModuleOut}}
_SWITCHED: dict[int | str, dict[str, Any]] = {200: {"model": ModuleSwitched}}


@router.get("", operation_id="listModules", summary="List modules", responses=_MANY | problems(403))
async def list_modules(tx: Reading) -> Response:
    """All parts of the product, lower first: what they depend on, their states, their records."""
    return answers.plain(await ModuleService(tx).all())


@router.get(
    "/{key}",
    operation_id="getModule",
    summary="Read a module",
    responses=_ONE | problems(403, 404, 422),
)
async def read_module(key: Key, tx: Reading) -> Response:
    """One part of the product."""
    return answers.plain(await ModuleService(tx).get(key))


@router.post(
    "/{key}/enable",
    operation_id="enableModule",
    summary="Enable a module",
    responses=_SWITCHED | problems(403, 404, 409, 422),
)
async def enable_module(key: Key, tx: Writing, cascade: Cascade = False) -> Response:  # noqa: FBT002 - a query parameter
    """Everything is as it was; 409 while a module that it depends on is disabled."""
    return answers.plain(await ModuleService(tx).switch(key, "enabled", cascade=cascade))


@router.post(
    "/{key}/disable",
    operation_id="disableModule",
    summary="Disable a module",
    responses=_SWITCHED | problems(403, 404, 409, 422),
)
async def disable_module(key: Key, tx: Writing, cascade: Cascade = False) -> Response:  # noqa: FBT002 - a query parameter
    """Gone from both faces, its data kept; 409 while another module depends on it.

    `dry_run` shows what stands behind it.
    """
    return answers.plain(await ModuleService(tx).switch(key, "disabled", cascade=cascade))


@router.post(
    "/{key}/read-only",
    operation_id="makeModuleReadOnly",
    summary="Make a module read-only",
    responses=_SWITCHED | problems(403, 404, 409, 422),
)
async def make_module_read_only(key: Key, tx: Writing, cascade: Cascade = False) -> Response:  # noqa: FBT002 - a query parameter
    """It is shown and exported, and nothing of it changes; 409 `module_read_only` otherwise."""
    return answers.plain(await ModuleService(tx).switch(key, "read_only", cascade=cascade))
