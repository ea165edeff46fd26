"""`crm-api audit`: whether what happened is still what was written down."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from crm_api.cli.output import Failed, out, print_json, say
from crm_api.settings import Settings

if TYPE_CHECKING:
    from crm_api.platform.audit.verifying import Report

BROKEN = 3
EPILOG = (
    "Exit codes: 0 all is as it was sealed; 1 that could not be found out; 2 wrong usage; "
    "3 something was changed."
)
audit = typer.Typer(help="The audit trail.", epilog=EPILOG)


@audit.callback()
def commands() -> None:
    """The audit trail: events, sealed so that no change of them goes unnoticed."""


@audit.command("verify", epilog=EPILOG)
def verify(
    organization: Annotated[
        list[UUID] | None, typer.Option(help="Only this one; may stand several times.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="An export, without any database."),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(
            metavar="POSITION:HASH",
            help="A head that was kept elsewhere, of one organization or of the file.",
        ),
    ] = None,
    *,
    signed: Annotated[
        bool,
        typer.Option("--signed", help="Of a file: CRM_SECRET_KEY has signed its anchors."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Follow the chain of seals, and name what was changed, taken out, put in or moved.

    In the database of CRM_DATABASE_URL, whose CRM_SECRET_KEY has signed the anchors; or in a file
    of `POST /v1/audit/export`, which shows that it is one chain, and with --signed that it is the
    one that was sealed.
    """
    heads = dict(map(_head, head or ()))
    if file is not None and organization:
        raise Failed("--file holds one organization; leave --organization out", code=2)
    if signed and file is None:
        raise Failed(
            "--signed is about a --file; anchors in the database are always checked", code=2
        )
    if heads and file is None and len(organization or ()) != 1:
        raise Failed("--head takes one --organization", code=2)
    reports = (
        [_read(file, heads, signed=signed)] if file else asyncio.run(_verify(organization, heads))
    )
    whole = all(report.is_whole for report in reports)
    if as_json:
        print_json({"is_whole": whole, "organizations": [report.told() for report in reports]})
    else:
        for report in reports:
            _show(report)
    raise typer.Exit(0 if whole else BROKEN)


def _head(text: str) -> tuple[int, bytes]:
    position, _, hash = text.partition(":")
    try:
        return int(position), bytes.fromhex(hash)
    except ValueError:
        raise Failed(f"--head: {text[:80]!r} is not POSITION:HASH", code=2) from None


def _read(path: Path, heads: dict[int, bytes], *, signed: bool) -> "Report":
    from crm_api.platform.audit.chain import verify_lines
    from crm_api.platform.audit.verifying import Report

    key = None
    if signed:
        settings = Settings()  # pyright: ignore[reportCallIssue]
        if settings.secret_key is None:
            raise Failed("--signed needs CRM_SECRET_KEY", code=2)
        key = settings.signing_key
    with path.open("rb") as lines:
        try:
            return Report(*verify_lines(lines, heads, key))
        except ValueError as error:
            raise Failed(f"{path}: {error}") from None


async def _verify(organizations: list[UUID] | None, heads: dict[int, bytes]) -> list["Report"]:
    from crm_api.api.services import open_database
    from crm_api.dev.data_dir import completed
    from crm_api.kit.db.database import WORKER_ROLE
    from crm_api.platform.audit.verifying import verify_stored

    settings = completed(Settings())  # pyright: ignore[reportCallIssue]
    patient = settings.model_copy(update={"database_timeout_s": 60.0})
    database = open_database(patient, role=WORKER_ROLE)
    try:
        if not organizations:
            rows: list[Any] = await database.ask("SELECT id FROM crm_organization_ids()")
            organizations = [row["id"] for row in rows]
        return [await verify_stored(database, own, heads) for own in organizations]
    finally:
        await database.close()


def _show(report: "Report") -> None:
    found = report.findings
    erased = f", {found.erased} of them erased" if found.erased else ""
    withheld = f", {found.withheld} without what they say" if found.withheld else ""
    say(f"{report.organization_id}: {found.events} events{erased}{withheld}")
    say(f"  head {report.position}:{report.hash.hex()}", "dim")
    if report.is_whole:
        say("  Everything is as it was sealed.", "green")
        return
    say(f"  Not as it was sealed: {found.number_of_breaks}", "bold red")
    table = Table("position", "what", "event", "", box=None, padding=(0, 2, 0, 2))
    for each in found.breaks:
        at = "" if each.position is None else str(each.position)
        table.add_row(at, each.kind, str(each.event_id or ""), each.message)
    out.print(table)
