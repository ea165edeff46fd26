"""Mails made ready to leave: the gate is asked, fields are filled in, and each is claimed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import formataddr
from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.repository import Campaigns
from crm_api.domains.conversations.parsing import LOOP_HEADER
from crm_api.domains.conversations.repository import Channels
from crm_api.domains.conversations.sending import loop_mark
from crm_api.domains.mailings.claiming import Claims, Held, Picked, Refusal
from crm_api.domains.mailings.models import Mailing
from crm_api.domains.mailings.rendering import Fields, NotFilled, filled
from crm_api.domains.mailings.repository import Mailings
from crm_api.domains.mailings.settings import TRACKING, settings_of
from crm_api.domains.mailings.wording import Links, Texts, tracked, with_footer
from crm_api.kit.db.tx import Tx
from crm_api.kit.mail import Letter
from crm_api.platform.merging.repository import merges_held
from crm_api.platform.outreach.gate import Answer, Question, reach, take_back
from crm_api.platform.outreach.repository import ConsentLedger

CHANNEL = "email"
FOR_NOW = frozenset({"quiet_hours", "guarded", "approval_required", "contact_pressure"})
"""What the gate says that passes by itself; all else it says for good."""
_LATER = timedelta(hours=1)
_AT_LAST = timedelta(days=3)
"""How long a mail waits for what passes by itself."""


@dataclass(frozen=True)
class Ready:
    """A mail that this worker holds, as it leaves."""

    held: Held
    letter: Letter
    tries: int
    variant: str | None


class Preparing:
    """The next mails of a mailing."""

    def __init__(self, tx: Tx, public_url: str) -> None:
        self.tx, self.public_url = tx, public_url
        self.claims = Claims(tx)

    async def next(self, mailing_id: UUID, most: int) -> tuple[list[Ready], int]:
        """Claim what is due and may leave; how many were looked at.

        Nothing while people are merged: who gets nothing, or has got it already, is known after.
        """
        if not await merges_held(self.tx):
            return [], 0
        mailing = await Mailings(self.tx).find(mailing_id)
        if mailing is None or mailing.status != "running":
            return [], 0
        picked = await self.claims.pick(mailing_id, most, settings_of(self.tx).limit_of)
        if not picked:
            return [], 0
        sender = await self._sender(mailing)
        if sender is None:
            await self.claims.refuse([Refusal(p.id, "failed", ["no_channel"]) for p in picked])
            return [], len(picked)
        picked = await self._heeding_winner(mailing, picked)
        return await self._made(mailing, sender, picked), len(picked)

    async def _heeding_winner(self, mailing: Mailing, picked: Sequence[Picked]) -> list[Picked]:
        """Mails with the variant that won, where their campaign says that the rest gets it."""
        if mailing.campaign_id is None or all(one.variant is None for one in picked):
            return list(picked)
        winner = await Campaigns(self.tx).winner(mailing.campaign_id)
        if winner is None:
            return list(picked)
        return [one if one.variant is None else replace(one, variant=winner) for one in picked]

    async def _sender(self, mailing: Mailing) -> str | None:
        channel = await Channels(self.tx).usable(mailing.channel_id)
        if channel is None or channel.kind != "email" or not channel.addresses:
            return None
        return formataddr((" ".join(channel.name.split()), channel.addresses[0]))

    async def _made(self, mailing: Mailing, sender: str, picked: Sequence[Picked]) -> list[Ready]:
        questions = [
            Question(CHANNEL, mailing.purpose, one.contact_id, key=one.id) for one in picked
        ]
        answers = await reach(self.tx, questions)
        refusals: list[Refusal] = []
        may: list[tuple[Picked, Answer]] = []
        for one, answer in zip(picked, answers, strict=True):
            if answer.allowed and answer.address is not None:
                may.append((one, answer))
            else:
                refusals.append(self._refused(one, answer.reasons))
        may = await self._once(mailing, may, refusals)
        ready, unfit = await self._filled(mailing, sender, may)
        refusals += unfit
        await self.claims.refuse(refusals)
        await self.claims.take([(one.held.id, one.letter.to, one.variant) for one in ready])
        allowed = {one.id for one, answer in zip(picked, answers, strict=True) if answer.allowed}
        if unsent := allowed - {one.held.id for one in ready}:
            await take_back(self.tx, sorted(unsent))
        return ready

    def _refused(self, one: Picked, reasons: Sequence[str]) -> Refusal:
        waits = FOR_NOW.issuperset(reasons) and self.tx.now - one.queued_at < _AT_LAST
        if waits:
            return Refusal(one.id, "queued", reasons, _LATER)
        return Refusal(one.id, "suppressed", reasons)

    async def _once(
        self,
        mailing: Mailing,
        may: Sequence[tuple[Picked, Answer]],
        refusals: list[Refusal],
    ) -> list[tuple[Picked, Answer]]:
        """Those that are no second mail to a person or an address, whatever was merged."""
        addresses = sorted({str(answer.address) for _, answer in may})
        await Mailings(self.tx).lock_keys(
            "mailing_address", [f"{mailing.id} {a}" for a in addresses]
        )
        own = [one.id for one, _ in may]
        known = await self.claims.addressed(mailing.id, addresses, own)
        people = [answer.record_id or one.contact_id for one, answer in may]
        had = await self.claims.known(mailing.id, people, own)
        left_out = await self.claims.left_out(mailing.campaign_id, people)
        left: list[tuple[Picked, Answer]] = []
        for (one, answer), person in zip(may, people, strict=True):
            key = (one.step, str(answer.address))
            if person in left_out:
                refusals.append(Refusal(one.id, "suppressed", [left_out[person]]))
            elif (one.step, person) in had or (
                person != one.contact_id and not await self.claims.move_to(one, person)
            ):
                refusals.append(Refusal(one.id, "suppressed", ["merged"]))
            elif key in known:
                refusals.append(Refusal(one.id, "suppressed", ["same_address"]))
            else:
                known.add(key)
                left.append((one, answer))
        return left

    async def _filled(
        self, mailing: Mailing, sender: str, may: Sequence[tuple[Picked, Answer]]
    ) -> tuple[list[Ready], list[Refusal]]:
        people = [answer.record_id or one.contact_id for one, answer in may]
        fields = Fields(self.tx)
        await fields.read(people)
        untracked = await self._untracked(people)
        ready: list[Ready] = []
        refusals: list[Refusal] = []
        for (one, answer), person in zip(may, people, strict=True):
            links = self._links(one.id)
            try:
                values = fields.values(person)
                said = filled(
                    mailing.contents,
                    values,
                    one.variant,
                    fields.language(person),
                    links.unsubscribe,
                )
            except NotFilled as error:
                refusals.append(Refusal(one.id, "failed", [error.code], detail=error.message[:500]))
                continue
            texts = with_footer(said.texts, said.language, links.unsubscribe)
            if person not in untracked:
                opens, clicks = mailing.tracks_opens, mailing.tracks_clicks
                texts = tracked(texts, links, opens=opens, clicks=clicks)
            held = Held(self.tx.organization_id, one.id, self.claims.token)
            letter = self._letter(one.id, str(answer.address), sender, texts, links)
            ready.append(Ready(held, letter, one.tries, one.variant))
        return ready, refusals

    async def _untracked(self, people: Sequence[UUID]) -> set[UUID]:
        """Those of whom is not written down what they open."""
        if not settings_of(self.tx).tracks:
            return set(people)
        rows = await ConsentLedger(self.tx).effective(people, [TRACKING])
        return {
            row["person"] for row in rows if row["channel"] == CHANNEL and row["state"] != "granted"
        }

    def _links(self, id: UUID) -> Links:
        key = self.tx.database.signing_key
        return Links(key, self.public_url, self.tx.organization_id, id)

    def _letter(self, id: UUID, to: str, sender: str, texts: Texts, links: Links) -> Letter:
        headers: Mapping[str, Any] = {
            LOOP_HEADER: loop_mark(self.tx.organization_id),
            "List-Unsubscribe": f"<{links.unsubscribe}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Precedence": "bulk",
        }
        domain = sender.rpartition("@")[2].rstrip(">")
        return Letter(
            str(id),
            to,
            texts.subject,
            texts.text,
            html=texts.html,
            headers=headers,
            sender=sender,
            message_id=f"{id}@{domain}",
            is_automatic=False,
        )
