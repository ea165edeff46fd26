"""Status reports: what is told of a project, with its figures as they are at that moment."""

from typing import Any
from uuid import UUID

from crm_api.domains.projects.cost_schemas import StatusReportInput
from crm_api.domains.projects.figures import figures_in, need_money
from crm_api.domains.projects.models import StatusReport
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.work_repository import StatusReports
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode, encode


class StatusReportService(CrudService[StatusReport]):
    """Reports on projects; once published nothing of one changes."""

    repository = StatusReports
    area = "projects"
    plural = "status_reports"
    personal = Impersonal("How a project fares.")
    plain = False
    upserts = False
    begins = "published"
    records: StatusReports

    async def publish(self, project_id: UUID, data: StatusReportInput) -> Any:
        """Write down how a project fares, for good; its project is locked till the commit."""
        projects = ProjectService(self.tx)
        projects.need("update")
        need_money(self.tx)
        project = await projects.locked(project_id, None)
        await self.tx.flush()
        figures = decode(encode(await figures_in(self.tx, project_id)))
        values: dict[str, Any] = {
            **data.model_dump(),
            "project_id": project_id,
            "health": data.health or figures["health"],
            "figures": figures,
            "risks": [risk for risk in project.risks if risk["status"] == "open"],
            "owner_id": project.owner_id,
            "custom": {},
            "external_ids": {},
        }
        return await self.told(self.add(values), new=True)
