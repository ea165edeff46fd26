"""`crm-api jobs`: work in the background, over the service's public REST API."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from crm_api.cli.output import Failed, print_json, say
from crm_api.cli.service import Refused, Service, address_of

EPILOG = "Exit codes: 0 done; 1 failed; 2 wrong usage."
Url = Annotated[str | None, typer.Option(envvar="CRM_URL", help="The service.")]
Key = Annotated[
    str | None, typer.Option(envvar="CRM_API_KEY", help="Without it: the demo key of here.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class Status(StrEnum):
    """How far a job is."""

    queued = "queued"
    running = "running"
    succeeded = "succeeded"
    failed = "failed"
    cancelled = "cancelled"


jobs = typer.Typer(help="Work in the background.", epilog=EPILOG)


@jobs.command("list", epilog=EPILOG)
def list_jobs(
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    url: Url = None,
    key: Key = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the latest jobs, such as those that were given up: `--status failed`."""
    asked = "" if status is None else f"&status={status.value}"
    with Service(*address_of(url, key)) as service:
        page = service.ask("GET", f"/v1/jobs?limit=200{asked}")
    if as_json:
        print_json(page)
        return
    for job in page["data"]:
        problem: dict[str, str] = job["error"] or {}
        wrong = problem.get("detail", "")
        say(f"{job['id']}  {job['status']:<9}  {job['kind']}  {wrong}".rstrip())


@jobs.command(epilog=EPILOG)
def retry(
    ids: Annotated[list[str] | None, typer.Argument(help="Ids of failed jobs.")] = None,
    url: Url = None,
    key: Key = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every failed job.")] = False,
    as_json: AsJson = False,
) -> None:
    """Try failed jobs again."""
    if every == bool(ids):
        raise Failed("name jobs, or say --all", code=2)
    with Service(*address_of(url, key)) as service:
        wanted = _failed(service) if every else ids or []
        tried, left = _tried(service, wanted, skips=every)
    if as_json:
        print_json({"data": tried, "left": left})
    else:
        say(f"{len(tried)} queued" + (f", {len(left)} left as they are" if left else ""))


def _tried(service: Service, ids: list[str], *, skips: bool) -> tuple[list[Any], list[str]]:
    """The jobs that are tried again, and those of which another does the same or has done it."""
    tried: list[Any] = []
    left: list[str] = []
    for id in ids:
        try:
            tried.append(service.ask("POST", f"/v1/jobs/{id}/retry"))
        except Refused as refused:
            if not skips or refused.status not in {404, 409}:
                raise
            left.append(id)
    return tried, left


def _failed(service: Service) -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        after = f"&cursor={cursor}" if cursor else ""
        page: Any = service.ask("GET", f"/v1/jobs?limit=200&status=failed{after}")
        found += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    return found
