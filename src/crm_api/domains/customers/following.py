"""Taking up what happened: which events are points of contact, and whose timelines they are on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.customers.declared import Declared
from crm_api.domains.customers.keeping import PARTIES, Standing, Touchpoints
from crm_api.domains.customers.models import TouchpointState
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.happenings import happened, records_of
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.rounds import Rounds
from crm_api.kit.touchpoints import Happened, PartyKind, Touchpoint

STRETCH = 200
AREA = "customers"
Reference = tuple[PartyKind, UUID]
_ABOVE: Mapping[PartyKind, Sequence[tuple[str, PartyKind]]] = {
    "case": (("deal_id", "deal"), ("contact_id", "contact"), ("company_id", "company")),
    "deal": (("contact_id", "contact"), ("company_id", "company")),
    "contact": (("company_id", "company"),),
}
"""Whose timeline what is on another one stands on as well, by the columns that lead there."""
_UNMERGED = tuple(f"{kind}.unmerged" for kind in sorted(PARTIES))
_MOVED = tuple(f"{kind}.updated" for kind in _ABOVE)


class Follow(Rounds):
    """Turns events into points of contact, for each organization.

    They and the place in the feed are one transaction: killed in the middle, nothing has happened.
    A new organization begins with all there is, so what was before is taken up as well.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_touchpoints($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        return await Follower(tx).take_up()


class Follower:
    """Reads a stretch of the feed."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.kept = tx, Touchpoints(tx)
        self.place = FeedPlace(tx, TouchpointState.__tablename__)

    async def take_up(self) -> bool:
        """Keep the next points of contact; whether there may be more at once."""
        await self.tx.learned.learn()
        self.tx.actor.require(f"{AREA}:write")
        await self.place.begin_whole()
        start = await self.place.lock()
        if start is None:
            return False
        topics = [*Declared.touchpoints, *_UNMERGED, *_MOVED]
        stretch = await Feed(self.tx, Declared.services).stretch(start, STRETCH, types=topics)
        await self._settle(stretch.rows)
        await self._keep(stretch.rows)
        await self.place.move(stretch.end)
        return not stretch.whole

    async def _settle(self, rows: Sequence[Any]) -> None:
        """Give back what merges moved, and follow records that now belong to somebody."""
        unmerged = [row["record_id"] for row in rows if row["type"] in _UNMERGED]
        if unmerged:
            await self.kept.give_back(unmerged)
        for row in rows:
            if row["type"] in _MOVED and _found_somebody(row):
                child: Reference = (row["entity"], row["record_id"])
                for parent in sorted((await self.above([child]))[child]):
                    await self.kept.roll_up(child, parent)

    async def _keep(self, rows: Sequence[Any]) -> None:
        found = await self._happened(row for row in rows if row["type"] in Declared.touchpoints)
        direct = await self._parties([one for one, _ in found])
        above = await self.above({party for parties in direct.values() for party in parties})
        kept = [(one, event) for one, event in found if direct.get(one.id)]
        standings: dict[tuple[UUID, PartyKind, UUID], bool] = {}
        for one, _ in kept:
            for party in direct[one.id]:
                for kind, id in above[party]:
                    standings.setdefault((id, kind, one.id), False)
                standings[party[1], party[0], one.id] = True
        parties: list[Standing] = [(*key, is_direct) for key, is_direct in standings.items()]
        await self.kept.add([_row(one, event) for one, event in kept], parties)

    async def _happened(self, rows: Iterable[Any]) -> list[tuple[Happened, Any]]:
        """The events that count, with their records."""
        found = await happened(self.tx, Declared.services, rows, _when)
        declared = Declared.touchpoints
        return [
            (one, row)
            for one, row in found
            if (counts := declared[one.topic].when) is None or counts(one)
        ]

    async def _parties(self, found: Sequence[Happened]) -> dict[UUID, list[Reference]]:
        """Who some events are with, by the events' ids."""
        parties: dict[UUID, list[Reference]] = {}
        grouped: dict[str, list[Happened]] = defaultdict(list)
        for one in found:
            grouped[one.topic].append(one)
        for topic, those in grouped.items():
            declared = Declared.touchpoints[topic]
            if callable(declared.parties):
                told = await declared.parties(self.tx, those)
                parties |= {id: list(references) for id, references in told.items()}
                continue
            for one in those:
                ends: list[Reference] = [
                    (party.kind, one.row[party.column])
                    for party in declared.parties
                    if one.row[party.column] is not None
                ]
                parties[one.id] = ends
        return parties

    async def above(self, parties: Iterable[Reference]) -> dict[Reference, set[Reference]]:
        """Whose timelines lie above some, all the way up: one look-up for each kind."""
        above: dict[Reference, set[Reference]] = {party: set() for party in parties}
        reached = {party: {party} for party in above}
        for kind, columns in _ABOVE.items():
            ids = {id for found in reached.values() for of, id in found if of == kind}
            records = await records_of(self.tx, Declared.services, kind, ids) if ids else {}
            for party, found in reached.items():
                for id in [id for of, id in found if of == kind]:
                    record = records.get(id, {})
                    ends: set[Reference] = {
                        (of, record[c]) for c, of in columns if record.get(c) is not None
                    }
                    found.update(ends)
                    above[party] |= ends
        return above


def _found_somebody(row: Any) -> bool:
    """Whether a record belongs to a customer now, and belonged to none."""
    data, previous = decode(row["data"]), decode(row["previous"] or b"{}")
    columns = [column for column, _ in _ABOVE[row["entity"]]]
    return any(data.get(c) is not None and previous.get(c) is None for c in columns)


def _when(topic: str, record: Mapping[str, Any]) -> datetime | None:
    column = Declared.touchpoints[topic].at
    return None if column is None else record[column]


def _row(one: Happened, event: Any) -> tuple[Any, ...]:
    declared: Touchpoint = Declared.touchpoints[one.topic]
    given = (declared.kind, declared.department, declared.direction)
    told = [value(one.row) if callable(value) else value for value in given]
    who = (event["actor_kind"], event["actor_id"])
    return (one.id, one.at, one.topic, *told, event["entity"], one.record_id, *who)
