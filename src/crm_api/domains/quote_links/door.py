"""What whoever has a link may do: read, get the document, choose, ask, accept and decline.

The link itself is the actor, with the rights that these need and no others; what becomes of the
quote is done by its own actions, under its lock.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.domains.prices.asking import PriceQuestion
from crm_api.domains.prices.settings import arithmetic_of
from crm_api.domains.quote_links.models import Decision, QuoteLink, Seen
from crm_api.domains.quote_links.models import QuoteDecision as QuoteDecided
from crm_api.domains.quote_links.offering import (
    agreed_in,
    offered,
    questions_of,
    settled_in,
    terms_of,
    totals_of,
)
from crm_api.domains.quote_links.repository import (
    OPENING,
    QuoteDecisions,
    QuoteQuestions,
)
from crm_api.domains.quote_links.schemas import (
    OfferAcceptance,
    OfferChoice,
    OfferQuestion,
    OfferRefusal,
)
from crm_api.domains.quote_links.service import (
    TOKENS,
    QuoteDecisionService,
    QuoteLinkService,
    QuoteQuestionService,
)
from crm_api.domains.quotes.actions import QuoteActions
from crm_api.domains.quotes.choosing import (
    Choice,
    check_compatible,
    chosen,
    is_choosable,
    products_in,
    selected_in,
)
from crm_api.domains.quotes.models import Quote, QuoteVersion
from crm_api.domains.quotes.repository import Quotes, QuoteVersions
from crm_api.domains.quotes.schemas import QuoteDecision
from crm_api.domains.quotes.states import WAYS, Blockers
from crm_api.domains.quotes.versions import hash_of as hash_of_content
from crm_api.domains.quotes.versions import need_revision
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Ended, WrongState
from crm_api.kit.links.opening import Caller, Opened
from crm_api.kit.pricing.documents import Arithmetic

_AREAS = ("quotes", "quote_links")
OPENED = Opened(TOKENS, OPENING, frozenset(f"{area}:write" for area in _AREAS))
_MOST_QUESTIONS = 100


class QuoteDoor:
    """A quote as one link opens it."""

    def __init__(self, tx: Tx, caller: Caller) -> None:
        self.tx, self.caller = tx, caller
        self.links = QuoteLinkService(tx)
        self.versions = QuoteVersions(tx)

    # Looking

    async def read(self, seen: Seen, selected: Collection[UUID] | None = None) -> dict[str, Any]:
        """The version sent last, with these options instead of those that were sent.

        That it was seen is written down. Raises `Ended`, `WrongState`, `Invalid`.
        """
        return (await self.printed(seen, selected))[0]

    async def printed(
        self, seen: Seen | None, selected: Collection[UUID] | None = None
    ) -> tuple[dict[str, Any], Mapping[str, Any], Mapping[str, Any]]:
        """The same, with the content that is printed and to whom it is.

        Shown again to whoever has just seen it, as None, nothing is written down.
        """
        self._require("read")
        link, quote, version = await self._found()
        if seen is not None:
            await self._note(link, quote, version, seen)
        rules = self._rules(version)
        is_newest = version.revision == quote.revision
        if is_newest and quote.status == "accepted" and selected is None:
            agreed = settled_in(version.content, quote)
        else:
            agreed = agreed_in(version.content, await self._choice(version, selected, rules))
        # Of a next version that is being worked on nothing is told.
        last = quote.valid_until if is_newest else version.valid_until
        terms = {**version.content, "valid_until": last}
        blockers = await Blockers(self.tx, terms).of("accept")
        asked = await QuoteQuestions(self.tx).by_link(link.id)
        found = {
            **offered(version, agreed),
            "status": quote.status if is_newest else "draft",
            "document": await self._document(version),
            "can_accept": is_newest and quote.status in WAYS["accept"].before and not blockers,
            "can_decline": is_newest and quote.status in WAYS["decline"].before,
            "can_choose": is_choosable(version.content, rules),
            "blockers": [{"code": one.code, "message": one.message} for one in blockers],
            "decided_at": quote.decided_at if is_newest else None,
            "questions": questions_of(asked),
            "expires_at": link.expires_at,
        }
        return found, agreed, version.customer

    async def document(self) -> tuple[UUID, int]:
        """The quote and the version whose document is asked for; that it was is written down."""
        self._require("read")
        link, quote, version = await self._found()
        await self._note(link, quote, version, "document")
        return quote.id, version.revision

    async def choose(self, data: OfferChoice) -> dict[str, Any]:
        """What it comes to with other options; nothing is stored."""
        self._require("read")
        _, _, version = await self._found()
        need_revision(version.revision, data.revision)
        choice = await self._choice(version, data.selected, self._rules(version))
        return terms_of(version, agreed_in(version.content, choice))

    # Answering

    async def accept(self, data: OfferAcceptance) -> dict[str, Any]:
        """Accept the version that was read, which happens once; raises `WrongState`, `Conflict`.

        Said again by the same link, of the same options, it is what was written down.
        """
        self._require("write")
        link, quote, version, known = await self._locked(data.revision)
        if known is not None and _is_same(known, link, "accepted", _selected(version, data)):
            return _told(known, version)
        _need_open(quote, link, known)
        choice = await self._choice(version, data.selected, self._rules(version))
        said = QuoteDecision(by=data.name, comment=data.comment)
        agreed = None if choice is None else _columns(choice)
        await QuoteActions(self.tx).decide(quote.id, "accept", said, agreed=agreed)
        return self._decided("accepted", link, quote, version, data, choice)

    async def decline(self, data: OfferRefusal) -> dict[str, Any]:
        """Decline the version that was read; raises `WrongState`, `Conflict`.

        Said again by the same link, it is what was written down.
        """
        self._require("write")
        link, quote, version, known = await self._locked(data.revision)
        if known is not None and _is_same(known, link, "declined", known.selected):
            return _told(known, version)
        _need_open(quote, link, known)
        said = QuoteDecision(by=data.name, comment=data.comment or data.reason)
        await QuoteActions(self.tx).decide(quote.id, "decline", said)
        return self._decided("declined", link, quote, version, data, None)

    async def ask(self, data: OfferQuestion) -> dict[str, Any]:
        """Ask something; the answer is read by the same link."""
        self._require("write")
        link, quote, version = await self._found(lock=True)
        questions = QuoteQuestionService(self.tx)
        if len(await questions.records.by_link(link.id)) >= _MOST_QUESTIONS:
            message = f"By one link {_MOST_QUESTIONS} questions are asked at most."
            raise Conflict(message, code="too_many_questions")
        made = questions.add(
            {
                **self._own(link, quote, version),
                "name": data.name,
                "email": data.email,
                "text": data.text,
                "answer": None,
                "answered_at": None,
                "answered_by": None,
            }
        )
        return questions_of([made])[0]

    # Steps

    def _require(self, verb: str) -> None:
        """Raises `ModuleClosed` where what it is about is switched off."""
        for area in _AREAS:
            self.tx.actor.require(f"{area}:{verb}")

    async def _found(self, *, lock: bool = False) -> tuple[QuoteLink, Quote, QuoteVersion]:
        link = await self._link(lock=lock)
        quote = await Quotes(self.tx).find(link.quote_id)
        if quote is None:
            raise _ended("The quote is not there any more.")
        version = await self.versions.of(quote.id)
        if version is None:
            raise WrongState("The quote has not been sent yet.", code="not_sent")
        return link, quote, version

    async def _link(self, *, lock: bool) -> QuoteLink:
        link = await self.links.records.own(lock=lock)
        if link is None or link.deleted_at is not None or link.revoked_at is not None:
            raise _ended("The link was revoked.")
        if link.expires_at <= self.tx.now:
            raise _ended("The link has expired.")
        return link

    async def _locked(
        self, revision: int
    ) -> tuple[QuoteLink, Quote, QuoteVersion, QuoteDecided | None]:
        """All of it, locked, at the version that is meant, and what was decided of it by a link."""
        link = await self._link(lock=True)
        quote = await Quotes(self.tx).find(link.quote_id, lock=True)
        if quote is None:
            raise _ended("The quote is not there any more.")
        # With its document, or before that: which then says so of what was decided.
        version = await self.versions.of(quote.id, lock=True)
        if version is None:
            raise WrongState("The quote has not been sent yet.", code="not_sent")
        need_revision(version.revision, revision)
        if version.revision != quote.revision:
            message = "There is to be a newer version, which is being worked on."
            raise WrongState(message, code="superseded_version")
        known = None
        if quote.status in _ANSWERED:
            known = await QuoteDecisions(self.tx).of(version.id)
        return link, quote, version, known

    async def _note(self, link: QuoteLink, quote: Quote, version: QuoteVersion, seen: Seen) -> None:
        """Write down that it was seen, unless nothing is to be changed any more."""
        if any(area in self.tx.actor.closed for area in _AREAS):
            return
        await self.links.records.note_view(
            {
                "quote_id": quote.id,
                "link_id": link.id,
                "revision": version.revision,
                "seen": seen,
                "at": self.tx.now,
                **self.caller.shown,
            }
        )
        # The link before the quote, as whoever accepts locks them.
        if link.first_viewed_at is None:
            locked = await self.links.records.own(lock=True)
            if locked is not None and locked.first_viewed_at is None:
                await self.links.change(locked, {"first_viewed_at": self.tx.now}, verb="viewed")
        if quote.status == "sent" and version.revision == quote.revision:
            await self._view(quote.id, version.revision)

    async def _view(self, id: UUID, revision: int) -> None:
        self.tx.forget({id})
        current = await Quotes(self.tx).find(id, lock=True, deleted=True)
        # Whoever has moved it meanwhile was first: it was seen, and is what it is.
        if current is None or current.deleted_at is not None:
            return
        if (current.status, current.revision) == ("sent", revision):
            await QuoteActions(self.tx).view(id)

    async def _document(self, version: QuoteVersion) -> dict[str, Any]:
        status = "ready"
        if version.stored_as is None:
            status = "failed" if await self.versions.is_given_up(version) else "pending"
        return {
            "status": status,
            "sha256": version.document_sha256,
            "size_bytes": version.document_size,
        }

    def _rules(self, version: QuoteVersion) -> Arithmetic:
        asked = PriceQuestion.model_construct(currency=version.currency)
        rounding = version.content["tax_rounding"]
        return replace(arithmetic_of(self.tx, asked), tax_rounding=rounding, cash_step=None)

    async def _choice(
        self, version: QuoteVersion, selected: Collection[UUID] | None, rules: Arithmetic
    ) -> Choice | None:
        """What is chosen instead of what was sent; None where that is the same."""
        if selected is None:
            return None
        wanted = list(dict.fromkeys(map(str, selected)))
        if set(wanted) == set(selected_in(version.content)):
            return None
        found = chosen(version.content, version.costs, wanted, rules)
        products = {UUID(id) for id in products_in(found.lines)}
        relations = await Quotes(self.tx).between(products)
        check_compatible(version.content, found, wanted, relations)
        return found

    def _own(self, link: QuoteLink, quote: Quote, version: QuoteVersion) -> dict[str, Any]:
        return {
            "quote_id": quote.id,
            "link_id": link.id,
            "contact_id": link.contact_id,
            "revision": version.revision,
            "owner_id": quote.owner_id,
            "custom": {},
            "external_ids": {},
        }

    def _decided(
        self,
        decision: Decision,
        link: QuoteLink,
        quote: Quote,
        version: QuoteVersion,
        data: OfferAcceptance | OfferRefusal,
        choice: Choice | None,
    ) -> dict[str, Any]:
        agreed = agreed_in(version.content, choice)
        sums = {"net": quote.net, "gross": quote.gross} if choice is None else choice.values
        made = QuoteDecisionService(self.tx).add(
            {
                **self._own(link, quote, version),
                "quote_version_id": version.id,
                "decision": decision,
                **{name: getattr(data, name) for name in ("name", "email", "role", "comment")},
                "reason": getattr(data, "reason", None),
                "selected": selected_in(agreed),
                "totals": agreed["totals"],
                "currency": version.currency,
                **{name: sums[name] for name in ("net", "gross")},
                "content_hash": version.content_hash,
                "agreed_hash": hash_of_content(agreed),
                "document_sha256": version.document_sha256,
                **self.caller.shown,
            }
        )
        return _told(made, version)


_ANSWERED = frozenset({"accepted", "declined"})
_TOLD = (
    "id",
    "decision",
    "revision",
    "name",
    "selected",
    "currency",
    "net",
    "gross",
    "content_hash",
    "agreed_hash",
    "document_sha256",
)


def _columns(choice: Choice) -> Mapping[str, Any]:
    """What a quote is from here on: what was agreed."""
    return {**choice.values, "lines": choice.lines, "totals": choice.totals, "costs": choice.costs}


def _told(decision: QuoteDecided, version: QuoteVersion) -> dict[str, Any]:
    return {
        **{name: getattr(decision, name) for name in _TOLD},
        "totals": totals_of(decision.totals),
        "number": version.number,
        "at": decision.created_at,
    }


def _selected(version: QuoteVersion, data: OfferAcceptance) -> Collection[Any]:
    return selected_in(version.content) if data.selected is None else data.selected


def _is_same(
    known: QuoteDecided, link: QuoteLink, decision: Decision, selected: Collection[Any]
) -> bool:
    """Whether this was decided by this very link."""
    same = set(map(str, known.selected)) == set(map(str, selected))
    return same and (known.link_id, known.decision) == (link.id, decision)


def _need_open(quote: Quote, link: QuoteLink, known: QuoteDecided | None) -> None:
    if quote.status in _ANSWERED:
        raise WrongState(
            f"The quote was {quote.status} already.",
            code=f"already_{quote.status}",
            details={"by_this_link": known is not None and known.link_id == link.id},
        )


def _ended(message: str) -> Ended:
    return Ended(message, code="link_expired")
