"""Prepares proposals for a customer, and makes quotes of them where that is asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.catalogue.repository import BundleComponents
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.deals.service import DealService
from crm_api.domains.quotes.repository import Clauses
from crm_api.domains.quotes.schemas import QuoteCreate
from crm_api.domains.quotes.service import QuoteService
from crm_api.domains.recipes.affinity import Baskets, rules_of
from crm_api.domains.recipes.asking import AskedProduct, ProposalRequest
from crm_api.domains.recipes.availability import Opening, check, window_of
from crm_api.domains.recipes.drafting import Draft, Drafting, Withheld
from crm_api.domains.recipes.gathering import Gathering
from crm_api.domains.recipes.goods import Key
from crm_api.domains.recipes.models import TIERS, ProposalRecipe
from crm_api.domains.recipes.past import PastOrders, PastQuotes, is_enough
from crm_api.domains.recipes.ranking import ranked
from crm_api.domains.recipes.repository import AREA, Recipes, quote_with
from crm_api.domains.recipes.service import TARGETS
from crm_api.domains.recipes.wishing import Ground, PastLine, fitting, quantity_of
from crm_api.domains.recipes.writing import Customer, Letter
from crm_api.kit.actor import hidden_field
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, WrongState
from crm_api.kit.pricing.rounding import ONE, ZERO
from crm_api.kit.query.conditions import passes
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.selection import Selection

Kind = Literal["company", "contact", "deal"]
Told = dict[str, Any]
_READ = ("quotes", "products", "prices")
_AREAS = {"company": "companies", "contact": "contacts", "deal": "deals"}
_SOURCE = "proposal"
_NIL = UUID(int=0)
MADE_BY = "proposals"
"""The system whose ids say which quotes were made, where each is made once."""


class ProposalService:
    """Drafts of quotes, the best first."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.past, self.orders = PastQuotes(tx), PastOrders(tx)
        self._openings: dict[Any, Opening] = {}

    async def prepare(self, kind: Kind, id: UUID, asked: ProposalRequest) -> Told:
        """Up to three drafts for a company, a contact or whose deal it is; nothing is written.

        What cannot be offered is told, and is no error. Raises `NotFound` for the record,
        `Invalid` for what the request names, `WrongState` for a deal that is decided or of nobody.
        """
        return (await self._prepared(kind, id, asked))[0]

    async def make(self, kind: Kind, id: UUID, asked: ProposalRequest) -> Told:
        """The same, with a quote made of each draft; raises `WrongState` where there is none."""
        self.tx.actor.require("quotes:write")
        told = await self.make_once(kind, id, asked, None)
        if not told["drafts"]:
            faults = [Fault(one["code"], one["text"], "/labels") for one in told["withheld"]]
            raise WrongState("There is nothing to propose.", code="nothing_proposed", faults=faults)
        return told

    async def make_once(
        self, kind: Kind, id: UUID, asked: ProposalRequest, key: str | None
    ) -> Told:
        """The same, where no draft is no mistake; of a key each draft becomes a quote once."""
        self.tx.actor.require("quotes:write")
        told, drafts = await self._prepared(kind, id, asked)
        quotes = QuoteService(self.tx)
        # They did not name it, so it is no reason to refuse them.
        closed = self.tx.actor.read_only("quote")
        beside: dict[str, Any] = {} if "source" in closed else {"source": _SOURCE}
        if kind == "deal" and "deal_id" not in closed:
            beside["deal_id"] = id
        for one, draft in zip(told["drafts"], drafts, strict=True):
            own = None if key is None else f"{key}:{draft.label}"
            known = None if own is None else await quote_with(self.tx, MADE_BY, own)
            if known is not None:
                one["quote_id"] = known if await quotes.records.sees(known) else None
                continue
            values = draft.content.model_dump(exclude_unset=True)
            if own is not None:
                values["external_ids"] = {MADE_BY: own}
            made = await quotes.create(QuoteCreate.model_validate({**values, **beside}))
            one["quote_id"] = made.id
        return told

    async def _prepared(
        self, kind: Kind, id: UUID, asked: ProposalRequest
    ) -> tuple[Told, list[Draft]]:
        actor = self.tx.actor
        actor.need_open(f"{AREA}:read")
        for area in (*_READ, _AREAS[kind]):
            actor.require(f"{area}:read")
        self._need_sight(asked)
        customer = await self._customer(kind, id)
        whose = next(iter(customer.ids.items())) if kind == "deal" else (kind, id)
        past = await self._past(*whose, asked)
        recipes = fitting(await self._fitting(customer, asked), asked.needs)
        ground, baskets, is_checked = await self._ground(asked, customer, past, recipes)
        letter = Letter(asked, customer, recipes, await self._clauses(recipes), today_of(self.tx))
        drafting = Drafting(self.tx, ground, letter)
        wanted = asked.labels or TIERS
        found = [await drafting.draft(label) for label in TIERS if label in wanted]
        drafts, withheld = _distinct(found)
        order = self._ranked(drafting, drafts)
        told = {
            "drafts": [one for _, one in order],
            "withheld": [one.told() for one in withheld],
            "learned_from": {
                "quotes": baskets.total,
                "since": self.past.since,
                "is_enough": is_enough(baskets),
            },
            "availability_checked": is_checked,
        }
        return told, [draft for draft, _ in order]

    def _need_sight(self, asked: ProposalRequest) -> None:
        """Raises `Forbidden` where what is asked for would tell what is hidden."""
        if asked.needs and "needs" in self.tx.actor.hidden("product"):
            raise hidden_field("product.needs", "/needs")
        if self.past.hides_lines and (asked.past_quote_id is not None or asked.repeat_last):
            at = "/repeat_last" if asked.past_quote_id is None else "/past_quote_id"
            raise hidden_field("quote.lines", at)
        if asked.past_order_id is not None:
            self.tx.actor.require("orders:read")
            if self.orders.hides_lines:
                raise hidden_field("order.lines", "/past_order_id")

    async def _customer(self, kind: Kind, id: UUID) -> Customer:
        if kind == "company":
            await CompanyService(self.tx).get(id, Selection(("id",)))
            return Customer(id, None)
        if kind == "deal":
            return await self._customer_of(id)
        found = await ContactService(self.tx).get(id, Selection(("id", "company_id")))
        return Customer(await self._seen(COMPANIES, found.company_id), id)

    async def _customer_of(self, deal: UUID) -> Customer:
        selection = Selection(("id", "status", "company_id", "contact_id"))
        found = await DealService(self.tx).get(deal, selection)
        if found.status != "open":
            raise WrongState(f"The deal is {found.status}.", code="deal_closed")
        customer = Customer(
            await self._seen(COMPANIES, found.company_id),
            await self._seen(CONTACTS, found.contact_id),
        )
        if not customer.ids:
            raise WrongState("The deal has no company and no contact.", code="no_customer")
        return customer

    async def _seen(self, listing: Listing, id: UUID | None) -> UUID | None:
        """The same id; of whom is not seen neither prices nor recipes are told."""
        if id is None or not self.tx.actor.covers(f"{listing.area}:read"):
            return None
        return id if await kinds_of(self.tx, [listing], [id]) else None

    async def _past(self, kind: str, id: UUID, asked: ProposalRequest) -> list[PastLine]:
        found: list[PastLine] = []
        if asked.past_quote_id is not None:
            found += await self.past.lines_of(asked.past_quote_id)
        if asked.past_order_id is not None:
            found += _besides(found, await self.orders.lines_of(asked.past_order_id))
        if asked.repeat_last:
            last = await self.orders.last(kind, id) or await self.past.last(kind, id)
            found += _besides(found, last)
        return await self._as_is(found)

    async def _as_is(self, lines: list[PastLine]) -> list[PastLine]:
        """The same without components that their bundles cannot take any more."""
        bundles = [line.product_id for line in lines if line.components and line.product_id]
        if not bundles:
            return lines
        known = set(await BundleComponents(self.tx).optional(bundles))
        fit = [tuple(one for one in line.components if one[0] in known) for line in lines]
        return [
            replace(line, components=mine, lost=mine != line.components)
            for line, mine in zip(lines, fit, strict=True)
        ]

    async def _fitting(self, customer: Customer, asked: ProposalRequest) -> list[ProposalRecipe]:
        """The active recipes for a customer that answer something, or everything."""
        ids, needs = customer.ids, set(asked.needs)
        return [
            recipe
            for recipe in await Recipes(self.tx).active()
            if recipe.target in ids
            and (not recipe.needs or not needs.isdisjoint(recipe.needs))
            and await passes(
                self.tx,
                TARGETS[recipe.target],
                ids[recipe.target],
                recipe.condition,
                unfit=False,
            )
        ]

    async def _ground(
        self,
        asked: ProposalRequest,
        customer: Customer,
        past: Sequence[PastLine],
        recipes: Sequence[ProposalRecipe],
    ) -> tuple[Ground, Baskets, bool]:
        gathering = Gathering(self.tx, asked, customer)
        items = [item for one in recipes for tier in one.tiers for item in tier["items"]]
        needs = {*asked.needs, *(item["need"] for item in items if item["need"] is not None)}
        variants = {
            *(one.variant_id for one in asked.products if one.variant_id is not None),
            *(line.variant_id for line in past if line.variant_id is not None),
            *_named(items, "variant_id"),
        }
        seeds = await gathering.seeds(variants, needs, _named(items, "category_id"))
        chosen = {
            *(one.product_id for one in asked.products if one.product_id is not None),
            *(line.product_id for line in past if line.product_id is not None),
            *_named(items, "product_id"),
            *(one.product_id for one in gathering.goods.variants.values()),
        }
        await gathering.add(seeds | chosen)
        baskets = await self.past.baskets(chosen | seeds)
        rules = rules_of(baskets)
        await gathering.add(rule.then for rule in rules)
        goods = gathering.goods
        _need_known(asked, gathering)
        is_checked = await check(self.tx, goods, window_of(self.tx, asked), self._openings)
        by_units = {
            (line.product_id, line.variant_id)
            for line in past
            if line.product_id is not None and line.unit_id is not None
        }
        await gathering.price(_quantities(gathering, asked, past, items), by_units)
        return Ground(asked, past, recipes, goods, rules), baskets, is_checked

    async def _clauses(self, recipes: Iterable[ProposalRecipe]) -> frozenset[UUID]:
        named = [
            UUID(one["clause_id"])
            for recipe in recipes
            for one in recipe.clauses
            if one["clause_id"] is not None
        ]
        found = await Clauses(self.tx).some(named) if named else []
        return frozenset(clause.id for clause in found if clause.is_active)

    def _ranked(self, drafting: Drafting, drafts: Sequence[Draft]) -> list[tuple[Draft, Told]]:
        most = max((draft.worth for draft in drafts), default=ZERO)
        merits = [drafting.merits(draft, most) for draft in drafts]
        return [
            (
                drafts[place],
                {**drafting.told(drafts[place]), "rank": rank, **merits[place].shown()},
            )
            for rank, place in enumerate(ranked(merits), start=1)
        ]


def _besides(known: Iterable[PastLine], more: list[PastLine]) -> list[PastLine]:
    """Lines of something else than is there: an order and the quote that it goes back to are one."""
    there = {id for line in known for id in (line.quote_id, line.order_id)} - {None}
    return [line for line in more if there.isdisjoint((line.quote_id, line.order_id))]


def _named(items: Iterable[Told], name: str) -> set[UUID]:
    return {UUID(item[name]) for item in items if item[name] is not None}


def _key(gathering: Gathering, one: AskedProduct) -> Key:
    """What is meant; of a variant that is not there the product is a nil id."""
    form = None if one.variant_id is None else gathering.goods.variants.get(one.variant_id)
    return (one.product_id or _NIL) if form is None else form.product_id, one.variant_id


def _quantities(
    gathering: Gathering,
    asked: ProposalRequest,
    past: Sequence[PastLine],
    items: Iterable[Told],
) -> dict[Key, Decimal]:
    """The most that is wished for of each product or variant: its price may depend on that."""
    wished: list[tuple[Key, Decimal]] = [
        *((_key(gathering, one), one.quantity) for one in asked.products),
        *(
            ((line.product_id, line.variant_id), line.quantity)
            for line in past
            if line.product_id is not None
        ),
    ]
    for item in items:
        variant = None if item["variant_id"] is None else UUID(item["variant_id"])
        form = None if variant is None else gathering.goods.variants.get(variant)
        if form is not None:
            wished.append(((form.product_id, variant), quantity_of(item, asked) or ONE))
        elif item["product_id"] is not None:
            wished.append(((UUID(item["product_id"]), None), quantity_of(item, asked) or ONE))
    found: dict[Key, Decimal] = {}
    for key, quantity in wished:
        found[key] = max(found.get(key, quantity), quantity)
    return found


def _need_known(asked: ProposalRequest, gathering: Gathering) -> None:
    """Raises `Invalid` where the request names what is not there, or not seen."""
    faults: list[Fault] = []
    for place, one in enumerate(asked.products):
        product, variant = _key(gathering, one)
        is_form = variant is None or variant in gathering.goods.variants
        fits = one.product_id in {None, product}
        if product not in gathering.goods.products or not is_form or not fits:
            name = "product_id" if variant is None else "variant_id"
            at = f"/products/{place}/{name}"
            faults.append(Fault("unknown_reference", "There is no such product.", at))
    if faults:
        raise Invalid("A record that is referred to does not exist.", faults=faults)


def _distinct(found: Sequence[Draft | Withheld]) -> tuple[list[Draft], list[Withheld]]:
    """The drafts of which each is another one, and why there are no more."""
    drafts: dict[tuple[Any, ...], Draft] = {}
    withheld: list[Withheld] = []
    for one in found:
        if isinstance(one, Withheld):
            withheld.append(one)
        elif one.signature in drafts:
            first = drafts[one.signature].label
            withheld.append(Withheld(one.label, "same_draft", f"It is the same as {first}."))
        else:
            drafts[one.signature] = one
    return list(drafts.values()), withheld
