"""Following the stored chain of an organization from its beginning to its head."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.db.database import Database
from crm_api.platform.audit.chain import Break, Findings, Heads, Verifier
from crm_api.platform.audit.repository import Anchors, Fetch, Seals


@dataclass(frozen=True)
class Report:
    """What a verification says of an organization."""

    organization_id: UUID
    position: int
    hash: bytes
    findings: Findings

    @property
    def is_whole(self) -> bool:
        """Whether all is as it was sealed."""
        return not self.findings.number_of_breaks

    def told(self) -> dict[str, Any]:
        """As it is shown and stored."""
        found = self.findings
        return {
            "organization_id": self.organization_id,
            "is_whole": self.is_whole,
            "position": self.position,
            "hash": self.hash.hex(),
            "events": found.events,
            "erased": found.erased,
            "withheld": found.withheld,
            "number_of_breaks": found.number_of_breaks,
            "breaks": [
                {
                    "kind": each.kind,
                    "position": each.position,
                    "event_id": each.event_id,
                    "message": each.message,
                }
                for each in found.breaks
            ],
        }


async def verify(
    fetch: Fetch, organization_id: UUID, key: bytes, heads: Heads | None = None
) -> Report:
    """Find whatever was changed, taken out, put in or moved since it was sealed.

    Anchors must be signed by `key`, and the chain must still go through `heads`.
    """
    seals = Seals(fetch, organization_id)
    verifier = Verifier(organization_id, key=key, heads=heads)
    head = await seals.head()
    last = head["top"] if head else 0
    anchors = Anchors(seals.anchors(0, last))
    async for page in seals.pages(0, last):
        for sealed in page:
            verifier.event(sealed)
            for anchor in await anchors.until(sealed.position):
                verifier.anchor(anchor)
    for anchor in await anchors.until(None):
        verifier.anchor(anchor)
    if verifier.anchored != verifier.position:
        message = "No anchor holds what comes after this position."
        verifier.findings.add(Break("anchor_missing", message, verifier.anchored))
    if head:
        await _look_beside(seals, head, verifier)
        findings = verifier.end(head["position"] or 0, head["hash"])
    else:
        findings = verifier.end(0, None)
    return Report(organization_id, verifier.position, verifier.hash, findings)


async def verify_stored(
    database: Database, organization_id: UUID, heads: Heads | None = None
) -> Report:
    """The same for a database, without a transaction that would hold it up."""

    async def fetch(sql: str, *args: Any) -> list[Any]:
        return await database.fetch(organization_id, sql, args)

    return await verify(fetch, organization_id, database.signing_key, heads)


async def _look_beside(seals: Seals, head: Any, verifier: Verifier) -> None:
    if head["position"] is None:
        return
    async for id in seals.unsealed(head):
        verifier.unsealed(id)
    for data in await seals.erasures(head["position"]):
        verifier.witness(data)
