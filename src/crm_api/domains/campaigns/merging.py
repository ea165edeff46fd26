"""What becomes of frozen audiences when people become one, and when they are taken apart again."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from crm_api.domains.campaigns.membership import CampaignMembership
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx

_TAKE = """
    DELETE FROM campaign_members WHERE organization_id = $1 AND contact_id = ANY($2)
        AND (frozen_as IS NOT NULL OR campaign_id IN (
            SELECT campaign_id FROM campaign_members
            WHERE organization_id = $1 AND contact_id = ANY($3)))
    RETURNING campaign_id, contact_id, variant, is_holdout, excluded_reason, frozen_at, frozen_as
"""
_PUT = """
    INSERT INTO campaign_members (organization_id, campaign_id, contact_id, variant, is_holdout,
        excluded_reason, frozen_at, frozen_as)
    SELECT $1, m.campaign_id, m.contact_id, m.variant, m.is_holdout, m.excluded_reason,
        m.frozen_at, m.frozen_as::jsonb
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::text[],
        $7::timestamptz[], $8::text[]) AS m (campaign_id, contact_id, variant, is_holdout,
        excluded_reason, frozen_at, frozen_as)
"""
_BECAME = """
    WITH RECURSIVE path (was, id) AS (
        SELECT one, one FROM unnest($2::uuid[]) AS one
        UNION SELECT p.was, r.target_id FROM path p
        JOIN record_redirects r ON r.organization_id = $1 AND r.record_id = p.id)
    SELECT p.was, p.id FROM path p JOIN contacts c ON c.organization_id = $1 AND c.id = p.id
    WHERE NOT EXISTS (SELECT FROM record_redirects r
        WHERE r.organization_id = $1 AND r.record_id = p.id)
"""
_LACKED = ("no_consent", "address_unusable", "no_address")
"""What a record lacked, which the one that is left may have: the gate asks for it again. Whoever has
one of these had what those after it lacked. Any other reason, also one that a later version knows,
was decided about a person, whichever of their records it was decided of."""


@dataclass(frozen=True)
class Frozen:
    """What a contact was frozen as."""

    contact_id: str
    variant: str | None
    is_holdout: bool
    excluded_reason: str | None

    @classmethod
    def of(cls, row: Any) -> list[Self]:
        """As what a member was frozen: as one, or as each of those who are one now."""
        if row["frozen_as"] is not None:
            return [cls(**one) for one in decode(row["frozen_as"])]
        names = ("variant", "is_holdout", "excluded_reason")
        return [cls(str(row["contact_id"]), *(row[name] for name in names))]


def foremost(entries: Sequence[Frozen], person: str, sent: Collection[str]) -> Frozen:
    """Which of the entries of people who are one now is theirs; `sent` are those sent anything.

    Barred is barred. Whoever got something was reached, so they are no hold-out any more; without
    that the hold-out stays one, or it would be reached after all. Of equal ones their own counts.
    """

    def place(one: Frozen) -> tuple[int, bool, bool, str]:
        if one.excluded_reason is not None:
            lacked = one.excluded_reason in _LACKED
            rank = 4 + _LACKED.index(one.excluded_reason) if lacked else 0
        elif one.is_holdout:
            rank = 2
        else:
            rank = 1 if sent else 3
        return rank, one.contact_id not in sent, one.contact_id != person, one.contact_id

    return min(entries, key=place)


async def move_members(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have each person be in an audience once, as whom they are now: after a merge or its undoing.

    Nothing is lost of what they were frozen as, so whatever is merged and parted in whichever order
    comes to the same.
    """
    del merge
    if entity != "contact":
        return
    rows = await tx.write(_TAKE, tx.organization_id, [winner, *losers], list(losers))
    if not rows:
        return
    found = [(row, one) for row in rows for one in Frozen.of(row)]
    became = await _became(tx, sorted({UUID(one.contact_id) for _, one in found}))
    together: dict[tuple[UUID, UUID], list[Frozen]] = defaultdict(list)
    frozen_at: dict[UUID, Any] = {}
    for row, one in found:
        # Of what is gone for good the entry is left to whom it was merged into.
        person = became.get(UUID(one.contact_id), row["contact_id"])
        together[row["campaign_id"], person].append(one)
        frozen_at[row["campaign_id"]] = row["frozen_at"]
    sent = await _contacted(tx, {winner, *losers, *(UUID(one.contact_id) for _, one in found)})
    made: list[tuple[Any, ...]] = []
    for (campaign, person), entries in together.items():
        among = {str(person), *(one.contact_id for one in entries)}
        one = foremost(entries, str(person), among & sent.get(campaign, set()))
        kept = encode([asdict(entry) for entry in entries]).decode()
        values = (one.variant, one.is_holdout, one.excluded_reason, frozen_at[campaign], kept)
        made.append((campaign, person, *values))
    await tx.write(_PUT, tx.organization_id, *map(list, zip(*made, strict=True)))


async def _became(tx: Tx, ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Who some contacts are now, of those who are there."""
    rows = await tx.fetch(_BECAME, tx.organization_id, list(ids))
    return {row["was"]: row["id"] for row in rows}


async def _contacted(tx: Tx, ids: Collection[UUID]) -> Mapping[UUID, set[str]]:
    """By campaign those of some contacts who were sent anything."""
    found: dict[UUID, set[str]] = defaultdict(set)
    for ask in CampaignMembership.contacted:
        for campaign, contact in await ask(tx, sorted(ids)):
            found[campaign].add(str(contact))
    return found
