"""How journeys, their versions and runs are found and kept."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.campaigns.repository import CAMPAIGNS, held_out
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.journeys.models import UNDER_WAY, Journey, JourneyRun, JourneyVersion
from crm_api.domains.journeys.schemas import JourneyOut, JourneyRunOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.query.listing import About, Listing, Relation, Searched

AREA, RUNS_AREA = "journeys", "journey_runs"
JOURNEYS: Listing = Listing(
    model=Journey,
    out=JourneyOut,
    area=AREA,
    sorts={"name": Journey.sort_name},
    relations=(
        Relation(
            *("campaign", lambda: CAMPAIGNS, Journey.campaign_id, CAMPAIGNS.model.id),
            back="journeys",
        ),
    ),
    search=Searched(names=("name",), others=("tags", "description", "external_ids")),
)
RUNS: Listing = Listing(
    model=JourneyRun,
    out=JourneyRunOut,
    area=RUNS_AREA,
    relations=(
        Relation("journey", lambda: JOURNEYS, JourneyRun.journey_id, Journey.id, back="runs"),
        Relation(
            "contact",
            lambda: CONTACTS,
            JourneyRun.contact_id,
            CONTACTS.model.id,
            back="journey_runs",
        ),
    ),
    about=About("target", ("contact_id",), lambda: (CONTACTS,), tells=False),
)
_VERSIONS = """
    SELECT number, definition, published_at, published_by FROM journey_versions
    WHERE organization_id = $1 AND journey_id = $2 AND ($3::int IS NULL OR number = $3)
    ORDER BY number DESC
"""
_DRAFT = """
    SELECT entry, re_entry, goal, exits, nodes FROM journeys
    WHERE organization_id = $1 AND id = $2
"""
_CAMPAIGN = "SELECT campaign_id FROM journeys WHERE organization_id = $1 AND id = $2"
_FORGET = (
    "DELETE FROM journey_steps WHERE organization_id = $1 AND journey_id = ANY($2)",
    "DELETE FROM journey_versions WHERE organization_id = $1 AND journey_id = ANY($2)",
)
# Those that waited for the journey; and all that are under way, so that they end.
_WAKE = """
    UPDATE journey_runs SET next_at = now()
    WHERE organization_id = $1 AND journey_id = $2 AND status = 'active'
        AND next_at IS NULL AND deleted_at IS NULL
"""
_END = """
    UPDATE journey_runs SET status = 'active', next_at = now()
    WHERE organization_id = $1 AND journey_id = $2 AND status IN ('active', 'paused')
        AND deleted_at IS NULL
"""
_DUE = """
    SELECT now() AS now FROM journey_runs
    WHERE organization_id = $1 AND id = $2 AND status = 'active' AND deleted_at IS NULL
        AND next_at <= now()
    FOR NO KEY UPDATE SKIP LOCKED
"""
# Who may enter: live, not in it, and as the policy has it of those who were.
_MAY_ENTER = """
    SELECT c.id FROM contacts c
    WHERE c.organization_id = $1 AND c.id = ANY($3) AND c.deleted_at IS NULL
        AND NOT EXISTS (SELECT FROM journey_runs r
            WHERE r.organization_id = $1 AND r.journey_id = $2 AND r.contact_id = c.id
                AND r.deleted_at IS NULL
                AND (r.ended_at IS NULL OR $4::timestamptz IS NULL OR r.ended_at > $4))
"""
_HELD_OUT = f"""
    SELECT contact_id FROM ({held_out("$2::uuid", itself=True)}) AS h
    WHERE contact_id = ANY($3)
"""  # noqa: S608
_NEXT = f"""
    SELECT s.id FROM ({{seen}}) AS s
    WHERE NOT EXISTS (
        SELECT FROM ({held_out("$2::uuid", itself=True)}) AS h WHERE h.contact_id = s.id)
    ORDER BY s.id LIMIT $3
"""  # noqa: S608
NEXT_OWN = 3
"""How many parameters come before those of a filter."""
# In one order, so that none wait in a ring; whatever waits for the clock is only looked at.
_NUDGE = """
    UPDATE journey_runs r SET next_at = now() FROM (
        SELECT id FROM journey_runs WHERE organization_id = $1 AND contact_id = ANY($2)
            AND status = 'active' AND deleted_at IS NULL AND next_at > now()
        ORDER BY id FOR NO KEY UPDATE) AS found
    WHERE r.organization_id = $1 AND r.id = found.id
"""
_OF_CONTACTS = """
    SELECT id FROM journey_runs WHERE organization_id = $1 AND contact_id = ANY($2)
        AND status IN ('active', 'paused') AND deleted_at IS NULL ORDER BY id
"""
_CONTACT = """
    SELECT id FROM contacts WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""
_HAS_DONE = """
    SELECT id, occurred_at FROM behaviour_events
    WHERE organization_id = $1 AND contact_id = $2 AND name = $3 AND created_at >= $4
        AND deleted_at IS NULL
    ORDER BY occurred_at LIMIT 1
"""
_LIVE = """
    SELECT j.id, j.published_version, v.definition, v.published_at, j.actor FROM journeys j
    JOIN journey_versions v ON v.organization_id = $1 AND v.journey_id = j.id
        AND v.number = j.published_version
    WHERE j.organization_id = $1 AND j.status = 'active' AND j.deleted_at IS NULL
        AND v.definition -> 'entry' ->> 'type' <> 'manual'
    ORDER BY j.id
"""
# An id is found wherever it stands: of an entry, a goal, an exit or a condition.
_BY_SEGMENTS = """
    SELECT DISTINCT j.id FROM journeys j
    JOIN journey_versions v ON v.organization_id = $1 AND v.journey_id = j.id
        AND v.number = j.published_version
    CROSS JOIN unnest($2::text[]) AS s (id)
    WHERE j.organization_id = $1 AND j.status IN ('active', 'paused') AND j.deleted_at IS NULL
        AND strpos(v.definition::text, s.id) > 0
    ORDER BY j.id
"""
# Also those of earlier versions, which some may still follow.
_FOLLOWED = """
    SELECT DISTINCT v.definition -> 'entry' AS entry, v.definition -> 'goal' AS goal,
        v.definition -> 'exits' AS exits
    FROM journeys j
    JOIN journey_versions v ON v.organization_id = $1 AND v.journey_id = j.id
    WHERE j.organization_id = $1 AND j.status IN ('active', 'paused') AND j.deleted_at IS NULL
"""
_PUT_OFF = """
    UPDATE journey_runs SET next_at = now() + interval '15 minutes'
    WHERE organization_id = $1 AND id = $2 AND status = 'active'
"""


class Journeys(Repository[Journey]):
    """The journeys of an organization."""

    model = Journey
    listing = JOURNEYS

    async def versions(self, id: UUID, number: int | None = None) -> list[dict[str, Any]]:
        """What was published, the newest first."""
        rows = await self.tx.fetch(_VERSIONS, self.tx.organization_id, id, number)
        return [{**row, "definition": decode(row["definition"])} for row in rows]

    async def draft(self, id: UUID) -> dict[str, Any]:
        """What would be published of one that is there, whoever asks: no mask hides a part of it."""
        (row,) = await self.tx.fetch(_DRAFT, self.tx.organization_id, id)
        return {part: decode(value) for part, value in row.items()}

    async def campaign_of(self, id: UUID) -> UUID | None:
        """The campaign that one which is there is a part of, whoever asks."""
        (row,) = await self.tx.fetch(_CAMPAIGN, self.tx.organization_id, id)
        return row["campaign_id"]

    async def definition(self, id: UUID, number: int) -> dict[str, Any]:
        """A version; raises `NotFound`."""
        found = await self.versions(id, number)
        if not found:
            raise NotFound(f"There is no version {number}.")
        return found[0]["definition"]

    def publish(self, id: UUID, number: int, definition: Mapping[str, Any]) -> None:
        """Keep a version."""
        tx = self.tx
        tx.insert(
            JourneyVersion,
            {
                "journey_id": id,
                "number": number,
                "definition": dict(definition),
                "published_at": tx.now,
                "published_by": tx.actor.id,
            },
        )

    async def live(self) -> list[dict[str, Any]]:
        """The versions that people enter by themselves."""
        rows = await self.tx.fetch(_LIVE, self.tx.organization_id)
        return [
            {**row, "definition": decode(row["definition"]), "actor": decode(row["actor"])}
            for row in rows
        ]

    async def followed(self) -> list[dict[str, Any]]:
        """By what people leave, or arrive: entry, goal and exits, each as it is said once."""
        rows = await self.tx.fetch(_FOLLOWED, self.tx.organization_id)
        return [{part: decode(value) for part, value in row.items()} for row in rows]

    async def wake(self, id: UUID) -> None:
        """Have those go on who waited for the journey."""
        await self.tx.write(_WAKE, self.tx.organization_id, id)

    async def end(self, id: UUID) -> None:
        """Have the stepper look at all who are under way."""
        await self.tx.write(_END, self.tx.organization_id, id)

    async def forget(self, ids: Sequence[UUID]) -> None:
        """Remove all that was kept of journeys."""
        for statement in _FORGET:
            await self.tx.write(statement, self.tx.organization_id, list(ids))

    async def found(self, id: UUID) -> Journey | None:
        """One as it stands, whoever asks, also in the bin."""
        query = self.select_all().where(Journey.id == id)
        return (await self.tx.run(query)).scalar_one_or_none()


class JourneyRuns(Repository[JourneyRun]):
    """Those who go through the journeys of an organization."""

    model = JourneyRun
    listing = RUNS

    async def due(self, id: UUID) -> datetime | None:
        """The moment, where one's time has come; it is locked then. None while another is at it."""
        rows = await self.tx.write(_DUE, self.tx.organization_id, id)
        return rows[0]["now"] if rows else None

    async def taken(self, id: UUID) -> JourneyRun | None:
        """One that is under way, locked, whoever asks."""
        found = await self.locked([id], everywhere=True)
        return found[0] if found and found[0].status in UNDER_WAY else None

    async def put_off(self, id: UUID) -> None:
        """Have it be looked at later."""
        await self.tx.write(_PUT_OFF, self.tx.organization_id, id)

    async def may_enter(
        self, journey: Journey, contact_ids: Sequence[UUID], through_by: datetime | None
    ) -> set[UUID]:
        """Those of some people who may enter: who never did, or were through by then.

        Nobody who is held out.
        """
        args = (journey.id, list(contact_ids), through_by)
        rows = await self.tx.fetch(_MAY_ENTER, self.tx.organization_id, *args)
        return {row["id"] for row in rows} - await self.held_out(journey.campaign_id, contact_ids)

    async def held_out(self, campaign_id: UUID | None, contact_ids: Sequence[UUID]) -> set[UUID]:
        """Those of some people whom the campaign of a journey, or one above that, holds out."""
        if campaign_id is None:
            return set()
        args = (campaign_id, list(contact_ids))
        rows = await self.tx.fetch(_HELD_OUT, self.tx.organization_id, *args)
        return {row["contact_id"] for row in rows}

    async def next(
        self, journey: Journey, seen: tuple[str, Sequence[Any]], limit: int
    ) -> list[UUID]:
        """The first of those whom a statement finds who are not held out."""
        sql, values = seen
        args = (journey.campaign_id, limit, *values)
        rows = await self.tx.fetch(_NEXT.replace("{seen}", sql), self.tx.organization_id, *args)
        return [row["id"] for row in rows]

    async def nudge(self, contact_ids: Sequence[UUID]) -> None:
        """Have the stepper look at what some people are under way in."""
        await self.tx.write(_NUDGE, self.tx.organization_id, list(contact_ids))

    async def of_contacts(self, ids: Sequence[UUID]) -> list[UUID]:
        """What some people are under way in."""
        rows = await self.tx.fetch(_OF_CONTACTS, self.tx.organization_id, list(ids))
        return [row["id"] for row in rows]

    async def is_there(self, contact_id: UUID) -> bool:
        """Whether a contact is there, not in the bin."""
        return bool(await self.tx.fetch(_CONTACT, self.tx.organization_id, contact_id))

    async def has_done(self, contact_id: UUID, event: str, since: datetime) -> bool:
        """Whether it was told since that somebody did something."""
        args = (contact_id, event, since)
        return bool(await self.tx.fetch(_HAS_DONE, self.tx.organization_id, *args))


async def going_by(tx: Tx, ids: Collection[UUID]) -> list[UUID]:
    """The journeys that go by one of some segments now, whoever asks."""
    rows = await tx.fetch(_BY_SEGMENTS, tx.organization_id, list(map(str, ids)))
    return [row["id"] for row in rows]
