"""Reports, run: one statement that reads, bounded in time and cost."""

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import text

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.choosing import tally_of
from crm_api.domains.reports.compiling import Compiler, Plan, planned
from crm_api.domains.reports.converting import rates_of
from crm_api.domains.reports.declared import Declared, source_of
from crm_api.domains.reports.definitions import EACH_RECORD, metric_row
from crm_api.domains.reports.drilling import behind
from crm_api.domains.reports.earlier import compared_with
from crm_api.domains.reports.expanding import bridge, funnel, need_shape, of_sides, of_steps
from crm_api.domains.reports.measuring import functions_of
from crm_api.domains.reports.naming import name_groups
from crm_api.domains.reports.operands import DATED, operand_of, pointed, unfit
from crm_api.domains.reports.questions import hash_of
from crm_api.domains.reports.results import (
    Row,
    Shaped,
    column_row,
    columns_of,
    groups_of,
)
from crm_api.domains.reports.schemas import MAX_GROUPS, ReportCellInput, ReportQuery
from crm_api.domains.reports.series import complete, dated_of
from crm_api.domains.reports.units import unit_of_field
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import CrmError, Invalid, Unavailable
from crm_api.kit.query.columns import Column, table_columns, table_statement
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import count
from crm_api.kit.query.sealed import joined, sealed
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.sorting import sorts_of
from crm_api.kit.query.taking import JOINED, WRITTEN
from crm_api.kit.query.visibility import narrowed
from crm_api.kit.query.watching import exported

AREA = "reports"
_ORGANIZATION = "SELECT time_zone, currency, fiscal_year_starts_in FROM organizations WHERE id = $1"
_TABLE_ROWS = 1_000
_PREVIEW = 5


@dataclass(frozen=True)
class Bounds:
    """How much a report may take."""

    seconds: int
    cost: int
    """What the planner of PostgreSQL may expect: about a page read from the disk each."""


AT_ONCE = Bounds(4, 2_000_000)
FOR_THE_LIBRARY = Bounds(4, 20_000_000)
"""Of standard reports, which are known to be read with care."""
WHILE_ASKED = Bounds(2, 2_000_000)
"""Of a report that becomes a job where that is not enough."""
TOO_MUCH = frozenset({"too_slow", "too_expensive"})


def too_expensive() -> Invalid:
    """What is said of a report of which the planner expects more than it may take."""
    return Invalid("The report would take too much: narrow its filter.", code="too_expensive")


class Reports:
    """Reports of whatever whoever asks may read."""

    limits = WRITTEN
    """Of their filters."""

    def __init__(self, tx: Tx, bounds: Bounds = AT_ONCE) -> None:
        self.tx, self.bounds = tx, bounds

    async def calendar(self) -> Calendar:
        """By what the organization counts."""
        (row,) = await self.tx.fetch(_ORGANIZATION, self.tx.organization_id)
        return Calendar(row["time_zone"], row["currency"], row["fiscal_year_starts_in"])

    def source(self, entity: str) -> CrudService[Any]:
        """Whose records they are; raises `Invalid`, `Forbidden`."""
        self.tx.actor.require(f"{AREA}:read")
        service = source_of(self.tx, entity)
        if service is None:
            raise unfit("/source", "unknown_source", f"There are no reports of {entity[:60]!r}.")
        service.need("read")
        return service

    async def plan(self, query: ReportQuery) -> Plan:
        """A report checked; raises `Invalid`, and `Forbidden` for what is hidden."""
        plan = self.planned(query, await self.calendar())
        return replace(plan, sight=await narrowed(self.tx, plan.listing, plan.sight))

    def planned(self, query: ReportQuery, calendar: Calendar) -> Plan:
        """The same by a calendar that is known."""
        service = self.source(query.source)
        need_shape(query)
        records = service.records
        place = (records.listing, records.sight, calendar)
        if query.kind == "funnel":
            return replace(planned(self.tx, of_steps(query), *place, self.limits), query=query)
        if not query.sides:
            return planned(self.tx, query, *place, self.limits)
        for turn, side in enumerate(query.sides):
            with pointed(f"/sides/{turn}/filter"):
                parse(side.filter, records.listing, self.tx, limits=self.limits)
        # What is wrong is said of what was asked, not of what it becomes.
        bare = query.model_copy(update={"sides": [], "having": {}, "sort": []})
        known = planned(self.tx, bare, *place, self.limits).measures
        return replace(planned(self.tx, of_sides(query, known), *place, JOINED), asked=query)

    async def run(self, query: ReportQuery, span: tuple[date, date] | None = None) -> Row:
        """What a report comes to now, as whoever asks sees it."""
        plan = await self.plan(query)
        async with self.reading() as tx:
            return await self.answer(tx, plan, span)

    async def answer(self, tx: Tx, plan: Plan, span: tuple[date, date] | None = None) -> Row:
        """The same within a transaction that sees one moment."""
        await self.settle(tx, plan)
        with self.in_time():
            if plan.query.kind == "table":
                return {**self._head(tx, plan), **await self._table(tx, plan)}
            return await self.told(tx, plan, await self._grouped(tx, plan, span))

    async def told(self, tx: Tx, plan: Plan, found: Row) -> Row:
        """What groups came to, with what they are called and what else is said of it."""
        fields = [group.operand.path for group in plan.groups]
        fields += [operand.path for known in plan.measures for operand in known.operands]
        exported(tx, plan.listing, fields, len(found["rows"]))
        await name_groups(tx, plan, found)
        return {**self._head(tx, plan), **found}

    async def settle(self, tx: Tx, plan: Plan) -> None:
        """Find out from what a report is read."""
        if not plan.is_settled:
            with self.in_time():
                plan.tally = await tally_of(tx, plan)
            plan.is_settled = True

    def _head(self, tx: Tx, plan: Plan) -> Row:
        """What is said of an answer beside what it is."""
        query, calendar = plan.query, plan.calendar
        return {
            "source": query.source,
            "kind": query.kind,
            "definition_hash": hash_of(plan.asked or query),
            "time_zone": calendar.zone,
            "currency": calendar.currency,
            "as_of": tx.now,
            "tally": plan.tally and plan.tally.watermark,
        }

    async def check(self, query: ReportQuery) -> Row:
        """What a report would be and cost, with its first rows."""
        plan = await self.plan(query)
        async with self.reading() as tx:
            first = replace(plan, query=query.model_copy(update={"limit": _PREVIEW}))
            with self.in_time():
                if query.kind == "table":
                    columns = columns_of_table(tx, query, plan.listing)
                    statement = _table_statement(tx, plan, columns)
                else:
                    statement = await self.statement(tx, plan, plan.limit)
                cost = await self.cost(tx, *statement)
                found = await self._preview(tx, first)
        return {
            "definition_hash": hash_of(query),
            "columns": found["columns"],
            "cost": cost if plan.is_whole else None,
            "cost_limit": self.bounds.cost,
            "preview": found["rows"][:_PREVIEW],
        }

    async def _preview(self, tx: Tx, plan: Plan) -> Row:
        if plan.query.kind == "table":
            return await self._table(tx, plan)
        if plan.query.kind == "time_series":
            shaped = Shaped(plan, await self._fetch(tx, plan, _PREVIEW))
            shaped.finish()
            found = {"columns": columns_of(plan), "rows": shaped.rows(), "totals": []}
            return await self.told(tx, plan, found)
        return await self.told(tx, plan, await self._grouped(tx, plan, None))

    async def drill(self, asked: ReportCellInput) -> Row:
        """The rows behind a cell."""
        plan = await self.plan(asked.report)
        if plan.query.kind == "table":
            raise unfit("/report/kind", "no_cells", "The rows of a table are the records.")
        filter = behind(plan, groups_of(asked.cell), asked.measure)
        return await self.counted(plan.query.source, filter)

    async def counted(self, source: str, filter: dict[str, Any]) -> Row:
        """The records of a filter, and how many they are."""
        service = self.source(source)
        listing, sight = service.records.listing, service.records.sight
        with pointed("/cell"):
            wanted = joined(filter, listing, self.tx)
        number = await count(
            self.tx,
            listing,
            PageQuery(
                Selection(()), wanted, count="exact", sight=await narrowed(self.tx, listing, sight)
            ),
            None,
        )
        return {
            "source": source,
            "path": service.path,
            "filter": filter,
            "seal": sealed(filter, listing, self.tx),
            "count": number,
            "is_current": True,
        }

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Tx]:
        """One moment, of the replica where there is one, in which nothing takes too long."""
        async with at_one_moment(self.tx, late=True) as tx:
            await self.bound(tx)
            yield tx

    async def bound(self, tx: Tx) -> None:
        """Let nothing of a transaction take longer than it may."""
        await tx.run(text(f"SET LOCAL statement_timeout = '{self.bounds.seconds}s'"))

    @contextmanager
    def in_time(self) -> Generator[None]:
        """Have a statement that takes too long be a mistake of the report."""
        try:
            yield
        except Unavailable as error:
            if error.own_code != "timeout":
                raise
            message = (
                f"The report takes longer than {self.bounds.seconds} seconds: narrow its filter, "
                "or have it run as a job."
            )
            raise Invalid(message, code="too_slow") from None

    async def _convert(self, tx: Tx, plan: Plan) -> None:
        """Find the rates that a report takes; raises `Conflict` where there is none."""
        compiler = Compiler(tx, plan)
        asked = compiler.currencies() if plan.rates is None else None
        if asked is None or plan.money is None:
            return
        rows = await tx.fetch(asked.sql, *asked.args(compiler.values))
        known = sorted(row[0] for row in rows if row[0] is not None)
        plan.rates = await rates_of(tx, known, plan.calendar.currency, plan.money.day)

    async def statement(self, tx: Tx, plan: Plan, limit: int) -> tuple[str, list[Any]]:
        """A report as the driver takes it: one group more, so that it is known whether all are there."""
        await self._convert(tx, plan)
        statement, values = Compiler(tx, plan).statement(limit=limit + 1)
        return statement.sql, statement.args(values)

    async def cost(self, tx: Tx, sql: str, args: Sequence[Any]) -> int:
        """What PostgreSQL expects a statement to take."""
        told = await tx.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *args)
        found = told[0][0]
        root: Any = decode(found) if isinstance(found, str | bytes) else found
        return int(root[0]["Plan"]["Total Cost"])

    async def _fetch(self, tx: Tx, plan: Plan, limit: int) -> list[Any]:
        sql, args = await self.statement(tx, plan, limit)
        # The cells of a tally are few, whatever is asked of them.
        if plan.tally is None and plan.cost is None:
            plan.cost = await self.cost(tx, sql, args)
        self._need_cheap(plan.cost)
        return await tx.fetch(sql, *args)

    def _need_cheap(self, cost: int | None) -> None:
        """Raise `Invalid` where the planner expects more than a report may take."""
        if cost is not None and cost > self.bounds.cost:
            raise too_expensive()

    async def _table(self, tx: Tx, plan: Plan) -> Row:
        """The first records, as an export has them."""
        query, listing = plan.query, plan.listing
        columns = columns_of_table(tx, query, listing)
        most = query.limit or _TABLE_ROWS
        sql, args = _table_statement(tx, plan, columns)
        self._need_cheap(await self.cost(tx, sql, args))
        found: list[Any] = await tx.fetch(sql, *args)
        names = [column.name for column in columns]
        exported(tx, listing, names, len(found))
        rows: list[Row] = [
            {"cell": None, "values": dict(zip(names, row, strict=True))} for row in found[:most]
        ]
        return {
            "columns": [column_row(c.name, "column", c.kind) for c in columns],
            "rows": rows,
            "totals": [],
            "truncated": len(found) > most,
        }

    async def _grouped(self, tx: Tx, plan: Plan, span: tuple[date, date] | None) -> Row:
        query = plan.query
        # Totals come with the groups, of which all are needed then.
        is_whole = query.totals or bool(plan.finish)
        most = MAX_GROUPS if is_whole else plan.limit
        rows = await self._fetch(tx, plan, most)
        if len(rows) > most and (is_whole or query.limit is None):
            message = f"There are more than {MAX_GROUPS:,} groups: say a limit, or longer buckets."
            raise unfit("/groupings", "too_many_groups", message)
        if query.kind == "funnel":
            return funnel(plan, rows)
        shaped = Shaped(plan, rows)
        if query.kind == "time_series":
            dated = dated_of(plan, shaped, span)
            before = await compared_with(tx, plan, dated, self._fetch)
            complete(plan, shaped, span, before=before)
        shaped.finish()
        if query.kind == "waterfall":
            return bridge(plan, shaped)
        return {
            "columns": columns_of(plan),
            "rows": shaped.rows(),
            "totals": shaped.totals,
            "truncated": shaped.truncated,
        }


def columns_of_table(tx: Tx, query: ReportQuery, listing: Listing) -> list[Column]:
    """The columns of a table; raises `Invalid` for those, and for sorts, that there are not."""
    with pointed("/columns"):
        columns = table_columns(listing, query.columns, tx)
    with pointed("/sort"):
        sorts_of(listing, ",".join(query.sort) or None, tx)
    return columns


def _table_statement(tx: Tx, plan: Plan, columns: Sequence[Column]) -> tuple[str, list[Any]]:
    """The rows of a table, one more than there may be, so that it is known whether all are there."""
    sort = ",".join(plan.query.sort) or None
    asked = PageQuery(Selection(()), plan.filter, sort=sort, sight=plan.sight)
    most = plan.query.limit or _TABLE_ROWS
    return table_statement(tx, plan.listing, columns, asked, text=False, limit=most + 1)


def sources_of(tx: Tx) -> list[Row]:
    """What whoever asks may report on, and how."""
    tx.actor.require(f"{AREA}:read")
    known = [service(tx) for service in Declared.services.values()]
    known += [found for key in tx.catalogue.objects if (found := source_of(tx, key)) is not None]
    return [_described(tx, s) for s in known if tx.actor.covers(f"{s.area}:read")]


def _described(tx: Tx, service: CrudService[Any]) -> Row:
    listing = service.records.listing
    custom = [f"custom.{field.name}" for field in tx.catalogue.of(listing.entity).seen_by(tx.actor)]
    fields: list[Row] = []
    for path in (*listing.shown, *custom):
        try:
            operand = operand_of(tx, listing, path, "/")
        except CrmError:
            # Hidden, or nothing that reports know.
            continue
        fields.append(
            {
                "path": path,
                "kind": operand.kind,
                "unit": unit_of_field(path, operand.kind),
                "groups": operand.groups,
                "buckets": operand.kind in DATED,
                "functions": functions_of(operand),
                "choices": list(operand.choices),
                "base_currency": operand.base,
            }
        )
    relations = [
        {"name": name, "source": relation.target().entity, "is_many": relation.many}
        for name, relation in listing.related.items()
        if tx.actor.covers(f"{relation.target().area}:read")
    ]
    return {
        "source": listing.entity,
        "path": service.path,
        "text": (service.__doc__ or "").strip().partition("\n")[0],
        "grain": list(EACH_RECORD),
        "fields": fields,
        "relations": relations,
        "metrics": [
            metric_row(metric)
            for metric in Declared.metrics.values()
            if metric.source == listing.entity
        ],
    }
