"""What the tiles of a dashboard show: one transaction of one moment, and a savepoint for each."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.domains.dashboards.schemas import DashboardCellInput, DashboardTile
from crm_api.domains.dashboards.service import DAYS, DashboardService, kept
from crm_api.domains.reports.asking import Key, NamedReport, named_reports, on_the_way
from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.metrics import AskedMetric, Metrics
from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.parameters import read, typed
from crm_api.domains.reports.questions import Asked, Question, hash_of
from crm_api.domains.reports.results import Row
from crm_api.domains.reports.running import Bounds
from crm_api.domains.reports.schemas import ReportQuery
from crm_api.domains.reports.together import fits, kin_of, read_together
from crm_api.kit.crud.feed import Feed, Position
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import CrmError, NotFound
from crm_api.kit.problems import problem_of
from crm_api.kit.query.cursor import context_of, seal, unseal

Reports = Mapping[Key, NamedReport]
EACH = Bounds(4, 2_000_000)
_STRETCH = 1_000
_STRETCHES = 10


class _Within(Metrics):
    """Reports and metrics in the transaction that there is, each undone by itself if it fails."""

    def __init__(self, tx: Tx, bounds: Bounds) -> None:
        super().__init__(tx, bounds)
        self._answers: dict[Any, Row] = {}
        self._plans: dict[str, Plan] = {}
        self._calendar: Calendar | None = None

    async def calendar(self) -> Calendar:
        """By what the organization counts, which is asked once."""
        if self._calendar is None:
            self._calendar = await super().calendar()
        return self._calendar

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Tx]:
        """The transaction that there is."""
        await self.bound(self.tx)
        yield self.tx

    async def prepare(self, questions: Sequence[Question]) -> None:
        """Have reports of the same records be read together; what cannot be is left to `run`."""
        families: dict[str, dict[str, ReportQuery]] = {}
        for query in questions:
            if isinstance(query, ReportQuery) and (kin := kin_of(query)):
                families.setdefault(kin, {})[hash_of(query)] = query
        for family in families.values():
            if len(family) > 1:
                with suppress(CrmError):
                    async with self.tx.atomic():
                        await self._together(family)

    async def _together(self, family: Mapping[str, ReportQuery]) -> None:
        await self.bound(self.tx)
        for asked, query in family.items():
            self._plans[asked] = plan = await self.plan(query)
            await self.settle(self.tx, plan)
        fitting = {asked: self._plans[asked] for asked in family if fits(self._plans[asked])}
        if len(fitting) < 2:
            return
        found = await read_together(self, self.tx, list(fitting.values()))
        for asked, answer in zip(fitting, found, strict=True):
            if answer is not None:
                self._answers[asked, None] = answer

    async def plan(self, query: ReportQuery) -> Plan:
        """A report checked, which is done once."""
        return self._plans.get(hash_of(query)) or await super().plan(query)

    async def run(self, query: Question, span: tuple[date, date] | None = None) -> Row:
        """What it comes to at the moment of the transaction; what several tiles ask is run once."""
        asked = hash_of(query), span
        if asked not in self._answers:
            async with self.tx.atomic():
                self._answers[asked] = await super().run(query, span)
        return self._answers[asked]


class Showing:
    """The data of dashboards, as whoever asks sees it."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def data(self, id: UUID, given: Mapping[str, Any]) -> Row:
        """What all tiles show; raises `Invalid` for parameters that it does not take."""
        dashboard = await DashboardService(self.tx).get(id)
        declared = parsed(dashboard.parameters)
        values = valued(declared, given)
        tiles = [DashboardTile.model_validate(one) for one in parsed(dashboard.tiles)]
        async with at_one_moment(self.tx, late=True) as tx:
            # Of the moment of the data: what happens after it is told.
            place = await Feed(tx, {}).end()
            reports = await _named(tx, tiles)
            one = _Within(tx, EACH)
            calendar = await one.calendar()
            await one.prepare(await _questions(one, tiles, reports, values))
            shown = [await self._shown(one, tile, reports, values) for tile in tiles]
            return {
                "dashboard_id": dashboard.id,
                "version": dashboard.version,
                "as_of": tx.now,
                "time_zone": calendar.zone,
                "currency": calendar.currency,
                "parameters": values,
                "cursor": self._cursor(id, place),
                "tiles": shown,
            }

    async def _shown(
        self,
        at: _Within,
        tile: DashboardTile,
        reports: Reports,
        values: Mapping[str, Any],
    ) -> Row:
        told: Row = {"key": tile.key, "kind": tile.kind, "error": None, "text": tile.text}
        told |= {"depends_on": depends_on(tile, reports), "columns": [], "rows": [], "totals": []}
        told |= dict.fromkeys(("report_kind", "standard", "parameters", "metric"))
        told |= {"value": None, "cell": None}
        told |= {"measure": tile.measure, "view": tile.view, "truncated": False}
        try:
            if tile.kind == "report":
                told |= await _of_report(at, tile, reports, values)
            elif tile.kind == "metric":
                told |= await _of_metric(at, tile, values)
        except CrmError as error:
            told["error"] = problem_of(error, None)
        return told

    async def opened(self, id: UUID, asked: DashboardCellInput) -> Row:
        """The records behind a cell of a tile, as they are now; raises `Invalid`, `NotFound`."""
        dashboard = await DashboardService(self.tx).get(id)
        values = valued(parsed(dashboard.parameters), asked.parameters)
        tiles = [DashboardTile.model_validate(one) for one in parsed(dashboard.tiles)]
        tile = next((one for one in tiles if one.key == asked.tile), None)
        if tile is None:
            raise unfit("/tile", "unknown_tile", "The dashboard has no tile of this key.")
        if tile.kind == "metric":
            metrics = Metrics(self.tx)
            own = _asked_metric(metrics, tile, values)
            try:
                return await metrics.opened(own, asked.cell, asked.measure)
            except CrmError as error:
                raise error.in_body() from None
        if tile.kind == "text":
            raise unfit("/tile", "no_cells", "A text has no cells.")
        library = Library(self.tx)
        question = (await _asked(library, tile, await _named(self.tx, [tile]), values)).question
        return await library.behind(question, asked.cell, asked.measure)

    async def stale(self, id: UUID, cursor: str) -> Row:
        """The tiles whose records something has happened to since."""
        dashboard = await DashboardService(self.tx).get(id)
        tiles = [DashboardTile.model_validate(one) for one in parsed(dashboard.tiles)]
        reports = await _named(self.tx, tiles)
        key, context = self.tx.database.signing_key, _context(self.tx, id)
        place = Position(*unseal(key, context, cursor, parameter="after"))
        happened: set[str] = set()
        for _ in range(_STRETCHES):
            found = await Feed(self.tx, {}).stretch(place, _STRETCH)
            happened |= {row["entity"] for row in found.rows}
            place = found.end
            if found.whole:
                break
        return {
            "tiles": [t.key for t in tiles if happened & set(depends_on(t, reports))],
            "cursor": self._cursor(id, place),
        }

    @staticmethod
    def becoming_stale(id: UUID, cursor: str) -> Callable[[Tx], Awaitable[Row | None]]:
        """Sees the tiles that have become stale since it looked last."""

        async def look(tx: Tx) -> Row | None:
            nonlocal cursor
            found = await Showing(tx).stale(id, cursor)
            cursor = found["cursor"]
            return found if found["tiles"] else None

        return look

    def _cursor(self, id: UUID, place: Position) -> str:
        return seal(self.tx.database.signing_key, _context(self.tx, id), [place.tx, place.seq])


def _context(tx: Tx, id: UUID) -> bytes:
    return context_of(tx.organization_id, "dashboard", str(id))


async def _named(tx: Tx, tiles: Sequence[DashboardTile]) -> Reports:
    """The reports of the tiles that the reader sees, read at once."""
    return await named_reports(tx, [tile.report for tile in tiles if tile.report is not None])


def valued(declared: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a dashboard that have a value; raises `Invalid`."""
    known = {one["name"]: one for one in declared}
    values = {n: one["default"] for n, one in known.items() if one.get("default") is not None}
    for name, value in given.items():
        if name not in known:
            raise unfit(f"/parameters/{name}", "unknown_parameter", f"It takes no {name[:60]!r}.")
        if value is None:
            values.pop(name, None)
        else:
            one = known[name]
            is_list = one.get("is_list", False)
            values[name] = typed(one["type"], value, f"/parameters/{name}", is_list=is_list)
    return values


async def _questions(
    at: Library, tiles: Sequence[DashboardTile], reports: Reports, values: Mapping[str, Any]
) -> list[Question]:
    """The reports of tiles; what is wrong with one is said where it is shown."""
    found: list[Question] = []
    for tile in tiles:
        if tile.kind == "report":
            with suppress(CrmError):
                found.append((await _asked(at, tile, reports, values)).question)
    return found


async def _asked(
    at: Library, tile: DashboardTile, reports: Reports, values: Mapping[str, Any]
) -> Asked:
    report = reports.get(tile.report or "")
    if report is None:
        raise NotFound("There is no such report, or you do not see it.")
    return await report.asked(at, kept(tile.parameters, values), kept(tile.filter, values))


async def _of_report(
    at: Library, tile: DashboardTile, reports: Reports, values: Mapping[str, Any]
) -> Row:
    asked = await _asked(at, tile, reports, values)
    found = await at.run(asked.question)
    names = ("columns", "rows", "totals", "truncated")
    return {
        "report_kind": found["kind"],
        "standard": asked.standard,
        "parameters": asked.parameters,
        "measure": tile.measure or reports[tile.report or ""].chart,
        **{name: found[name] for name in names},
    }


async def _of_metric(at: _Within, tile: DashboardTile, values: Mapping[str, Any]) -> Row:
    found = await at.of(_asked_metric(at, tile, values))
    names = ("metric", "value", "cell", "columns", "rows", "truncated")
    return {name: found[name] for name in names}


def _asked_metric(at: Library, tile: DashboardTile, values: Mapping[str, Any]) -> AskedMetric:
    days = read(DAYS, kept(tile.parameters, values), at.tx)
    return AskedMetric(
        name=tile.metric or "",
        by=tile.by,
        first=days["from"],
        last=days["to"],
        filter=kept(tile.filter, values),
    )


def depends_on(tile: DashboardTile, reports: Reports) -> list[str]:
    """The kinds of records that a tile is of, with those on the way to what it names."""
    if tile.kind == "metric" and tile.metric in Declared.metrics:
        metric = Declared.metrics[tile.metric or ""]
        if metric.figure is not None:
            return sorted({metric.source, *metric.figure.report.also_of})
        by = (tile.by or "").split(",")
        named = [dict(metric.filter), [dict(one) for one in metric.measures], tile.filter, by]
        return sorted(on_the_way(metric.source, named))
    report = reports.get(tile.report or "")
    return [] if report is None else sorted(report.kinds(tile.filter))
