"""The library of standard reports: those that parts declare, run by the one engine."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.parameters import filled
from crm_api.domains.reports.results import Row
from crm_api.domains.reports.running import Reports
from crm_api.kit.errors import NotFound
from crm_api.kit.reporting import StandardReport


class Library(Reports):
    """The standard reports of all parts."""

    def all(self) -> list[Row]:
        """Those whose records may be read, with their definitions."""
        actor = self.tx.actor
        actor.require("reports:read")
        areas = {entity: service.area for entity, service in Declared.services.items()}
        found = Declared.standard.values()
        return [_row(one) for one in found if actor.covers(f"{areas[one.source]}:read")]

    def named(self, name: str) -> Row:
        """The definition of one; raises `NotFound`, `Forbidden`."""
        report = self._known(name)
        self.source(report.source)
        return _row(report)

    async def result(self, name: str, given: Mapping[str, Any]) -> Row:
        """What one comes to now, and the report it is, for the records behind its cells."""
        report = self._known(name)
        query = filled(report.definition, report.parameters, given)
        answer = await self.run(query)
        asked = query.model_dump(mode="json", exclude_defaults=True)
        return {"standard": _row(report), "report": asked, "answer": answer}

    def _known(self, name: str) -> StandardReport:
        self.tx.actor.require("reports:read")
        report = Declared.standard.get(name)
        if report is None:
            raise NotFound(f"There is no standard report {name[:60]!r}.")
        return report


def _row(report: StandardReport) -> Row:
    return {
        "id": report.id,
        "name": report.name,
        "version": report.version,
        "title": report.title,
        "text": report.text,
        "formula": report.formula,
        "source": report.source,
        "definition": dict(report.definition),
        "parameters": [dict(one) for one in report.parameters],
    }
