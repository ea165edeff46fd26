"""`crm-api export`: a collection as a file, over the service's public REST API."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from crm_api.cli.output import Failed, print_json, say
from crm_api.cli.service import Service, address_of, follow, progress_bar

EPILOG = "Exit codes: 0 done; 1 failed; 2 wrong usage."


class FileFormat(StrEnum):
    """What kind of file it is."""

    csv = "csv"
    ndjson = "ndjson"
    xlsx = "xlsx"


class DeletedRecords(StrEnum):
    """Whether records in the bin come too, or only they."""

    include = "include"
    only = "only"


def export_file(
    collection: Annotated[str, typer.Argument(help="Such as `contacts`.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file; its ending tells the format.")
    ] = None,
    format: Annotated[
        FileFormat | None, typer.Option(help="When the ending does not tell; csv by default.")
    ] = None,
    filter: Annotated[str | None, typer.Option(help="The filter language, as JSON.")] = None,
    view: Annotated[str | None, typer.Option(help="The id of a saved view.")] = None,
    fields: Annotated[str | None, typer.Option(help="Columns: `name,company.name`.")] = None,
    sort: Annotated[str | None, typer.Option(help="Such as `-created_at,name`.")] = None,
    deleted: Annotated[DeletedRecords | None, typer.Option(help="Records in the bin.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV file.")] = None,
    url: Annotated[str | None, typer.Option(envvar="CRM_URL", help="The service.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="CRM_API_KEY", help="Without it: the demo key of here.")
    ] = None,
    *,
    bom: Annotated[bool, typer.Option("--bom", help="Begin a CSV file as Excel likes it.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Export a collection to a CSV, NDJSON or XLSX file."""
    kind = format or _format_of(out)
    target = out or Path(f"{collection}.{kind.value}")
    if target.exists() and not force:
        raise Failed(f"{target} is there already; say --force to replace it", code=2)
    body: dict[str, Any] = {
        "format": kind.value,
        "filter": _parsed(filter),
        "view": view,
        "fields": _split(fields),
        "sort": _split(sort),
        "deleted": deleted and deleted.value,
        "delimiter": delimiter,
        "bom": bom,
    }
    url, key = address_of(url, key)
    given = {name: value for name, value in body.items() if value}
    done = _exported(Service(url, key), collection, given, target)
    if as_json:
        keep = ("id", "status", "format", "rows", "size_bytes")
        print_json({name: done[name] for name in keep} | {"file": str(target)})
        return
    say(f"{done['rows']} rows in {target}")


def _exported(opened: Service, collection: str, body: dict[str, Any], target: Path) -> Any:
    with opened as service, progress_bar() as progress:
        begun = service.ask("POST", f"/v1/{collection}/export", json=body)
        id = begun["export"]["id"]
        follow(service, progress, begun["job_id"], f"export {id}", "Exporting")
        done = service.patient(f"/v1/exports/{id}")
        # Whole or not at all: a download that breaks off leaves what was there.
        part = target.with_name(f"{target.name}.part")
        try:
            service.save(done["download_url"], part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        return done


def _format_of(path: Path | None) -> FileFormat:
    ending = path.suffix.removeprefix(".").lower() if path else ""
    return FileFormat(ending) if ending in {*FileFormat} else FileFormat.csv


def _parsed(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Failed(f"--filter is not JSON: {error}", code=2) from None


def _split(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
