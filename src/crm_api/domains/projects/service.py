"""The rules of projects and of their templates."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.projects.beginning import check_items, items_of, tasks_of
from crm_api.domains.projects.keeping import ProjectKeeping
from crm_api.domains.projects.models import Project, ProjectTemplate
from crm_api.domains.projects.planning import BEGUN, no_calendar
from crm_api.domains.projects.repository import ProjectTasks, ProjectTemplates
from crm_api.domains.projects.risks import Risk, scored
from crm_api.domains.projects.scheduling import Cycle, Link, Task, ordered
from crm_api.domains.projects.schemas import (
    MOST_TASKS,
    ProjectTemplateCreate,
    ProjectTemplateUpdate,
    TemplateTask,
)
from crm_api.domains.projects.states import need_open, unbilled
from crm_api.domains.projects.tasks import ProjectTaskService, too_many
from crm_api.domains.projects.work_repository import Deliverables
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.owners import need_owners
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Conflict, Fault, Invalid, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.money import shown_quantity
from crm_api.kit.working_time import WorkingTime
from crm_api.platform.calendars.service import calendars_at
from crm_api.platform.exchange.repository import ExchangeRates

_NOTHING = ("finishes_at", "baseline_at", "baseline_finishes_at", "closed_at", "close_comment")


class ProjectTemplateService(NamedService[ProjectTemplate]):
    """What projects begin with."""

    repository = ProjectTemplates
    area = "project_templates"
    plural = "project_templates"
    personal = Impersonal("How the organization works.")
    create_shape = ProjectTemplateCreate
    update_shape = ProjectTemplateUpdate
    records: ProjectTemplates

    async def prepare(
        self, values: dict[str, Any], current: ProjectTemplate | None
    ) -> dict[str, Any]:
        """Its tasks fit together, and its products are there."""
        values = await super().prepare(values, current)
        if "product_ids" in values:
            ids = list(dict.fromkeys(values["product_ids"] or ()))
            known = set(current.product_ids if current else ())
            missing = await self.records.missing_products([i for i in ids if str(i) not in known])
            faults = [
                Fault("unknown_reference", "There is no such product.", f"/product_ids/{place}")
                for place, id in enumerate(ids)
                if id in missing
            ]
            if faults:
                raise Invalid("There is no such product.", faults=faults)
            values["product_ids"] = [str(id) for id in ids]
        if "tasks" in values:
            values["tasks"] = [_stored(item) for item in values["tasks"] or ()]
            check_items(values["tasks"])
            _check_order(values["tasks"])
        return values


def _stored(item: Any) -> Any:
    """As it is stored, so that what is equal is no change."""
    return decode(encode({**TemplateTask.model_validate(item).model_dump(), **_share(item)}))


def _share(item: Any) -> dict[str, Any]:
    share = item["billing_percent"]
    return {"billing_percent": None if share is None else f"{share.normalize():f}"}


def _check_order(items: Sequence[Any]) -> None:
    """Raise `Invalid` where tasks wait for each other."""
    nothing: Any = None
    tasks = {
        item["key"]: Task(0, nothing, [Link(link["key"]) for link in item["dependencies"]])
        for item in items
    }
    try:
        ordered(tasks)
    except Cycle as found:
        whole = " → ".join((*found.ring, found.ring[0]))
        message = f"These would wait for each other: {whole}."
        raise Invalid.at("/tasks", "dependency_cycle", message) from None


class ProjectService(ProjectKeeping):
    """What is done for customers."""

    planned: ClassVar[Mapping[str, Any]] = {"status": "planned", **dict.fromkeys(_NOTHING)}
    """What a new one begins with."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self._begun: dict[UUID, list[dict[str, Any]]] = {}

    def add(self, values: dict[str, Any]) -> Any:
        """A new project with the tasks of its templates."""
        shown = super().add(values)
        tasks = ProjectTaskService(self.tx)
        for task in self._begun.pop(values["id"], ()):
            tasks.add(task)
        return shown

    async def prepare(self, values: dict[str, Any], current: Project | None) -> dict[str, Any]:
        """A new one begins with its templates; moving one moves what follows."""
        values = await super().prepare(values, current)
        if "risks" in values:
            risks = [Risk.model_validate(one) for one in values["risks"] or ()]
            await self._need_keepers(risks, () if current is None else current.risks)
            values["risks"] = [scored(one) for one in risks]
        if current is None:
            return await self._begin(values)
        await self._need_free(values, current)
        return values

    async def _need_keepers(
        self, risks: Sequence[Risk], before: Sequence[Mapping[str, Any]]
    ) -> None:
        """Raise `Invalid` where a risk would be nobody's; who sees to one already may be gone."""
        known = {str(one["owner_id"]) for one in before}
        named = {f"/risks/{place}/owner_id": one.owner_id for place, one in enumerate(risks)}
        given = {at: id for at, id in named.items() if id is not None and str(id) not in known}
        await need_owners(self.tx, given)

    async def _need_free(self, values: Mapping[str, Any], current: Project) -> None:
        """Raise `WrongState` where what is closed, or written down in a currency, would change."""
        changed = {name for name in values if values[name] != getattr(current, name)}
        if changed & {*BEGUN, "revenue", "currency"}:
            need_open(current)
        if "currency" in changed and await self.records.has_amounts(current.id):
            message = "Shares that fell due, and rates of time, are in the currency before."
            faults = [Fault("currency_used", message, "/currency")]
            raise WrongState(message, code="currency_used", faults=faults)

    async def put_back(self, record: Project, values: dict[str, Any]) -> Any:
        """What an undo takes back moves its tasks, and stays where nothing of it may change."""
        kept = self.update_shape.model_fields.keys()
        values = {name: value for name, value in values.items() if name in kept}
        try:
            await self._need_free(values, record)
        except WrongState:
            return self.shown_of(record)
        return await self.apply(record, values)

    async def apply(self, current: Project, given: dict[str, Any]) -> Any:
        """Its tasks are planned anew where it begins at another time."""
        before = {name: getattr(current, name) for name in BEGUN}
        shown = await super().apply(current, given)
        if any(getattr(current, name) != value for name, value in before.items()):
            await ProjectTaskService(self.tx).reschedule(current)
            shown = self.shown_of(current)
        return shown

    async def remove(self, records: Sequence[Project]) -> None:
        """What fell due is billed before it goes: the accounts would never hear of it again."""
        await self._need_billed([record.id for record in records])
        await super().remove(records)

    async def check_purge(self, current: Project) -> None:
        """The same, from the bin or past it."""
        await self._need_billed([current.id])
        await super().check_purge(current)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take one out of the bin, where what was delivered of it is still within the order."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self._check_ordered(current)
        return await super().restore(id, expected_version=expected_version)

    async def _need_billed(self, ids: Sequence[UUID]) -> None:
        await self.tx.flush()
        planned = await ProjectTasks(self.tx).planned_of(ids)
        faults = [fault for rows in planned.values() for fault in unbilled(rows)]
        if faults:
            message = " ".join(fault.message for fault in faults[:5])
            raise Blocked(message, code="open_billing", faults=faults)

    async def _check_ordered(self, current: Project) -> None:
        """Raise `Conflict` where the order became less than it has delivered."""
        over = await Deliverables(self.tx).beyond(current.id)
        if not over:
            return
        faults = [
            Fault(
                "more_than_ordered",
                f"{one.name}: {shown_quantity(one.whole)} are delivered, "
                f"{shown_quantity(one.ordered)} are ordered.",
                "/order_id",
            )
            for one in over
        ]
        message = " ".join(fault.message for fault in faults[:5])
        lines = [str(one.line_id) for one in over]
        raise Conflict(message, code="more_than_ordered", faults=faults, details={"lines": lines})

    async def _begin(self, values: dict[str, Any]) -> dict[str, Any]:
        wanted = values.pop("template_ids")
        values |= {
            **self.planned,
            "id": new_id(),
            "starts_on": values["starts_on"] or today_of(self.tx),
            "currency": values["currency"] or await ExchangeRates(self.tx).own_currency(),
        }
        templates = await ProjectTemplates(self.tx).active(wanted)
        if missing := set(wanted) - {one.id for one in templates}:
            place = min(wanted.index(id) for id in missing)
            message = "There is no such template, or it is not used any more."
            raise Invalid.at(f"/template_ids/{place}", "unknown_reference", message)
        items = items_of(templates)
        if len(items) > MOST_TASKS:
            raise too_many()
        if items:
            await self._plan(values, items)
        return values

    async def _plan(self, values: dict[str, Any], items: Sequence[Any]) -> None:
        service = ProjectTaskService(self.tx)
        own: UUID | None = values["calendar_id"]
        zone = ZoneInfo(await self.records.zone_of(own))
        start = datetime.combine(values["starts_on"], time(), tzinfo=zone)
        calendar = (await calendars_at(self.tx, [own], start)).get(own)
        if calendar is None:
            raise no_calendar()
        counted = WorkingTime(calendar, start)
        tasks = tasks_of(items, values["id"], start, counted)
        project = Project(**{name: values[name] for name in ("id", *BEGUN)})
        begun, values["finishes_at"] = await service.begin(project, tasks)
        self._begun[values["id"]] = begun
