"""`crm-api import`: a file on its way into the service, over its public REST API."""

import json
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from crm_api.cli.output import Failed, err, out, print_json, say
from crm_api.cli.service import Service, address_of, follow, progress_bar

EPILOG = "Exit codes: 0 done, even when rows were rejected; 1 failed; 2 wrong usage."


class OnDuplicate(StrEnum):
    """What a row does to the record that it matches."""

    update = "update"
    skip = "skip"
    create = "create"


Entity = Annotated[
    str, typer.Option(help="What the rows become: a kind of record, or a custom object.")
]
Match = Annotated[
    list[str] | None,
    typer.Option(help="By what records are matched, such as email; the first ones first."),
]
Source = Annotated[str | None, typer.Option(help="The system that external ids come from.")]
Country = Annotated[str | None, typer.Option(help="Of phone numbers without a prefix, as DE.")]
DayFirst = Annotated[
    bool | None, typer.Option("--day-first/--month-first", help="How 3/2/1954 is read.")
]
Tags = Annotated[list[str] | None, typer.Option(help="For all records of the file.")]


def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    entity: Entity = "contact",
    url: Annotated[str | None, typer.Option(envvar="CRM_URL", help="The service.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar="CRM_API_KEY", help="Without it: the demo key of here.")
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="JSON: a field or null by column."),
    ] = None,
    on_duplicate: Annotated[
        OnDuplicate | None, typer.Option(help="When a record matches; update by default.")
    ] = None,
    match: Match = None,
    source: Source = None,
    country: Country = None,
    day_first: DayFirst = None,
    tags: Tags = None,
    encoding: Annotated[str | None, typer.Option(help="When the detected one is wrong.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="When the detected one is wrong.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, but write nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import a CSV, XLSX or NDJSON file: upload, check, ask, run.

    Rows with mistakes are left out and written beside the file, as FILE.errors.csv, with a
    reason each. Exit code 0 even then.
    """
    if not (yes or dry_run) and (as_json or not sys.stdin.isatty()):
        raise Failed("nobody can be asked here; say --yes or --dry-run", code=2)
    own = {"on_duplicate": on_duplicate and on_duplicate.value, "match": match, "tags": tags}
    own |= {"source": source, "country": country, "day_first": day_first}
    changes = {"mapping": _read_mapping(mapping), "options": _said(own) or None}
    service = Service(*address_of(url, key))
    form = {"entity": entity, "encoding": encoding, "delimiter": delimiter}
    wishes = _said(form), _said(changes)
    _import(service, file, wishes, dry_run=dry_run, ask=not yes, as_json=as_json)


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value not in (None, [])}


def _import(
    service: Service,
    file: Path,
    wishes: tuple[dict[str, Any], dict[str, Any]],
    *,
    dry_run: bool,
    ask: bool,
    as_json: bool,
) -> None:
    """Do it, and show what came of it."""
    made, errors = _imported(service, file, wishes, ask=ask, run=not dry_run, tell=not as_json)
    if as_json:
        _print_result(made, errors, dry_run=dry_run)
        return
    _show_counts(made["counts"], dry_run=dry_run)
    if errors:
        say(f"Rows with mistakes: {errors}", "yellow")
    if not dry_run:
        say(f"To undo it: POST {service.url}/v1/imports/{made['id']}/revert", "dim")


def _imported(
    opened: Service,
    file: Path,
    wishes: tuple[dict[str, Any], dict[str, Any]],
    *,
    ask: bool,
    run: bool,
    tell: bool,
) -> tuple[dict[str, Any], Path | None]:
    form, changes = wishes
    with opened as service, progress_bar() as progress:
        made = _upload(service, progress, file, form)
        if changes:
            made = service.ask("PATCH", f"/v1/imports/{made['id']}", json=changes)
        if tell:
            progress.stop()
            _show_mapping(made)
            progress.start()
        made = _run(service, progress, made, "validate", "Checking")
        if run:
            progress.stop()
            if ask and not _agreed(made["counts"]):
                raise Failed(f"nothing was imported; the upload waits as {made['id']}")
            progress.start()
            made = _run(service, progress, made, "start", "Importing")
        errors = _save_errors(service, made, file) if made["counts"].get("error") else None
    return made, errors


def _print_result(made: dict[str, Any], errors: Path | None, *, dry_run: bool) -> None:
    keep = ("id", "status", "filename", "rows", "counts", "mapping")
    shown = {name: made[name] for name in keep}
    print_json(shown | {"dry_run": dry_run, "errors_file": str(errors) if errors else None})


class _Watched(BufferedReader):
    """A file that tells how much of it has been read."""

    def __init__(self, path: Path, seen: Callable[[int], None]) -> None:
        super().__init__(FileIO(path))
        self._seen = seen

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        self._seen(len(chunk))
        return chunk


def _read_mapping(path: Path | None) -> dict[str, str | None] | None:
    if path is None:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise Failed(f"{path} is not JSON: {error}", code=2) from None
    if not isinstance(found, dict):
        raise Failed(f"{path} is not a JSON object of columns and fields", code=2)
    return found  # pyright: ignore[reportUnknownVariableType]


def _upload(service: Service, progress: Progress, file: Path, form: dict[str, str]) -> Any:
    bar = progress.add_task("Uploading", total=file.stat().st_size)
    with _Watched(file, lambda read: progress.advance(bar, read)) as content:
        made = service.ask("POST", "/v1/imports", data=form, files={"file": (file.name, content)})
    progress.remove_task(bar)
    return made


def _run(service: Service, progress: Progress, made: Any, verb: str, label: str) -> Any:
    path = f"/v1/imports/{made['id']}"
    job_id = service.ask("POST", f"{path}/{verb}")["job_id"]
    follow(service, progress, job_id, f"import {made['id']}", label, total=made["rows"] or None)
    return service.patient(path)


def _agreed(counts: dict[str, int]) -> bool:
    _show_counts(counts, dry_run=True)
    return typer.confirm("Import them?", err=True)


def _save_errors(service: Service, made: Any, file: Path) -> Path:
    target = file.with_name(f"{file.stem}.errors.csv")
    service.save(f"/v1/imports/{made['id']}/errors", target)
    return target


def _show_mapping(made: Any) -> None:
    described = made["format"]
    details = [described["kind"], described.get("encoding"), f"{made['rows']} rows"]
    say(f"{made['filename']}: {', '.join(part for part in details if part)}")
    table = Table("column", "becomes", "sure", box=None, header_style="dim")
    for column in made["mapping"]:
        known = column["field"] is not None
        sure = f"{column['confidence']:.0%}" if known else ""
        table.add_row(_plain(column["column"]), column["field"] or "[dim]not read[/]", sure)
    out.print(table)


def _show_counts(counts: dict[str, int], *, dry_run: bool) -> None:
    words = {
        "create": "created",
        "update": "updated",
        "unchanged": "unchanged",
        "skip": "skipped",
        "error": "rejected",
    }
    shown = [f"{counts.get(name, 0)} {word}" for name, word in words.items()]
    # A question follows on stderr; the counts belong there with it.
    console: Console = err if dry_run and sys.stdin.isatty() else out
    lead = "Would be" if dry_run else "Done:"
    console.print(f"{lead} {', '.join(shown)}", soft_wrap=True)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
