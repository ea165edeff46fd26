"""`crm-api exchange`: published rates on their way to the organizations."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from crm_api.cli.output import Failed, print_json, say
from crm_api.settings import Settings

if TYPE_CHECKING:
    from crm_api.platform.exchange.jobs import Handed

EPILOG = "Exit codes: 0 done, 1 failed or some rates differ, 2 wrong usage or a missing setting."
exchange = typer.Typer(help="Exchange rates that others publish.", epilog=EPILOG)


@exchange.callback()
def commands() -> None:
    """Exchange rates that others publish."""


@exchange.command("import", epilog=EPILOG)
def import_rates(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    organization: Annotated[
        list[UUID] | None, typer.Option(help="Only this one; may stand several times.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let all organizations have the rates of a file: XML of the ECB, or CSV.

    CSV begins with the line `day,base,quote,rate`. A file with a mistake is refused, by its line.
    What was published for a pair and a day stays, and so does what an organization has set by hand;
    the same file a second time adds nothing.
    """
    from crm_api.dev.data_dir import completed

    done = asyncio.run(_import(completed(Settings()), file, organization))  # pyright: ignore[reportCallIssue]
    if as_json:
        print_json(asdict(done))
    else:
        kept = f"{done.known} were known, {done.own} stay as they were set by hand"
        say(f"{done.added} rates added in {done.organizations} organizations; {kept}.")
        for one in done.differing:
            say(one, "yellow")
    if done.differing:
        raise Failed(f"{len(done.differing)} rates were published otherwise before, and stay so")


async def _import(settings: Settings, file: Path, organizations: list[UUID] | None) -> "Handed":
    from crm_api.api.services import open_database
    from crm_api.kit.apart import Stumbled
    from crm_api.kit.db.database import WORKER_ROLE
    from crm_api.platform.exchange.jobs import hand_out
    from crm_api.platform.exchange.repository import all_organizations
    from crm_api.platform.exchange.sources import FileRates

    found = await FileRates(file).rates()
    database = open_database(settings, role=WORKER_ROLE)
    try:
        known = await all_organizations(database)
        if unknown := set(organizations or ()) - set(known):
            raise Failed(f"there is no organization {', '.join(sorted(map(str, unknown)))}")
        return await hand_out(database, found, organizations or known)
    except Stumbled as error:
        raise Failed(str(error)) from None
    finally:
        await database.close()
