"""Sealing anew, with the newest key, whatever older ones have sealed (ADR-0021)."""

from collections.abc import Iterable
from dataclasses import dataclass

from crm_api.kit.db.database import Database
from crm_api.kit.secrets import SealedColumn, Unreadable

ROTATOR_ROLE = "crm_rotator"
"""May read and write the sealed columns, and nothing else."""
BATCH = 500
# What is current is passed over, so whoever begins again goes on where the one before stopped.
_NEXT = """
    SELECT "{key}"::text AS row, {own} AS organization_id, "{column}" AS sealed FROM "{table}"
    WHERE "{column}" IS NOT NULL AND NOT starts_with("{column}", $1) AND "{key}"::text > $2
    ORDER BY "{key}"::text LIMIT $3
"""
# Only what is still as it was read: somebody may have changed the secret meanwhile.
_STORE = """
    UPDATE "{table}" SET "{column}" = new FROM unnest($1::text[], $2::text[], $3::text[])
        AS given (row, old, new)
    WHERE "{key}"::text = given.row AND "{column}" = given.old
"""


@dataclass
class Rotation:
    """What became of the secrets of a column."""

    table: str
    column: str
    sealed: int = 0
    unreadable: int = 0
    """What no key opens any more; left as it is."""


async def rotate(
    database: Database, columns: Iterable[SealedColumn], *, batch: int = BATCH
) -> list[Rotation]:
    """Seal every secret with the first key, in batches; `database` is connected as the rotator."""
    return [await _rotate(database, column, batch) for column in columns]


async def _rotate(database: Database, kept: SealedColumn, batch: int) -> Rotation:
    done, after = Rotation(kept.table, kept.column), ""
    own = "organization_id" if kept.tenant else "NULL::uuid"
    names = {"table": kept.table, "column": kept.column, "key": kept.key, "own": own}
    while True:
        async with database.transaction() as driver:
            keyring = database.secrets
            rows = await driver.fetch(_NEXT.format(**names), keyring.current, after, batch)
            renewed: list[tuple[str, str, str]] = []
            for row in rows:
                place = kept.place(row["organization_id"], row["row"])
                try:
                    secret = keyring.open(row["sealed"], place)
                except Unreadable:
                    done.unreadable += 1
                else:
                    renewed.append((row["row"], row["sealed"], keyring.seal(secret, place)))
            if renewed:
                await driver.execute(_STORE.format(**names), *map(list, zip(*renewed, strict=True)))
        done.sealed += len(renewed)
        if len(rows) < batch:
            return done
        after = rows[-1]["row"]
