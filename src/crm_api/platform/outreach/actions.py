"""What rules can do by outreach: write to people, as far as the gate lets them."""

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.letters import OptOut, post
from crm_api.kit.schema import Line, Prose
from crm_api.platform.outreach.gate import Gate, Question, reach
from crm_api.platform.outreach.schemas import Purpose


class Mail(Step):
    """Write to the person that the record is, or to an address, if the gate allows it: once at most,
    with a link to unsubscribe from the purpose.
    """

    action: Literal["mail"]
    purpose: Purpose
    to: Line | None = Field(
        None,
        description="An address, such as `{{ input.email }}`; without it the record's own.",
    )
    subject: Line = Field(examples=["Welcome, {{ record.first_name }}"])
    text: Prose

    async def check(self, about: Checking) -> None:
        """Somebody to write to, and placeholders that name something."""
        for name in ("to", "subject", "text"):
            about.text(getattr(self, name) or "", f"/{name}")
        if self.to is None and about.need_record("/to") and about.entity not in Gate.people:
            about.fault("/to", "not_a_person", f"A {about.entity} has no address of its own.")

    async def act(self, at: Situation) -> Outcome:
        """A letter that leaves with this transaction; what stands against it is told."""
        if self.to is None:
            service, id = at.subject
            await service.get(id)
            entity = service.records.listing.entity
            whom: dict[str, Any] = {"record_id": id, "target": entity}
        else:
            address = await at.text(self.to, "/to")
            whom = {"address": address}
        question = Question("email", self.purpose, **whom, at=at.tx.now, key=new_id())
        try:
            (answer,) = await reach(at.tx, [question])
        except Invalid as error:
            raise Invalid.at("/to", error.faults[0].code, error.detail) from None
        if not answer.allowed or answer.address is None:
            return Outcome({"reasons": answer.reasons}, skipped=True)
        subject, text = await at.text(self.subject, "/subject"), await at.text(self.text, "/text")
        values = {"subject": " ".join(subject.split()), "text": text}
        assert answer.person_id is not None
        opt_out = OptOut(answer.person_id, question.target, self.purpose)
        user = answer.record_id or UUID(int=0)
        letter = post(at.tx, "notice", answer.address, user, values, opt_out=opt_out)
        return Outcome({"letter_id": letter}, {"to": answer.address, **values})
