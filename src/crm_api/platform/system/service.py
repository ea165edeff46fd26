"""The status of an organization, section by section."""

from collections.abc import Iterable
from typing import Any

from crm_api.kit.db.tx import Tx
from crm_api.kit.standing import Standing

AREA = "system"


async def status_of(tx: Tx, standings: Iterable[Standing]) -> dict[str, Any]:
    """How everything of the actor's organization fares."""
    tx.actor.require(f"{AREA}:read")
    found: dict[str, Any] = {"at": tx.now}
    for standing in standings:
        found[standing.name] = await standing.read(tx)
    return found
