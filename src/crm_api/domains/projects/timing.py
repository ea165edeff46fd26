"""The rules of time entries, of expenses, and of which time is closed."""

from datetime import date
from decimal import Decimal
from typing import Any

from crm_api.domains.projects.cost_schemas import ExpenseCreate, ExpenseUpdate
from crm_api.domains.projects.entering import EntryService
from crm_api.domains.projects.models import Expense, TimeEntry
from crm_api.domains.projects.work_repository import Expenses, TimeEntries
from crm_api.domains.projects.work_schemas import (
    TimeEntryCreate,
    TimeEntryUpdate,
    TimeSettings,
)
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.platform.exchange.service import ExchangeService

SETTINGS_AREA = "time_settings"
CONFIGURED = "times.configured"


class TimeSettingsService(SettingsService):
    """The one resource that says which time is closed."""

    area = SETTINGS_AREA
    event = CONFIGURED
    part = "timing"

    async def replace(self, data: TimeSettings) -> dict[str, Any]:
        """Have this hold from now on."""
        return await self.hold(_stored(data))

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return _stored(TimeSettings.model_validate(self.tx.catalogue.timing))


def _stored(data: TimeSettings) -> dict[str, Any]:
    return {"locked_until": data.locked_until.isoformat() if data.locked_until else None}


class TimeEntryService(EntryService[TimeEntry]):
    """Time that was worked for projects."""

    repository = TimeEntries
    area = "time_entries"
    plural = "time_entries"
    personal = Impersonal("Work of users, which accounts are made of.")
    create_shape = TimeEntryCreate
    update_shape = TimeEntryUpdate
    records: TimeEntries


class ExpenseService(EntryService[Expense]):
    """What was spent for projects."""

    repository = Expenses
    area = "expenses"
    plural = "expenses"
    personal = Impersonal("Costs that users had, which accounts are made of.")
    create_shape = ExpenseCreate
    update_shape = ExpenseUpdate
    records: Expenses

    async def prepare(self, values: dict[str, Any], current: Expense | None) -> dict[str, Any]:
        """What it comes to in the currency of its project, by the rate of its day."""
        values = await super().prepare(values, current)
        project_id = values["project_id"] if current is None else current.project_id
        own = await self.records.currency_of(project_id)
        if current is None:
            values["currency"] = values["currency"] or own
        names = ("amount", "currency", "day")
        before = {} if current is None else {name: getattr(current, name) for name in names}
        now = {**before, **{name: values[name] for name in names if name in values}}
        if now != before:
            values["project_amount"] = await self._at_home(now, own)
        return values

    async def _at_home(self, cost: dict[str, Any], own: str) -> Decimal:
        """Raises `Conflict` where there is no rate for that day."""
        rates = ExchangeService(self.tx)
        return await rates.worth(cost["amount"], cost["currency"], own, cost["day"])


def locked_until(tx: Tx) -> date | None:
    """The last day that is closed, as this process knows it."""
    return TimeSettings.model_validate(tx.catalogue.timing).locked_until
