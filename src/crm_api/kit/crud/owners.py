"""Whose a record may be: a user of the organization who is let in (ADR-0109)."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid

_THERE = """
    SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
        AND status <> 'suspended'
"""


async def hold_owners(tx: Tx, ids: Iterable[UUID | None]) -> None:
    """Look up at once whom many records are given to, so that `need_owner` knows them."""
    access, known = tx.actor.access, tx.learned.owners
    if access is not None:
        known.add(access.user_id)
    asked = {id for id in ids if id is not None} - known
    if asked:
        rows = await tx.fetch(_THERE, tx.organization_id, list(asked))
        known.update(row["id"] for row in rows)


async def need_owner(tx: Tx, id: UUID, at: str = "/owner_id") -> None:
    """Raise `Invalid` where nobody of this id can be given a record."""
    await need_owners(tx, {at: id})


async def need_owners(tx: Tx, named: Mapping[str, UUID]) -> None:
    """Raise `Invalid` where nobody can be given something of those named, each at its pointer."""
    await hold_owners(tx, named.values())
    message, known = "There is no such user.", tx.learned.owners
    faults = [
        Fault("unknown_reference", message, at) for at, id in named.items() if id not in known
    ]
    if faults:
        raise Invalid(message, faults=faults)


def hand_down(tx: Tx, id: UUID | None) -> UUID | None:
    """The owner of a record for another one that follows from it, whatever has become of them."""
    if id is not None:
        tx.learned.owners.add(id)
    return id
