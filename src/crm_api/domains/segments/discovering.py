"""Customers by what they bought: how lately, how often, how much; and who buys alike."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.orders.repository import ORDERS
from crm_api.domains.segments import arithmetic
from crm_api.domains.segments.arithmetic import FEATURES, SEED, Floats, Rule
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.figures import BoughtIn, DiscoverInput
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.money import shown_amount
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.platform.exchange.repository import ExchangeRates

MOST = 200_000


class _Bought(NamedTuple):
    """When something was bought, for how much in which currency, and what counts."""

    listing: Listing
    at: str
    amount: str
    currency: str
    where: Mapping[str, Any]
    field: str
    """What filters sum, which take it in the organization's currency where it is kept so."""


_BOUGHT: Mapping[BoughtIn, _Bought] = {
    "deals": _Bought(
        DEALS, "closed_at", "base_amount", "base_currency", {"status": "won"}, "amount"
    ),
    "orders": _Bought(
        *(ORDERS, "confirmed_at", "net", "currency"),
        {"status": {"nin": ["draft", "cancelled"]}},
        "net",
    ),
}
# What is in another currency counts as bought, and its amount as none.
_CUSTOMERS = """
    WITH b AS MATERIALIZED ({bought}), q AS MATERIALIZED ({inner})
    SELECT b.party, max(b.at) AS last, count(*) AS number,
        coalesce(sum(b.amount) FILTER (WHERE b.currency = $1), 0) AS amount,
        count(*) FILTER (WHERE b.currency <> $1) AS others
    FROM b JOIN q ON q.id = b.party WHERE b.at IS NOT NULL
    GROUP BY b.party ORDER BY b.party LIMIT $2
"""


class Discovery:
    """What is found in what customers bought, of what the actor sees."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, data: DiscoverInput) -> dict[str, Any]:
        """An RFM grid, or clusters with the rules that tell them."""
        SegmentService(self.tx).need("read")
        currency = await ExchangeRates(self.tx).own_currency()
        rows = await self._customers(data, currency)
        shown: dict[str, Any] = {
            "customers": len(rows),
            "left_out": sum(row["others"] for row in rows),
            "currency": currency,
            "cells": [],
            "groups": [],
            "clusters": [],
            **dict.fromkeys(("silhouette", "stability", "seed")),
        }
        if data.method == "rfm":
            return {**shown, **self._grid(data, self._scored(rows))}
        features = self._features(rows)
        if len(np.unique(features, axis=0)) < data.clusters:
            message = "There are fewer customers that differ than clusters to make."
            raise Invalid.at("/clusters", "too_few_customers", message)
        # It takes seconds of many customers, in which others are to be served.
        return {**shown, **await asyncio.to_thread(_clusters, data, features, currency)}

    async def customers_of(self, data: DiscoverInput, r: int, f: int) -> list[UUID]:
        """The customers of a cell of the RFM grid."""
        SegmentService(self.tx).need("read")
        currency = await ExchangeRates(self.tx).own_currency()
        scored = self._scored(await self._customers(data, currency))
        return [one.row["party"] for one in scored if (one.r, one.f) == (r, f)]

    def hidden_of(self, source: BoughtIn) -> list[str]:
        """What it would need of purchases and is hidden."""
        listing, at, amount, of, *_ = _BOUGHT[source]
        hidden = {at, amount, of} & self.tx.actor.hidden(listing.entity)
        return [f"{listing.entity}.{name}" for name in sorted(hidden)]

    async def _customers(self, data: DiscoverInput, currency: str) -> list[Any]:
        tx = self.tx
        listing, at, amount, of, source, _ = _BOUGHT[data.source]
        tx.actor.require(f"{listing.area}:read")
        hidden = {at, amount, of} & tx.actor.hidden(listing.entity)
        if hidden:
            message = "What customers paid is hidden from you."
            raise Invalid.at("/source", "hidden_field", message)
        party = f"{data.target}_id"
        model: Any = listing.model
        columns = {"party": party, "at": at, "amount": amount, "currency": of}
        known = {key: getattr(model, name) for key, name in columns.items()}
        known["amount"] = known["amount"].type.exact(known["amount"])
        chosen = select(*(column.label(key) for key, column in known.items()))
        filter = parse({**source, party: {"is_null": False}}, listing, tx)
        bought, values = asked(tx, listing, chosen, filter, behind=2, named=("bought", party))
        service = service_of(tx, data.target)
        service.need("read")
        own = service.records.listing
        among = Filter()
        if data.segment_id is not None:
            among = parse({"segment": str(data.segment_id)}, own, tx)
        behind = 2 + len(values)
        inner, more = asked(tx, own, select(own.model.id), among, behind=behind, named="ids")
        sql = _CUSTOMERS.replace("{bought}", bought).replace("{inner}", inner)
        rows = await tx.fetch(sql, currency, MOST + 1, *values, *more)
        if len(rows) > MOST:
            message = f"There are more than {MOST:,} customers; look at a segment."
            raise Invalid.at("/segment_id", "too_many_customers", message)
        return rows

    def _scored(self, rows: Sequence[Any]) -> list["_Scored"]:
        columns = (
            [self._day(row["last"]) for row in rows],
            [row["number"] for row in rows],
            [row["amount"] for row in rows],
        )
        scores = (arithmetic.scores(np.array(one, dtype=np.float64)).tolist() for one in columns)
        return [_Scored(*one) for one in zip(*scores, rows, strict=True)]

    def _day(self, moment: datetime) -> int:
        """By days: within one nobody buys more lately than others, whatever the clock says."""
        return moment.astimezone(ZoneInfo(self.tx.actor.time_zone)).toordinal()

    def _grid(self, data: DiscoverInput, scores: Sequence["_Scored"]) -> dict[str, Any]:
        today = self._day(self.tx.now)
        days = _least((one.r, self._day(one.row["last"])) for one in scores)
        numbers = _least((one.f, one.row["number"]) for one in scores)
        grid = _grid(scores)
        for cell in grid["cells"]:
            since, until = _bounds(days, cell["recency"])
            parts = [
                *_lately(data, since and today - since, until and today - until),
                *_often(data, *_bounds(numbers, cell["frequency"])),
            ]
            cell["filter"] = _whole(data, parts)
        return grid

    def _features(self, rows: Sequence[Any]) -> Floats:
        now, day = self.tx.now, timedelta(days=1)
        return np.array(
            [
                [max((now - row["last"]) // day, 0), row["number"], float(row["amount"])]
                for row in rows
            ],
            dtype=np.float64,
        ).reshape(len(rows), len(FEATURES))


def _clusters(data: DiscoverInput, features: Floats, currency: str) -> dict[str, Any]:
    found = arithmetic.clusters(features, data.clusters)
    told: list[dict[str, Any]] = []
    for label in np.unique(found.labels):
        inside = found.labels == label
        rules, precision, recall = arithmetic.explained(features, inside)
        medians = np.median(features[inside], axis=0)
        told.append(
            {
                "count": int(inside.sum()),
                **{name: round(float(medians[n]), 4) for n, name in enumerate(FEATURES)},
                "rules": [_rule(rule) for rule in rules],
                "precision": round(precision, 6),
                "recall": round(recall, 6),
                "filter": _filter(data, rules, currency),
            }
        )
    told.sort(key=lambda one: -one["count"])
    return {
        "clusters": told,
        "silhouette": round(found.silhouette, 6),
        "stability": round(found.stability, 6),
        "seed": SEED,
    }


class _Scored(NamedTuple):
    """A customer with three scores."""

    r: int
    f: int
    m: int
    row: Any


def _grid(scores: Sequence[_Scored]) -> dict[str, Any]:
    cells, sums = Counter[tuple[int, int]](), defaultdict[tuple[int, int], Decimal](Decimal)
    groups, of_groups = Counter[str](), defaultdict[str, Decimal](Decimal)
    for r, f, m, row in scores:
        name = arithmetic.group_of(r, f, m)
        cells[r, f] += 1
        sums[r, f] += row["amount"]
        groups[name] += 1
        of_groups[name] += row["amount"]
    return {
        "cells": [
            {"recency": r, "frequency": f, "count": n, "monetary": shown_amount(sums[r, f])}
            for (r, f), n in sorted(cells.items())
        ],
        "groups": [
            {"name": name, "count": groups[name], "monetary": shown_amount(of_groups[name])}
            for name, _ in arithmetic.GROUPS
            if groups[name]
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    operator = "gte" if rule.at_least else "lte"
    return {
        "feature": FEATURES[rule.feature],
        "operator": operator,
        "value": round(rule.bound, 4),
    }


def _filter(data: DiscoverInput, rules: Sequence[Rule], currency: str) -> dict[str, Any] | None:
    """The rules of a cluster as a filter."""
    _, at, _, _, where, field = _BOUGHT[data.source]
    parts: list[dict[str, Any]] = []
    for rule in rules:
        operator = "gte" if rule.at_least else "lte"
        if FEATURES[rule.feature] == "frequency":
            parts.append({data.source: {"count": {"where": where, operator: round(rule.bound)}}})
        elif FEATURES[rule.feature] == "monetary":
            bound = f"{Decimal(repr(rule.bound)):f}"
            summed = {"field": field, "where": where, operator: bound}
            if data.source == "orders":
                summed["currency"] = currency
            parts.append({data.source: {"sum": summed}})
        else:
            days = int(rule.bound) if rule.at_least else int(rule.bound) + 1
            some = {data.source: {"some": {**where, at: {"gte": f"@now-{days}d"}}}}
            parts.append({"not": some} if rule.at_least else some)
    return _whole(data, parts) if parts else None


def _whole(data: DiscoverInput, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    # Whoever never bought has bought neither lately nor often.
    whole = [{data.source: {"some": _BOUGHT[data.source].where}}, *parts]
    if data.segment_id is not None:
        whole.append({"segment": {"eq": str(data.segment_id)}})
    return {"and": whole}


def _least(scored: Iterable[tuple[int, int]]) -> dict[int, int]:
    """By score, in their order, the least value that has it."""
    found: dict[int, int] = {}
    for score, value in scored:
        found[score] = min(value, found.get(score, value))
    return dict(sorted(found.items()))


def _bounds(least: Mapping[int, int], score: int) -> tuple[int | None, int | None]:
    """From which value on one has a score, and from which on no more; the ends are open.

    Whoever buys later on has one score as well: nothing lies between two.
    """
    scores = list(least)
    place = scores.index(score)
    above = scores[place + 1 : place + 2]
    return least[score] if place else None, least[above[0]] if above else None


def _lately(data: DiscoverInput, since: int | None, until: int | None) -> Iterator[dict[str, Any]]:
    """That the last purchase was so many days ago at most, and longer ago than so many."""
    _, at, _, _, where, _ = _BOUGHT[data.source]
    for days, operator in ((since, "some"), (until, "none")):
        if days is not None:
            then = {at: {"gte": f"@today-{days}d"}}
            yield {data.source: {operator: {**where, **then}}}


def _often(data: DiscoverInput, least: int | None, more: int | None) -> Iterator[dict[str, Any]]:
    where = _BOUGHT[data.source].where
    if least is None and more is None:
        return
    bounds: dict[str, Any] = {"gte": least} if more is None else {"between": [least or 1, more - 1]}
    yield {data.source: {"count": {"where": where, **bounds}}}
