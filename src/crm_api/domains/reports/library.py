"""The library of standard reports: run by the one engine, or computed by their domain."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.service import ProductService
from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.dating import within_days
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.definitions import report_row, unit_of
from crm_api.domains.reports.operands import operand_of, pointed, unfit
from crm_api.domains.reports.parameters import put, query_of, read
from crm_api.domains.reports.questions import Asked, Computing, Question, hash_of, said
from crm_api.domains.reports.results import Row, cell_of, groups_of, shown
from crm_api.domains.reports.running import FOR_THE_LIBRARY, Bounds, Reports, too_expensive
from crm_api.domains.reports.schemas import ReportCellInput, ReportQuery
from crm_api.kit.db.guarding import Guard
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, NotFound
from crm_api.kit.query.filters import parse
from crm_api.kit.query.taking import JOINED
from crm_api.kit.query.watching import exported
from crm_api.kit.reporting import (
    Computed,
    ComputedReport,
    DefinedReport,
    Line,
    Records,
    ReportField,
    StandardReport,
)

_PERFORMANCE = "product_performance"
_NONE: Mapping[str, Any] = {}


class Library(Reports):
    """The standard reports of all parts."""

    limits = JOINED
    """What others say further is read before it is joined."""

    def __init__(self, tx: Tx, bounds: Bounds = FOR_THE_LIBRARY) -> None:
        super().__init__(tx, bounds)

    def all(self) -> list[Row]:
        """Those whose records may be read, with their definitions."""
        actor = self.tx.actor
        actor.require("reports:read")
        areas = {entity: service.area for entity, service in Declared.services.items()}
        return [
            report_row(one)
            for one in Declared.standard.values()
            if all(actor.covers(f"{area}:read") for area in (areas[one.source], *one.areas))
        ]

    def named(self, name: str) -> Row:
        """The definition of one; raises `NotFound`, `Forbidden`."""
        return report_row(self._known(name))

    async def result(self, name: str, given: Mapping[str, Any]) -> Row:
        """What one comes to now, as whoever asks sees it; raises `Invalid`, `Forbidden`."""
        asked = await self.asked(name, given)
        answer = await self.run(asked.question)
        return {"standard": asked.standard, "parameters": asked.parameters, "answer": answer}

    async def asked(
        self, name: str, given: Mapping[str, Any], further: Mapping[str, Any] = _NONE
    ) -> Asked:
        """One with its parameters, ready to be run; raises `Invalid`, `Forbidden`.

        Only those in the words of reports take `further` conditions.
        """
        report = self._known(name)
        values = read(report.parameters, given, self.tx)
        question: Question
        if isinstance(report, DefinedReport):
            with pointed("/filter"):
                parse(further, self.source(report.source).records.listing, self.tx)
            question = _query(report, values, await self.calendar(), further)
        else:
            question = self._computing(report, values)
        return Asked(question, report_row(report), said(values))

    async def judge(self, question: Question) -> None:
        """Raise `Invalid` for what the domain of a computed report does not take."""
        if isinstance(question, Computing):
            await judge(self.tx, question.report, question.values)

    async def run(self, query: Question, span: tuple[date, date] | None = None) -> Row:
        """What a question comes to, also one that the engine of reports does not answer."""
        if isinstance(query, Computing):
            return await self._figures(query)
        return await super().run(query, span)

    async def of_product(
        self, id: UUID, first: date | None, last: date | None, *, with_margin: bool
    ) -> Row:
        """How a product fares between two days; raises `NotFound`, `Forbidden`."""
        self.named(_PERFORMANCE)
        await ProductService(self.tx).get(id)
        days = {"from": first, "to": last}
        within = {name: day.isoformat() for name, day in days.items() if day is not None}
        given = {**within, "product_id": str(id), "with_margin": with_margin}
        with in_address():
            return await self.result(_PERFORMANCE, given)

    async def drilled(
        self, name: str, given: Mapping[str, Any], cell: str, measure: str | None
    ) -> Row:
        """The records behind a cell of one, as they are now."""
        return await self.behind((await self.asked(name, given)).question, cell, measure)

    async def behind(self, asked: Question, cell: str, measure: str | None) -> Row:
        """The records behind a cell of what a question comes to, as they are now."""
        if not isinstance(asked, Computing):
            return await self.drill(
                # What is no cell or measure of it is refused where it is looked for.
                ReportCellInput.model_construct(report=asked, cell=cell, measure=measure)
            )
        own = asked.report
        if measure is not None and measure not in {c.name for c in own.columns}:
            raise unfit("/measure", "unknown_measure", f"There is no measure {measure[:60]!r}.")
        async with self.reading() as tx:
            records, wanted = await self._behind(tx, asked, groups_of(cell), measure)
        return await self.counted(records.source or own.source, wanted)

    def _computing(self, report: StandardReport, values: Mapping[str, Any]) -> Computing:
        """One of a domain with its values; raises `Forbidden` where a field of it is hidden."""
        assert isinstance(report, ComputedReport)
        listing = self.source(report.source).records.listing
        for path in report.reads:
            operand_of(self.tx, listing, path, "")
        return Computing(report, values)

    async def _behind(
        self, tx: Tx, asked: Computing, groups: Row, measure: str | None
    ) -> tuple[Records, Row]:
        """The records of a cell, and the filter that says which they are."""
        found, report = await self._lines(tx, asked), asked.report
        lines = (*found.lines, *found.totals)
        line = next((one for one in lines if _groups(report, one) == groups), None)
        if line is None:
            raise unfit("/cell", "invalid_cell", "Not a cell of this report.")
        records = line.own.get(measure or "", line.records)
        if records is None:
            raise unfit("/measure", "no_records", "No records of their own are behind it.")
        filter = records.filter
        with _in_body():
            return records, dict(await filter() if callable(filter) else filter)

    def _known(self, name: str) -> StandardReport:
        self.tx.actor.require("reports:read")
        report = Declared.standard.get(name)
        if report is None:
            raise NotFound(f"There is no standard report {name[:60]!r}.")
        self.source(report.source)
        for area in report.areas:
            self.tx.actor.require(f"{area}:read")
        return report

    async def _figures(self, asked: Computing) -> Row:
        report, calendar = asked.report, await self.calendar()
        async with self.reading() as tx:
            found = await self._lines(tx, asked)
            exported(tx, self.source(report.source).records.listing, report.reads, len(found.lines))
        return {
            "source": report.source,
            "kind": report.kind,
            "definition_hash": hash_of(asked),
            "time_zone": calendar.zone,
            "currency": calendar.currency,
            "as_of": tx.now,
            "tally": None,
            "columns": [_column(report, column, calendar) for column in report.columns],
            "rows": [
                {"cell": cell_of(_groups(report, line)), "values": _shown(report, line)}
                for line in found.lines
            ],
            "totals": [_total(report, line) for line in found.totals],
            "truncated": False,
        }

    async def _lines(self, tx: Tx, asked: Computing) -> Computed:
        await judge(tx, asked.report, asked.values)
        tx.guard = Guard(self.bounds.cost, too_expensive)
        try:
            with _in_body(), self.in_time():
                return await asked.report.compute(tx, asked.values)
        finally:
            tx.guard = None


async def judge(tx: Tx, report: StandardReport, values: Mapping[str, Any]) -> None:
    """Raise `Invalid` for values of parameters that its domain does not take; others may follow."""
    if isinstance(report, ComputedReport) and report.judge is not None:
        with _in_body():
            await report.judge(tx, values)


@contextmanager
def _in_body() -> Generator[None]:
    """Have mistakes of a query be told of where the body says the same."""
    try:
        yield
    except CrmError as error:
        error.faults = tuple(
            replace(fault, pointer=f"/parameters/{fault.parameter}", parameter=None)
            if fault.parameter
            else fault
            for fault in error.faults
        )
        raise


@contextmanager
def in_address() -> Generator[None]:
    """Have mistakes of a body be told of where the query of an address says the same."""
    try:
        yield
    except CrmError as error:
        at = "/parameters/"
        error.faults = tuple(
            replace(fault, pointer=None, parameter=fault.pointer.removeprefix(at))
            if fault.pointer is not None and fault.pointer.startswith(at)
            else fault
            for fault in error.faults
        )
        raise


def _query(
    report: DefinedReport,
    values: Mapping[str, Any],
    calendar: Calendar,
    further: Mapping[str, Any],
) -> ReportQuery:
    """The report that it is with its parameters and further conditions."""
    plain: Row = put({**report.definition, "source": report.source}, said(values))
    within: Row = {}
    if report.dated_by:
        first: date = values["from"]
        last: date = values["to"]
        within = within_days(report.source, report.dated_by, first, last, calendar)
    parts = [dict(part) for part in (plain.get("filter"), within, further) if part]
    plain["filter"] = parts[0] if len(parts) == 1 else {"and": parts} if parts else {}
    return query_of(plain)


def _groups(report: ComputedReport, line: Line) -> Row:
    return {
        column.name: shown(line.values[column.name], column.kind)
        for column in report.columns
        if column.role == "grouping" and column.name in line.values
    }


def _shown(report: ComputedReport, line: Line) -> Row:
    return {
        column.name: shown(line.values.get(column.name), column.kind) for column in report.columns
    }


def _total(report: ComputedReport, line: Line) -> Row:
    groups = _groups(report, line)
    told = _shown(report, line)
    values = {c.name: told[c.name] for c in report.columns if c.name in line.values}
    return {"cell": cell_of(groups), "by": list(groups), "values": values}


def _column(report: ComputedReport, column: ReportField, calendar: Calendar) -> Row:
    is_mixed = any(c.name == "currency" for c in report.columns)
    is_own = column.kind == "amount" and not is_mixed
    return {
        "name": column.name,
        "role": column.role,
        "kind": column.kind,
        "bucket": None,
        "unit": unit_of(column),
        "currency": calendar.currency if is_own else None,
        "label": column.label,
    }
