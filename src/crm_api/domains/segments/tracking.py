"""Taking in what contacts did: many at once, each by itself, each once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from crm_api.domains.contacts.service import ContactService
from crm_api.domains.segments.repository import BEHAVIOUR
from crm_api.domains.segments.schemas import TrackedEvent, TrackInput
from crm_api.domains.segments.service import BehaviourEventService
from crm_api.kit.crud.index import external_key
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.kit.faults import invalid_body
from crm_api.kit.ids import new_id
from crm_api.kit.points import email_key
from crm_api.kit.query.selection import Selection
from crm_api.kit.values.errors import BadValue

_AHEAD = timedelta(minutes=5)
"""So far clocks may differ."""
_LATE = timedelta(days=3_653)
_HOLDERS = """
    SELECT DISTINCT k.kind, k.value, k.record_id FROM record_keys k
    JOIN contacts c ON c.organization_id = $1 AND c.id = k.record_id AND c.deleted_at IS NULL
    WHERE k.organization_id = $1 AND k.entity = 'contact' AND k.kind = ANY($2::text[])
        AND k.value = ANY($3::text[])
"""
_LEADS_TO = """
    WITH RECURSIVE path AS (
        SELECT p AS id, p AS target_id, 0 AS step FROM unnest($2::uuid[]) AS p
        UNION ALL SELECT path.id, r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.target_id AND step < 1000)
    SELECT DISTINCT ON (id) id, target_id FROM path ORDER BY id, step DESC
"""
# Whoever tells the same at the same time waits for the other one here, in one order.
_ADD = """
    INSERT INTO behaviour_events (organization_id, id, contact_id, name, occurred_at, properties,
        source, client_id, version, created_at, updated_at, created_by)
    SELECT $1, t.id, t.contact_id, t.name, t.occurred_at, t.properties::jsonb, t.source,
        t.client_id, 1, $9, $9, $10
    FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
        $8::text[]) AS t (id, contact_id, name, occurred_at, properties, source, client_id)
    ORDER BY t.client_id, t.id
    ON CONFLICT (organization_id, client_id) WHERE client_id IS NOT NULL DO NOTHING
    RETURNING id
"""
_KNOWN = """
    SELECT id, client_id FROM behaviour_events
    WHERE organization_id = $1 AND client_id = ANY($2::text[])
"""
_UNTOLD = Selection(("id",))


@dataclass
class _Given:
    """One event on its way in."""

    index: int
    event: TrackedEvent | None = None
    contact_id: UUID | None = None
    id: UUID | None = None
    result: str = "refused"
    faults: Sequence[Fault] = ()

    def refuse(self, code: str, message: str, name: str) -> None:
        """Leave it out, for a reason that lies in one of its fields."""
        self.faults = [Fault(code, message, pointer=f"/events/{self.index}/{name}")]

    @property
    def stands(self) -> bool:
        """Whether nothing is wrong with it so far."""
        return not self.faults

    def shown(self) -> dict[str, Any]:
        """What became of it."""
        faults = [
            {"code": f.code, "message": f.message, "pointer": f.pointer or ""} for f in self.faults
        ]
        return {"index": self.index, "result": self.result, "id": self.id, "faults": faults}


class Tracking:
    """One batch of events."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def track(self, data: TrackInput) -> dict[str, Any]:
        """Keep what is right, and say what became of each; the statements do not grow with them."""
        BehaviourEventService(self.tx).need("create")
        given = [self._read(index, event) for index, event in enumerate(data.events)]
        await self._find(given)
        await self._keep([one for one in given if one.stands])
        counts = Counter(one.result for one in given)
        return {
            "accepted": counts["accepted"],
            "duplicates": counts["duplicate"],
            "refused": counts["refused"],
            "data": [one.shown() for one in given],
        }

    def _read(self, index: int, source: Mapping[str, Any]) -> _Given:
        one = _Given(index)
        try:
            one.event = TrackedEvent.model_validate(source)
        except ValidationError as error:
            wrong = invalid_body(error.errors(include_url=False))
            one.faults = wrong.under(f"/events/{index}").faults
            return one
        at = one.event.occurred_at
        if at is not None and at > self.tx.now + _AHEAD:
            one.refuse("in_the_future", "It has not happened yet.", "occurred_at")
        elif at is not None and at < self.tx.now - _LATE:
            one.refuse("too_late", "It was more than ten years ago.", "occurred_at")
        return one

    async def _find(self, given: Sequence[_Given]) -> None:
        """Who did it; nobody whom the actor does not see."""
        wanted = [(one, one.event) for one in given if one.event is not None and one.stands]
        holders = await self._holders([event for _, event in wanted])
        direct = {event.contact_id for _, event in wanted if event.contact_id is not None}
        live = await self._live({*direct, *(id for ids in holders.values() for id in ids)})
        for one, event in wanted:
            if event.contact_id is not None:
                one.contact_id, name = live.get(event.contact_id), "contact_id"
            else:
                name = "email" if event.email is not None else "external"
                key = _key(event)
                held = set[UUID]() if key is None else holders.get(key, set[UUID]())
                found = {live[id] for id in held if id in live}
                if len(found) > 1:
                    one.refuse("ambiguous", "Several contacts have it.", name)
                    continue
                one.contact_id = next(iter(found), None)
            if one.contact_id is None:
                one.refuse("unknown_contact", "There is no such contact.", name)

    async def _holders(self, events: Sequence[TrackedEvent]) -> dict[tuple[str, str], set[UUID]]:
        listing, actor = ContactService(self.tx).records.listing, self.tx.actor
        keys = {key for event in events if (key := _key(event)) is not None}
        # Nobody finds out by guessing what is hidden.
        keys = {key for key in keys if not listing.hides(key[0], actor)}
        if not keys:
            return {}
        kinds = sorted({kind for kind, _ in keys})
        values = sorted({value for _, value in keys})
        found: dict[tuple[str, str], set[UUID]] = {}
        for row in await self.tx.fetch(_HOLDERS, self.tx.organization_id, kinds, values):
            found.setdefault((row["kind"], row["value"]), set()).add(row["record_id"])
        return found

    async def _live(self, ids: set[UUID]) -> dict[UUID, UUID]:
        """Who some contacts are by now, of those that are there and seen."""
        if not ids:
            return {}
        rows = await self.tx.fetch(_LEADS_TO, self.tx.organization_id, sorted(ids))
        leads = {row["id"]: row["target_id"] for row in rows}
        seen = await ContactService(self.tx).many(sorted(set(leads.values())), _UNTOLD)
        return {id: target for id, target in leads.items() if target in seen}

    async def _keep(self, given: Sequence[_Given]) -> None:
        if not given:
            return
        tx, columns = self.tx, list[tuple[Any, ...]]()
        first: dict[str, _Given] = {}
        for one in given:
            event = one.event
            assert event is not None
            if event.client_id is not None and first.setdefault(event.client_id, one) is not one:
                continue
            one.id = new_id()
            at = event.occurred_at or tx.now
            properties = encode(event.properties).decode()
            told = (event.name, at, properties, event.source, event.client_id)
            columns.append((one.id, one.contact_id, *told))
        arrays = map(list, zip(*columns, strict=True))
        rows = await tx.write(_ADD, tx.organization_id, *arrays, tx.now, tx.actor.id)
        added = {row["id"] for row in rows}
        known = await tx.fetch(_KNOWN, tx.organization_id, sorted(first)) if first else []
        by_client = {row["client_id"]: row["id"] for row in known}
        for one in given:
            assert one.event is not None
            if one.id in added:
                one.result = "accepted"
                self._tell(one)
            else:
                one.result, one.id = "duplicate", by_client.get(one.event.client_id or "")

    def _tell(self, one: _Given) -> None:
        """Write it down in the feed, as of any new record."""
        event, tx = one.event, self.tx
        assert event is not None
        assert one.id is not None
        record: dict[str, Any] = {
            "id": one.id,
            "version": 1,
            "created_at": tx.now,
            "updated_at": tx.now,
            "created_by": tx.actor.id,
            "custom": {},
            "external_ids": {},
            "contact_id": one.contact_id,
            **event.model_dump(include={"name", "properties", "source", "client_id"}),
            "occurred_at": event.occurred_at or tx.now,
        }
        told = BEHAVIOUR.event_shape(*map(record.get, BEHAVIOUR.shown))
        tx.record(
            f"{BEHAVIOUR.entity}.created",
            entity=BEHAVIOUR.entity,
            record_id=one.id,
            version=1,
            data=told,
        )


def _key(event: TrackedEvent) -> tuple[str, str] | None:
    """What a contact is looked up by; None where the address is none."""
    if event.external is not None:
        return "external", external_key(event.external.source, event.external.id)
    if event.email is None:
        return None
    try:
        return "email", email_key(event.email)
    except BadValue:
        return None
