"""The rules of quotes, and of the library of clauses."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.prices.settings import tax_rounding_of
from crm_api.domains.quotes.before import Before, as_looked_up
from crm_api.domains.quotes.lines import QuoteClause, QuoteLine
from crm_api.domains.quotes.models import Clause, Quote, QuoteVersion
from crm_api.domains.quotes.pricing import QuotePricing
from crm_api.domains.quotes.repository import AREA, Clauses, Quotes, QuoteVersions
from crm_api.domains.quotes.schemas import (
    CONTENT,
    ClauseCreate,
    ClauseUpdate,
    QuoteContent,
    QuoteCreate,
    QuoteUpdate,
)
from crm_api.domains.quotes.showing import discount_shown
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.settling import settle
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Fault, Invalid, WrongState
from crm_api.kit.values.names import sort_key

Printed = Callable[[Tx, QuoteVersion], Awaitable[None]]
_ASKED_FOR = frozenset({"in_approval", "approved"})
EDITABLE = _ASKED_FOR | {"draft"}
_LAW = "A letter of business, which the law wants kept; erased people are not named by it anew."
_NO_LOSERS: Mapping[str, Any] = {"lost": []}


class ClauseService(NamedService[Clause]):
    """Paragraphs that quotes may have among their terms."""

    repository = Clauses
    area = "clauses"
    plural = "clauses"
    personal = Impersonal("The organization's own texts.")
    create_shape = ClauseCreate
    update_shape = ClauseUpdate
    records: Clauses


class QuoteService(CrudService[Quote]):
    """Offers: to whom, what, for how much, and what became of them."""

    repository = Quotes
    area = AREA
    plural = "quotes"
    personal = About(("contact_id",), end="kept", reason=_LAW)
    create_shape = QuoteCreate
    update_shape = QuoteUpdate
    beside = CrudService.beside | {"tags", "source", "description", "deal_id", "promises"}
    among = frozenset({"costs"})
    begins_with: ClassVar[Mapping[str, Any]] = {
        "number": None,
        "revision": 1,
        "status": "draft",
        "sent_at": None,
        "decided_at": None,
        "decided_by": None,
        "decision_comment": None,
    }
    records: Quotes
    copied: Quote | None = None
    """What new quotes are copies of."""

    async def prepare(self, values: dict[str, Any], current: Quote | None) -> dict[str, Any]:
        """What is offered is calculated anew; once sent, it stays as it is."""
        values = await super().prepare(values, current)
        await self.check_deal(values, {} if current is None else columns_of(current))
        given = {name: value for name, value in values.items() if name not in CONTENT}
        before = None if current is None else content_of(columns_of(current))
        after = self._after(values, current, before)
        if after.tax_rounding is None:
            # Kept, so that what was offered comes to the same whatever the organization does later.
            after = after.model_copy(update={"tax_rounding": tax_rounding_of(self.tx)})
        if before is not None and before == after:
            return given
        if current is not None and current.status not in EDITABLE:
            raise _sent(current, [n for n in CONTENT if getattr(before, n) != getattr(after, n)])
        known = Before.of(current or self.copied)
        written = self.derive(await self._written(after, known), current)
        if before is None or after.clauses != before.clauses:
            kept = () if current is None else current.clauses
            written["clauses"] = await self._clauses(after, kept)
        changed = current and any(getattr(current, n) != v for n, v in written.items())
        if current is not None and current.status != "draft" and changed:
            # What was approved was another quote.
            written["status"] = "draft"
        return {**given, **written}

    async def check_deal(self, values: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        """Raises `Invalid` unless what is set of the deal and the company goes together.

        `before` is what a stored record said; empty for a new one.
        """
        after = {**before, **values}
        deal_id, company_id = after["deal_id"], after["company_id"]
        same = all(before.get(name) == after[name] for name in ("deal_id", "company_id"))
        if deal_id is None or same:
            return
        is_there, its_company = await self.records.company_of_deal(deal_id)
        if not is_there and before.get("deal_id") != deal_id:
            raise Invalid.at("/deal_id", "unknown_reference", "There is no such deal.")
        if its_company is not None and company_id not in {None, its_company}:
            at = "/deal_id" if "deal_id" in values else "/company_id"
            raise Invalid.at(at, "other_company", "The deal is of another company.")

    @classmethod
    def derive(cls, values: dict[str, Any], current: Quote | None) -> dict[str, Any]:
        """The sort key follows the name, where there is one."""
        del current
        if "name" in values:
            values["sort_name"] = None if values["name"] is None else sort_key(values["name"])
        return values

    def _after(
        self, values: Mapping[str, Any], current: Quote | None, before: QuoteContent | None
    ) -> QuoteContent:
        own = {name: value for name, value in values.items() if name in CONTENT}
        if before is None or current is None:
            return content_of(own)
        if own.get("clauses", ()) is None:
            own["clauses"] = []
        if "lines" in own:
            lines = as_looked_up(with_ids(own["lines"], current.lines), current.lines)
            own["lines"] = _with_costs(lines, _costs_of(current.lines, current.costs))
        kept = {name: getattr(before, name) for name in CONTENT if name not in own}
        return content_of({**kept, **own})

    async def apply(self, current: Quote, given: dict[str, Any]) -> Any:
        """What becomes of its approvals is settled at once: the answer tells where it stands."""
        shown = await super().apply(current, given)
        if current.status not in _ASKED_FOR:
            return shown
        await settle(self.tx)
        return self.shown_of(current)

    async def put_back(self, record: Quote, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing that was sent, approved or decided."""
        return await super().put_back(
            record, {name: v for name, v in values.items() if name not in self.begins_with}
        )

    async def remove(self, records: Sequence[Quote]) -> None:
        """Approvals end in the bin, so what comes out of it is a draft."""
        for record in records:
            if record.status in _ASKED_FOR:
                await self.change(record, {"status": "draft"}, verb="returned")
        await super().remove(records)

    async def _written(self, content: QuoteContent, known: Before) -> dict[str, Any]:
        shown = await QuotePricing(self.tx).calculate(content, known)
        plain = {
            name: getattr(content, name)
            for name in CONTENT - {"lines", "sections", "discounts", "clauses"}
        }
        return {
            **plain,
            **shown["values"],
            "lines": [
                {**line, "trace": line["trace"] and {**line["trace"], **_NO_LOSERS}}
                for line in shown["lines"]
            ],
            "sections": [section.model_dump() for section in content.sections],
            "discounts": [
                {**discount_shown(one), "section": one.section, "interval": one.interval}
                for one in content.discounts
            ],
            **{name: shown[name] for name in ("totals", "rates", "warnings", "costs")},
        }

    async def _clauses(
        self, content: QuoteContent, before: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """The terms as they are from here on, whatever becomes of the library."""
        library, given = Clauses(self.tx), content.clauses
        if given is None:
            given = [
                QuoteClause(clause_id=clause.id, title=None, text=None)
                for clause in await library.default()
            ]
        named = [one.clause_id for one in given if one.clause_id is not None]
        known = {clause.id: clause for clause in await library.some(named)} if named else {}
        if faults := list(_not_to_take(given, known)):
            raise Invalid("A clause is not to be taken from the library.", faults=faults)
        language = await self.records.language_of(content) or ""
        return [
            _clause(one, known.get(one.clause_id) if one.clause_id else None, language, before)
            for one in given
        ]

    async def check_purge(self, current: Quote) -> None:
        """A number that was given stays taken."""
        if current.number is not None:
            message = "A quote that was sent has a number, which would be missing."
            raise Blocked(message, code="numbered")
        await super().check_purge(current)


class QuoteVersionService(CrudService[QuoteVersion]):
    """Quotes as they were sent."""

    repository = QuoteVersions
    area = AREA
    plural = "quote_versions"
    personal = Impersonal("What was offered; the quote says to whom.")
    plain = False
    upserts = False
    begins = "sent"
    printed: ClassVar[list[Printed]] = []
    """What those above do, in the same transaction, once the document of a version is there."""
    records: QuoteVersions


def content_of(values: Mapping[str, Any]) -> QuoteContent:
    """What is offered, of a quote that is stored or given."""
    own = {name: values[name] for name in CONTENT if name in values}
    own["lines"] = [given_of(line) for line in own.get("lines") or ()]
    own["clauses"] = None if own.get("clauses") is None else [_plain(c) for c in own["clauses"]]
    if "costs" in values:
        own["lines"] = _with_costs(own["lines"], _costs_of(values["lines"], values["costs"]))
    return QuoteContent.model_validate(own)


def given_of(line: Any) -> Any:
    """What was given of a line, whatever follows from that."""
    if isinstance(line, QuoteLine):
        return line
    looked_up = line.get("looked_up", ())
    return {
        name: line[name]
        for name in QuoteLine.model_fields
        if name in line and name not in looked_up
    }


def _plain(clause: Any) -> Any:
    if isinstance(clause, QuoteClause):
        return clause
    return {name: clause[name] for name in QuoteClause.model_fields if name in clause}


def with_ids(
    lines: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """A line without an id is the next one before that was of the same, and is not named."""
    named = {str(line["id"]) for line in lines if line["id"] is not None}
    free: dict[Any, list[str]] = {}
    for old in before:
        if old["id"] not in named:
            free.setdefault(_what(old), []).append(old["id"])
    return [
        {**line, "id": UUID(same.pop(0))}
        if line["id"] is None and (same := free.get(_what(line)))
        else line
        for line in lines
    ]


def _what(line: Mapping[str, Any]) -> tuple[str, str]:
    """What a line is of; of a variant the product need not be said."""
    for name in ("variant_id", "product_id"):
        if line[name] is not None:
            return name, str(line[name])
    return line["kind"], line["name"]


def _costs_of(
    lines: Sequence[Mapping[str, Any]], costs: Sequence[Mapping[str, Any]]
) -> dict[str, str | None]:
    """What was given as the costs of lines, by their ids: those of products are looked up."""
    given = {line["id"] for line in lines if not _is_product(line)}
    return {one["line_id"]: one["unit_cost"] for one in costs if one["line_id"] in given}


def _with_costs(
    lines: Sequence[Mapping[str, Any]], known: Mapping[str, str | None]
) -> list[Mapping[str, Any]]:
    """The same, with the costs that they had where none are said: not everybody sees them."""
    return [
        line
        if "unit_cost" in line or _is_product(line) or line["kind"] == "text"
        else {**line, "unit_cost": known.get(str(line["id"]))}
        for line in lines
    ]


def _is_product(line: Mapping[str, Any]) -> bool:
    return line["product_id"] is not None or line["variant_id"] is not None


def _not_to_take(given: Sequence[QuoteClause], known: Mapping[UUID, Clause]) -> Iterable[Fault]:
    """Clauses whose text is to be that of the library, and which are not for quotes."""
    for place, one in enumerate(given):
        if one.clause_id is None or one.text is not None:
            continue
        at, clause = f"/clauses/{place}/clause_id", known.get(one.clause_id)
        if clause is None:
            yield Fault("unknown_reference", "There is no such clause.", at)
        elif not clause.is_active:
            yield Fault("not_active", "The clause is not to be used any more.", at)


def _clause(
    given: QuoteClause,
    known: Clause | None,
    language: str,
    before: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    title, text = given.title, given.text
    if known is not None:
        title = title or _in(language, known.names, known.name)
        text = text or _in(language, known.texts, known.text)
    return {
        "clause_id": None if given.clause_id is None else str(given.clause_id),
        "clause_version": _version_of(given, known, before),
        "title": title,
        "text": text,
    }


def _version_of(
    given: QuoteClause, known: Clause | None, before: Sequence[Mapping[str, Any]]
) -> int | None:
    """Of which version of the library a text is; None for one of its own."""
    for one in before:
        if (one["clause_id"], one["text"]) == (str(given.clause_id), given.text):
            return one["clause_version"]
    if known is None or given.text not in {None, known.text, *known.texts.values()}:
        return None
    return known.version


def _in(language: str, texts: Mapping[str, str], own: str) -> str:
    return texts.get(language) or texts.get(language.partition("-")[0]) or own


def _sent(current: Quote, names: Sequence[str]) -> WrongState:
    message = f"A quote that is {current.status} stays as it is: revise it."
    faults = [Fault("quote_sent", message, f"/{name}") for name in sorted(names)]
    return WrongState(message, code="quote_sent", faults=faults)
