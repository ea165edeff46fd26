"""What counts as a conversion of a member: a tracked event, a deal won, a meeting held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_api.domains.activities.repository import ACTIVITIES
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import Conversion, Converted
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.segments.repository import BEHAVIOUR_AREA
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden

HOLDOUT, ALL = "holdout", "all"
# Somebody who was merged since is still counted: by who they were when it was frozen.
_EVENT = """
    SELECT contact_id AS id FROM behaviour_events WHERE organization_id = $1 AND name = $5
        AND occurred_at >= $3 AND occurred_at < $4 AND deleted_at IS NULL
    UNION SELECT moved_from FROM behaviour_events WHERE organization_id = $1 AND name = $5
        AND occurred_at >= $3 AND occurred_at < $4 AND deleted_at IS NULL
        AND moved_from IS NOT NULL
"""
_WON = """
    SELECT contact_id AS id FROM deals WHERE organization_id = $1 AND status = 'won'
        AND closed_at >= $3 AND closed_at < $4 AND deleted_at IS NULL AND contact_id IS NOT NULL
    UNION SELECT p.contact_id FROM deals d
    JOIN deal_contacts p ON p.organization_id = $1 AND p.deal_id = d.id AND p.deleted_at IS NULL
    WHERE d.organization_id = $1 AND d.status = 'won' AND d.closed_at >= $3 AND d.closed_at < $4
        AND d.deleted_at IS NULL
"""
_MET = """
    SELECT DISTINCT contact_id AS id FROM activities
    WHERE organization_id = $1 AND kind = 'meeting' AND status = 'completed'
        AND starts_at >= $3 AND starts_at < $4 AND deleted_at IS NULL AND contact_id IS NOT NULL
"""
_CONVERSIONS = """
    WITH did AS MATERIALIZED ({did})
    SELECT m.is_holdout, m.variant, count(*)::int AS number, count(did.id)::int AS conversions
    FROM campaign_members m LEFT JOIN did ON did.id = m.contact_id
    WHERE m.organization_id = $1 AND m.campaign_id = $2 AND m.excluded_reason IS NULL
    GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Kind:
    """How those who converted are found."""

    did: str
    """The ids of contacts between `$3` and `$4`; `$5` is the name of an event, where it has one."""
    area: str
    entity: str | None = None
    told: Sequence[str] = ()
    """The fields that it tells something of."""


KINDS: Mapping[Conversion, Kind] = {
    "event": Kind(_EVENT, BEHAVIOUR_AREA),
    "deal_won": Kind(_WON, DEALS.area, DEALS.entity, ("status", "closed_at", "contact_id")),
    "meeting_held": Kind(
        *(_MET, ACTIVITIES.area, ACTIVITIES.entity),
        ("kind", "status", "starts_at", "contact_id"),
    ),
}


def need_conversions(tx: Tx, what: Converted) -> None:
    """Raise `Forbidden` where what counts may not be read, or is hidden."""
    kind = KINDS[what.conversion]
    tx.actor.require(f"{kind.area}:read")
    if kind.entity is not None and not tx.actor.hidden(kind.entity).isdisjoint(kind.told):
        raise Forbidden("What counts as a conversion is hidden from you.", code="hidden_field")


async def conversions(
    tx: Tx, current: Plan, what: Converted, until: Any
) -> dict[str, tuple[int, int]]:
    """How many converted since the launch, by variant; `all` where there are none."""
    statement = _CONVERSIONS.replace("{did}", KINDS[what.conversion].did)
    named = () if what.event is None else (what.event,)
    rows = await tx.fetch(
        statement, tx.organization_id, current.id, current.launched_at, until, *named
    )
    return {
        HOLDOUT if row["is_holdout"] else row["variant"] or ALL: (
            row["conversions"],
            row["number"],
        )
        for row in rows
    }
