"""What is done with mailings: started, stopped, tried out; and who gets them."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.campaigns.repository import Campaigns
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.mailings.contents import chosen
from crm_api.domains.mailings.events import SendTest
from crm_api.domains.mailings.models import Mailing, MailingStatus
from crm_api.domains.mailings.queueing import AUDIENCE, Queue
from crm_api.domains.mailings.rendering import EXAMPLE_LINK, Fields, NotFilled, filled, tried
from crm_api.domains.mailings.schemas import RenderInput, SendInput, TestSendInput
from crm_api.domains.mailings.service import MailingService, is_mail
from crm_api.domains.mailings.wording import with_footer
from crm_api.kit.crud.transitions import Way, blocked, need_way, way
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid, WrongState

Verb = Literal["start", "pause", "resume", "complete", "cancel"]
WAYS: Mapping[Verb, Way[MailingStatus]] = {
    "start": way("draft", "running", "started"),
    "pause": way("running", "paused", "paused"),
    "resume": way("paused", "running", "resumed"),
    "complete": way("running paused", "completed", "completed"),
    "cancel": way("draft running paused", "cancelled", "cancelled"),
}
AUTO_PAUSED = "mailing.auto_paused"
ENDS = frozenset({"completed", "cancelled"})
_FOLLOWING: Mapping[str, Verb] = {"launch": "start", "complete": "complete", "cancel": "cancel"}
"""What mailings do as their campaign does; while it is paused nothing of them leaves anyway."""
_OF_CAMPAIGN = """
    SELECT id FROM mailings WHERE organization_id = $1 AND campaign_id = $2 AND status = ANY($3)
        AND deleted_at IS NULL ORDER BY id
"""
_ITS_CAMPAIGN = "SELECT campaign_id FROM mailings WHERE organization_id = $1 AND id = $2"
_CALL_OFF = """
    UPDATE mailing_sends SET status = 'cancelled'
    WHERE organization_id = $1 AND mailing_id = $2 AND status = 'queued'
"""
TRIED = 20
"""For so many of its audience a mailing is filled in before it starts."""
_SOME = """
    SELECT contact_id FROM campaign_members WHERE organization_id = $1 AND campaign_id = $2
        AND excluded_reason IS NULL AND NOT is_holdout ORDER BY contact_id LIMIT $3
"""
_USER = """
    SELECT id, email FROM users WHERE organization_id = $1 AND deleted_at IS NULL
        AND status = 'active' AND (email = $2 OR id = $3)
"""


class MailingActions:
    """Mailings, from draft to their end."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.service = tx, MailingService(tx)

    async def go(self, id: UUID, verb: Verb, expected: int | None = None) -> Any:
        """Do it; returns the mailing after it."""
        self.service.need("update")
        # Before the mailing, as where campaigns move: nothing is decided while the audience is queued.
        named, campaign = await self._campaign(id) if verb == "start" else (None, None)
        current = await self.service.locked(id, expected)
        one = need_way("mailing", WAYS, current.status, verb)
        if verb == "start":
            if current.campaign_id != named:
                raise Conflict("It was given another campaign at this moment; try again.")
            if campaign is not None and campaign.status != "running":
                message = "Its campaign does not run: launching that starts it."
                raise WrongState(message, code="campaign_not_running")
        return await self.service.told(await self.go_on(current, verb, one, campaign))

    async def go_on(
        self, current: Mailing, verb: Verb, one: Way[MailingStatus], campaign: Campaign | None
    ) -> Any:
        """Go a way with a mailing that is locked."""
        values: dict[str, Any] = {
            "status": one.after,
            "pause_reason": "by_hand" if verb == "pause" else None,
        }
        if verb == "start":
            await self._need_sendable(current, campaign)
            values["started_at"] = self.tx.now
        if one.after in ENDS:
            values["ended_at"] = self.tx.now
        shown = await self.service.change(current, values, verb=one.event)
        if verb == "start" and campaign is not None:
            await Queue(self.tx, current).members()
        if one.after in ENDS:
            await self.tx.write(_CALL_OFF, self.tx.organization_id, current.id)
        return shown

    async def _campaign(self, id: UUID) -> tuple[UUID | None, Campaign | None]:
        """The id of a mailing's campaign, and that itself, locked."""
        rows = await self.tx.fetch(_ITS_CAMPAIGN, self.tx.organization_id, id)
        named: UUID | None = rows[0]["campaign_id"] if rows else None
        campaign = None if named is None else await Campaigns(self.tx).find(named, lock=True)
        return named, campaign

    async def _need_sendable(self, current: Mailing, campaign: Campaign | None) -> None:
        faults: list[Fault] = []
        if current.channel_id is None:
            faults.append(Fault("required", "It has no channel to leave by.", "/channel_id"))
        elif not await is_mail(self.tx, current.channel_id):
            faults.append(Fault("no_mail", "No mail leaves by its channel.", "/channel_id"))
        if not current.contents:
            faults.append(Fault("required", "It says nothing.", "/contents"))
        if campaign is not None and campaign.channel not in (None, "email"):
            faults.append(Fault("wrong_channel", "Its campaign is not by mail.", "/campaign_id"))
        if campaign is not None and campaign.purpose not in (None, current.purpose):
            message = f"The audience of its campaign was asked about {campaign.purpose}."
            faults.append(Fault("wrong_purpose", message, "/purpose"))
        variants = [None] if campaign is None else [v["key"] for v in campaign.variants] or [None]
        for variant in variants:
            if current.contents and chosen(current.contents, variant, None) is None:
                message = f"Nothing is said to those of variant {variant}."
                faults.append(Fault("no_content", message, "/contents"))
        wrong = await tried(self.tx, current.contents, await self._some(campaign))
        faults += [Fault(one.code, one.message, one.at) for one in wrong]
        if faults:
            raise blocked(faults)

    async def _some(self, campaign: Campaign | None) -> list[UUID]:
        """Some of those who get it, of a campaign that was launched."""
        if campaign is None or not self.tx.actor.covers(f"{CONTACTS.area}:read"):
            return []
        rows = await self.tx.fetch(_SOME, self.tx.organization_id, campaign.id, TRIED)
        return [row["contact_id"] for row in rows]

    # Who gets it, and what

    async def send(self, id: UUID, data: SendInput) -> dict[str, Any]:
        """Queue more for a mailing that runs."""
        self.service.need("update")
        current = await self.service.locked(id)
        need_running(current)
        if (data.contact_ids is None) == (data.segment_id is None):
            raise Invalid.at("/contact_ids", "one_of", "Name contacts, or a segment.")
        queue, step = Queue(self.tx, current), data.step or AUDIENCE
        if data.contact_ids is not None:
            return {"queued": await queue.seen(data.contact_ids, step)}
        assert data.segment_id is not None
        return {"queued": await queue.segment(data.segment_id, step)}

    async def render(self, id: UUID, data: RenderInput) -> dict[str, Any]:
        """What a contact would get, as far as the actor sees them; raises `Invalid`."""
        current = await self._shown(id)
        fields = Fields(self.tx)
        await fields.read([data.contact_id])
        try:
            values = fields.values(data.contact_id)
        except NotFilled as error:
            raise Invalid.at("/contact_id", "unknown_reference", error.message) from None
        language = data.language or fields.language(data.contact_id)
        try:
            made = filled(current["contents"], values, data.variant, language, EXAMPLE_LINK)
        except NotFilled as error:
            raise Invalid.at(error.at or "/contents", error.code, error.message) from None
        texts = with_footer(made.texts, made.language, EXAMPLE_LINK)
        said = {"subject": texts.subject, "text": texts.text, "html": texts.html}
        return {**said, "variant": made.variant, "language": made.language}

    async def _shown(self, id: UUID) -> dict[str, Any]:
        return {"contents": [], "channel_id": None, **decode(encode(await self.service.get(id)))}

    async def test_send(self, id: UUID, data: TestSendInput) -> dict[str, Any]:
        """Send it to a user of the organization, as a contact would get it; counts for nobody."""
        self.service.need("update")
        await self.render(id, data)
        access = self.tx.actor.access
        own = None if access is None or data.to is not None else access.user_id
        to = None if data.to is None else data.to.lower()
        rows = await self.tx.fetch(_USER, self.tx.organization_id, to, own)
        if not rows:
            message = "Tests go to users of the organization alone."
            raise Invalid.at("/to", "not_a_member", message)
        if (await self._shown(id))["channel_id"] is None:
            raise blocked([Fault("required", "It has no channel to leave by.", "/channel_id")])
        asked = (data.contact_id, data.variant, data.language)
        job = self.tx.enqueue(SendTest(id, *asked, rows[0]["email"]))
        return {"job_id": job, "to": rows[0]["email"]}


def need_running(current: Mailing) -> None:
    """Raise `WrongState` unless a mailing was started and has not ended."""
    if current.status not in {"running", "paused"}:
        message = f"It is {current.status}: whoever is queued would get nothing."
        raise WrongState(message, code="mailing_not_running")


async def follow_campaign(tx: Tx, campaign_id: UUID, moved: str) -> None:
    """Start the mailings of a campaign that is launched, end those of one that ends; raises where
    one cannot be.
    """
    verb = _FOLLOWING.get(moved)
    if verb is None:
        return
    actions, one = MailingActions(tx), WAYS[verb]
    rows = await tx.fetch(_OF_CAMPAIGN, tx.organization_id, campaign_id, sorted(one.before))
    if not rows:
        return
    actions.service.need("update")
    campaign = await Campaigns(tx).find(campaign_id)
    for current in await actions.service.records.locked([row["id"] for row in rows]):
        if current.status in one.before:
            await actions.go_on(current, verb, one, campaign)


async def queue_the_rest(tx: Tx, campaign_id: UUID) -> None:
    """Queue those who waited for an experiment that is decided now, in all mailings of the campaign."""
    rows = await tx.fetch(_OF_CAMPAIGN, tx.organization_id, campaign_id, ["running", "paused"])
    if not rows:
        return
    service = MailingService(tx)
    service.need("update")
    for current in await service.records.locked([row["id"] for row in rows]):
        if current.status in {"running", "paused"}:
            await Queue(tx, current).members()
