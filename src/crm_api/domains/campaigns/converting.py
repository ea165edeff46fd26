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
    SELECT contact_id AS id, occurred_at AS at FROM behaviour_events
    WHERE organization_id = $1 AND name = $5 AND occurred_at >= $3 AND occurred_at < $4
        AND deleted_at IS NULL
"""
_WON = """
    WITH d AS MATERIALIZED ({seen})
    SELECT contact_id AS id, at FROM d WHERE contact_id IS NOT NULL
    UNION ALL SELECT p.contact_id, d.at FROM d JOIN deal_contacts p ON p.organization_id = $1
        AND p.deal_id = d.id AND p.deleted_at IS NULL
"""
_MET = """
    WITH d AS MATERIALIZED ({seen}) SELECT contact_id AS id, at FROM d
"""
# Whoever got another variant than theirs, such as the one that won, was not reached with theirs,
# and what somebody did before their mail left is none of its doing.
_CONVERSIONS = """
    WITH did AS MATERIALIZED (
        SELECT id, max(at) FILTER (WHERE at < {until}) AS last FROM ({did}) AS d GROUP BY id),
    sent AS MATERIALIZED (
        SELECT id, variant, min(at) AS at FROM ({sent}) AS s GROUP BY id, variant),
    known AS MATERIALIZED (SELECT {is_told} AS is_told)
    SELECT m.is_holdout, m.variant, known.is_told, count(*)::int AS frozen,
        count(did.id)::int AS frozen_conversions,
        count(*) FILTER (WHERE sent.id IS NOT NULL OR NOT known.is_told)::int AS reached,
        count(*) FILTER (WHERE did.last >= CASE WHEN known.is_told THEN sent.at
            ELSE '-infinity' END)::int AS conversions
    FROM campaign_members m CROSS JOIN known LEFT JOIN did ON did.id = m.contact_id
    LEFT JOIN sent ON sent.id = m.contact_id AND sent.variant IS NOT DISTINCT FROM m.variant
    WHERE m.organization_id = $1 AND m.campaign_id = $2 AND m.excluded_reason IS NULL
    GROUP BY 1, 2, 3
"""


class Sending:
    """What is known of what was sent by campaigns, as whoever sends it tells."""

    area: ClassVar[str] = ""
    """What somebody must be able to read to be told it."""
    is_told: ClassVar[str] = "false"
    """Whether it is known who was sent anything of the campaign `$2`."""
    sent: ClassVar[str] = ""
    """Each contact, as whom they are now, the variant that they were sent before `{until}`, and when
    (`id`, `variant`, `at`)."""


# What is known where nobody tells it, or not to whoever asks.
_NOT_TOLD = (
    "false",
    "SELECT NULL::uuid AS id, NULL::text AS variant, NULL::timestamptz AS at WHERE false",
)


@dataclass(frozen=True)
class Arm:
    """Those who were to get a variant, or nothing, each as conversions and number."""

    reached: tuple[int, int] = (0, 0)
    """Who was really sent it, and converted since; where nobody tells that, all of them. What is told
    ends where a decision has all others leave as the variant that won."""
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
    """Contacts and moments (`id`, `at`): of events between `$3` and `$4`, by their name `$5`, or of
    mails of the campaign `$2`; of records by `{seen}`, which are those that count."""
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


async def conversions(
    tx: Tx, current: Plan, what: Converted, until: datetime, *, as_rule: bool = False
) -> Conversions:
    """How many converted since the launch, by variant; `all` where there are none.

    Of the deals and meetings that the actor sees. A rule is told who was sent what, whoever has it
    look.
    """
    did, values = _did(tx, current, what, until)
    is_told, sent = _NOT_TOLD
    if Sending.area and (as_rule or tx.actor.covers(f"{Sending.area}:read")):
        is_told, sent = Sending.is_told, Sending.sent
    statement = (
        _CONVERSIONS.replace("{did}", did)
        .replace("{sent}", sent)
        .replace("{is_told}", is_told)
        .replace("{until}", f"${_OWN + len(values) + 1}")
    )
    own, split = (tx.organization_id, current.id), current.split_until
    rows = await tx.fetch(statement, *own, *values, until if split is None else min(until, split))
    arms: dict[str, Arm] = {}
    for row in rows:
        key = HOLDOUT if row["is_holdout"] else row["variant"] or ALL
        arms[key] = Arm(
            (row["conversions"], row["reached"]), (row["frozen_conversions"], row["frozen"])
        )
    return Conversions(arms, any(row["is_told"] for row in rows))


def _did(tx: Tx, current: Plan, what: Converted, until: datetime) -> tuple[str, list[Any]]:
    """The SQL of who converted when, and its values."""
    kind, launched_at = KINDS[what.conversion], current.launched_at
    if kind.listing is None:
        return kind.did, [launched_at, until, what.event]
    assert launched_at is not None
    model: Any = kind.listing.model
    span = {"gte": launched_at.isoformat(), "lt": until.isoformat()}
    filter = parse({**kind.source, kind.at: span}, kind.listing, tx)
    chosen = select(model.id, model.contact_id, getattr(model, kind.at).label("at"))
    seen, values = asked(tx, kind.listing, chosen, filter, behind=_OWN, named="conversions")
    return kind.did.replace("{seen}", seen), values
