"""How consents and suppressions are stored and found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.crud.purges import empty_events
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import About, Listing, Relation
from crm_api.platform.outreach.guard_schemas import GuardRuleOut
from crm_api.platform.outreach.models import Consent, ConsentText, GuardRule, Suppression
from crm_api.platform.outreach.schemas import ConsentOut, ConsentTextOut, SuppressionOut

PEOPLE: list[Listing] = []
"""The collections of people, told by the registry."""
TEXTS: Listing = Listing(
    model=ConsentText, out=ConsentTextOut, area="consents", sorts={"name": ConsentText.sort_name}
)
CONSENTS: Listing = Listing(
    model=Consent,
    out=ConsentOut,
    area="consents",
    about=About("target", ("record_id",), lambda: PEOPLE),
    relations=(Relation("text", lambda: TEXTS, Consent.text_id, ConsentText.id),),
)
SUPPRESSIONS: Listing = Listing(model=Suppression, out=SuppressionOut, area="suppressions")
GUARDS: Listing = Listing(
    model=GuardRule, out=GuardRuleOut, area="guard_rules", sorts={"name": GuardRule.sort_name}
)
# What was decided under the id of a record that was merged since counts for what it became, until
# that decides anew: of the last words of all who are one now, the most restrictive holds. The same is
# in `crm_consent_state`, for filters.
_EFFECTIVE = """
    WITH RECURSIVE whole(id, person, merged_at, above) AS (
        SELECT p, p, NULL::timestamptz, '{}'::uuid[] FROM unnest($2::uuid[]) AS p
        UNION SELECT r.record_id, whole.person, r.merged_at, whole.above || whole.id
        FROM whole JOIN record_redirects r
        ON r.organization_id = $1 AND r.target_id = whole.id),
    word AS (
        SELECT DISTINCT ON (whole.person, whole.id, c.purpose, c.channel)
            whole.person, whole.id AS said_as, whole.merged_at, whole.above,
            c.id, c.purpose, c.channel, c.state, c.at, c.expires_at, c.seq, c.created_at
        FROM whole JOIN consents c ON c.organization_id = $1 AND c.record_id = whole.id
        WHERE $3::text[] IS NULL OR c.purpose = ANY($3)
        ORDER BY whole.person, whole.id, c.purpose, c.channel, c.at DESC, c.seq DESC)
    SELECT DISTINCT ON (person, purpose, channel)
        person, id, purpose, channel, state, at, expires_at
    FROM word WHERE NOT EXISTS (
        SELECT FROM word later WHERE later.person = word.person
        AND later.purpose = word.purpose AND later.channel = word.channel
        AND later.said_as = ANY(word.above) AND later.created_at > word.merged_at)
    ORDER BY person, purpose, channel,
        array_position(ARRAY['withdrawn', 'denied'], state), at DESC, seq DESC
"""
_GRANTED = """
    SELECT record_id FROM (
        SELECT DISTINCT ON (c.record_id) c.record_id, c.state, c.expires_at FROM consents c
        WHERE c.organization_id = {organization} AND c.purpose = {purpose}
            AND c.channel = {channel} AND c.record_id IN (SELECT record_id FROM {people})
        ORDER BY c.record_id, c.at DESC, c.seq DESC) AS word
    WHERE state = 'granted' AND (expires_at IS NULL OR expires_at > {now})
        AND NOT EXISTS (SELECT FROM record_redirects r
            WHERE r.organization_id = {organization} AND r.target_id = record_id)
    UNION ALL SELECT record_id FROM {people} WHERE EXISTS (SELECT FROM record_redirects r
            WHERE r.organization_id = {organization} AND r.target_id = record_id)
        AND crm_consent_state({organization}, record_id, {purpose}, {channel}, {now}) = 'granted'
"""
_SUPPRESSED = """
    SELECT value_hash, purpose, channel, expires_at FROM suppressions
    WHERE organization_id = $1 AND value_hash = ANY($2) AND deleted_at IS NULL
"""
_LIFTED = """
    SELECT FROM suppressions
    WHERE organization_id = $1 AND value_hash = $2 AND reason = $3 AND deleted_at >= $4
"""
_HIDE = """
    UPDATE suppressions SET value = NULL, note = NULL
    WHERE organization_id = $1 AND value_hash = ANY($2) RETURNING id
"""


def granted(people: str, *, organization: str, purpose: str, channel: str, now: str) -> str:
    """The SQL of who of many people has agreed, which filters ask of each by itself.

    `people` is a relation with their `record_id`, the others are parameters.
    """
    return _GRANTED.format(
        people=people, organization=organization, purpose=purpose, channel=channel, now=now
    )


class ConsentTexts(Repository[ConsentText]):
    """The words that people agree to."""

    model = ConsentText
    listing = TEXTS


class ConsentLedger(Repository[Consent]):
    """What people have decided."""

    model = Consent
    listing = CONSENTS

    async def effective(
        self, people: Sequence[UUID], purposes: Sequence[str] | None = None
    ) -> list[Any]:
        """The last word of some people on each purpose and channel.

        Of those who were merged, the most restrictive one, until they decide anew.
        """
        wanted = None if purposes is None else list(purposes)
        return await self.tx.fetch(_EFFECTIVE, self.tx.organization_id, list(people), wanted)

    async def forget_evidence(self, people: Sequence[UUID]) -> int:
        """Wipe out how it is known what some people decided; what they decided stays."""
        rows = await self.tx.write("SELECT crm_erase_evidence($1) AS id", list(people))
        # Their events told it as well.
        await empty_events(self.tx, [row["id"] for row in rows])
        return len(rows)


class Suppressions(Repository[Suppression]):
    """Who is not to be reached."""

    model = Suppression
    listing = SUPPRESSIONS

    async def of(self, hashes: Sequence[str]) -> list[Any]:
        """Those of some addresses and domains."""
        return await self.tx.fetch(_SUPPRESSED, self.tx.organization_id, list(hashes))

    async def was_lifted(self, hashed: str, reason: str, since: datetime) -> bool:
        """Whether one for some reason was taken back since then."""
        return bool(await self.tx.fetch(_LIFTED, self.tx.organization_id, hashed, reason, since))

    async def hide(self, hashes: Sequence[str]) -> list[UUID]:
        """Forget what is readable of some; they go on to count."""
        rows = await self.tx.write(_HIDE, self.tx.organization_id, list(hashes))
        ids = [row["id"] for row in rows]
        await empty_events(self.tx, ids)
        self.tx.forget(set(ids))
        return ids


class GuardRules(Repository[GuardRule]):
    """What keeps people from being reached."""

    model = GuardRule
    listing = GUARDS
