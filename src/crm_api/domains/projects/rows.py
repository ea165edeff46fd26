"""What rows of files about projects have in common: whose project and user they name."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.projects.repository import Projects
from crm_api.kit.crud.rights import Guard
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.identity.repository import Users
from crm_api.platform.transfer.importer import Draft, Importer, Plan
from crm_api.platform.transfer.naming import called, refer_to
from crm_api.platform.transfer.reading.aliases import hint

NOT_YET = UUID(int=0)
"""What a row refers to before that is looked up."""
PROJECT = hint(
    "Project", "Project | Project Name | Project ID | Projekt | Projet | Proyecto | Проект"
)


async def refer_to_projects(
    tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan
) -> None:
    """Find the projects of rows by external id or name."""
    projects = await called(Projects(tx), (d.related["project"] for d in drafts), plan)
    for draft in drafts:
        ids = projects.get(draft.related["project"], ())
        refer_to(importer, draft, plan, "project", ids, "project_id")


async def refer_to_owners(tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan) -> None:
    """Find the users of rows by their addresses."""
    emails = {t: key for d in drafts if (t := d.related["owner"]) and (key := _address(t))}
    users = await Users(tx).by_keys("email", list(emails.values()))
    for draft in drafts:
        if owner := draft.related["owner"]:
            ids = users.get(emails.get(owner, ""), ())
            refer_to(importer, draft, plan, "user", ids, "owner_id")


def need_handing(guard: Guard, current: Any, draft: Draft) -> None:
    """Raise `Invalid` where a row hands a record on that its importer may not hand on."""
    owner = draft.values["owner_id"] if "owner_id" in draft.given else current.owner_id
    if owner == current.owner_id:
        return
    try:
        guard.reach_owner({"owner_id": owner}, "update", current.owner_id)
    except Forbidden as error:
        raise Invalid(error.detail, faults=error.faults) from None


def _address(text: str) -> str | None:
    try:
        return email_key(text)
    except BadValue:
        return None
