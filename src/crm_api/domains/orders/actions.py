"""What is done with orders: made of quotes, confirmed, handed over, fulfilled; each as one step."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.repository import Deals
from crm_api.domains.orders.models import Order
from crm_api.domains.orders.repository import VALUES
from crm_api.domains.orders.schemas import TOTALS, HandoverInput, OrderEnd
from crm_api.domains.orders.service import OrderService, begun, line_of, not_accepted
from crm_api.domains.orders.settings import settings_of
from crm_api.domains.orders.states import WAYS, Blockers, Verb
from crm_api.domains.promotions.redeeming import give_back
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.service import QuoteService, QuoteVersionService
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.transitions import blocked, need_way, told, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault, Invalid, NotFound
from crm_api.kit.query.selection import Selection
from crm_api.platform.numbering.service import NumberSequenceService

SEQUENCE = "order"
_BEGINS: Mapping[str, Any] = {
    "name": "Orders",
    "pattern": "O-{year}-{number:05}",
    "restarts": "year",
    "next_number": 1,
}
_COPIED = ("name", "company_id", "contact_id", "deal_id", "currency", "tax_rounding", "owner_id")
_AT: Mapping[Verb, str] = {
    "confirm": "confirmed_at",
    "fulfil": "fulfilled_at",
    "close": "closed_at",
    "cancel": "closed_at",
}


class OrderActions:
    """The actions of orders; whoever acts holds the lock of the order, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.orders = OrderService(tx)

    # Looking

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with an order where it stands, and what stands in the way of it."""
        self.orders.need("read")
        async with at_one_moment(self.tx) as reader:
            order = await OrderService(reader).records.get(id)
            blockers = Blockers(reader, order)
            allowed = [
                {"verb": verb, "status": way.after, "blockers": told(await blockers.of(verb))}
                for verb, way in ways_from(WAYS, order.status).items()
            ]
        return {"status": order.status, "allowed": allowed}

    async def of_quote(self, quote_id: UUID) -> Any:
        """The order that was made of a quote; raises `NotFound`."""
        self.orders.need("read")
        await QuoteService(self.tx).get(quote_id, Selection(("id", "version")))
        found = await self.orders.records.id_of_quote(quote_id)
        if found is None:
            raise NotFound(f"The quote {quote_id} has no order.", code="no_order")
        return await self.orders.get(found)

    # Making

    async def order(self, quote_id: UUID) -> tuple[Any, bool]:
        """The order of an accepted quote, and whether it is new: there is one for each."""
        self.orders.need("create")
        await QuoteService(self.tx).get(quote_id, Selection(("id", "version")))
        return await self.made_of(quote_id)

    async def made_of(self, quote_id: UUID) -> tuple[Any, bool]:
        """The same for a quote that need not be seen; the quote is locked till the commit."""
        quote = await self.orders.records.accepted(quote_id)
        if quote is None:
            raise not_accepted(quote_id, (await self.orders.records.quote(quote_id)).status)
        # Whoever was faster has made it before the lock was free.
        found = await self.orders.records.of_quote(quote_id)
        if found is not None:
            return await self.orders.told(self.orders.shown_of(found)), False
        version = await QuoteVersionService(self.tx).records.of(quote_id, quote.revision)
        values = {
            **self.orders.begins_with,
            **await self._agreed(quote),
            "quote_id": quote_id,
            "quote_version_id": None if version is None else version.id,
        }
        return await self.orders.told(self.orders.add(values), new=True), True

    async def _agreed(self, quote: Quote) -> dict[str, Any]:
        """What the quote says that was accepted: it has the options that were chosen."""
        values = {
            **{name: getattr(quote, name) for name in (*_COPIED, *VALUES)},
            "reference": None,
            "due_on": None,
            "lines": [line_of(line) for line in quote.lines if line["counts"]],
            "totals": [{name: one[name] for name in TOTALS} for one in quote.totals],
            "promises": await self._promised(quote),
            "handover": begun(settings_of(self.tx).model_dump()["handover"], ()),
            "tags": [],
            "source": "quote",
            "description": None,
            # What an order must have is not to stop the deal from being won.
            "custom": self.orders.fields.with_defaults({}),
            "external_ids": {},
        }
        return self.orders.derive(values, None)

    async def _promised(self, quote: Quote) -> list[str]:
        query = Deals(self.tx).select_all().where(Deal.id == quote.deal_id)
        deal = None if quote.deal_id is None else (await self.tx.run(query)).scalar_one_or_none()
        of_deal: list[str] = [] if deal is None else deal.promises
        return list(dict.fromkeys([*of_deal, *quote.promises]))

    # Acting

    async def confirm(self, id: UUID, expected: int | None = None) -> Any:
        """Have it stay as it is, and give it its number."""
        current = await self._begun(id, "confirm", expected)
        # Whoever confirms another order waits from here on, up to the commit.
        given = await NumberSequenceService(self.tx).give(
            SEQUENCE, today_of(self.tx), begins=_BEGINS
        )
        return await self._moved(current, "confirm", {"number": str(given["text"])})

    async def start(self, id: UUID, expected: int | None = None) -> Any:
        """Begin to deliver it, once it is handed over."""
        return await self._moved(await self._begun(id, "start", expected), "start", {})

    async def fulfil(self, id: UUID, expected: int | None = None) -> Any:
        """Write down that all of it is delivered."""
        return await self._moved(await self._begun(id, "fulfil", expected), "fulfil", {})

    async def end(self, id: UUID, verb: Verb, data: OrderEnd, expected: int | None = None) -> Any:
        """Close or cancel it; the coupons of the quote of a cancelled one were not used after all."""
        current = await self._begun(id, verb, expected)
        if verb == "cancel":
            await self._give_back(current)
        return await self._moved(current, verb, {"end_comment": data.comment})

    async def hand_over(self, id: UUID, data: HandoverInput, expected: int | None = None) -> Any:
        """Write down what of the checklist is done, and by whom."""
        self.orders.need("update")
        current = await self.orders.locked(id, expected)
        known = {item["key"] for item in current.handover}
        faults = [
            Fault("unknown_item", "There is no such item.", f"/{name}/{place}")
            for name in ("done", "undone")
            for place, key in enumerate(getattr(data, name))
            if key not in known
        ]
        if faults:
            raise Invalid("The checklist has no such item.", faults=faults)
        now = {"done_at": self.tx.now.isoformat(), "done_by": self._who()}
        items = [_checked(item, data, now) for item in current.handover]
        shown = await self.orders.change(current, {"handover": items}, verb="handed_over")
        return await self.orders.told(shown)

    # Steps

    async def _give_back(self, order: Order) -> None:
        if order.quote_id is None or order.quote_version_id is None:
            return
        quote = await self.orders.records.quote(order.quote_id)
        await give_back(self.tx, quote.coupon_codes, str(quote.number))

    def _who(self) -> str | None:
        return None if self.tx.actor.id is None else str(self.tx.actor.id)

    async def _begun(self, id: UUID, verb: Verb, expected: int | None) -> Order:
        """The order, locked, at a state that the action is for, and with nothing in its way."""
        self.orders.need("update")
        current = await self.orders.locked(id, expected)
        need_way("order", WAYS, current.status, verb)
        if faults := await Blockers(self.tx, current).of(verb):
            raise blocked(faults)
        return current

    async def _moved(self, current: Order, verb: Verb, values: Mapping[str, Any]) -> Any:
        at = {_AT[verb]: self.tx.now} if verb in _AT else {}
        moved = {"status": WAYS[verb].after, **at, **values}
        shown = await self.orders.change(current, moved, verb=WAYS[verb].event)
        return await self.orders.told(shown)


def _checked(
    item: Mapping[str, Any], data: HandoverInput, now: Mapping[str, Any]
) -> dict[str, Any]:
    if item["key"] in data.undone:
        return {**item, "done_at": None, "done_by": None}
    if item["key"] in data.done and item["done_at"] is None:
        return {**item, **now}
    return dict(item)
