"""Projects as the records that whatever belongs to them writes to."""

from typing import ClassVar

from crm_api.domains.projects.models import Project
from crm_api.domains.projects.repository import Projects
from crm_api.domains.projects.schemas import ProjectCreate, ProjectUpdate
from crm_api.kit.crud.followed import Followed, Follower
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService


class ProjectKeeping(Followed[Project], NamedService[Project]):
    """Has what follows for a project from its parts written down, without the rules of its own."""

    repository = Projects
    area = "projects"
    plural = "projects"
    personal = Impersonal("What is done for a company.")
    create_shape = ProjectCreate
    update_shape = ProjectUpdate
    beside = CrudService.beside | {"tags", "source", "description", "risks"}
    followers: ClassVar[list[Follower[Project]]] = []
    records: Projects
