"""What was reached, and by what it is counted: of the records that whoever asks sees."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    Integer,
    Uuid,
    case,
    func,
    literal,
    literal_column,
    null,
    select,
    type_coerce,
)
from sqlalchemy import cast as to_type

from crm_api.domains.attribution.following import AREA
from crm_api.domains.attribution.keeping import Names, names_of
from crm_api.domains.attribution.settings import AttributionSettings, settings_of
from crm_api.domains.attribution.weighing import Model
from crm_api.domains.campaigns.repository import CAMPAIGNS
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.schemas import Bucket
from crm_api.domains.segments.asking import asked
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.moments import need_days
from crm_api.kit.query.visibility import ALL, among, sight_of
from crm_api.kit.schema import EARLIEST, LATEST

Goal = Literal["won", "opportunity", "lead"]
By = Literal["campaign", "channel", "variant", "kind"]
_GOALS: Mapping[Goal, tuple[Listing, str, Mapping[str, Any]]] = {
    "won": (DEALS, "closed_at", {"status": "won"}),
    "opportunity": (DEALS, "created_at", {}),
    "lead": (LEADS, "converted_at", {"status": "converted"}),
}
"""What is reached: of which records, when it is, and which have."""
_DAYS = 10_000_000
"""More than there are between any two dates."""
_MARKS: Mapping[Goal, int] = {"won": 0, "opportunity": _DAYS, "lead": 2 * _DAYS}
"""What is added to the days of each goal, so that periods tell goals apart."""
_DAY_ONE = literal_column("date '0001-01-01'", Date())
_ORGANIZATION = "SELECT time_zone, currency, fiscal_year_starts_in FROM organizations WHERE id = $1"


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


@dataclass(frozen=True)
class Asked:
    """What is asked for."""

    model: Model = "linear"
    by: By = "campaign"
    goal: Goal = "won"
    days: Days = field(default_factory=Days)
    period: Bucket | None = None
    """By what stretches of time it is told."""
    valued: bool = True
    """Whether amounts are told, too."""


@dataclass(frozen=True)
class Ground:
    """What all of it is counted by."""

    calendar: Calendar
    settings: AttributionSettings
    campaigns: Mapping[UUID, Any]
    """Those that are seen: `id, name, kind, level, parent_id`."""
    names: Names

    def span(self, days: Days) -> tuple[datetime | None, datetime | None]:
        """When the days begin, and when they are over; None where there are none before or after."""
        after = None if days.last is None else days.last + timedelta(days=1)
        begin, end = (
            None
            if day is None or not EARLIEST.date() < day < LATEST.date()
            else datetime.fromisoformat(self.calendar.midnight(day))
            for day in (days.first, after)
        )
        return begin, end


class Gathering:
    """Conversions and campaigns, as far as the actor sees them."""

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
        return Ground(calendar, settings_of(tx), seen, await names_of(tx))

    def reached(
        self, wanted: Asked, ground: Ground, behind: int, id: UUID | None = None
    ) -> tuple[str, list[Any]]:
        """What was reached, or one of it, as a part of a statement, and its values; raises `Forbidden`, `Invalid`.

        Its columns are `id, at, value, period, person, also`: the value in ten-thousandths of the
        organization's currency, the goal and the first day of its period as `period_of` reads them,
        and who are its people at once.
        """
        tx, goal, calendar = self.tx, wanted.goal, ground.calendar
        listing, at, source = _GOALS[goal]
        tx.actor.require(f"{listing.area}:read")
        valued = () if goal == "lead" else ("base_amount",)
        for name in sorted({at, *source, *valued} & tx.actor.hidden(listing.entity)):
            raise hidden_field(f"{listing.entity}.{name}").elsewhere(parameter="goal")
        parts: list[Any] = [source, {at: {"is_null": False}}]
        for operator, end in zip(("gte", "lt"), ground.span(wanted.days), strict=True):
            if end is not None:
                parts.append({at: {operator: end.isoformat()}})
        if id is not None:
            parts.append({"id": str(id)})
        model: Any = listing.model
        moment = getattr(model, at)
        chosen = select(
            model.id,
            moment.label("at"),
            _valued(wanted, model, calendar).label("value"),
            _period(moment, wanted, calendar).label("period"),
            *_people(goal, model, ground.settings),
        )
        filter = parse({"and": [one for one in parts if one]}, listing, tx)
        told = (goal, wanted.period, wanted.valued, ground.settings.company_contacts)
        return asked(tx, listing, chosen, filter, behind=behind, named=("reached", *told, calendar))


def _valued(wanted: Asked, model: Any, calendar: Calendar) -> Any:
    if wanted.goal == "lead" or not wanted.valued:
        return to_type(null(), BigInteger)
    is_own = model.base_currency == literal(calendar.currency)
    return case((is_own, type_coerce(model.base_amount, BigInteger())))


def period_of(number: int) -> tuple[Goal, date]:
    """Of which goal something is, and on which day its period begins; the first of all without any."""
    days = number % _DAYS
    goals: dict[int, Goal] = {mark: goal for goal, mark in _MARKS.items()}
    return goals[number - days], date.min + timedelta(days=days)


def _period(moment: Any, wanted: Asked, calendar: Calendar) -> Any:
    mark = literal_column(str(_MARKS[wanted.goal]), Integer())
    if wanted.period is None:
        return mark
    first = calendar.start(calendar.day(moment), wanted.period)
    return type_coerce(first - _DAY_ONE, Integer) + mark


def _people(goal: Goal, model: Any, told: AttributionSettings) -> list[Any]:
    """Whom it names itself, and by what there may be others."""
    if goal == "lead":
        known = (model.contact_id, model.matched_contact_id, model.id)
        return [func.coalesce(*known, type_=Uuid()).label("person"), model.id.label("also")]
    also = model.company_id if told.company_contacts else to_type(null(), Uuid())
    return [model.contact_id.label("person"), also.label("also")]


def seen_of_touches(tx: Tx, column: str, behind: int) -> tuple[str, list[Any]]:
    """The SQL condition that whom touches are of is seen, a contact or a lead, and its values."""
    readable = [one for one in (CONTACTS, LEADS) if tx.actor.covers(f"{one.area}:read")]
    if len(readable) == 2 and all(sight_of(tx.actor, one) == ALL for one in readable):
        # Those in the bin count as well.
        return "true", []
    parts, values = list[str](), list[Any]()
    for listing in readable:
        model: Any = listing.model
        place = behind + len(values)
        sql, more = asked(tx, listing, select(model.id), Filter(), behind=place, named="people")
        parts.append(f"{column} IN ({sql})")
        values += more
    return f"({' OR '.join(parts)})", values


async def seen_people(tx: Tx, people: Collection[tuple[str, UUID]]) -> frozenset[UUID]:
    """Those of some people, contacts and leads by their kinds, that the actor sees."""
    seen: frozenset[UUID] = frozenset()
    for kind, listing in (("contact", CONTACTS), ("lead", LEADS)):
        if tx.actor.covers(f"{listing.area}:read"):
            ids = sorted({id for of, id in people if of == kind})
            seen |= await among(tx, listing, sight_of(tx.actor, listing), ids)
    return seen
