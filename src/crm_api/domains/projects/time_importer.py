"""How rows of a file become time entries."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.projects.entering import need_open_day
from crm_api.domains.projects.repository import Projects
from crm_api.domains.projects.rows import (
    NOT_YET,
    PROJECT,
    need_handing,
    refer_to_owners,
    refer_to_projects,
)
from crm_api.domains.projects.states import need_open
from crm_api.domains.projects.timing import TimeEntryService, locked_until
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.platform.transfer.importer import Draft, Importer, Plan, data_of, need_same
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, hint

_PLAIN = ("day", "minutes", "note", "is_billable", "rate", "cost_rate")
_HOUR, _DAY = 60, 24
FIELDS = {
    "project": PROJECT,
    "user": hint(
        "User's e-mail",
        "User Email | User | Employee Email | Employee | Email | Mitarbeiter | Сотрудник",
    ),
    "day": hint("Day", "Date | Day | Spent Date | Work Date | Datum | Tag | Fecha | Дата", "date"),
    "minutes": hint("Minutes", "Minutes | Duration (min) | Minuten | Минуты", "integer"),
    "hours": hint("Hours", "Hours | Duration (decimal) | Stunden | Heures | Часы", "money"),
    "note": hint("Note", f"Note | Notes | Task | Tätigkeit | {DESCRIPTION}"),
    "is_billable": hint("Billable", "Billable | Billable? | Abrechenbar | Facturable", "bool"),
    "rate": hint("Rate", "Billable Rate | Hourly Rate | Rate | Stundensatz | Ставка", "money"),
    "cost_rate": hint("Cost rate", "Cost Rate | Kostensatz", "money"),
    "external_id": hint("External ID", f"Time Entry ID | Entry ID | {EXTERNAL_ID}"),
}


class TimeEntryImporter(Importer):
    """Rows of drafts of time; the projects and users that they name are there already."""

    target = "time_entry"
    fields = FIELDS
    match = ("external_id",)
    service = TimeEntryService
    touched = (TimeEntryService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The time of a row, and what it calls its project and user; raises `Invalid`."""
        data = data_of(texts, _PLAIN)
        if not texts.get("project"):
            raise Invalid.at("/project_id", "required", "A row names its project.")
        if texts.get("hours") and "minutes" not in data:
            data["minutes"] = _minutes(texts["hours"][0])
        owner = next(iter(texts.get("user", ())), None)
        return data | {"project_id": NOT_YET}, {"project": texts["project"][0], "owner": owner}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Find projects by external id or name, users by address; closed days take no time."""
        await refer_to_projects(tx, self, drafts, plan)
        await refer_to_owners(tx, self, drafts, plan)
        last = locked_until(tx)
        for draft in drafts:
            try:
                need_open_day(draft.values["day"], last)
                self._reach(tx, draft)
            except (Invalid, Forbidden) as error:
                draft.faults += [self.located(fault, draft, plan) for fault in error.faults]

    def _reach(self, tx: Tx, draft: Draft) -> None:
        if draft.related["owner"]:
            owner = {"owner_id": draft.values["owner_id"]}
            TimeEntryService(tx).guard.reach_owner(owner, "create")

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have whoever closes days or projects wait; raises `Invalid` for what is closed by now."""
        last = await TimeEntryService(tx).records.locked_until()
        for draft in drafts:
            need_open_day(draft.values["day"], last)
        ids = {draft.values["project_id"] for draft in drafts}
        held = {one.id: one for one in await Projects(tx).locked(list(ids), everywhere=True)}
        for draft in drafts:
            draft.related["held"] = held.get(draft.values["project_id"])

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """All that rows refer to is there already."""
        del tx, drafts

    def add(self, tx: Tx, draft: Draft) -> None:
        """Store a new entry; raises `Invalid`, `WrongState` where its project takes none."""
        project = draft.related["held"]
        if project is None:
            raise Invalid.at("/project_id", "unknown_project", "The project is gone by now.")
        need_open(project)
        super().add(tx, draft)

    async def absorb(self, tx: Tx, current: Any, draft: Draft) -> None:
        """What a row says anew of an entry, which stays one of its project."""
        need_same(current, draft, "project_id")
        if not self.adds_to(current, draft, tx.actor.country):
            return
        need_handing(TimeEntryService(tx).guard, current, draft)
        await super().absorb(tx, current, draft)

    async def in_use(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Entries of days that are closed by now: an undo leaves them."""
        del entity
        service = TimeEntryService(tx)
        last: date | None = await service.records.locked_until()
        if last is None:
            return set()
        return {one.id for one in await service.records.some(ids) if one.day <= last}

    def pointed(self, path: Sequence[str]) -> str:
        """Projects and users are given by names."""
        names = {"project_id": "project", "owner_id": "user"}
        return names.get(path[0]) or super().pointed(path)


def _minutes(hours: Decimal) -> int:
    """The same in whole minutes; raises `Invalid`."""
    if not 0 < hours <= _DAY:
        raise Invalid.at("/hours", "out_of_range", "It is some of the 24 hours of a day.")
    return max(1, int((hours * _HOUR).quantize(Decimal(1), ROUND_HALF_UP)))
