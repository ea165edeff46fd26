"""Secret addresses that programs read without a credential, such as calendar feeds.

A token says where its row is; of its secret a keyed hash is stored. Whoever makes tokens up is
counted by their network address.
"""

from typing import Any
from uuid import UUID

from crm_api.kit.attempts import Attempts
from crm_api.kit.db.database import Database
from crm_api.kit.errors import NotFound
from crm_api.kit.ids import new_id
from crm_api.kit.tokens import Opaque, keyed_hash, new_secret, parse, same


class SecretLinks:
    """The addresses of one kind: the word in its tokens, what the hashes are for, and its rows.

    `opening` is a statement for the row of an organization (`$1`) and an id (`$2`), with its
    `secret_hash`.
    """

    def __init__(self, kind: str, purpose: str, opening: str) -> None:
        self.kind, self._purpose, self._opening = kind, purpose, opening

    def make(self, database: Database, organization_id: UUID) -> tuple[UUID, str, str]:
        """The id of a new row, its token, and the hash that is stored."""
        token = Opaque(self.kind, (organization_id, id := new_id()), new_secret())
        return id, str(token), self._hash(database, token.secret)

    async def open(
        self, database: Database, token: str, address: str | None
    ) -> tuple[UUID, UUID, Any]:
        """The organization of a token, the id of its row, and the row.

        Raises `NotFound`, `TooMany` where too many tokens of that address were made up.
        """
        known = parse(token, self.kind, 2)
        if known is not None:
            organization_id, id = known.ids
            rows = await database.fetch(organization_id, self._opening, (organization_id, id))
            if rows and same(rows[0]["secret_hash"], self._hash(database, known.secret)):
                return organization_id, id, rows[0]
        attempts = Attempts(database)
        await attempts.count(attempts.links(address))
        raise nothing_there()

    def _hash(self, database: Database, secret: str) -> str:
        return keyed_hash(database.signing_key, self._purpose, secret)


def nothing_there() -> NotFound:
    """The error for an address that opens nothing, or nothing any more."""
    return NotFound("There is nothing behind this link.", code="unknown_link")
