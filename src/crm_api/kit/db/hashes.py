"""Keyed hashes of an organization: values are recognised by them, and cannot be read from them."""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from os import urandom
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.secrets import Place

_FIND = "SELECT secret FROM hash_keys WHERE organization_id = $1"
_MAKE = """
    INSERT INTO hash_keys (organization_id, secret) VALUES ($1, $2)
    ON CONFLICT (organization_id) DO NOTHING
"""


class Hasher:
    """Makes the hashes of one organization."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, value: str) -> str:
        """The hash of a normalised value; of another kind it is another one."""
        return hmac.new(self._key, f"{kind}\0{value}".encode(), sha256).hexdigest()


async def find_hasher(tx: Tx) -> Hasher | None:
    """The hasher of the organization, if it has hashed anything."""
    known = tx.database.memory.get(("hasher", tx.organization_id))
    # By the connection that there is: whoever holds one and waits for another may wait for those
    # who do the same.
    return known or _remembered(tx, await tx.fetch(_FIND, tx.organization_id))


async def hasher_of(tx: Tx) -> Hasher:
    """The hasher of the organization, which is made here if need be.

    Whatever becomes of the transaction: nobody may remember a key that was rolled back.
    """
    found = await find_hasher(tx)
    if found is None:
        own, database = tx.organization_id, tx.database
        sealed = database.secrets.seal(urandom(32).hex(), _place(own))
        await database.fetch(own, _MAKE, [own, sealed])
        found = _remembered(tx, await database.fetch(own, _FIND, [own]))
        assert found is not None
    return found


def _remembered(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> Hasher | None:
    own, database = tx.organization_id, tx.database
    if not rows:
        return None
    found = Hasher(bytes.fromhex(database.secrets.open(rows[0]["secret"], _place(own))))
    database.memory.put(("hasher", own), found)
    return found


def _place(organization_id: UUID) -> Place:
    return Place(organization_id, "hash_keys", "secret", organization_id)
