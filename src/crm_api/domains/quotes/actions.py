"""What is done with quotes: submitted, sent, accepted, revised, copied; each as one step."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.reckoning import given_of
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.service import DealService
from crm_api.domains.quotes.events import PrintQuote
from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.repository import QuoteVersions
from crm_api.domains.quotes.schemas import QuoteCreate, QuoteDecision, QuoteSubmission
from crm_api.domains.quotes.service import QuoteService, QuoteVersionService, content_of
from crm_api.domains.quotes.states import WAYS, Blockers, Verb
from crm_api.domains.quotes.versions import diff_of, hash_of, need_revision, no_version
from crm_api.kit.actor import hidden_field
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.owners import hand_down
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.transitions import blocked, need_way, told, ways_from
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.documents.typefaces import undrawable
from crm_api.kit.errors import Invalid, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.query.kinds import kinds_of
from crm_api.platform.approvals.asking import ask_all, take_back_all
from crm_api.platform.approvals.service import ApprovalService
from crm_api.platform.approvals.standing import standing
from crm_api.platform.numbering.service import NumberSequenceService

SEQUENCE = "quote"
_BEGINS: Mapping[str, Any] = {
    "name": "Quotes",
    "pattern": "Q-{year}-{number:05}",
    "restarts": "year",
    "next_number": 1,
}


_OFFERED = frozenset({"lines", "currency", "company_id", "contact_id"})


def _offered(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a deal as one that is offered."""
    given = {name: value for name, value in line.items() if name != "discount_percent"}
    percent = Decimal(line["discount_percent"])
    return {**given, "discounts": [{"percent": percent}] if percent else []}


class QuoteActions:
    """The actions of quotes; whoever acts holds the lock of the quote, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.quotes = QuoteService(tx)
        self.versions = QuoteVersionService(tx)

    # Looking

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a quote where it stands, and what stands in the way of it."""
        self.quotes.need("read")
        async with at_one_moment(self.tx) as reader:
            quote = self._shown(await QuoteService(reader).records.get(id))
            blockers = Blockers(reader, quote)
            allowed = [
                {"verb": verb, "status": way.after, "blockers": told(await blockers.of(verb))}
                for verb, way in ways_from(WAYS, quote["status"]).items()
            ]
        return {"status": quote["status"], "allowed": allowed}

    async def diff(self, id: UUID, before: int, after: int | None) -> dict[str, Any]:
        """What is different between two versions, or between one and the quote as it is now."""
        self.quotes.need("read")
        async with at_one_moment(self.tx) as reader:
            now = self._shown(await QuoteService(reader).records.get(id))
            one = await self._content(reader, id, before)
            other = now if after is None else await self._content(reader, id, after)
        return diff_of(one, other, (one["revision"], other["revision"]))

    async def _content(self, tx: Tx, id: UUID, revision: int) -> Mapping[str, Any]:
        found = await QuoteVersions(tx).of(id, revision)
        if found is None:
            raise no_version(id, revision)
        return found.content

    # Approval

    async def submit(self, id: UUID, data: QuoteSubmission, expected: int | None = None) -> Any:
        """Ask for every approval that policies want; without any it is approved."""
        current, _ = await self._begun(id, "submit", expected)
        is_approved = await ask_all(self.tx, "quote", id, data.comment)
        status = "approved" if is_approved else "in_approval"
        return await self._moved(current, "submit", {"status": status})

    async def recall(self, id: UUID, expected: int | None = None) -> Any:
        """Take it back to work on it, and with it what was asked for and not decided."""
        current, _ = await self._begun(id, "recall", expected)
        ApprovalService(self.tx).need("update")
        shown = await self.quotes.change(current, {"status": "draft"}, verb=WAYS["recall"].event)
        # Whoever changed what is offered would void them, too, whoever had asked for them.
        await take_back_all(self.tx, "quote", id)
        return await self.quotes.told(shown)

    # The customer

    async def send(self, id: UUID, expected: int | None = None) -> Any:
        """Make a version of it that stays; with the first one it gets its number."""
        current, blockers = await self._begun(id, "send", expected)
        letter, version_id = await blockers.letter(), new_id()
        number = current.number
        values: dict[str, Any] = {"status": "sent", "sent_at": self.tx.now}
        if number is None:
            # Whoever sends another quote waits from here on, up to the commit.
            number = values["number"] = await self._new_number()
        content = {**letter.content, "number": number}
        self.versions.add(
            {
                "id": version_id,
                "quote_id": id,
                "revision": current.revision,
                "number": number,
                "valid_until": current.valid_until,
                "currency": current.currency,
                "content": content,
                "content_hash": hash_of(content),
                "customer": letter.customer,
                "costs": current.costs,
                "superseded_at": None,
                "job_id": self.tx.enqueue(PrintQuote(version_id)),
                "document_name": None,
                "document_sha256": None,
                "document_size": None,
                "stored_as": None,
                "owner_id": current.owner_id,
                "custom": {},
                "external_ids": {},
            }
        )
        return await self._moved(current, "send", values)

    async def _new_number(self) -> str:
        sequences, today = NumberSequenceService(self.tx), today_of(self.tx)
        number = str((await sequences.give(SEQUENCE, today, begins=_BEGINS))["text"])
        if undrawable(number):
            message = f"The number {number}, by the pattern of its sequence, cannot be printed."
            raise Invalid.at("/number", "undrawable", message)
        return number

    async def view(self, id: UUID, expected: int | None = None) -> Any:
        """Write down that the customer has looked at it."""
        current, _ = await self._begun(id, "view", expected)
        return await self._moved(current, "view", {"status": "viewed"})

    async def decide(
        self,
        id: UUID,
        verb: Verb,
        data: QuoteDecision,
        expected: int | None = None,
        agreed: Mapping[str, Any] | None = None,
    ) -> Any:
        """Write down what the customer said, or that it counts no more.

        `agreed` are values of a quote that are others than those that were sent: with other options.
        """
        current, blockers = await self._begun(id, verb, expected, data.revision)
        if verb == "accept" and blockers.coupons is not None:
            await blockers.coupons.redeem()
        values = {
            "status": WAYS[verb].after,
            "decided_at": self.tx.now,
            "decided_by": data.by,
            "decision_comment": data.comment,
            **(agreed or {}),
        }
        return await self._moved(current, verb, values)

    async def revise(self, id: UUID, expected: int | None = None) -> Any:
        """Work on a next version; the one that was sent counts no more."""
        current, _ = await self._begun(id, "revise", expected)
        sent = await self.versions.records.of(id, current.revision, lock=True)
        if sent is not None:
            await self.versions.change(sent, {"superseded_at": self.tx.now}, verb="superseded")
        values = {
            "status": "draft",
            "revision": current.revision + 1,
            "sent_at": None,
            "decided_at": None,
            "decided_by": None,
            "decision_comment": None,
        }
        return await self._moved(current, "revise", values)

    async def clone(self, id: UUID) -> Any:
        """A new draft that offers the same, by the prices of today."""
        self.quotes.need("read")
        source = await self.quotes.records.get(id)
        self.quotes.copied = source
        values = columns_of(source)
        content = content_of(values).model_dump(
            exclude={"priced_on", "valid_until", "coupon_codes"}
        )
        for line in content["lines"]:
            line["id"] = None
        plain = {
            name: values[name] for name in ("tags", "source", "description", "owner_id", "promises")
        }
        # What is in the bin by now, or not seen, is no reason to refuse the copy.
        hand_down(self.tx, source.owner_id)
        if (deal_id := source.deal_id) and await kinds_of(self.tx, [DEALS], [deal_id]):
            plain["deal_id"] = deal_id
        return await self.quotes.create(QuoteCreate.model_validate({**content, **plain}))

    async def of_deal(self, deal_id: UUID) -> Any:
        """A new draft of the lines of a deal, for its company, in its currency.

        What price lists say is asked for anew; what was said by hand stays said.
        """
        self.quotes.need("create")
        deals = DealService(self.tx)
        deals.need("read")
        if hidden := sorted(_OFFERED & deals.guard.hidden):
            raise hidden_field(hidden[0])
        deal = await deals.records.get(deal_id)
        if not deal.lines:
            message = "The deal has no lines: a quote is made of these."
            raise WrongState(message, code="no_lines")
        body = {
            **{name: getattr(deal, name) for name in ("company_id", "contact_id", "currency")},
            "deal_id": deal.id,
            "name": deal.name[:200],
            "owner_id": hand_down(self.tx, deal.owner_id),
            "lines": [_offered(given_of(line)) for line in deal.lines],
        }
        return await self.quotes.create(QuoteCreate.model_validate(body))

    # Steps

    async def _begun(
        self, id: UUID, verb: Verb, expected: int | None, revision: int | None = None
    ) -> tuple[Quote, Blockers]:
        """The quote, locked, at a state that the action is for, and with nothing in its way."""
        self.quotes.need("update")
        current = await self.quotes.locked(id, expected)
        need_revision(current.revision, revision)
        need_way("quote", WAYS, current.status, verb)
        blockers = Blockers(self.tx, self._shown(current))
        if verb == "accept" and blockers.coupons is not None:
            # After the quote, as whoever else accepts one: the last use goes to one of them.
            await blockers.coupons.lock()
        if faults := await blockers.of(verb):
            raise blocked(faults)
        return current, blockers

    async def _moved(self, current: Quote, verb: Verb, values: Mapping[str, Any]) -> Any:
        shown = await self.quotes.change(current, values, verb=WAYS[verb].event)
        return await self.quotes.told(shown)

    def _shown(self, quote: Quote) -> dict[str, Any]:
        """A quote as it is shown, as plain values."""
        row = self.quotes.shown_of(quote)
        shown = {name: getattr(row, name) for name in self.quotes.records.listing.shown}
        plain = decode(encode(shown))
        ids = {name: shown[name] for name in ("id", "company_id", "contact_id", "owner_id")}
        return {**plain, **ids}


async def follow_approval(tx: Tx, id: UUID) -> None:
    """Have a quote stand where its approvals do, in the transaction that moves one of them."""
    quotes = QuoteService(tx)
    current = (await quotes.records.locked([id], everywhere=True) or [None])[0]
    if current is None or current.status not in {"draft", "in_approval", "approved"}:
        return
    found = await standing(tx, "quote", id)
    status = "draft"
    if found.policies and found.is_approved:
        status = "approved"
    elif current.status != "draft" and any(need.status == "pending" for need in found.policies):
        status = "in_approval"
    verbs = {"approved": "approved", "in_approval": "submitted", "draft": "returned"}
    await quotes.change(current, {"status": status}, verb=verbs[status])


async def accepted_among(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """The quotes of which nothing is decided any more: what was approved of them stays approved."""
    found = await QuoteService(tx).records.locked(list(ids), everywhere=True)
    return {quote.id for quote in found if quote.status == "accepted"}
