"""Answers that are kept for requests that are sent again (ADR-0016)."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tables import KeptAnswer
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import InProgress

KEPT = timedelta(hours=48)
"""How long; the function `crm_forget_answers` says the same."""
# A request that finds its like at work waits in these steps, without a connection, before it is
# told to come back.
PAUSES = (0.02, 0.05, 0.1, 0.2, 0.3, *(0.5 for _ in range(18)))

_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'answer', $1::text, $2::text), 0))"
_FIND = (
    "SELECT fingerprint, status, headers, body, created_at > $3 AS fresh FROM kept_answers "
    "WHERE organization_id = $1 AND key = $2"
)
_DROP = "DELETE FROM kept_answers WHERE organization_id = $1 AND key = $2"
_FORGET = "SELECT crm_forget_answers()"
_WITH = """
    DELETE FROM kept_answers WHERE organization_id = $1 AND EXISTS (
        SELECT FROM unnest($2::text[]) AS said
        WHERE position(said IN body) > 0 OR position(said IN headers::text) > 0)
    RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer to an earlier request."""

    fingerprint: str
    status: int
    headers: dict[str, str]
    body: bytes | None
    """None where it held a secret."""


async def claim(tx: Tx, key: str) -> Kept | None:
    """The answer that was given under a key; None says that the key is now this transaction's.

    Raises `InProgress` where another transaction has it for too long.
    """
    for pause in PAUSES:
        free = (await tx.write(_LOCK, str(tx.organization_id), key))[0][0]
        # A statement of its own: it sees what was committed before the lock was free.
        found = await tx.fetch(_FIND, tx.organization_id, key, tx.now - KEPT)
        if found and found[0]["fresh"]:
            return _kept(found[0])
        if free:
            if found:
                await tx.write(_DROP, tx.organization_id, key)
            return None
        await tx.abandon()
        await asyncio.sleep(pause)
    raise InProgress


def keep(
    tx: Tx, key: str, fingerprint: str, *, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Store an answer with what it tells of; without its body where that holds a secret."""
    tx.insert(
        KeptAnswer,
        {
            "key": key,
            "fingerprint": fingerprint,
            "status": status,
            "headers": dict(headers),
            "body": None if tx.confidential else body.decode(),
            "created_at": tx.now,
        },
    )


async def forget_old(database: Database) -> None:
    """Remove the answers that nobody can ask for any more, of every organization."""
    while (await database.ask(_FORGET))[0][0]:
        pass


def _kept(row: Any) -> Kept:
    body = row["body"]
    return Kept(
        row["fingerprint"],
        row["status"],
        decode(row["headers"]),
        None if body is None else body.encode(),
    )


async def forget_answers_with(tx: Tx, marks: Iterable[str], values: Iterable[str]) -> int:
    """Forget the answers that hold one of these marks, or a value that is one of these texts."""
    written = [encode(mark).decode()[1:-1] for mark in marks]
    written += [encode(value).decode() for value in values]
    return len(await tx.write(_WITH, tx.organization_id, written))
