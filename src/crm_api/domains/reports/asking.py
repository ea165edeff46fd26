"""Reports that are named elsewhere, as by tiles and schedules: saved and standard ones alike."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.definitions import columns_of
from crm_api.domains.reports.expanding import BEGINS, ENDS, FUNNEL
from crm_api.domains.reports.library import Library, judge
from crm_api.domains.reports.operands import pointed, unfit
from crm_api.domains.reports.parameters import filled, read, sampled
from crm_api.domains.reports.questions import Asked
from crm_api.domains.reports.running import Reports, columns_of_table
from crm_api.domains.reports.schemas import ReportParameter
from crm_api.domains.reports.service import ReportService
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.reporting import ComputedReport, DefinedReport, StandardReport

Key = UUID | str
"""The id of a saved report, or the name of a standard one."""
Given = Mapping[str, Any]
NOTHING: Given = {}
Columns = Mapping[str, tuple[str, str]]
"""By name their roles and kinds."""
_NUMBERS = frozenset({"integer", "number", "amount", "ratio"})
_WORDS = frozenset({"and", "or", "not"})
_ANY_CALENDAR = Calendar("UTC", "EUR")


@dataclass(frozen=True, kw_only=True)
class NamedReport(ABC):
    """A report that can be run with parameters, whoever made it."""

    title: str
    file: str
    """What its files are called."""
    record: tuple[str, UUID, int] | None = None
    """The kind of record that it is, its id and version, if it is one."""
    chart: str | None = None
    """The measure that charts draw; the first one without it."""

    @abstractmethod
    async def need(self, tx: Tx, given: Given, later: Given = NOTHING) -> None:
        """Raise `Invalid` for parameters that it does not take, `Forbidden` for who may not ask.

        Of those that are said `later` examples are known.
        """

    @abstractmethod
    def columns(self, tx: Tx) -> Columns:
        """What it answers besides groupings, in its order."""

    def need_measure(self, tx: Tx, name: str) -> None:
        """Raise `Invalid` where a chart of it cannot draw this."""
        found = self.columns(tx).items()
        _need_one_of([one for one, (role, _) in found if role == "measure"], name, "/measure")

    def need_number(self, tx: Tx, name: str, at: str) -> None:
        """Raise `Invalid`, pointed at, where it has no column of numbers that is called so."""
        found = self.columns(tx).items()
        _need_one_of([one for one, (_, kind) in found if kind in _NUMBERS], name, at)

    @abstractmethod
    def need_filter(self) -> None:
        """Raise `Invalid` where it takes no further conditions."""

    @abstractmethod
    async def asked(self, library: Library, given: Given, further: Given = NOTHING) -> Asked:
        """It with its parameters and further conditions, ready to be run by the library.

        Raises `Invalid`, `Forbidden`.
        """

    @abstractmethod
    def kinds(self, further: Given) -> set[str]:
        """The kinds of records whose events may change what it comes to, as far as is known."""


@dataclass(frozen=True, kw_only=True)
class _Saved(NamedReport):
    """One that somebody has saved."""

    definition: Given
    parameters: Sequence[Given]

    async def need(self, tx: Tx, given: Given, later: Given = NOTHING) -> None:
        del tx
        filled(self.definition, self.parameters, {**given, **later})

    def columns(self, tx: Tx) -> Columns:
        declared = [ReportParameter.model_validate(one) for one in self.parameters]
        query = sampled(self.definition, declared)
        if query.kind == "funnel":
            return {name: ("measure", kind) for name, kind in FUNNEL.items()}
        if query.kind == "table":
            listing = Reports(tx).source(query.source).records.listing
            listed = columns_of_table(tx, query, listing)
            return {column.name: ("column", column.kind) for column in listed}
        plan = Reports(tx).planned(query, _ANY_CALENDAR)
        known = {measure.asked.name: measure.kind for measure in plan.visible}
        if query.kind == "waterfall":
            known |= dict.fromkeys((BEGINS, ENDS), plan.visible[0].kind)
        return {name: ("measure", kind) for name, kind in known.items()}

    def need_filter(self) -> None:
        pass

    async def asked(self, library: Library, given: Given, further: Given = NOTHING) -> Asked:
        query = filled(self.definition, self.parameters, given)
        if further:
            with pointed("/filter"):
                parse(further, library.source(query.source).records.listing, library.tx)
            both = [dict(part) for part in (query.filter, further) if part]
            filter = both[0] if len(both) == 1 else {"and": both}
            query = query.model_copy(update={"filter": filter})
        return Asked(query)

    def kinds(self, further: Given) -> set[str]:
        return {"report", *on_the_way(self.definition["source"], [self.definition, further])}


@dataclass(frozen=True, kw_only=True)
class _Standard(NamedReport):
    """One that every organization has."""

    report: StandardReport

    async def need(self, tx: Tx, given: Given, later: Given = NOTHING) -> None:
        Library(tx).named(self.report.name)
        await judge(tx, self.report, read(self.report.parameters, given, tx, later))

    def columns(self, tx: Tx) -> Columns:
        del tx
        known = columns_of(self.report)
        return {one.name: (one.role, one.kind) for one in known if one.role != "grouping"}

    def need_filter(self) -> None:
        if isinstance(self.report, ComputedReport):
            raise unfit("/filter", "computed_report", f"{self.report.name} takes parameters alone.")

    async def asked(self, library: Library, given: Given, further: Given = NOTHING) -> Asked:
        return await library.asked(self.report.name, given, further)

    def kinds(self, further: Given) -> set[str]:
        report = self.report
        if isinstance(report, ComputedReport):
            return {report.source, *report.also_of}
        assert isinstance(report, DefinedReport)
        named = [dict(report.definition), list(report.dated_by), further]
        return on_the_way(report.source, named)


def _need_one_of(known: Collection[str], name: str, at: str) -> None:
    if name not in known:
        listed = f"One of {', '.join(known)}." if known else "It has no measures."
        raise unfit(at, "unknown_measure", listed)


async def named_reports(tx: Tx, keys: Iterable[Key]) -> dict[Key, NamedReport]:
    """The reports of some names, as far as there are such; saved ones that are seen, at once."""
    wanted = list(keys)
    ids = [key for key in wanted if isinstance(key, UUID)]
    rows = await ReportService(tx).records.rows(ids) if ids else {}
    found: dict[Key, NamedReport] = {id: _saved(row) for id, row in rows.items()}
    for key in wanted:
        if isinstance(key, str) and key in Declared.standard:
            report = Declared.standard[key]
            found[key] = _Standard(
                title=report.title, file=report.name, chart=report.chart, report=report
            )
    return found


def _saved(row: Any) -> NamedReport:
    return _Saved(
        title=row.name,
        file="report",
        record=("report", row.id, row.version),
        definition=parsed(row.definition),
        parameters=parsed(row.parameters),
    )


def key_of(report_id: UUID | None, standard_report: str | None) -> Key:
    """Which report is named; raises `Invalid` where it is none, or two."""
    if report_id is not None and standard_report is None:
        return report_id
    if standard_report is not None and report_id is None:
        return standard_report
    message = "Say a saved report or a standard one, and not both."
    raise unfit("/standard_report", "one_of", message)


def unknown(key: Key) -> Invalid:
    """The mistake of who names a report that there is not, or that is not seen."""
    name = "report_id" if isinstance(key, UUID) else "standard_report"
    return unfit(f"/{name}", "unknown_reference", "There is no such report.")


def on_the_way(source: str, named: Any) -> set[str]:
    """A kind of record, and those that its relations lead to, of what some JSON names."""
    found, service = {source}, Declared.services.get(source)
    if service is not None:
        words = _words(named)
        found |= {
            relation.target().entity
            for relation in service.repository.listing.relations
            if relation.name in words
        }
    return found


def _words(value: Any) -> set[str]:
    """The first parts of all paths that some JSON may name, and its keys."""
    if isinstance(value, Mapping):
        found = cast("Mapping[str, Any]", value)
        inner = {word for one in found.values() for word in _words(one)}
        return inner | {str(key).partition(".")[0] for key in found} - _WORDS
    if isinstance(value, list):
        return {word for one in cast("list[Any]", value) for word in _words(one)}
    return {value.partition(".")[0]} if isinstance(value, str) else set()
