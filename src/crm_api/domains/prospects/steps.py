"""What rules and journeys can do with lists of leads: put leads on them."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.prospects.filling import Filling
from crm_api.domains.prospects.list_schemas import ProspectAddition
from crm_api.domains.prospects.service import ProspectListService
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import NotFound, WrongState
from crm_api.kit.links.paging import filled
from crm_api.platform.automations.actions import check_one, one_of


class AddToList(Step):
    """Put a lead on a list: the one that the record is, or another one."""

    action: Literal["add_to_list"]
    list_id: UUID
    lead_id: Any = Field(None, description='A lead, or `{"$ref": "…"}`; else the record.')

    async def check(self, about: Checking) -> None:
        """A list that is there, and a lead to put on it."""
        lists = ProspectListService(about.tx)
        lists.need("update")
        try:
            await lists.get(self.list_id)
        except NotFound:
            about.fault("/list_id", "unknown_reference", "There is no such list.")
        check_one(about, "lead", self.lead_id, "/lead_id")

    async def act(self, at: Situation) -> Outcome:
        """On the list, unless it is there already or the list takes nobody any more."""
        id = await one_of(at, self.lead_id, "/lead_id")
        try:
            told = await Filling(at.tx).add(
                self.list_id, filled(ProspectAddition, {"lead_ids": [id]})
            )
        except WrongState as error:
            return Outcome({"reason": error.own_code}, skipped=True)
        if told["changed"] == 0:
            return Outcome({"reason": "listed_before"}, skipped=True)
        return Outcome({"list_id": self.list_id, "lead_id": id})
