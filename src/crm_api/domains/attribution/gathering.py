"""What was brought, and by which touches: of the records that whoever asks sees."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, null, select, type_coerce

from crm_api.domains.attribution.following import AREA
from crm_api.domains.attribution.keeping import Names, names_of
from crm_api.domains.attribution.settings import AttributionSettings, settings_of
from crm_api.domains.campaigns.repository import CAMPAIGNS
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.segments.asking import asked
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.moments import need_days
from crm_api.kit.query.visibility import among, sight_of
from crm_api.kit.touches import DIRECT

Goal = Literal["won", "opportunity", "lead"]
MOST = 100_000
"""So many conversions are attributed at once."""
OTHER = "other"
_GOALS: Mapping[Goal, tuple[Listing, str, Mapping[str, Any]]] = {
    "won": (DEALS, "closed_at", {"status": "won"}),
    "opportunity": (DEALS, "created_at", {}),
    "lead": (LEADS, "converted_at", {"status": "converted"}),
}
"""What is reached: of which records, when it is, and which have."""
_ORGANIZATION = "SELECT time_zone, currency, fiscal_year_starts_in FROM organizations WHERE id = $1"
_NAMED: Mapping[bool, str] = {
    True: """
        SELECT d.id AS conversion, d.contact_id AS person FROM deals d
        WHERE d.organization_id = $1 AND d.id = ANY($2) AND d.contact_id IS NOT NULL
        UNION SELECT p.deal_id, p.contact_id FROM deal_contacts p
        WHERE p.organization_id = $1 AND p.deal_id = ANY($2) AND p.deleted_at IS NULL
        UNION SELECT d.id, c.id FROM deals d JOIN contacts c ON c.organization_id = $1
            AND c.company_id = d.company_id AND c.deleted_at IS NULL
        WHERE $6 AND d.organization_id = $1 AND d.id = ANY($2)
        UNION SELECT l.deal_id, l.id FROM leads l
        WHERE l.organization_id = $1 AND l.deal_id = ANY($2) AND l.deleted_at IS NULL
    """,
    False: """
        SELECT l.id AS conversion, l.id AS person FROM leads l
        WHERE l.organization_id = $1 AND l.id = ANY($2)
        UNION SELECT l.id, coalesce(l.contact_id, l.matched_contact_id) FROM leads l
        WHERE l.organization_id = $1 AND l.id = ANY($2)
            AND coalesce(l.contact_id, l.matched_contact_id) IS NOT NULL
    """,
}
# Those who were merged into people are them, and so are the leads that became them.
_TOUCHES = """
    WITH RECURSIVE whole (conversion, person) AS (
        SELECT conversion, person FROM ({named}) AS named
        UNION SELECT w.conversion, r.record_id FROM whole w
        JOIN record_redirects r ON r.organization_id = $1 AND r.target_id = w.person),
    people AS (
        SELECT conversion, person FROM whole
        UNION SELECT w.conversion, l.id FROM whole w JOIN leads l ON l.organization_id = $1
            AND l.contact_id = w.person AND l.deleted_at IS NULL
        UNION SELECT w.conversion, l.id FROM whole w JOIN leads l ON l.organization_id = $1
            AND l.matched_contact_id = w.person AND l.deleted_at IS NULL)
    SELECT DISTINCT c.id AS conversion, t.source, t.source_id, t.kind, t.person_id, t.person_kind,
        t.campaign_id, t.campaign, t.channel, t.variant, t.occurred_at
    FROM unnest($2::uuid[], $3::timestamptz[]) AS c (id, at)
    JOIN people p ON p.conversion = c.id
    JOIN campaign_touches t ON t.organization_id = $1 AND t.person_id = p.person
        AND t.kind = ANY($4) AND t.occurred_at <= c.at AND t.occurred_at > c.at - $5::interval
"""
# Those who were touched, and of whom nothing came in these days. They are joined, since a list that
# is a parameter is walked through for each touch.
_LOST = """
    SELECT t.person_id, t.person_kind, t.campaign_id, t.campaign, t.channel, t.variant, t.occurred_at, t.kind,
        t.source, t.source_id
    FROM campaign_touches t
    WHERE t.organization_id = $1 AND t.kind = ANY($2) AND t.occurred_at >= $3
        AND t.occurred_at < $4
        AND NOT EXISTS (SELECT FROM unnest($5::uuid[]) AS p (id) WHERE p.id = t.person_id)
    LIMIT $6
"""
_MOST_TOUCHES = 2_000_000


@dataclass(frozen=True)
class Days:
    """From the first day to the last one; without them, from ever till now."""

    first: date | None = None
    last: date | None = None

    def check(self) -> None:
        """Raise `Invalid` where they are none, or the wrong way round."""
        need_days(**{"from": self.first, "to": self.last})
        if self.first is not None and self.last is not None and self.last < self.first:
            raise Invalid.parameter("to", "before_start", "The last day is before the first one.")


@dataclass(frozen=True, slots=True)
class Conversion:
    """Something that was reached."""

    id: UUID
    at: datetime
    value: int | None
    """In ten-thousandths of the organization's currency."""


@dataclass(frozen=True, slots=True)
class Found:
    """A touch on the way to it."""

    source: str
    source_id: UUID
    kind: str
    person_id: UUID
    person_kind: str
    at: datetime
    campaign_id: UUID | None
    campaign: str | None
    channel: str
    variant: str | None

    @property
    def is_direct(self) -> bool:
        """Whether nobody brought them."""
        return self.channel == DIRECT and self.campaign is None


@dataclass(frozen=True)
class Ground:
    """What all of it is counted by."""

    calendar: Calendar
    settings: AttributionSettings
    campaigns: Mapping[UUID, Any]
    """Those that are seen: `id, name, kind, level, parent_id`."""
    names: Names
    kinds: Mapping[UUID, str]
    """The channel of every campaign, seen or not."""

    def touch(self, row: Any) -> Found:
        """A touch as it is stored, with the campaign and the channel that it means now."""
        id = row["campaign_id"] or self.names.id(row["campaign"])
        channel = row["channel"] or (self.kinds.get(id) if id is not None else None) or OTHER
        return Found(
            source=row["source"],
            source_id=row["source_id"],
            kind=row["kind"],
            person_id=row["person_id"],
            person_kind=row["person_kind"],
            at=row["occurred_at"],
            campaign_id=id,
            campaign=row["campaign"] or (None if id is None else str(id)),
            channel=channel,
            variant=row["variant"],
        )


class Gathering:
    """Conversions, touches and campaigns, as far as the actor sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def ground(self) -> Ground:
        """What all of it is counted by; raises `Forbidden`."""
        tx = self.tx
        for area in (AREA, CAMPAIGNS.area):
            tx.actor.require(f"{area}:read")
        tx.actor.require(f"{CONTACTS.area}:read")
        (own,) = await tx.fetch(_ORGANIZATION, tx.organization_id)
        calendar = Calendar(own["time_zone"], own["currency"], own["fiscal_year_starts_in"])
        model: Any = CAMPAIGNS.model
        chosen = select(model.id, model.name, model.kind, model.level, model.parent_id)
        sql, values = asked(tx, CAMPAIGNS, chosen, Filter(), behind=0, named="attributed")
        seen = {row["id"]: dict(row) for row in await tx.fetch(sql, *values)}
        for hidden in tx.actor.hidden(CAMPAIGNS.entity) & {"name", "kind"}:
            for row in seen.values():
                row[hidden] = None
        names = await names_of(tx)
        return Ground(calendar, settings_of(tx), seen, names, names.kinds)

    def span(self, days: Days, calendar: Calendar) -> dict[str, Any]:
        """The days as a filter of instants."""
        found: dict[str, Any] = {}
        if days.first is not None:
            found["gte"] = calendar.midnight(days.first)
        if days.last is not None:
            found["lt"] = calendar.midnight(days.last + timedelta(days=1))
        return found

    async def conversions(
        self, goal: Goal, days: Days, ground: Ground, id: UUID | None = None
    ) -> list[Conversion]:
        """What was reached in some days; raises `Forbidden`, `Invalid`."""
        tx = self.tx
        listing, at, source = _GOALS[goal]
        tx.actor.require(f"{listing.area}:read")
        valued = () if goal == "lead" else ("base_amount",)
        for name in sorted({at, *source, *valued} & tx.actor.hidden(listing.entity)):
            raise hidden_field(f"{listing.entity}.{name}").elsewhere(parameter="goal")
        parts: list[Any] = [source, {at: {"is_null": False}}]
        if span := self.span(days, ground.calendar):
            parts.append({at: span})
        if id is not None:
            parts.append({"id": str(id)})
        model: Any = listing.model
        chosen = select(model.id, getattr(model, at).label("at"), *_valued(goal, model))
        filter = parse({"and": [one for one in parts if one]}, listing, tx)
        sql, values = asked(tx, listing, chosen, filter, behind=0, named=("reached", goal))
        rows = await tx.fetch(f"{sql} LIMIT {MOST + 1}", *values)
        if len(rows) > MOST:
            message = f"More than {MOST:,} were reached: ask for fewer days."
            raise Invalid.parameter("from", "too_many_conversions", message)
        own = ground.calendar.currency
        return [
            Conversion(row["id"], row["at"], row["value"] if row["currency"] == own else None)
            for row in rows
        ]

    async def paths(
        self, goal: Goal, reached: Sequence[Conversion], ground: Ground
    ) -> dict[UUID, list[Found]]:
        """The touches on the way to each, the earliest first."""
        if not reached:
            return {}
        told = ground.settings
        rows = await self.tx.fetch(
            _TOUCHES.format(named=_NAMED[goal != "lead"]),
            self.tx.organization_id,
            [one.id for one in reached],
            [one.at for one in reached],
            list(told.counted_kinds),
            timedelta(days=told.lookback_days),
            *([] if goal == "lead" else [told.company_contacts]),
        )
        grouped: dict[UUID, list[Found]] = defaultdict(list)
        for row in rows:
            grouped[row["conversion"]].append(ground.touch(row))
        return {id: in_sessions(touches, told) for id, touches in grouped.items()}

    async def lost(
        self, days: Days, paths: Mapping[UUID, Sequence[Found]], ground: Ground
    ) -> list[list[Found]]:
        """The ways of those who were touched in these days, and of whom nothing came."""
        told, calendar = ground.settings, ground.calendar
        first = days.first or date(1900, 1, 1)
        last = days.last or self.tx.now.date() + timedelta(days=1)
        begin, end = map(_instant, (calendar.midnight(first), calendar.midnight(last)))
        people = sorted({one.person_id for path in paths.values() for one in path})
        span = (begin - timedelta(days=told.lookback_days), end + timedelta(days=1))
        own = self.tx.organization_id
        rows = await self.tx.fetch(
            _LOST, own, list(told.counted_kinds), *span, people, _MOST_TOUCHES + 1
        )
        if len(rows) > _MOST_TOUCHES:
            message = f"There are more than {_MOST_TOUCHES:,} touches: ask for fewer days."
            raise Invalid.parameter("from", "too_many_touches", message)
        grouped: dict[UUID, list[Found]] = defaultdict(list)
        for row in rows:
            grouped[row["person_id"]].append(ground.touch(row))
        return [in_sessions(touches, told) for touches in grouped.values()]


def _valued(goal: Goal, model: Any) -> list[Any]:
    if goal == "lead":
        return [null().label("value"), null().label("currency")]
    value = type_coerce(model.base_amount, BigInteger()).label("value")
    return [value, model.base_currency.label("currency")]


async def seen_people(tx: Tx, touches: Sequence[Found]) -> frozenset[UUID]:
    """Those of the people who were touched, contacts and leads, that the actor sees."""
    seen: frozenset[UUID] = frozenset()
    for kind, listing in (("contact", CONTACTS), ("lead", LEADS)):
        if tx.actor.covers(f"{listing.area}:read"):
            ids = sorted({one.person_id for one in touches if one.person_kind == kind})
            seen |= await among(tx, listing, sight_of(tx.actor, listing), ids)
    return seen


def in_sessions(touches: Sequence[Found], settings: AttributionSettings) -> list[Found]:
    """Touches in their order, of which those of one session count once."""
    gap = timedelta(minutes=settings.session_minutes)
    last: dict[Any, datetime] = {}
    kept: list[Found] = []
    for one in sorted(touches, key=lambda o: (o.at, o.source, o.source_id, o.kind, o.person_id)):
        key = (one.person_id, one.campaign_id or one.campaign, one.channel)
        before = last.get(key)
        last[key] = one.at
        if before is None or one.at - before > gap:
            kept.append(one)
    return kept


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
