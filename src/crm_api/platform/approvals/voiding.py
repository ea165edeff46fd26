"""What becomes of requests when the record is another one than they are about."""

from collections.abc import Collection, Sequence
from uuid import UUID

from crm_api.kit.crud.collections import service_type
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.db.tx import Tx
from crm_api.platform.approvals.fingerprints import Fingerprints
from crm_api.platform.approvals.repository import APPROVALS, Approvals
from crm_api.platform.approvals.service import ApprovalService, is_same


async def void_changed(tx: Tx, entity: str, ids: Collection[UUID]) -> None:
    """Void what was asked for, or given, for records as they are no more.

    A part of the transaction that changed them, which holds their locks: whoever decides
    meanwhile waits for it, and then finds nothing to decide on.
    """
    if entity not in tx.catalogue.approved:
        return
    service = ApprovalService(tx)
    settled = service.settled.get(entity)
    ids = set(ids) - (set() if settled is None else await settled(tx, ids))
    live = await service.records.live(entity, list(ids)) if ids else []
    if not live:
        return
    records = list({one.record_id for one in live})
    prints = await Fingerprints.read(tx, service_type(tx, entity), records)
    for one in live:
        if not is_same(prints, one):
            values = {
                "status": "voided",
                "reason": "changed" if prints.is_there(one.record_id) else "deleted",
                "step": None,
                "waiting_for": [],
                "due_at": None,
                "ended_at": tx.now,
            }
            await service.go_on(one, values, "voided")


async def end_with_record(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Destroy the requests about records that were destroyed."""
    gone = await Approvals(tx).ids_about(entity, ids)
    if gone:
        await destroy(tx, APPROVALS, gone)
        await empty_events(tx, gone)
