"""What other steps have to do with promises: deals that are won, projects that are closed."""

from collections.abc import Container, Sequence
from uuid import UUID

from crm_api.domains.commitments.models import Commitment
from crm_api.domains.commitments.repository import AREA, COMMITMENTS, Commitments
from crm_api.domains.commitments.schemas import CommitmentCreate
from crm_api.domains.commitments.service import CommitmentService, overdue_at
from crm_api.domains.deals.winning import Win
from crm_api.domains.orders.models import Order
from crm_api.domains.orders.repository import Orders
from crm_api.domains.projects.models import Project
from crm_api.domains.projects.schemas import ProjectVerb
from crm_api.kit.crud.plain import values_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.kit.query.kinds import kinds_of

_CLOSING = frozenset({"complete", "accept"})


class PromisesOfDeal:
    """A step of winning a deal: what was promised with it becomes commitments of ours.

    Each text once, however often the deal is won; the lock of the deal makes sure of it.
    """

    async def blockers(self, win: Win) -> Sequence[Fault]:
        """Nothing."""
        del win
        return ()

    async def follow(self, win: Win) -> None:
        """Make them, of the order where one was made, else of the deal; due when that is."""
        if AREA in win.tx.actor.closed:
            return
        await win.tx.flush()
        order = await _made(win)
        promises = win.deal.promises if order is None else order.promises
        if not promises:
            return
        service = CommitmentService(win.tx)
        known = await service.records.carried_over(win.deal.id)
        fresh = [text for text in dict.fromkeys(promises) if text not in known]
        if fresh:
            service.need("create")
        for text in fresh:
            self._make(service, win, order, text)

    def _make(self, service: CommitmentService, win: Win, order: Order | None, text: str) -> None:
        deal = win.deal
        source = ("deal", deal.id) if order is None else ("order", order.id)
        body = {
            "text": text,
            "company_id": deal.company_id,
            "contact_id": deal.contact_id,
            "deal_id": deal.id,
            "order_id": win.made.get("order_id"),
            "project_id": win.made.get("project_id"),
            "department": "delivery",
            "due_on": None if order is None else order.due_on,
            "source_target": source[0],
            "source_id": source[1],
            "owner_id": deal.owner_id,
        }
        begun = values_of(CommitmentCreate.model_validate(body))
        # What a commitment must have is not to stop the deal from being won.
        begun["custom"] = service.fields.with_defaults({})
        values = service.normalise(begun, None, None)
        values["overdue_at"] = overdue_at(win.tx, values)
        service.add({**values, **service.begins_with})


async def _made(win: Win) -> Order | None:
    if (order_id := win.made.get("order_id")) is None:
        return None
    query = Orders(win.tx).select_all().where(Order.id == order_id)
    return (await win.tx.run(query)).scalar_one()


async def no_open_promises(tx: Tx, project: Project, verb: ProjectVerb) -> Sequence[Fault]:
    """What of ours is still open while a project is to be closed."""
    if verb not in _CLOSING or AREA in tx.actor.closed:
        return ()
    found = await Commitments(tx).open_of_project(project.id)
    seen = await _told_to(tx, [id for id, _ in found])
    return [
        Fault(
            "open_commitment",
            f"Promised, and open: {text}." if id in seen else "A promise is open.",
            "/commitments",
        )
        for id, text in found
    ]


async def _told_to(tx: Tx, ids: Sequence[UUID]) -> Container[UUID]:
    """Those of some commitments whose text the actor may read."""
    if not tx.actor.covers(f"{AREA}:read") or "text" in tx.actor.hidden(Commitment.entity):
        return ()
    return await kinds_of(tx, [COMMITMENTS], ids)
