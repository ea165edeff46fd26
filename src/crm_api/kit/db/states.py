"""Writing down what an organization makes of the product: one change at a time."""

import asyncio
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from crm_api.kit.custom.catalogue import Catalogue, Snapshot
from crm_api.kit.db.catalogues import REMEMBERED_S, in_zone
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx

_HOLD = """
    INSERT INTO organization_states (organization_id, version, snapshot) VALUES ($1, 0, '{}')
    ON CONFLICT (organization_id) DO UPDATE SET version = organization_states.version
    RETURNING version, snapshot
"""
_PUBLISH = """
    UPDATE organization_states SET version = version + 1, snapshot = snapshot || $2
    WHERE organization_id = $1 RETURNING version, snapshot
"""

_HORIZON = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS n"
_PASSED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1 AS passed"


async def hold_state(tx: Tx) -> None:
    """Have whoever else changes the state wait till the commit, and know what they have made."""
    _know(tx, (await tx.write(_HOLD, tx.organization_id))[0])


async def publish_state(tx: Tx, **parts: Any) -> Catalogue:
    """Have these parts of the state, such as `modules`, be what everybody goes by."""
    return _know(tx, (await tx.write(_PUBLISH, tx.organization_id, encode(parts)))[0])


async def have_derived(tx: Tx, kinds: AbstractSet[str]) -> None:
    """Have every writer of some kinds of record heed that something is derived of them; for good."""
    if not tx.catalogue.clocked.issuperset(kinds):
        await hold_state(tx)
        if not tx.catalogue.clocked.issuperset(kinds):
            await publish_state(tx, clocked=sorted(tx.catalogue.clocked | kinds))


def _know(tx: Tx, row: Any) -> Catalogue:
    found = Catalogue(row["version"], msgspec.json.decode(row["snapshot"], type=Snapshot))
    catalogue = in_zone(found, tx.catalogue.time_zone)
    tx.learned.redefine(catalogue)
    return catalogue


async def await_knowledge(tx: Tx) -> None:
    """Wait for everybody who may still write without knowing what was published."""
    await asyncio.sleep(2 * REMEMBERED_S)
    horizon = (await tx.fetch(_HORIZON))[0]["n"]
    while not (await tx.fetch(_PASSED, horizon))[0]["passed"]:  # noqa: ASYNC110 - the database's to say
        await asyncio.sleep(0.1)
