"""The rules of tracked events and of segments."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.segments.events import RefreshSegment
from crm_api.domains.segments.graph import chain_with, filter_in, need_known, segments_in
from crm_api.domains.segments.models import BehaviourEvent, Segment
from crm_api.domains.segments.repository import (
    AREA,
    BEHAVIOUR_AREA,
    BehaviourEvents,
    Segments,
)
from crm_api.domains.segments.schemas import SegmentCreate, SegmentUpdate
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, Invalid, WrongState
from crm_api.kit.query.conditions import check

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('segments:' || $1::text, 0))"
_FILTERS = """
    SELECT id, name, filter FROM segments WHERE organization_id = $1 AND deleted_at IS NULL
"""


class BehaviourEventService(CrudService[BehaviourEvent]):
    """What contacts did, as it was tracked."""

    repository = BehaviourEvents
    area = BEHAVIOUR_AREA
    plural = "behaviour_events"
    personal = About(("contact_id",), end="removed", reason="What somebody did goes with them.")
    plain = False
    upserts = False
    records: BehaviourEvents


Users = Callable[[Tx, Collection[UUID]], Awaitable[Sequence[UUID]]]
"""Those that work by one of some segments, whoever asks."""


class SegmentService(NamedService[Segment]):
    """Parts of the audience: who belongs to them by a filter, or by hand."""

    repository = Segments
    area = AREA
    plural = "segments"
    personal = Impersonal("Conditions; who meets them is kept apart, and goes with the person.")
    create_shape = SegmentCreate
    update_shape = SegmentUpdate
    users: ClassVar[dict[str, Users]] = {}
    """What would go on without a word if a segment went, by what it is called."""
    records: Segments

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx)
        self._living: list[Any] | None = None
        self._gone: set[UUID] = set()

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Segment | None, country: str | None
    ) -> dict[str, Any]:
        """By a filter or by hand; a snapshot stays as it was taken."""
        values = super().normalise(values, current, country)
        if current is None:
            values["target"] = values.pop("entity", None) or values["target"]
        kind = values["kind"] if current is None else current.kind
        if "filter" not in values or (current and values["filter"] == current.filter):
            return values
        if current is not None and kind == "snapshot":
            message = "A snapshot stays as it was taken."
            raise WrongState(message, code="snapshot_stays")
        if kind == "dynamic" and not values["filter"]:
            message = "A dynamic segment says by a filter who belongs to it."
            raise Invalid.at("/filter", "needs_filter", message)
        if kind == "static" and values["filter"]:
            message = "A static segment is filled by hand."
            raise Invalid.at("/filter", "filled_by_hand", message)
        if kind == "suppression" and current and bool(current.filter) != bool(values["filter"]):
            message = "It is filled by a filter or by hand, from the beginning."
            raise WrongState(message, code="filled_otherwise")
        return values

    async def prepare(self, values: dict[str, Any], current: Segment | None) -> dict[str, Any]:
        """Its filter fits, and does not lead back to itself."""
        values = await super().prepare(values, current)
        if values.get("filter"):
            target = current.target if current is not None else values["target"]
            check(self.tx, service_of(self.tx, target).records.listing, values["filter"])
            if segments_in(values["filter"]):
                await self._need_acyclic(values, current)
        return values

    async def _need_acyclic(self, values: Mapping[str, Any], current: Segment | None) -> None:
        # Of two that begin to speak of one another the second one is to see the first.
        await self.tx.write(_LOCK, str(self.tx.organization_id))
        rows = await self.tx.fetch(_FILTERS, self.tx.organization_id)
        need_known(values["filter"], {row["id"] for row in rows})
        if current is not None:
            chain_with(rows, current.id, values)

    async def remove(self, records: Sequence[Segment]) -> None:
        """One that others speak of stays; raises `Blocked`."""
        if self._living is None:
            # Of many that go one after the other, once; nobody writes another one meanwhile.
            await self.tx.write(_LOCK, str(self.tx.organization_id))
            self._living = await self.tx.fetch(_FILTERS, self.tx.organization_id)
        gone = {record.id for record in records}
        users = using([row for row in self._living if row["id"] not in self._gone], gone)
        if users:
            named = ", ".join(sorted(users.values()))
            raise _in_use(f"Other segments speak of it: {named}.", "segments", users)
        for name, ask in self.users.items():
            if ids := await ask(self.tx, gone):
                raise _in_use(f"It is in use by {name} ({len(ids)}).", name, ids)
        await super().remove(records)
        self._gone |= gone

    def add(self, values: dict[str, Any]) -> Any:
        """A new segment; who belongs to it is found by a job."""
        shown = super().add(values)
        if values["filter"]:
            self.tx.enqueue(RefreshSegment(shown.id))
        return shown

    async def change(
        self,
        current: Segment,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """A change; where it is one of the filter, all is looked at again."""
        was = current.filter, current.is_active, current.deleted_at
        shown = await super().change(current, values, verb=verb, told=told)
        now = current.filter, current.is_active, current.deleted_at
        follows = current.filter and current.is_active and current.deleted_at is None
        if was != now and follows and current.kind != "snapshot":
            self.tx.enqueue(RefreshSegment(current.id))
        return shown


def _in_use(message: str, name: str, ids: Iterable[UUID]) -> Blocked:
    return Blocked(message, code="segment_in_use", details={name: sorted(map(str, ids))})


def using(rows: Sequence[Any], gone: set[UUID]) -> dict[UUID, str]:
    """The segments that speak of one of those that go, and do not go too."""
    return {
        row["id"]: row["name"]
        for row in rows
        if row["id"] not in gone and gone & segments_in(filter_in(row))
    }
