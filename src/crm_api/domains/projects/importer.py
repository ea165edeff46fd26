"""How rows of a file become projects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.cells import company_of
from crm_api.domains.companies.importer import companies_named, refuse_unmakeable, relate_companies
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.projects.models import Project
from crm_api.domains.projects.repository import ProjectTasks
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.states import unbilled
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.platform.exchange.repository import ExchangeRates
from crm_api.platform.transfer.importer import Draft, Importer, LookUp, Plan, data_of
from crm_api.platform.transfer.reading.aliases import (
    DESCRIPTION,
    EXTERNAL_ID,
    SOURCE,
    TAGS,
    hint,
)

_PLAIN = ("name", "starts_on", "revenue", "cost_budget", "source", "description")
FIELDS = {
    "name": hint("Name", "Project Name | Project | Name | Title | Projekt | Projet | Проект"),
    "company.name": hint(
        "Company", "Company | Account Name | Client | Customer | Kunde | Client | Клиент"
    ),
    "company.domain": hint("Company domain", "Company Domain Name | Company Domain | Domain"),
    "starts_on": hint("Start", "Start Date | Starts On | Start | Beginn | Дата начала", "date"),
    "currency": hint("Currency", "Currency | Currency ISO Code | Währung | Валюта"),
    "revenue": hint("Revenue", "Revenue | Contract Value | Value | Erlös | Выручка", "money"),
    "cost_budget": hint("Budget", "Budget | Cost Budget | Kostenbudget | Бюджет", "money"),
    "external_id": hint("External ID", f"Project ID | {EXTERNAL_ID}"),
    "tags": hint("Tags", TAGS, "tags"),
    "description": hint("Description", DESCRIPTION),
    "source": hint("Source", SOURCE),
}


class ProjectImporter(Importer):
    """Rows of projects, which begin without tasks; companies that they name are found or made."""

    target = "project"
    fields = FIELDS
    match = ("external_id",)
    service = ProjectService
    touched = (ProjectService, CompanyService)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The project of a row, and whom it is for."""
        data = data_of(texts, _PLAIN)
        if texts.get("currency"):
            data["currency"] = texts["currency"][0].strip().upper()
        own = {n.removeprefix("company."): v for n, v in texts.items() if n.startswith("company.")}
        company = company_of(own) if own else {}
        return data, {"company": company if "name" in company else None}

    async def refer(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Companies that would have to be made can be."""
        await refuse_unmakeable(tx, self, drafts, plan)

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Find companies by domain or name; unknown ones are made."""
        service = ProjectService(tx)
        own, today = await ExchangeRates(tx).own_currency(), today_of(tx)
        for draft in drafts:
            values = draft.values
            del values["template_ids"]
            values |= service.planned
            values["currency"] = values["currency"] or own
            values["starts_on"] = values["starts_on"] or today
        await relate_companies(tx, drafts)

    async def in_use(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Those of which a share fell due that nobody has billed, for these stay."""
        if entity != Project.entity:
            return set()
        planned = await ProjectTasks(tx).planned_of(ids)
        return {id for id, rows in planned.items() if unbilled(rows)}

    def look_ups(self, drafts: Iterable[Draft]) -> set[LookUp]:
        """Also the companies that rows name."""
        drafts = list(drafts)
        return super().look_ups(drafts) | companies_named(drafts)

    def pointed(self, path: Sequence[str]) -> str:
        """What rows refer to is given by names."""
        found = super().pointed(path)
        return "company.name" if found == "company_id" else found
