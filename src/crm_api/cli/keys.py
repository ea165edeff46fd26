"""The keys of what is encrypted at rest."""

import asyncio
from typing import Annotated, Any

import typer

from crm_api.cli.output import Failed, print_json, say
from crm_api.settings import MissingSetting, Settings


def rotate(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Seal every stored secret anew with the first of CRM_ENCRYPTION_KEYS, while everything runs.

    Put a new key first and restart the service, then run this; afterwards the old keys can go. Stopped
    halfway it goes on where it was. Connects as CRM_MIGRATION_DATABASE_URL or CRM_DATABASE_URL.
    """
    from crm_api.dev.data_dir import completed

    done = asyncio.run(_rotate(completed(Settings())))  # pyright: ignore[reportCallIssue]
    if as_json:
        print_json({"columns": done})
    else:
        for column in done:
            say(f"{column['table']}.{column['column']}: {column['sealed']} sealed anew.")
    lost = sum(column["unreadable"] for column in done)
    if lost:
        raise Failed(f"{lost} secrets are opened by none of the keys; they were left as they are")


async def _rotate(settings: Settings) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from crm_api.api.services import open_database
    from crm_api.kit.db.rotation import ROTATOR_ROLE, rotate
    from crm_api.registry import MODULES

    if not settings.encryption_keys:
        raise MissingSetting("encryption_keys")
    url = settings.migration_database_url or settings.database_url
    database = open_database(settings.model_copy(update={"database_url": url}), ROTATOR_ROLE)
    try:
        columns = [column for module in MODULES for column in module.secrets]
        return [asdict(rotation) for rotation in await rotate(database, columns)]
    finally:
        await database.close()
