"""The order of a deal that is won, in the same transaction."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.domains.deals.winning import Win
from crm_api.domains.orders.actions import OrderActions
from crm_api.domains.orders.repository import AREA
from crm_api.kit.crud.transitions import blocked
from crm_api.kit.errors import Fault


class OrderOfDeal:
    """Makes the order of the accepted quote; of several, the one that is named."""

    async def blockers(self, win: Win) -> Sequence[Fault]:
        """Several quotes of which none is named, or one that is none of them."""
        return [] if not _is_asked(win) else (await self._choice(win))[1]

    async def follow(self, win: Win) -> None:
        """Make it, unless it is there already; raises `Forbidden` for who may make no orders."""
        if not _is_asked(win):
            return
        quote_id, faults = await self._choice(win)
        # Another quote may have been accepted since it was asked what stands in the way.
        if faults:
            raise blocked(faults)
        if quote_id is None:
            return
        actions = OrderActions(win.tx)
        actions.orders.need("create")
        shown, _ = await actions.made_of(quote_id)
        win.made["order_id"] = shown.id

    async def _choice(self, win: Win) -> tuple[UUID | None, list[Fault]]:
        """The quote that is to be ordered, and what stands in the way of ordering it."""
        found, faults = await self._named(win)
        if found is None:
            return None, faults
        order = await OrderActions(win.tx).orders.records.of_quote(found)
        if order is None or order.status != "cancelled":
            return found, faults
        # Nothing is to follow from what was called off, and a quote is not ordered again.
        which = "The order" if order.number is None else f"The order {order.number}"
        message = (
            f"{which} of the quote is cancelled ({order.id}): have another quote accepted and "
            "name it by `quote_id`, or win without an order by `create_order`: false."
        )
        return found, [Fault("order_cancelled", message, "/quote_id")]

    async def _named(self, win: Win) -> tuple[UUID | None, list[Fault]]:
        accepted = await OrderActions(win.tx).orders.records.accepted_of(win.deal.id)
        named = win.data.quote_id
        if named is not None:
            if named in accepted:
                return named, []
            message = "It is no accepted quote of this deal."
            return None, [Fault("not_accepted", message, "/quote_id")]
        if len(accepted) > 1:
            message = "Several quotes are accepted: say which by `quote_id`."
            return None, [Fault("several_accepted", message, "/quote_id")]
        return (accepted[0] if accepted else None), []


def _is_asked(win: Win) -> bool:
    """Whether an order is wanted, and the organization has orders at all."""
    return win.data.create_order and AREA not in win.tx.actor.closed
