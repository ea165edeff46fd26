"""What rules can do with leads, such as recycle what was disqualified half a year ago."""

from typing import Any, Literal

from pydantic import Field, SkipValidation

from crm_api.domains.leads.actions import LeadActions
from crm_api.domains.leads.schemas import LeadReason
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import WrongState
from crm_api.kit.schema import Line
from crm_api.platform.automations.actions import check_one, one_of, shaped, writable, written


class MoveLead(Step):
    """Have a lead be given by the rules for leads, qualified, disqualified or recycled."""

    action: Literal["move_lead"]
    verb: Literal["distribute", "qualify", "disqualify", "recycle"]
    reason: Line | None = Field(
        None, description="Why it is disqualified or recycled.", examples=["Half a year has passed"]
    )
    lead_id: SkipValidation[Any] = Field(
        None, description='A lead, or `{"$ref": "…"}`; else the record.'
    )

    async def check(self, about: Checking) -> None:
        """A lead, and a reason for what takes one."""
        writable(about, "lead", "update")
        check_one(about, "lead", self.lead_id, "/lead_id")
        about.text(self.reason or "", "/reason")
        if self.verb in {"disqualify", "recycle"} and self.reason is None:
            about.fault("/reason", "required", f"To {self.verb} a lead takes a reason.")

    async def act(self, at: Situation) -> Outcome:
        """By the rules of leads; one that stands where that is not done stays as it is."""
        id = await one_of(at, self.lead_id, "/lead_id")
        actions = LeadActions(at.tx)
        try:
            match self.verb:
                case "distribute" | "qualify":
                    row = await actions.go(id, self.verb)
                case "disqualify" | "recycle":
                    given = {"reason": await at.text(self.reason or "", "/reason")}
                    data = shaped(LeadReason, given, "")
                    row = await actions.end(id, self.verb, data.reason)
        except WrongState as error:
            return Outcome({"reason": error.own_code}, skipped=True)
        return written(actions.leads, row)
