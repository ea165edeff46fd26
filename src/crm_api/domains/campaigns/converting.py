"""What counts as a conversion of a member: an event, a deal won, a meeting held, a mail opened.

What is sent by campaigns, and what becomes of that, is told by those who send it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select

from crm_api.domains.activities.repository import ACTIVITIES
from crm_api.domains.campaigns.repository import Plan
from crm_api.domains.campaigns.schemas import Conversion, Converted
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.segments.asking import asked
from crm_api.domains.segments.repository import BEHAVIOUR_AREA
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing

HOLDOUT, ALL = "holdout", "all"
_OWN = 2
"""How many parameters come before those of what counts."""
# With merged people all this, and their place in an audience, became that of whom they are now.
_EVENT = """
    SELECT DISTINCT contact_id AS id FROM behaviour_events WHERE organization_id = $1 AND name = $5
        AND occurred_at >= $3 AND occurred_at < $4 AND deleted_at IS NULL
"""
_WON = """
    WITH d AS MATERIALIZED ({seen})
    SELECT contact_id AS id FROM d WHERE contact_id IS NOT NULL
    UNION SELECT p.contact_id FROM d JOIN deal_contacts p ON p.organization_id = $1
        AND p.deal_id = d.id AND p.deleted_at IS NULL
"""
_MET = """
    WITH d AS MATERIALIZED ({seen}) SELECT DISTINCT contact_id AS id FROM d
"""
# Whoever got another variant than theirs, such as the one that won, was not reached with theirs.
_CONVERSIONS = """
    WITH did AS MATERIALIZED ({did}), sent AS MATERIALIZED ({sent}),
    known AS MATERIALIZED (SELECT {is_told} AS is_told)
    SELECT m.is_holdout, m.variant, known.is_told, count(*)::int AS frozen,
        count(did.id)::int AS frozen_conversions, count(sent.id)::int AS reached,
        count(did.id) FILTER (WHERE sent.id IS NOT NULL)::int AS conversions
    FROM campaign_members m CROSS JOIN known LEFT JOIN did ON did.id = m.contact_id
    LEFT JOIN sent ON sent.id = m.contact_id AND sent.variant IS NOT DISTINCT FROM m.variant
    WHERE m.organization_id = $1 AND m.campaign_id = $2 AND m.excluded_reason IS NULL
    GROUP BY 1, 2, 3
"""


class Sending:
    """What is known of what was sent by campaigns, as whoever sends it tells."""

    is_told: ClassVar[str] = "false"
    """Whether it is known who was sent anything of the campaign `$2`."""
    sent: ClassVar[str] = "SELECT NULL::uuid AS id, NULL::text AS variant WHERE false"
    """Each contact, as whom they are now, and the variant that they were sent up to `{until}`."""


@dataclass(frozen=True)
class Arm:
    """Those who were to get a variant, or nothing, each as conversions and number."""

    reached: tuple[int, int] = (0, 0)
    """Who was really sent it; where nobody tells that, all of them."""
    frozen: tuple[int, int] = (0, 0)
    """All of the frozen audience."""


@dataclass(frozen=True)
class Conversions:
    """Those of an audience, by variant, and of the hold-out."""

    arms: Mapping[str, Arm]
    is_told: bool
    """Whether it is known who was really sent anything."""

    def of(self, keys: Iterable[str]) -> dict[str, Arm]:
        """The arms of some variants, in their order."""
        return {key: self.arms.get(key, Arm()) for key in keys}


@dataclass(frozen=True)
class Kind:
    """How those who converted are found."""

    did: str
    """The ids of contacts: of events between `$3` and `$4`, by their name `$5`, or of mails of the
    campaign `$2`; of records by `{seen}`, which are those that count."""
    area: str
    listing: Listing | None = None
    at: str = ""
    """When a record counts."""
    source: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The filter of those that count."""


KINDS: dict[Conversion, Kind] = {
    "event": Kind(_EVENT, BEHAVIOUR_AREA),
    "deal_won": Kind(_WON, DEALS.area, DEALS, "closed_at", {"status": "won"}),
    "meeting_held": Kind(
        *(_MET, ACTIVITIES.area, ACTIVITIES, "starts_at"),
        {"kind": "meeting", "status": "completed", "contact_id": {"is_null": False}},
    ),
}


def need_conversions(tx: Tx, what: Converted) -> None:
    """Raise `Forbidden` where what counts may not be read, or is hidden."""
    kind = KINDS[what.conversion]
    tx.actor.require(f"{kind.area}:read")
    if kind.listing is not None:
        told = {kind.at, "contact_id", *kind.source}
        if not tx.actor.hidden(kind.listing.entity).isdisjoint(told):
            raise Forbidden("What counts as a conversion is hidden from you.", code="hidden_field")


async def conversions(tx: Tx, current: Plan, what: Converted, until: datetime) -> Conversions:
    """How many converted since the launch, by variant; `all` where there are none.

    Of the deals and meetings that the actor sees.
    """
    kind = KINDS[what.conversion]
    did, values = kind.did, [current.launched_at, until, what.event]
    if kind.listing is not None:
        model: Any = kind.listing.model
        assert current.launched_at is not None
        span = {"gte": current.launched_at.isoformat(), "lt": until.isoformat()}
        filter = parse({**kind.source, kind.at: span}, kind.listing, tx)
        chosen = select(model.id, model.contact_id)
        seen, values = asked(*(tx, kind.listing, chosen, filter), behind=_OWN, named="conversions")
        did = did.replace("{seen}", seen)
    sent = Sending.sent.replace("{until}", f"${_OWN + len(values) + 1}")
    statement = (
        _CONVERSIONS.replace("{did}", did)
        .replace("{sent}", sent)
        .replace("{is_told}", Sending.is_told)
    )
    own = (tx.organization_id, current.id)
    rows = await tx.fetch(statement, *own, *values, until)
    arms: dict[str, Arm] = {}
    for row in rows:
        frozen = (row["frozen_conversions"], row["frozen"])
        reached = (row["conversions"], row["reached"]) if row["is_told"] else frozen
        key = HOLDOUT if row["is_holdout"] else row["variant"] or ALL
        arms[key] = Arm(reached, frozen)
    return Conversions(arms, any(row["is_told"] for row in rows))
