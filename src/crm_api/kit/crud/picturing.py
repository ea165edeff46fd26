"""What collections show of a customer: lists and sums, as they are or were at a moment."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, func, select, type_coerce

from crm_api.kit.crud.service import CrudService
from crm_api.kit.customer360 import Customer, Group, RollUp, Section, Sum
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import AmountType, shown_amount
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import PageQuery, matching, values_of
from crm_api.kit.query.past import many_values_at
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.shown import ready
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import sight_of
from crm_api.kit.query.watching import saw
from crm_api.kit.touchpoints import Department

MOST, MOST_THEN = 20, 200
"""So many records are listed, and so many are looked at to tell what was."""
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Pictured:
    """The records of a collection that concern a customer.

    `now` is the filter of those that count; `then` tells the same of the values at a moment.
    """

    service: type[CrudService[Any]]
    now: Values
    then: Callable[[Values], bool] | None = None
    company: str | None = "company_id"
    """The field with the company, or a path to it such as `project.company_id`."""
    contact: str | None = "contact_id"

    def filter_of(self, customer: Customer) -> dict[str, Any] | None:
        """The filter of all records of a customer; None where there can be none."""
        ends = ((self.company, customer.company_ids), (self.contact, customer.contact_ids))
        ways = [_nested(path, list(map(str, ids))) for path, ids in ends if path and ids]
        return {"or": ways} if ways else None

    async def rows(
        self, tx: Tx, customer: Customer, fields: Sequence[str], most: int
    ) -> tuple[list[Any], bool]:
        """Those that count, the latest first, and whether there are more."""
        about, service = self.filter_of(customer), self.service(tx)
        if about is None:
            return [], False
        listing = self.service.repository.listing
        source = {"and": [about, self.now]}
        query = PageQuery(Selection(tuple(fields)), parse(source, listing, tx), limit=most)
        page = await service.page(query)
        return page.data, page.next_cursor is not None

    async def rows_then(
        self, tx: Tx, customer: Customer, moment: datetime
    ) -> tuple[list[Any], bool]:
        """Those that counted at a moment, with all fields that the actor may see, and whether
        there may have been more.
        """
        about, service = self.filter_of(customer), self.service(tx)
        assert self.then is not None
        if about is None:
            return [], False
        listing = self.service.repository.listing
        source = {"and": [about, {"created_at": {"lte": moment.isoformat()}}]}
        query = PageQuery(
            Selection(("id",)), parse(source, listing, tx), limit=MOST_THEN, deleted="include"
        )
        page = await service.page(query)
        ids = [row.id for row in page.data]
        known = await many_values_at(tx, listing, ids, moment)
        counted = [
            known[id]
            for id in ids
            if id in known and known[id].get("deleted_at") is None and self.then(known[id])
        ]
        whole = Selection(listing.shown)
        rows = [whole.shape(listing)(*[v[name] for name in listing.shown]) for v in counted]
        if rows:
            await saw(tx, listing.entity, listing.shown, [v["id"] for v in counted])
        await ready(tx, listing, whole, rows, None)
        return rows, page.next_cursor is not None


def listed(
    name: str,
    department: Department,
    pictured: Pictured,
    fields: Sequence[str],
    *,
    group: Group = "work",
) -> Section:
    """A section that lists records: `{target, data, more}`, with at most `MOST` of them."""
    listing = pictured.service.repository.listing
    wanted = ("id", *fields)

    async def load(tx: Tx, customer: Customer) -> Mapping[str, Any]:
        if customer.as_of is None:
            rows, more = await pictured.rows(tx, customer, wanted, MOST)
        else:
            rows, more = await pictured.rows_then(tx, customer, customer.as_of)
            more, rows = more or len(rows) > MOST, rows[:MOST]
        data = [{field: getattr(row, field) for field in wanted} for row in rows]
        return {"target": listing.entity, "data": data, "more": more}

    area = pictured.service.area
    return Section(name, department, load, group, (area,), as_of=pictured.then is not None)


@dataclass(frozen=True)
class Figure:
    """An amount that is summed up."""

    name: str
    column: str
    percent: str | None = None
    """The column with the per cent of it that count."""


def summed(
    name: str,
    department: Department,
    pictured: Pictured,
    figures: Sequence[Figure],
    *,
    by: Sequence[str] = ("currency",),
) -> Section:
    """A section of money: for each currency how many records there are, and their sums.

    A sum over a field that is hidden from the reader is null.
    """

    async def load(tx: Tx, customer: Customer) -> list[dict[str, Any]] | None:
        entity = pictured.service.repository.listing.entity
        masked = {f.name for f in figures if f.column in tx.actor.hidden(entity)}
        if customer.as_of is None:
            found = await _sums(tx, pictured, customer, figures, by)
        else:
            rows, more = await pictured.rows_then(tx, customer, customer.as_of)
            if more:
                # A part of it would look like the whole.
                return None
            found = _added(rows, figures, by)
        return [
            {**one, **{f.name: None if f.name in masked else one[f.name] for f in figures}}
            for one in found
        ]

    as_of = pictured.then is not None
    return Section(name, department, load, "money", (pictured.service.area,), as_of=as_of)


@dataclass(frozen=True)
class Valued:
    """The columns of an amount, and of what it comes to in the organization's currency."""

    amount: str
    converted: str
    currency: str
    """The column with the currency into which it was converted."""

    def lacking(self, pictured: Pictured, own: str) -> Pictured:
        """The records whose amount is not in the organization's currency."""
        ways = [{self.converted: {"is_null": True}}, {self.currency: {"ne": own}}]
        with_one = {self.amount: {"is_null": False}, "or": ways}
        return replace(pictured, now={"and": [pictured.now, with_one]})


def rolled_up(name: str, pictured: Pictured, valued: Valued | None = None) -> RollUp:
    """How many records companies have, and what they come to."""
    company = pictured.company
    assert company is not None
    by = [company, *([valued.currency] if valued else [])]
    figures = [Figure(valued.converted, valued.converted)] if valued else []

    async def load(tx: Tx, company_ids: Sequence[UUID], own: str) -> Mapping[UUID, Sum]:
        hidden = tx.actor.hidden(pictured.service.repository.listing.entity)
        told = valued if valued and not hidden & {valued.amount, *by, valued.converted} else None
        customer = Customer(company_ids, ())
        found = dict.fromkeys(company_ids, Sum(0, Decimal(0)) if told else Sum())
        for one in await _sums(tx, pictured, customer, figures, by):
            amount = one[told.converted] if told and one[told.currency] == own else 0
            found[one[company]] += Sum(one["count"], None if told is None else Decimal(amount))
        if told is not None:
            for one in await _sums(tx, told.lacking(pictured, own), customer, (), (company,)):
                found[one[company]] += Sum(is_whole=False)
        return found

    return RollUp(name, pictured.service.area, load)


async def _sums(
    tx: Tx,
    pictured: Pictured,
    customer: Customer,
    figures: Sequence[Figure],
    by: Sequence[str],
) -> list[dict[str, Any]]:
    listing = pictured.service.repository.listing
    about = pictured.filter_of(customer)
    if about is None:
        return []
    model, sight = listing.model, sight_of(tx.actor, listing)
    query = PageQuery(
        Selection(()), parse({"and": [about, pictured.now]}, listing, tx), sight=sight
    )
    groups = [getattr(model, column) for column in by]

    def amount(figure: Figure) -> Any:
        column = type_coerce(getattr(model, figure.column), BigInteger)
        weighed = column if figure.percent is None else column * getattr(model, figure.percent)
        return func.sum(weighed)

    statement = prepared(
        listing,
        ("customer sums", query.shape, tuple(figures), tuple(by)),
        lambda: _select_sums(listing, query, groups, [amount(figure) for figure in figures]),
    )
    rows = await tx.fetch(statement.sql, *statement.args(values_of(tx, query, None)))
    places = len(by)
    return [
        {
            **dict(zip(by, row[:places], strict=True)),
            "count": row[places],
            **{
                figure.name: _shown(Decimal(value or 0) / AmountType.scale, figure)
                for figure, value in zip(figures, list(row)[places + 1 :], strict=True)
            },
        }
        for row in rows
    ]


def _select_sums(
    listing: Listing, query: PageQuery, groups: Sequence[Any], amounts: Sequence[Any]
) -> Select[Any]:
    chosen: Any = select(*groups, func.count(), *amounts)
    return matching(listing, chosen, query).group_by(*groups).order_by(*groups)


def _added(
    rows: Sequence[Any], figures: Sequence[Figure], by: Sequence[str]
) -> list[dict[str, Any]]:
    grouped: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for row in rows:
        grouped[tuple(getattr(row, column) for column in by)].append(row)
    return [
        {
            **dict(zip(by, group, strict=True)),
            "count": len(those),
            **{
                f.name: _shown(sum((_value(row, f) for row in those), Decimal(0)), f)
                for f in figures
            },
        }
        for group, those in sorted(grouped.items())
    ]


def _value(row: Any, figure: Figure) -> Decimal:
    value = Decimal(getattr(row, figure.column) or 0)
    return value if figure.percent is None else value * getattr(row, figure.percent)


def _shown(value: Decimal, figure: Figure) -> str:
    return shown_amount(value if figure.percent is None else value / 100)


def _nested(path: str, ids: list[str]) -> dict[str, Any]:
    *above, column = path.split(".")
    found: dict[str, Any] = {column: {"in": ids}}
    for name in reversed(above):
        found = {name: found}
    return found
