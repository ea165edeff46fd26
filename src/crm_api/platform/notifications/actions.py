"""What rules can do by notifications: tell members something."""

from contextlib import suppress
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.db.tables import EventRow
from crm_api.kit.errors import NotFound
from crm_api.kit.schema import Line, Prose
from crm_api.platform.notifications.events import NOTICE, RUN
from crm_api.platform.notifications.repository import add_notice, members_of

_KNOWN = """
    SELECT (SELECT coalesce(array_agg(id), '{}') FROM users
            WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL) AS users,
        EXISTS (SELECT FROM teams WHERE organization_id = $1 AND id = $3 AND deleted_at IS NULL)
            AS has_team
"""


class Notify(Step):
    """Tell members something, in their inbox and by the ways that they have chosen.

    Of a record those alone are told who see it.
    """

    action: Literal["notify"]
    users: Annotated[list[UUID], Field(max_length=100)] = Field(default_factory=list)
    team_id: UUID | None = None
    owner: bool = Field(False, description="Whether the owner of the record is told.")
    subject: Line = Field(examples=["{{ record.last_name }} has become a customer"])
    text: Prose

    async def check(self, about: Checking) -> None:
        """Members that there are, and placeholders that name something."""
        about.text(self.subject, "/subject")
        about.text(self.text, "/text")
        if self.owner:
            about.need_record("/owner")
        if not (self.users or self.team_id or self.owner):
            about.fault("/users", "required", "Say who is told.")
        own = about.tx.organization_id
        (known,) = await about.tx.fetch(_KNOWN, own, self.users, self.team_id)
        for place, id in enumerate(self.users):
            if id not in known["users"]:
                about.fault(f"/users/{place}", "unknown_reference", "There is no such user.")
        if self.team_id is not None and not known["has_team"]:
            about.fault("/team_id", "unknown_reference", "There is no such team.")

    async def act(self, at: Situation) -> Outcome:
        """The event names the users; what they are told is kept beside it, for them alone."""
        users = list(self.users)
        if self.owner and (owner := (await at.record())["owner_id"]) is not None:
            users.append(UUID(owner))
        members = await members_of(at.tx, users, [self.team_id] if self.team_id else [])
        if not members:
            return Outcome({"reason": "nobody_there"}, skipped=True)
        subject, text = await at.text(self.subject, "/subject"), await at.text(self.text, "/text")
        values = {"subject": " ".join(subject.split()), "text": text}
        told = {"users": [member["id"] for member in members]}
        entity, record_id, version = await _about(at)
        by = {"automation_id": at.run.automation_id, "run_id": at.run.id}
        at.tx.record(NOTICE, entity=entity, record_id=record_id, version=version, data=told | by)
        add_notice(at.tx, at.tx.kept(EventRow)[-1]["id"], record_id, **values)
        return Outcome(told, {"to": [member["email"] for member in members], **values})


async def _about(at: Situation) -> tuple[str, UUID, int]:
    """The record, so that it is seen and erased with it, or else the run."""
    if at.run.entity is not None and at.run.record_id is not None:
        with suppress(NotFound):
            return at.run.entity, at.run.record_id, (await at.record())["version"]
    return RUN, at.run.id, 1
