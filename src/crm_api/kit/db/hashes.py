"""Keyed hashes of an organization: values are recognised by them, and cannot be read from them."""

import hmac
from hashlib import sha256
from os import urandom

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
    own, database = tx.organization_id, tx.database
    known = database.memory.get(("hasher", own))
    if known is not None:
        return known
    rows = await database.fetch(own, _FIND, [own])
    if not rows:
        return None
    place = Place(own, "hash_keys", "secret", own)
    found = Hasher(bytes.fromhex(database.secrets.open(rows[0]["secret"], place)))
    database.memory.put(("hasher", own), found)
    return found


async def hasher_of(tx: Tx) -> Hasher:
    """The hasher of the organization, which is made here if need be.

    Whatever becomes of the transaction: nobody may remember a key that was rolled back.
    """
    found = await find_hasher(tx)
    if found is None:
        own = tx.organization_id
        sealed = tx.database.secrets.seal(urandom(32).hex(), Place(own, "hash_keys", "secret", own))
        await tx.database.fetch(own, _MAKE, [own, sealed])
        found = await find_hasher(tx)
        assert found is not None
    return found
