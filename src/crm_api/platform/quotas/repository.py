"""Where quotas stand, and how much of them is used."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.rates import Quota
from crm_api.platform.quotas.models import NAMES

REMEMBERED_S = 60.0
"""How long a quota that has changed may still be what it was."""
_MOST = 10_000
_OWN = (
    f"SELECT {', '.join(NAMES)}, records_used FROM organization_quotas WHERE organization_id = $1"  # noqa: S608
)
_SET = f"""
    INSERT INTO organization_quotas (organization_id, {", ".join(NAMES)}, records_used)
    VALUES ({", ".join(f"${place}" for place in range(1, len(NAMES) + 2))}, {{used}})
    ON CONFLICT (organization_id) DO UPDATE
    SET {", ".join(f"{name} = excluded.{name}" for name in (*NAMES, "records_used"))}
"""  # noqa: S608
# Whatever `ddl.count_records` was called for.
_COUNTED = """
    SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = 'count_records'
    ORDER BY name
"""
_USERS = "SELECT count(*) AS n FROM users WHERE organization_id = $1 AND deleted_at IS NULL"

_FILE_BYTES = "SELECT crm_file_bytes($1, $2) AS n"


class Quotas:
    """What the rates of organizations are; remembered, so that most leases ask nothing."""

    def __init__(self, database: Database, *, key: int, organization: int) -> None:
        self._database = database
        self._defaults = {"key_requests_per_minute": key, "requests_per_minute": organization}
        self._known: dict[UUID, tuple[float, Sequence[Quota]]] = {}

    async def rates(self, organization_id: UUID) -> Sequence[Quota]:
        """The quotas of requests: those of a credential and of all together."""
        known = self._known.get(organization_id)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        rows = await self._database.fetch(organization_id, _OWN, [organization_id])
        own = rows[0] if rows else {}
        found = rates_of({n: own.get(n) or most for n, most in self._defaults.items()})
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[organization_id] = (time.monotonic() + REMEMBERED_S, found)
        return found


def rates_of(limits: dict[str, int]) -> list[Quota]:
    """Quotas by their columns; 0 stands for none."""
    kinds = (
        Quota("key", limits["key_requests_per_minute"]),
        Quota("organization", limits["requests_per_minute"], shared=True),
    )
    return [quota for quota in kinds if quota.points]


async def set_quotas(database: Database, organization_id: UUID, quotas: Mapping[str, Any]) -> None:
    """Replace the quotas of an organization; by the worker's role alone.

    With a limit for records those that there are are counted, this once.
    """
    args = [organization_id, *(quotas.get(name) for name in NAMES)]
    used = "0"
    if quotas.get("records") is not None:
        tables = [row["name"] for row in await database.fetch(organization_id, _COUNTED, [])]
        counts = (f"(SELECT count(*) FROM {t} WHERE organization_id = $1)" for t in tables)  # noqa: S608
        used = " + ".join(counts)
    await database.fetch(organization_id, _SET.format(used=used), args)


async def quotas_of(tx: Tx) -> dict[str, Any]:
    """The quotas of the actor's organization that differ from the installation's."""
    rows = await tx.fetch(_OWN, tx.organization_id)
    return dict(rows[0]) if rows else dict.fromkeys((*NAMES, "records_used"))


async def users_of(tx: Tx) -> int:
    """How many users the actor's organization has."""
    return (await tx.fetch(_USERS, tx.organization_id))[0]["n"]


async def file_bytes_of(tx: Tx) -> int:
    """How many bytes of files the actor's organization has stored."""
    return (await tx.fetch(_FILE_BYTES, tx.organization_id, tx.now))[0]["n"]
