"""The commands, and how what goes wrong ends them."""

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from uuid import UUID

import structlog
import typer
from pydantic import ValidationError

from crm_api.cli import exports, imports, jobs, keys, schema
from crm_api.cli.audit import audit
from crm_api.cli.documents import documents
from crm_api.cli.exchange import exchange
from crm_api.cli.output import Failed, fail, print_json, say
from crm_api.settings import MissingSetting, Settings

if TYPE_CHECKING:
    from crm_api.dev.supervisor import Running

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or a missing setting. "
    "Settings are CRM_* environment variables; `crm-api schema settings` lists them."
)

app = typer.Typer(
    name="crm-api",
    help="A headless CRM: REST, GraphQL and webhooks over one picture of the client.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
organizations = typer.Typer(help="Organizations: each sees its own data alone.", epilog=EPILOG)
app.add_typer(organizations, name="org", no_args_is_help=True)
app.add_typer(jobs.jobs, name="jobs", no_args_is_help=True)
app.add_typer(audit, name="audit", no_args_is_help=True)
app.add_typer(documents, name="document", no_args_is_help=True)
app.add_typer(exchange, name="exchange", no_args_is_help=True)
secrets = typer.Typer(help="Keys of what is encrypted at rest.", epilog=EPILOG)
app.add_typer(secrets, name="keys", no_args_is_help=True)
secrets.command("rotate", epilog=EPILOG)(keys.rotate)
app.command("import", epilog=EPILOG)(imports.import_file)
app.command("export", epilog=exports.EPILOG)(exports.export_file)
app.command("schema", epilog=EPILOG)(schema.schema)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command(epilog=EPILOG)
def dev() -> None:
    """Run everything here: PostgreSQL, Redis, schema, demo data, API and worker.

    CRM_DATABASE_URL and CRM_REDIS_URL name servers of your own instead. Data stays in
    CRM_DATA_DIR (.crm). Ctrl-C stops it all.
    """
    from crm_api.dev.supervisor import DevFailed, develop
    from crm_api.embedded import DataDirInUse, EmbeddedServerFailed

    settings = _settings()
    try:
        asyncio.run(
            develop(settings, tell=lambda text: say(f"  {text}", "dim"), announce=_announce)
        )
    except (DevFailed, DataDirInUse, EmbeddedServerFailed) as error:
        fail(str(error))


@app.command(epilog=EPILOG)
def serve(
    host: Annotated[str | None, typer.Option(help="Instead of CRM_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of CRM_PORT.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes.")] = 1,
) -> None:
    """Run the API in production; a `worker` beside it does the background work."""
    import uvicorn

    from crm_api.api import logs
    from crm_api.serving import APPLICATION, uvicorn_options

    settings = _settings()
    _require(settings, "database_url", "secret_key", "encryption_keys")
    logs.configure(settings)
    host, port = host or settings.host, port or settings.port
    structlog.get_logger("crm_api.cli").info("serving", host=host, port=port, workers=workers)
    # Uvicorn sends itself the signal again when all is done; that is no failure.
    signal.signal(signal.SIGTERM, _leave)
    try:
        options = uvicorn_options(settings)
        uvicorn.run(APPLICATION, host=host, port=port, workers=workers, **options)
    except SystemExit as ended:
        raise SystemExit(1 if ended.code else 0) from None


@app.command(epilog=EPILOG)
def worker() -> None:
    """Run background work until SIGTERM; as many workers as you like may run."""
    import uvloop

    from crm_api.worker import run

    settings = _settings()
    _require(settings, "database_url", "redis_url", "secret_key", "encryption_keys")
    uvloop.run(run(settings))


@app.command(epilog=EPILOG)
def migrate(
    to: Annotated[str, typer.Option(metavar="REV", help="Up to this revision.")] = "head",
    down: Annotated[
        str | None, typer.Option(metavar="REV", help="Down to this one; `base` for none.")
    ] = None,
    *,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL instead; --down then takes FROM:TO.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database up to date, as CRM_MIGRATION_DATABASE_URL or CRM_DATABASE_URL."""
    from alembic.util import CommandError

    from crm_api import migrator

    try:
        if sql:
            migrator.script_down(down) if down else migrator.script(to)
            return
        settings = _here()
        url = settings.migration_database_url or settings.database_url
        if url is None:
            raise MissingSetting("database_url")
        before, after = asyncio.run(_migrate(url, to, down))
    except (CommandError, migrator.NoMigrations) as error:
        fail(str(error))
    if as_json:
        print_json({"from": before, "to": after})
    elif before == after:
        say(f"The database is at {after}; nothing to do.")
    else:
        say(f"The database went from {before or 'nothing'} to {after or 'nothing'}.")


@app.command(epilog=EPILOG)
def seed(*, as_json: AsJson = False) -> None:
    """Make the demo organization and whatever is missing of its made-up records."""
    made = asyncio.run(_seed(_here()))
    if as_json:
        print_json(made)
        return
    records = made["made"]
    say(f"Made {records['companies']} companies and {records['contacts']} contacts.")
    say(f"Demo key: {made['api_key']}")


@app.command(epilog=EPILOG)
def reindex(
    organization: Annotated[
        list[UUID] | None, typer.Option(help="Only this one; may stand several times.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write the search words of all records anew, while everything runs.

    After an upgrade that finds by more than the one before did.
    """
    done = asyncio.run(_reindex(_here(), organization))
    if as_json:
        print_json({"records": done})
        return
    say(f"Indexed {done} records.")


@organizations.command("create", epilog=EPILOG)
def create_organization(
    name: str,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 alpha-2.")] = None,
    time_zone: Annotated[str, typer.Option(help="An IANA time zone.")] = "UTC",
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "EUR",
    *,
    as_json: AsJson = False,
) -> None:
    """Found an organization; prints its id and a key that may do everything, this once."""
    checked = _checked(name=name, country=country, time_zone=time_zone, currency=currency)
    id, key = asyncio.run(_found(_here(), checked))
    if as_json:
        print_json({"id": str(id), "name": checked["name"], "api_key": key})
        return
    say(f"Organization: {id}")
    say(f"API key:      {key}")


@organizations.command("quota", epilog=EPILOG)
def set_quota(
    organization: UUID,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Of all credentials together.")
    ] = None,
    key_requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Of each credential.")
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, help="How many users there may be.")] = None,
    records: Annotated[
        int | None, typer.Option(min=1, help="How many records, those in the bin too.")
    ] = None,
    file_bytes: Annotated[
        int | None, typer.Option(min=1, help="Of uploads and exports that are kept.")
    ] = None,
) -> None:
    """Say what an organization may use; what is left out is as the settings have it.

    Requests follow within a minute. What is there already stays.
    """
    quotas = {
        "requests_per_minute": requests_per_minute,
        "key_requests_per_minute": key_requests_per_minute,
        "users": users,
        "records": records,
        "file_bytes": file_bytes,
    }
    asyncio.run(_set_quotas(_here(), organization, quotas))
    say("The quotas are set.")


def main() -> None:
    """Run the command line; whatever is known to go wrong is one line and an exit code."""
    from sqlalchemy.exc import SQLAlchemyError

    from crm_api.kit.errors import CrmError

    try:
        app()
    except Failed as error:
        fail(str(error), code=error.code)
    except MissingSetting as error:
        fail(f"{error}; `crm-api schema settings` explains it", code=2)
    except CrmError as error:
        fail(error.detail)
    except SQLAlchemyError as error:
        fail(f"the database: {str(getattr(error, 'orig', None) or error).splitlines()[0]}")
    except OSError as error:
        fail(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}")


def _leave(_number: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def _settings() -> Settings:
    try:
        return Settings()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Failed(f"CRM_{str(first['loc'][0]).upper()}: {first['msg']}", code=2) from None


def _here() -> Settings:
    """The settings; a `crm-api dev` that runs here lends its database."""
    from crm_api.dev.data_dir import completed

    return completed(_settings())


def _require(settings: Settings, *names: str) -> None:
    for name in names:
        if getattr(settings, name) in (None, ()):
            raise MissingSetting(name)


def _announce(running: "Running") -> None:
    url, key = running.url, running.api_key
    say(f"\nReady in {running.seconds:.1f} s; Ctrl-C stops it.\n", "bold green")
    say(f"  API       {url}")
    say(f"  Docs      {url}/docs")
    say(f"  GraphQL   {url}/graphql")
    say(f"  Demo key  {key}")
    say("\nTry it:\n")
    say(f"curl -H 'Authorization: Bearer {key}' {url}/v1/contacts\n", "cyan")


async def _migrate(url: str, to: str, down: str | None) -> tuple[str | None, str | None]:
    from crm_api import migrator

    before = await migrator.revision(url)
    if down:
        await migrator.migrate_down(url, down)
    else:
        await migrator.migrate(url, to)
    return before, await migrator.revision(url)


async def _seed(settings: Settings) -> dict[str, Any]:
    from crm_api.api.services import open_database
    from crm_api.dev import demo
    from crm_api.dev.data_dir import DataDir

    database = open_database(settings)
    try:
        key = await demo.open_demo(database, DataDir(settings.data_dir))
        made = await demo.seed(database)
    finally:
        await database.close()
    return {"organization_id": str(key.organization_id), "api_key": key.api_key, "made": made}


async def _found(settings: Settings, values: dict[str, str]) -> tuple[UUID, str]:
    from crm_api.api.services import open_database
    from crm_api.platform.identity.service import found_organization

    database = open_database(settings)
    try:
        return await found_organization(database, **values)  # pyright: ignore[reportArgumentType]
    finally:
        await database.close()


async def _set_quotas(settings: Settings, id: UUID, quotas: dict[str, int | None]) -> None:
    from crm_api.api.services import open_database
    from crm_api.kit.db.database import WORKER_ROLE
    from crm_api.platform.quotas.repository import set_quotas

    database = open_database(settings, role=WORKER_ROLE)
    try:
        await set_quotas(database, id, quotas)
    finally:
        await database.close()


async def _reindex(settings: Settings, organizations: list[UUID] | None) -> int:
    from crm_api.api.services import open_database
    from crm_api.kit.db.database import WORKER_ROLE
    from crm_api.platform.search.reindexing import reindex
    from crm_api.registry import SEARCHED

    database = open_database(settings, role=WORKER_ROLE)
    try:
        return await reindex(database, SEARCHED, organizations)
    finally:
        await database.close()


def _checked(**values: str | None) -> dict[str, str]:
    from pydantic import TypeAdapter

    from crm_api.kit.schema import Country, Currency, Name, TimeZone

    kinds: dict[str, Any] = {
        "name": Name,
        "country": Country,
        "time_zone": TimeZone,
        "currency": Currency,
    }
    checked: dict[str, str] = {}
    for field, value in values.items():
        if value is None:
            continue
        try:
            checked[field] = TypeAdapter[Any](kinds[field]).validate_python(value)
        except ValidationError as error:
            option = field if field == "name" else f"--{field.replace('_', '-')}"
            message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise Failed(f"{option}: {message}", code=2) from None
    return checked
