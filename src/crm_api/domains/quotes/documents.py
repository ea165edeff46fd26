"""The documents of versions: where they are, and how they are made."""

import asyncio
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.quotes.letterhead import logo_of
from crm_api.domains.quotes.models import QuoteVersion
from crm_api.domains.quotes.printing import proposal_of
from crm_api.domains.quotes.repository import Quotes, QuoteVersions
from crm_api.domains.quotes.service import QuoteVersionService
from crm_api.domains.quotes.versions import no_version
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx, at_one_moment, unit_of_work
from crm_api.kit.errors import WrongState
from crm_api.kit.files.store import Place, new_place
from crm_api.kit.jobs import JobContext
from crm_api.platform.proposals.printing import document_of

SHELF = "quotes"
Status = Literal["pending", "ready", "failed"]


class QuoteDocuments:
    """The documents of the quotes that somebody sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.service = QuoteVersionService(tx)

    async def of(self, quote_id: UUID, revision: int | None = None) -> dict[str, Any]:
        """How the document of a version stands; raises `NotFound`."""
        version, status = await self._version(quote_id, revision)
        path = f"/v1/quotes/{quote_id}/document?revision={version.revision}"
        is_shown = status == "ready" and not self._is_hidden
        return {
            "revision": version.revision,
            "status": status,
            "url": path if is_shown else None,
            "name": version.document_name,
            "sha256": version.document_sha256,
            "size_bytes": version.document_size,
            "job_id": version.job_id,
        }

    async def file(self, quote_id: UUID, revision: int | None = None) -> QuoteVersion:
        """A version whose document is there; raises `NotFound`, `WrongState` where it is not made.

        Raises `Forbidden` where it tells what is hidden.
        """
        version, status = await self._version(quote_id, revision)
        if self._is_hidden:
            raise hidden_field("customer")
        if status != "ready":
            message = {
                "pending": "The document is being made.",
                "failed": "The document could not be made; its job may be tried again.",
            }
            details = {"job_id": str(version.job_id)}
            raise WrongState(message[status], code=f"document_{status}", details=details)
        return version

    @property
    def _is_hidden(self) -> bool:
        """Whether the document says of the customer what is hidden."""
        return "customer" in self.tx.actor.hidden(QuoteVersion.entity)

    async def _version(self, quote_id: UUID, revision: int | None) -> tuple[QuoteVersion, Status]:
        self.service.need("read")
        async with at_one_moment(self.tx) as reader:
            await Quotes(reader).get(quote_id)
            versions = QuoteVersions(reader)
            found = await versions.of(quote_id, revision)
            if found is None:
                raise no_version(quote_id, revision)
            if found.stored_as is not None:
                return found, "ready"
            return found, "failed" if await versions.is_given_up(found) else "pending"

    def place_of(self, version: QuoteVersion) -> Place:
        """Where the bytes of a document are."""
        return Place(SHELF, self.tx.organization_id, str(version.stored_as))


async def print_version(context: JobContext, version_id: UUID) -> dict[str, Any] | None:
    """Make the document of a version and keep it; made again it is the same bytes."""
    async with unit_of_work(context.tx(read_only=True)) as tx:
        version = await QuoteVersions(tx).find(version_id)
        logo = None if version is None else await logo_of(tx, version.content)
    if version is None or version.stored_as is not None:
        return None
    made = await document_of(proposal_of(version.content, version.customer), logo)
    place = new_place(SHELF, context.actor.organization_id)
    async with context.files.draft() as path:
        await asyncio.to_thread(path.write_bytes, made.content)
        # What comes of no commit, or of one whose end is not known, `jobs.remove_files` looks after.
        await context.files.put_file(place, path)
        await _keep(context, version_id, place, made.sha256, len(made.content))
    return {"version_id": str(version_id), "sha256": made.sha256}


async def _keep(
    context: JobContext, version_id: UUID, place: Place, sha256: str, size: int
) -> None:
    async with unit_of_work(context.tx()) as tx:
        service = QuoteVersionService(tx)
        version = await service.records.get(version_id, lock=True)
        await context.job.advance(tx, 1, 1)
        name = f"{version.number}-v{version.revision}.pdf"
        values = {
            "document_name": "".join(c if c.isalnum() or c in "-_." else "-" for c in name),
            "document_sha256": sha256,
            "document_size": size,
            "stored_as": place.name,
        }
        await service.change(version, values, verb="printed")
        for follow in service.printed:
            await follow(tx, version)
