"""What becomes of quotes in the background: printed when sent, told of, expired by their days."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.quotes.actions import QuoteActions
from crm_api.domains.quotes.documents import SHELF, print_version
from crm_api.domains.quotes.drifting import tell_drift
from crm_api.domains.quotes.events import PrintQuote
from crm_api.domains.quotes.reminding import remind_of_end, remind_of_silence
from crm_api.domains.quotes.schemas import QuoteDecision
from crm_api.domains.quotes.service import QuoteService
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart, Stumbled
from crm_api.kit.crud.due import moving
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files
from crm_api.kit.files.sweeping import remove_unneeded
from crm_api.kit.jobs import JobContext, runs

_DUE = "SELECT organization_id, quote_id, time_zone FROM crm_quotes_due($1, $2, $3)"
_OPEN = "SELECT organization_id, quote_id, time_zone FROM crm_quotes_open($1, $2, $3)"
_UNNEEDED = """
    SELECT name FROM unnest($2::text[]) AS name
    WHERE NOT EXISTS (SELECT FROM quote_versions WHERE organization_id = $1 AND stored_as = name)
    AND EXISTS (SELECT FROM organizations WHERE id = $1)
"""
_BATCH = 500
_NOBODY = UUID(int=0)


@runs(PrintQuote)
async def print_quote(context: JobContext, message: PrintQuote) -> dict[str, Any] | None:
    """Make the document of a version that was sent."""
    return await print_version(context, message.version_id)


remind_of_ends = moving("crm_quotes_expiring", QuoteService, remind_of_end)
remind_of_silences = moving("crm_quotes_unviewed", QuoteService, remind_of_silence)


async def remind(database: Database, files: Files) -> None:
    """Remind owners of quotes that end soon, and of those that nobody has looked at."""
    stumbled = None
    for look in (remind_of_ends, remind_of_silences):
        try:
            await look(database, files)
        except Stumbled as error:
            stumbled = error
    if stumbled is not None:
        raise stumbled


async def expire(database: Database, _files: Files) -> None:
    """Have quotes expire whose last day is over, in the time zone of each organization."""
    await _for_each(database, _DUE, _expire)


async def check_prices(database: Database, _files: Files) -> None:
    """Tell of open quotes whose prices are others by now."""
    await _for_each(database, _OPEN, _check_prices)


async def _for_each(
    database: Database, statement: str, act: Callable[[Database, Actor, UUID], Awaitable[None]]
) -> None:
    scopes, after, apart = frozenset({"*"}), (_NOBODY, _NOBODY), Apart()
    while rows := await database.ask(statement, *after, _BATCH):
        for own, id, time_zone in rows:
            actor = Actor(own, "system", scopes=scopes, time_zone=time_zone)
            # Changed meanwhile, or the module is closed: it is looked at again the next time.
            await apart.do(f"quote {id}", act(database, actor, id))
        after = (rows[-1]["organization_id"], rows[-1]["quote_id"])
    apart.end()


async def _expire(database: Database, actor: Actor, id: UUID) -> None:
    async with unit_of_work(Tx(database, actor)) as tx:
        await QuoteActions(tx).decide(id, "expire", QuoteDecision(by=None, comment=None))


async def _check_prices(database: Database, actor: Actor, id: UUID) -> None:
    await tell_drift(Tx(database, actor, read_only=True), Tx(database, actor), id)


async def remove_files(database: Database, files: Files) -> None:
    """Remove the documents that no version leads to: of tries that died, of what was purged."""

    async def unneeded(organization_id: UUID, names: Sequence[str]) -> list[str]:
        rows = await database.fetch(organization_id, _UNNEEDED, (organization_id, list(names)))
        return [row["name"] for row in rows]

    await remove_unneeded(files, SHELF, unneeded)
