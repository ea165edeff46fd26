"""The rules of saved reports."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.compiling import Compiler
from crm_api.domains.reports.models import Report
from crm_api.domains.reports.operands import pointed
from crm_api.domains.reports.parameters import sampled
from crm_api.domains.reports.repository import SavedReports
from crm_api.domains.reports.results import digest
from crm_api.domains.reports.running import AREA, Reports
from crm_api.domains.reports.saved_schemas import ReportCreate, ReportUpdate
from crm_api.domains.reports.schemas import ReportParameter, ReportQuery
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of

CERTIFY = "certify_reports"
_PARTS = frozenset({"definition", "parameters"})
_PARAMETERS = TypeAdapter(list[ReportParameter])
_ANY_CALENDAR = Calendar("UTC", "EUR")


class ReportService(NamedService[Report]):
    """Reports that are saved; checked when they are saved and when they are run."""

    repository = SavedReports
    area = AREA
    plural = "reports"
    personal = Impersonal("Questions about records, and no answers.")
    create_shape = ReportCreate
    update_shape = ReportUpdate
    begins_with = {"is_certified": False}  # noqa: RUF012 - as everywhere
    records: SavedReports

    async def prepare(self, values: dict[str, Any], current: Report | None) -> dict[str, Any]:
        """A report fits its source; a private one is somebody's, and another one not certified."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None and (current is None or whole["sharing"] == "private"):
            values["owner_id"] = self.tx.actor.me
        if not _PARTS.isdisjoint(values):
            values |= self._defined(whole)
            changed = current is not None and current.definition_hash != values["definition_hash"]
            if changed:
                values |= {"is_certified": False, "certified_by": None, "certified_at": None}
        return values

    def _defined(self, whole: dict[str, Any]) -> dict[str, Any]:
        """Its parts as they are stored; raises `Invalid`, `Forbidden` with pointers into them."""
        declared = _PARAMETERS.validate_python(whole["parameters"])
        query = sampled(whole["definition"], declared)
        with pointed("/definition", ""):
            plan = Reports(self.tx).planned(query, _ANY_CALENDAR)
            if query.kind != "table":
                Compiler(self.tx, plan).statement(limit=1)
        # With its parameters, whose places hold no values yet.
        stored = ReportQuery.model_validate(whole["definition"])
        definition = stored.model_dump(mode="json", exclude_defaults=True)
        parameters = [one.model_dump(mode="json") for one in declared]
        return {
            "definition": definition,
            "parameters": parameters,
            "definition_hash": digest([definition, parameters]),
        }

    async def certify(self, id: UUID, expected: int | None, *, certified: bool) -> Any:
        """Vouch for a report, or no longer; takes the permission `certify_reports`."""
        self.need("update")
        self.tx.actor.permitted(CERTIFY)
        current = await self.locked(id, expected, frozenset({"is_certified"}))
        if current.is_certified == certified:
            return await self.told(self.shown_of(current))
        by, at = (self.tx.actor.id, self.tx.now) if certified else (None, None)
        values = {"is_certified": certified, "certified_by": by, "certified_at": at}
        verb = "certified" if certified else "uncertified"
        return await self.told(await self.change(current, values, verb=verb))
