"""What may be asked of the audit trail."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.sight import EventSight, Services
from crm_api.kit.db.json import decode
from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.page import Page, read_page
from crm_api.kit.query.selection import PageQuery
from crm_api.kit.query.visibility import ALL
from crm_api.kit.query.watching import EVERY
from crm_api.platform.audit.chain import AUDIT, AUDIT_ID, FORM
from crm_api.platform.audit.events import VerifyAudit
from crm_api.platform.audit.repository import EVENTS, Seals
from crm_api.platform.audit.schemas import AuditSettings, WatchedFields
from crm_api.platform.audit.verifying import Report

AREA = "audit"
VERIFIED, CONFIGURED = "audit.verified", "audit.configured"


class AuditService:
    """The audit trail of an organization."""

    services: ClassVar[Services] = {}
    """Every collection by the word for its records."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.sight = EventSight(tx, self.services)
        self.seals = Seals(tx.fetch, tx.organization_id)

    async def page(self, query: PageQuery) -> Page:
        """What happened in the organization, newest first; takes the scope `audit:read`.

        What an event says of a record is for whoever may read such records.
        """
        self.tx.actor.require(f"{AREA}:read")
        # Events have no bin.
        found = await read_page(self.tx, EVENTS, replace(query, deleted="include", sight=ALL))
        hidden = self._hidden({row.entity for row in found.data})
        unseen = await self.sight.unseen((row.entity, row.record_id) for row in found.data)
        for row in found.data:
            if row.entity in hidden or row.record_id in unseen:
                row.data = row.previous = None
            else:
                row.data = self.sight.values(row.entity, row.data)
                row.previous = self.sight.values(row.entity, row.previous)
        await self.sight.note((r.entity, r.record_id, r.data, r.previous) for r in found.data)
        return found

    def _hidden(self, entities: set[str]) -> set[str]:
        """The kinds of records that the actor may not read."""
        readable = self.sight.readable()
        if readable is None:
            return set()
        known = {*self.services, *self.tx.catalogue.objects}
        return {entity for entity in entities if entity in known and entity not in readable}

    def withholds(self, entity: str, values: Sequence[Any]) -> bool:
        """Whether something that an event says, after or before, is not for the actor."""
        hidden = self.tx.catalogue.of(entity).hidden_from(self.tx.actor)
        masked = self.tx.actor.hidden(entity)
        told: list[Any] = [part for part in values if part]
        return (
            bool(self._hidden({entity}))
            or any(masked.intersection(part) for part in told)
            or any(hidden.intersection(part.get("custom") or ()) for part in told)
        )

    async def status(self) -> dict[str, Any]:
        """How far the events are sealed, and how the trail was found last."""
        self.tx.actor.require(f"{AREA}:read")
        head = await self.seals.head()
        waiting = await self.seals.pending(head)
        last = await self.seals.verified(VERIFIED)
        since = waiting["since"]
        return {
            "form": FORM,
            "position": head["position"] if head else 0,
            "hash": head["hash"].hex() if head and head["hash"] else None,
            "anchors": head["anchors"] if head else 0,
            "sealed_at": head["sealed_at"] if head else None,
            "pending": waiting["number"],
            "lag_s": max(0.0, (self.tx.now - since).total_seconds()) if since else 0.0,
            "verified": last and _verification(last),
        }

    def begin_verifying(self) -> UUID:
        """Have the chain followed by a job; its id."""
        self.tx.actor.require(f"{AREA}:read")
        return self.tx.enqueue(VerifyAudit())

    def verified(self, report: Report) -> None:
        """Write down how the trail was found, in the trail."""
        told = report.told()
        self._record(
            VERIFIED,
            {
                "is_whole": told["is_whole"],
                "position": told["position"],
                "hash": told["hash"],
                "events": told["events"],
                "breaks": told["number_of_breaks"],
            },
        )

    def settings(self) -> dict[str, Any]:
        """What is written down beside changes."""
        self.tx.actor.require(f"{AREA}:read")
        return self._settings()

    def _settings(self) -> dict[str, Any]:
        watched = sorted(self.tx.catalogue.watched.items())
        return {"reads": [{"entity": kind, "fields": sorted(names)} for kind, names in watched]}

    async def configure(self, data: AuditSettings) -> dict[str, Any]:
        """Replace the settings; every process goes by them within a second."""
        self.tx.actor.require(f"{AREA}:write")
        await hold_state(self.tx)
        faults = [f for place, each in enumerate(data.reads) for f in self._faults(place, each)]
        kinds = [each.entity for each in data.reads]
        faults += [
            Fault("repeated_entity", "It stands twice.", pointer=f"/reads/{place}/entity")
            for place, kind in enumerate(kinds)
            if kind in kinds[:place]
        ]
        if faults:
            raise Invalid("Not everything can be watched.", faults=faults)
        before = self._settings()
        watched = {each.entity: sorted(set(each.fields)) for each in data.reads}
        await publish_state(self.tx, watched=watched)
        after = self._settings()
        if after != before:
            self._record(CONFIGURED, after, before)
        return after

    def _faults(self, place: int, wanted: WatchedFields) -> list[Fault]:
        known = wanted.entity in self.services or wanted.entity in self.tx.catalogue.objects
        if not known:
            message = f"There are no records called {wanted.entity[:60]!r}."
            return [Fault("unknown_entity", message, pointer=f"/reads/{place}/entity")]
        shown = service_of(self.tx, wanted.entity).records.listing.shown
        own = (f"custom.{name}" for name in self.tx.catalogue.of(wanted.entity).by_name)
        fields = {EVERY, *shown, *own}
        return [
            Fault("unknown_field", f"No field {name[:60]!r}.", pointer=f"/reads/{place}/fields/{n}")
            for n, name in enumerate(wanted.fields)
            if name not in fields
        ]

    def _record(self, type: str, data: Any, previous: Any = None) -> None:
        self.tx.record(
            type, entity=AUDIT, record_id=AUDIT_ID, version=1, data=data, previous=previous
        )


def _verification(row: Any) -> dict[str, Any]:
    data: dict[str, Any] = decode(row["data"])
    data.pop("hash")
    actor = {"actor_kind": row["actor_kind"], "actor_id": row["actor_id"]}
    return {"at": row["occurred_at"], **actor, **data}


def kinds_of(services: Sequence[Any]) -> dict[str, Any]:
    """Collections by the words for their records."""
    return {service.repository.listing.entity: service for service in services}
