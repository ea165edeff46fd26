"""Runs of reports by jobs: begun, kept, read, and the rows behind their cells."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.reports.asking import NamedReport, named_reports
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.messages import RunReport
from crm_api.domains.reports.models import ReportRun
from crm_api.domains.reports.parameters import filled, query_of
from crm_api.domains.reports.questions import Computing, Question, hash_of
from crm_api.domains.reports.repository import ReportRuns
from crm_api.domains.reports.results import digest
from crm_api.domains.reports.running import AREA, TOO_MUCH, WHILE_ASKED, Bounds, Reports
from crm_api.domains.reports.schemas import MAX_GROUPS, ReportQuery
from crm_api.domains.reports.service import ReportService
from crm_api.kit.crud.personal import Gone, Impersonal
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Ended, Forbidden, Invalid, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.moments import day_of

KEPT = timedelta(days=7)
BY_JOB = Bounds(120, 200_000_000)


@dataclass(frozen=True, slots=True)
class Whole:
    """A result with all its rows."""

    answer: dict[str, Any]
    rows: list[Any]
    report: NamedReport | None
    """Of which it is, if that has a name and is still seen."""

    @property
    def title(self) -> str:
        """What it is called, or of what it is."""
        return self.answer["source"] if self.report is None else self.report.title

    @property
    def chart(self) -> str | None:
        """The measure that charts draw; the first one without it."""
        return None if self.report is None else self.report.chart

    @property
    def file(self) -> str:
        """What its files are called."""
        return "report" if self.report is None else self.report.file


class ReportRunService(CrudService[ReportRun]):
    """Runs of reports, each for whoever asked for it alone."""

    repository = ReportRuns
    area = AREA
    plural = "report_runs"
    personal = Impersonal("Results of reports (the trace `report_runs`).")
    plain = False
    records: ReportRuns

    async def begin_saved(self, id: UUID, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Have a saved report run; what is wrong with the parameters is said now."""
        self.need("read")
        report = await ReportService(self.tx).records.get(id)
        query = filled(report.definition, report.parameters, parameters)
        return await self._begin(query, {"report_id": id, "parameters": dict(parameters)})

    async def begin_standard(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Have a standard report run; what is wrong with the parameters is said now."""
        self.need("read")
        library = Library(self.tx)
        asked = await library.asked(name, parameters)
        await library.judge(asked.question)
        own = {"standard_report": name, "parameters": asked.parameters}
        return await self._begin(asked.question, own)

    async def begin(self, query: ReportQuery) -> dict[str, Any]:
        """Have a report run that has no name."""
        self.need("read")
        return await self._begin(query, {})

    async def at_once(self, query: ReportQuery) -> tuple[Any, Any]:
        """What a report comes to, or the job that it has become because it takes too much."""
        try:
            return await Reports(self.tx, WHILE_ASKED).run(query), None
        except Invalid as error:
            if error.own_code not in TOO_MUCH:
                raise
        return None, await self.begin(query)

    async def _begin(self, question: Question, own: Mapping[str, Any]) -> dict[str, Any]:
        sight_hash = sight_of(self.tx)
        meant = await self._meant(question)
        name = own.get("standard_report")
        asked_hash = digest([hash_of(question), repr(meant), sight_hash, name])
        cached = await self.records.cached(asked_hash)
        if cached is not None:
            found = await self.get(cached)
            return {"job_id": found.job_id, "run": found, "is_cached": True}
        id = new_id()
        job_id = self.tx.enqueue(RunReport(id))
        await self.records.forget_expired()
        shown = self.add(
            {
                "id": id,
                "report_id": None,
                "standard_report": None,
                "parameters": {},
                **own,
                "definition": {}
                if isinstance(question, Computing)
                else question.model_dump(mode="json", exclude_defaults=True),
                "definition_hash": hash_of(question),
                "asked_hash": asked_hash,
                "sight_hash": sight_hash,
                "job_id": job_id,
                "owner_id": self.tx.actor.me,
                "custom": {},
                "external_ids": {},
            }
        )
        return {"job_id": job_id, "run": shown, "is_cached": False}

    async def _meant(self, question: Question) -> list[Any]:
        """What a question hangs on beside its words; what `@now` means is among the values."""
        if isinstance(question, Computing):
            return [day_of("@today", self.tx.now, self.tx.actor.time_zone)]
        plan = await Reports(self.tx, BY_JOB).plan(question)
        day = plan.money.day if plan.money and question.currency == "at_date" else None
        values = [day, plan.filter.values, *(m.filter.values for m in plan.measures if m.filter)]
        return values + [sorted(m.values.items()) for m in plan.measures if m.values]

    async def answer(self, run: Any) -> dict[str, Any]:
        """What a run comes to now; raises `CrmError`."""
        library = Library(self.tx, BY_JOB)
        name = run.standard_report
        if name is None or run.definition:
            answer = await library.run(query_of(run.definition))
            return {**answer, "standard": name and library.named(name)}
        asked = await library.asked(name, run.parameters)
        if hash_of(asked.question) != run.definition_hash:
            # Such as one whose parameters named a person who was erased since.
            raise Ended("What was asked for is kept no longer; run the report again.")
        answer = await library.run(asked.question)
        return {**answer, "standard": asked.standard}

    async def completed(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Representations with what changes by itself: how they stand."""
        rows = list(rows)
        standing = await self.standing(rows)
        answers = await self.answers([row.id for row in rows])
        return [
            {
                **{name: getattr(row, name) for name in self.records.listing.shown},
                **standing[row.id],
                **answers[row.id],
            }
            for row in rows
        ]

    async def standing(self, rows: Iterable[Any]) -> dict[UUID, dict[str, Any]]:
        """The status of some runs, and why they failed."""
        rows = list(rows)
        at_work = [row.job_id for row in rows if row.finished_at is None]
        jobs = await self.records.jobs(at_work) if at_work else {}
        return {row.id: self._standing(row, jobs.get(row.job_id)) for row in rows}

    def _standing(self, row: Any, job: Any) -> dict[str, Any]:
        if row.finished_at is not None:
            over = row.expires_at <= self.tx.now
            return {"status": "expired" if over else "succeeded", "error": None}
        status = "failed" if job is None else job["status"]
        status = "running" if status == "succeeded" else status
        error = decode(job["error"]) if status == "failed" and job and job["error"] else None
        return {"status": status, "error": error}

    async def answers(self, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        """What there is of some results beside rows."""
        none: dict[str, Any] = dict.fromkeys(
            ("standard", "columns", "totals", "truncated", "time_zone", "currency", "as_of")
        )
        found = dict.fromkeys(ids, none)
        for id, (answer, sight_hash) in (await self.records.kept(ids)).items():
            if answer is not None and sight_hash == sight_of(self.tx):
                told = decode(answer)
                found[id] = {name: told.get(name) for name in none}
        return found

    async def rows(self, id: UUID, cursor: str | None, limit: int) -> dict[str, Any]:
        """Some rows of a result, in its order; raises `WrongState` before there is one."""
        run = await self.finished(id)
        key = self.tx.database.signing_key
        context = context_of(self.tx.organization_id, "report_run", str(run.id))
        after = unseal(key, context, cursor)[0] if cursor else 0
        rows = await self.records.rows_after(id, after, limit + 1)
        more = len(rows) > limit
        last = seal(key, context, [rows[limit - 1][0]]) if more else None
        return {"data": [row for _, row in rows[:limit]], "next_cursor": last}

    async def finished(self, id: UUID) -> Any:
        """A run with a result that its reader may still see."""
        run = await self.get(id)
        if run.finished_at is None or run.expires_at is None:
            raise WrongState("The run has no result yet.", code="run_not_finished")
        if run.expires_at <= self.tx.now:
            raise Ended("The rows of the run are kept no longer; run the report again.")
        _, sight_hash = (await self.records.kept([id]))[id]
        if sight_hash != sight_of(self.tx):
            message = "You may see something else than when it was run; run the report again."
            raise Forbidden(message, code="rights_changed")
        return run

    async def whole(self, id: UUID) -> Whole:
        """A result with all its rows, for a file or a chart."""
        run = await self.finished(id)
        answer, _ = (await self.records.kept([id]))[id]
        rows = await self.records.rows_after(run.id, 0, MAX_GROUPS)
        key = run.report_id or run.standard_report
        named = await named_reports(self.tx, [] if key is None else [key])
        return Whole(decode(answer), [row for _, row in rows], named.get(key or ""))

    async def drill(self, id: UUID, cell: str, measure: str | None) -> dict[str, Any]:
        """The rows behind a cell of a result, as they are now."""
        run = await self.finished(id)
        if run.standard_report is None:
            report = query_of(decode(run.definition))
            found = await Library(self.tx).behind(report, cell, measure)
        else:
            own = run.standard_report, decode(run.parameters)
            found = await Library(self.tx).drilled(*own, cell, measure)
        mark, _ = await self.records.watermark()
        return {**found, "is_current": mark == run.watermark}

    async def keep(self, run: ReportRun, answer: Mapping[str, Any], mark: tuple[str, bool]) -> None:
        """Store a result, whole."""
        rows = answer["rows"]
        await self.records.keep(run.id, rows)
        kept = {name: value for name, value in answer.items() if name != "rows"}
        done = {
            "answer": decode(encode(kept)),
            "row_count": len(rows),
            "watermark": mark[0],
            "is_settled": mark[1],
            "finished_at": self.tx.now,
            "expires_at": self.tx.now + KEPT,
        }
        await self.change(run, done, verb="completed")

    async def delete(self, id: UUID, *, expected_version: int | None = None) -> None:
        """Put a run in the bin; its rows are removed."""
        self.need("read")
        current = await self.locked(id, expected_version, action="read")
        await self.records.forget_rows([id])
        await self.remove([current])

    async def forget(self, gone: Gone) -> int:
        """End every result that may hold a person, and wipe out definitions that name them."""
        ended: list[UUID] = []
        named: list[UUID] = []
        for run in await self.records.all():
            ends: dict[str, Any] = {}
            if run.expires_at is not None and run.expires_at > self.tx.now:
                ends = {"expires_at": self.tx.now, "answer": None}
            told = encode([run.definition, run.parameters]).decode().lower()
            if any(text.lower() in told for text in gone.marks):
                ends |= {"definition": {}, "parameters": {}}
                named.append(run.id)
            if ends:
                await self.change(run, ends, verb="emptied")
                ended.append(run.id)
        await self.records.forget_rows(ended)
        if named:
            await self.tx.flush()
            await empty_events(self.tx, named)
        return len(ended)


def sight_of(tx: Tx) -> str:
    """A digest of what somebody may see: a result is for who sees the same alone."""
    actor, access = tx.actor, tx.actor.access
    rights: list[Any] = [str(actor), str(actor.me), sorted(actor.scopes), sorted(actor.closed)]
    if access is not None:
        levels = sorted((area, sorted(own.items())) for area, own in access.levels.items())
        hidden = sorted((entity, sorted(names)) for entity, names in access.hidden.items())
        people = [
            sorted(map(str, ids)) for ids in (access.principals, access.peers, access.subtree)
        ]
        rights += [levels, hidden, people, sorted(access.permissions)]
    return digest(repr(rights))


async def erase_from_runs(tx: Tx, gone: Gone) -> int:
    """End the results that may hold a person."""
    return await ReportRunService(tx).forget(gone)
