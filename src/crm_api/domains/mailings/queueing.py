"""Who gets a mailing: queued by one statement, each once in a step, whoever asks how often."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from crm_api.domains.campaigns.repository import held_out, waiting
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.mailings.models import Mailing
from crm_api.domains.mailings.repository import HAS_AUDIENCE
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.db.events import NEW_ID
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import Selection

_OWN = 5
"""How many parameters come before those of a filter."""
AUDIENCE = ""
"""The step of a frozen audience."""
# Of a campaign its audience alone gets anything, whoever asks, but for whom of it is held out or
# excluded, or held out by a campaign above. Those with whom no experiment is made wait for it.
_NAMED_VARIANT = """(SELECT k.decision ->> 'variant' FROM campaigns k
    WHERE k.organization_id = $1 AND k.id = $3 AND k.test_percent < 100)"""
_QUEUE = f"""
    WITH wanted AS ({{wanted}}),
    queued AS (
        INSERT INTO mailing_sends (organization_id, id, mailing_id, contact_id, step, variant,
            status, reasons, domain, has_slot, tries, run_at, queued_at)
        SELECT $1, {NEW_ID}, $2, c.id, $4, coalesce(m.variant, {_NAMED_VARIANT}), 'queued', '[]', lower(split_part(coalesce(
            jsonb_path_query_first(c.emails, '$[*] ? (@.primary == true).value') #>> '{{}}', ''),
            '@', 2)), false, 0, now(), now()
        FROM wanted w JOIN contacts c ON c.organization_id = $1 AND c.id = w.id
        LEFT JOIN campaign_members m ON m.organization_id = $1 AND m.campaign_id = $3
            AND m.contact_id = c.id
        WHERE CASE WHEN m.contact_id IS NULL THEN NOT {HAS_AUDIENCE}
            ELSE NOT m.is_holdout AND m.excluded_reason IS NULL
                AND NOT (m.variant IS NULL AND {waiting("$3::uuid")}) END
            AND NOT EXISTS (SELECT FROM ({held_out("$3::uuid")}) AS h WHERE h.contact_id = c.id)
        ON CONFLICT (organization_id, mailing_id, contact_id, step) DO NOTHING
        RETURNING id)
    SELECT count(*)::int AS number FROM queued
"""  # noqa: S608
_MEMBERS = """
    SELECT contact_id AS id FROM campaign_members
    WHERE organization_id = $1 AND campaign_id = $3 AND excluded_reason IS NULL AND NOT is_holdout
"""
_NAMED = "SELECT unnest($5::uuid[]) AS id"
_OF_SEGMENT = """
    SELECT m.record_id AS id FROM segment_members m JOIN ({seen}) seen ON seen.id = m.record_id
    WHERE m.organization_id = $1 AND m.segment_id = $5 AND m.left_at IS NULL
"""
_OUTSIDE = f"""
    SELECT named.id FROM unnest($2::uuid[]) AS named (id)
    WHERE {HAS_AUDIENCE} AND NOT EXISTS (
        SELECT FROM campaign_members m WHERE m.organization_id = $1 AND m.campaign_id = $3
            AND m.contact_id = named.id)
"""  # noqa: S608
_ONE = """
    SELECT id FROM mailing_sends WHERE organization_id = $1 AND mailing_id = $2
        AND contact_id = $3 AND step = $4
"""


class Queue:
    """The queue of one mailing."""

    def __init__(self, tx: Tx, mailing: Mailing) -> None:
        self.tx, self.mailing = tx, mailing

    async def members(self) -> int:
        """Queue the frozen audience of its campaign, by variants; how many are new."""
        return await self._queue(_QUEUE.replace("{wanted}", _MEMBERS), AUDIENCE)

    async def contacts(self, ids: Sequence[UUID], step: str) -> int:
        """Queue these contacts, whom the caller has made sure of; how many are new.

        Of a campaign's mailing those of its audience alone.
        """
        return await self._queue(_QUEUE.replace("{wanted}", _NAMED), step, sorted(set(ids)))

    async def seen(self, ids: Sequence[UUID], step: str) -> int:
        """Queue contacts whom the actor sees; raises `Invalid` for others.

        Of a campaign's mailing for those outside its audience, too.
        """
        found = await ContactService(self.tx).many(dict.fromkeys(ids), Selection(("id",)))
        outside = await self._outside(found)
        faults: list[Fault] = []
        for place, id in enumerate(ids):
            at = f"/contact_ids/{place}"
            if id not in found:
                faults.append(Fault("unknown_reference", "There is no such contact.", at))
            elif id in outside:
                message = "The audience of its campaign, which is frozen, is without this contact."
                faults.append(Fault("not_in_audience", message, at))
        if faults:
            raise Invalid(faults[0].message, faults=faults[:100])
        return await self.contacts(ids, step)

    async def segment(self, id: UUID, step: str) -> int:
        """Queue whoever belongs to a segment of contacts, of those whom the actor sees.

        Of a campaign's mailing those of its audience alone.
        """
        tx = self.tx
        found = await SegmentService(tx).many([id], Selection(("id", "target")))
        if id not in found or found[id].target != "contact":
            message = "There is no such segment of contacts."
            raise Invalid.at("/segment_id", "unknown_segment", message)
        tx.actor.require(f"{CONTACTS.area}:read")
        everybody, filter = select(CONTACTS.model.id), parse({}, CONTACTS, tx)
        seen, values = asked(tx, CONTACTS, everybody, filter, behind=_OWN, named="ids")
        wanted = _OF_SEGMENT.replace("{seen}", seen)
        return await self._queue(_QUEUE.replace("{wanted}", wanted), step, id, *values)

    async def find(self, contact_id: UUID, step: str) -> UUID | None:
        """The mail to a contact in a step."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_ONE, own, self.mailing.id, contact_id, step)
        return rows[0]["id"] if rows else None

    async def _outside(self, ids: Iterable[UUID]) -> set[UUID]:
        own, campaign_id = self.tx.organization_id, self.mailing.campaign_id
        if campaign_id is None:
            return set()
        return {row["id"] for row in await self.tx.fetch(_OUTSIDE, own, list(ids), campaign_id)}

    async def _queue(self, sql: str, step: str, *args: object) -> int:
        about = (self.mailing.id, self.mailing.campaign_id, step)
        rows = await self.tx.write(sql, self.tx.organization_id, *about, *args)
        return rows[0]["number"]
