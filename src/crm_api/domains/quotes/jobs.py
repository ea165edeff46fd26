"""What becomes of quotes in the background: printed when they are sent, expired by their days."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.quotes.actions import QuoteActions
from crm_api.domains.quotes.documents import SHELF, print_version
from crm_api.domains.quotes.events import PrintQuote
from crm_api.domains.quotes.schemas import QuoteDecision
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError
from crm_api.kit.files.store import Files
from crm_api.kit.files.sweeping import remove_unneeded
from crm_api.kit.jobs import JobContext, runs

_DUE = "SELECT organization_id, quote_id, time_zone FROM crm_quotes_due($1, $2, $3)"
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


async def expire(database: Database, _files: Files) -> None:
    """Have quotes expire whose last day is over, in the time zone of each organization."""
    after = (_NOBODY, _NOBODY)
    while rows := await database.ask(_DUE, *after, _BATCH):
        for row in rows:
            await _expire(database, row["organization_id"], row["quote_id"], row["time_zone"])
        after = (rows[-1]["organization_id"], rows[-1]["quote_id"])


async def _expire(database: Database, organization_id: UUID, id: UUID, time_zone: str) -> None:
    scopes = frozenset({"*"})
    actor = Actor(organization_id, "system", scopes=scopes, time_zone=time_zone)
    try:
        async with unit_of_work(Tx(database, actor)) as tx:
            await QuoteActions(tx).decide(id, "expire", QuoteDecision(by=None, comment=None))
    except CrmError as error:
        # Accepted meanwhile, or the module is closed: it is looked at again the next time.
        if error.status >= 500:
            raise


async def remove_files(database: Database, files: Files) -> None:
    """Remove the documents that no version leads to: of tries that died, of what was purged."""

    async def unneeded(organization_id: UUID, names: Sequence[str]) -> list[str]:
        rows = await database.fetch(organization_id, _UNNEEDED, (organization_id, list(names)))
        return [row["name"] for row in rows]

    await remove_unneeded(files, SHELF, unneeded)
