"""How rows of a file become tasks of projects, with what has to be before them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.projects.models import Project
from crm_api.domains.projects.repository import Projects, ProjectTasks
from crm_api.domains.projects.rows import (
    NOT_YET,
    PROJECT,
    need_handing,
    refer_to_owners,
    refer_to_projects,
)
from crm_api.domains.projects.states import CLOSED, need_open
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.kit.crud.index import external_key
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Forbidden, Invalid, NotFound
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of, need_same
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, hint

_PLAIN = ("name", "description", "role", "percent", "position", "minutes", "billing_percent")
_HOUR, _DAY = 60, 480
_UNITS: Final[Mapping[str, int]] = {"m": 1, "h": _HOUR, "d": _DAY, "w": 5 * _DAY}
_LINK = re.compile(
    r"(?P<task>.+?)\s*(?P<kind>FS|SS|FF|SF)?"
    r"\s*(?:(?P<sign>[+-])\s*(?P<lag>\d+(?:[.,]\d+)?)\s*(?P<unit>m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?|d(?:ays?)?|w(?:(?:ee)?ks?)?))?",
    re.IGNORECASE,
)
FIELDS = {
    "project": PROJECT,
    "name": hint("Name", "Task Name | Name | Task | Title | Aufgabe | Vorgangsname | Задача"),
    "kind": hint("Kind", "Task Kind | Kind | Type | Task Type | Art"),
    "is_milestone": hint("Milestone", "Milestone | Is Milestone | Meilenstein | Веха", "bool"),
    "phase": hint("Phase", "Phase | Parent Task | Parent | Summary Task | Sammelvorgang | Этап"),
    "minutes": hint("Minutes", "Minutes | Duration (min) | Minuten", "integer"),
    "hours": hint("Working hours", "Hours | Duration (hours) | Duration | Dauer", "money"),
    "starts_on": hint("Starts no earlier", "Start Date | Starts On | Start | Beginn", "date"),
    "predecessors": hint("Predecessors", "Predecessors | Depends On | Vorgänger"),
    "user": hint("User's e-mail", "User Email | Assignee | Assigned To | Bearbeiter | User"),
    "role": hint("Role", "Role | Resource | Rolle"),
    "percent": hint("Percent", "Percent | % Complete | Percent Complete | Progress", "integer"),
    "billing_percent": hint("Share of the revenue", "Billing Percent | Billing %", "money"),
    "position": hint("Position", "Position | Sort Order | Reihenfolge", "integer"),
    "description": hint("Description", DESCRIPTION),
    "external_id": hint("External ID", f"Task ID | {EXTERNAL_ID}"),
}
Named = UUID | Draft
"""A task that is stored, or that an earlier row becomes."""


class ProjectTaskImporter(Importer):
    """Rows of tasks; their projects are there, and what they name is there or in an earlier row.

    `7; 4FS+2d; Cables SS-4h`: tasks by external id or name, how they are linked, and the lag in
    minutes, hours, days of eight hours or weeks of five of them, in working time.
    """

    target = "project_task"
    fields = FIELDS
    match = ("external_id",)
    service = ProjectTaskService
    touched = (ProjectTaskService,)
    filled: Mapping[str, str] = {
        "phase": "parent_id",
        "predecessors": "dependencies",
        "starts_on": "constraint_at",
    }

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The task of a row, and what it calls its project, phase and user; raises `Invalid`."""
        data = data_of(texts, _PLAIN)
        if not texts.get("project"):
            raise Invalid.at("/project_id", "required", "A row names its project.")
        if texts.get("hours") and "minutes" not in data:
            data["minutes"] = _minutes(texts["hours"][0] * _HOUR)
        if texts.get("kind"):
            data["kind"] = texts["kind"][0].strip().lower()
        elif texts.get("is_milestone") and texts["is_milestone"][0]:
            data["kind"] = "milestone"
        names = {"owner": "user", "phase": "phase", "predecessors": "predecessors"}
        related = {name: next(iter(texts.get(of, ())), None) for name, of in names.items()}
        related |= {
            "project": texts["project"][0],
            "starts_on": next(iter(texts.get("starts_on", ())), None),
        }
        return data | {"project_id": NOT_YET}, related

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find projects, users, phases and predecessors, these among the rows before, too."""
        await refer_to_projects(tx, self, drafts, plan)
        await refer_to_owners(tx, self, drafts, plan)
        good = [draft for draft in drafts if not draft.faults]
        await self._reach(tx, good, plan)
        good = [draft for draft in good if not draft.faults]
        ids = {draft.values["project_id"] for draft in good}
        projects = {one.id: one for one in await Projects(tx).some(list(ids))}
        known = await _Known.of(tx, good, plan)
        for draft in good:
            try:
                await self._begin(tx, draft, projects[draft.values["project_id"]])
                known.link(draft)
            except Invalid as error:
                draft.faults += [self.located(fault, draft, plan) for fault in error.faults]
            else:
                known.add(draft, plan)

    async def _reach(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        guard, errors = ProjectTaskService(tx).guard, dict[Any, Any]()
        for draft in drafts:
            told = {n: draft.values[n] for n in ("project_id", "owner_id") if n in draft.given}
            key = tuple(told.items())
            if key not in errors:
                errors[key] = ()
                try:
                    await guard.refer(told)
                    if "owner_id" in told:
                        guard.reach_owner({"owner_id": told["owner_id"]}, "create")
                except (Invalid, Forbidden, NotFound) as error:
                    errors[key] = error.faults or [
                        Fault(error.own_code, error.detail, "/project_id")
                    ]
            draft.faults += [self.located(fault, draft, plan) for fault in errors[key]]

    async def _begin(self, tx: Tx, draft: Draft, project: Project) -> None:
        if (day := draft.related["starts_on"]) is None:
            return
        zone = ZoneInfo(await Projects(tx).zone_of(project.calendar_id))
        at = datetime.combine(day, time(), tzinfo=zone)
        draft.values |= {"constraint_kind": "snet", "constraint_at": at}
        draft.given |= {"constraint_kind", "constraint_at"}

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have whoever else plans these projects wait."""
        ids = {draft.values["project_id"] for draft in drafts}
        held = {one.id: one for one in await Projects(tx).locked(list(ids), everywhere=True)}
        for draft in drafts:
            draft.related["held"] = held.get(draft.values["project_id"])

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have rows refer to those before them, and plan the new tasks of each project at once."""
        service = ProjectTaskService(tx)
        ids = [draft.record_id for draft in drafts if draft.record_id is not None]
        known = {task.id for task in await service.records.some(ids)}
        for draft in drafts:
            _settle(draft)
        new: dict[UUID, list[Draft]] = {}
        for draft in drafts:
            if draft.record_id not in known:
                new.setdefault(draft.values["project_id"], []).append(draft)
        for those in new.values():
            project = those[0].related["held"]
            if project is None:
                raise Invalid.at("/project_id", "unknown_project", "The project is gone by now.")
            need_open(project)
            tasks = [{**draft.values, "id": draft.record_id} for draft in those]
            for draft, task in zip(those, await service.begin_more(project, tasks), strict=True):
                draft.values = task

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """What a row says anew of a task, which stays one of its project and kind."""
        need_same(current, draft, "project_id")
        if "kind" in draft.given:
            need_same(current, draft, "kind")
        if self.adds_to(current, draft, tx.actor.country):
            need_handing(ProjectTaskService(tx).guard, current, draft)
            await super().absorb(tx, current, draft)

    async def in_use(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Tasks of projects that are closed by now, or in the bin: an undo leaves them."""
        del entity
        tasks = await ProjectTasks(tx).some(ids)
        of = {task.project_id for task in tasks}
        still = {one.id for one in await Projects(tx).some(list(of)) if one.status not in CLOSED}
        return {task.id for task in tasks if task.project_id not in still}

    async def leant_on(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Phases of tasks that stay, and what these wait for, and so on."""
        del entity
        gone, records = set(ids), ProjectTasks(tx)
        of = {task.project_id for task in await records.some(ids)}
        rows = [row for those in (await records.planned_of(list(of))).values() for row in those]
        while True:
            staying = [row for row in rows if row["id"] not in gone]
            needed = {UUID(link["task_id"]) for row in staying for link in row["dependencies"]}
            needed |= {row["parent_id"] for row in staying}
            if gone.isdisjoint(needed):
                return set(ids) - gone
            gone -= needed

    def pointed(self, path: Sequence[str]) -> str:
        """What rows refer to is given by names."""
        return _GIVEN.get(path[0]) or super().pointed(path)


_GIVEN: Final[Mapping[str, str]] = {
    "project_id": "project",
    "owner_id": "user",
    "parent_id": "phase",
    "dependencies": "predecessors",
    "constraint_at": "starts_on",
}


class _Known:
    """The tasks that rows may name: the stored ones, and those of rows before."""

    def __init__(self) -> None:
        self._names: dict[tuple[UUID, str], list[Named]] = {}
        self._ids: dict[tuple[UUID, str], Named] = {}

    @classmethod
    async def of(cls, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> "_Known":
        """The stored ones of these rows' projects, of which some rows speak."""
        found, records = cls(), ProjectTasks(tx)
        texts = {text for draft in drafts for text in _said(draft)}
        keys = {external_key(plan.source, text): text for text in texts}
        external = await records.by_keys("external", list(keys)) if keys else {}
        of = {id: keys[key] for key, ids in external.items() for id in ids}
        projects = {draft.values["project_id"] for draft in drafts}
        for project_id, rows in (await records.planned_of(list(projects))).items():
            for row in rows:
                found._names.setdefault((project_id, row["name"].lower()), []).append(row["id"])
                if row["id"] in of:
                    found._ids[project_id, of[row["id"]]] = row["id"]
        return found

    def add(self, draft: Draft, plan: Plan) -> None:
        """Let later rows name this one."""
        project_id, external = draft.values["project_id"], draft.values["external_ids"]
        if (id := external.get(plan.source)) is not None:
            if (project_id, id) in self._ids:
                return
            self._ids[project_id, id] = draft
        self._names.setdefault((project_id, draft.values["name"].lower()), []).append(draft)

    def link(self, draft: Draft) -> None:
        """Note what a row names; raises `Invalid`."""
        related = draft.related
        related["above"] = self._one(draft, related["phase"], "phase", "/parent_id")
        links = [self._linked(draft, text) for text in _parts(related["predecessors"] or "")]
        # Drafts are not to be compared by what is in them.
        if len({task if isinstance(task, UUID) else id(task) for task, _, _ in links}) < len(links):
            message = "A task is named once among those before another."
            raise Invalid.at("/dependencies", "duplicate_predecessor", message)
        related["links"] = links

    def _linked(self, draft: Draft, text: str) -> tuple[Named, str, int]:
        # What is called like a link is that task before it is a link.
        if self._named(draft, text):
            return self._one(draft, text, "predecessor", "/dependencies"), "fs", 0
        parts = _LINK.fullmatch(text)
        name = parts["task"] if parts else text
        found = self._one(draft, name, "predecessor", "/dependencies")
        if parts is None:
            return found, "fs", 0
        return found, (parts["kind"] or "fs").lower(), _lag(parts)

    def _named(self, draft: Draft, text: str) -> Sequence[Named]:
        project_id = draft.values["project_id"]
        if (project_id, text) in self._ids:
            return [self._ids[project_id, text]]
        return self._names.get((project_id, text.lower()), ())

    def _one(self, draft: Draft, text: str | None, what: str, pointer: str) -> Any:
        if text is None:
            return None
        found = self._named(draft, text.strip())
        if len(found) == 1:
            return found[0]
        code = f"ambiguous_{what}" if found else f"unknown_{what}"
        message = f"{len(found) or 'No'} task {text!r} of the project is there, or before it."
        raise Invalid.at(pointer, code, message)


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in text.split(";") if part.strip())


def _said(draft: Draft) -> Iterable[str]:
    """All that may be the external id of a task."""
    yield from draft.values["external_ids"].values()
    if draft.related["phase"]:
        yield draft.related["phase"].strip()
    for text in _parts(draft.related["predecessors"] or ""):
        yield text
        if parts := _LINK.fullmatch(text):
            yield parts["task"]


def _minutes(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def _lag(parts: re.Match[str]) -> int:
    if parts["lag"] is None:
        return 0
    amount = Decimal(parts["lag"].replace(",", ".")) * _UNITS[parts["unit"][0].lower()]
    return _minutes(amount) * (-1 if parts["sign"] == "-" else 1)


def _settle(draft: Draft) -> None:
    """Have the values of a row refer to the rows before it, whose ids are known by now."""
    if draft.related["above"] is not None:
        draft.values["parent_id"] = _id_of(draft.related["above"], "/parent_id")
        draft.given |= {"parent_id"}
    if draft.related["links"]:
        draft.values["dependencies"] = [
            {"task_id": str(_id_of(task, "/dependencies")), "kind": kind, "lag": lag}
            for task, kind, lag in draft.related["links"]
        ]
        draft.given |= {"dependencies"}


def _id_of(one: Named, pointer: str) -> UUID:
    if isinstance(one, UUID):
        return one
    if one.record_id is None:
        message = f"The task that it names, in row {one.number}, is not stored."
        raise Conflict(
            message, code="unknown_task", faults=[Fault("unknown_task", message, pointer)]
        )
    return one.record_id
