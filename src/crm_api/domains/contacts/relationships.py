"""The rules of what people are to each other, and who stands around somebody."""

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

from crm_api.domains.contacts.models import ContactRelationship, RelationshipKind
from crm_api.domains.contacts.relating import (
    ContactRelationshipCreate,
    ContactRelationshipUpdate,
)
from crm_api.domains.contacts.repository import MOST_RELATIONSHIPS, ContactRelationships
from crm_api.domains.contacts.service import ContactService
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.errors import Conflict, Duplicate, Fault, Invalid
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Update

MUTUAL = frozenset({"partner", "spouse", "sibling", "friend"})
"""The kinds that go both ways, and are stored once."""
MOST_AROUND = 500
"""So many people of a circle are told."""
DEEPEST = 3
_KINDS = frozenset(get_args(RelationshipKind))
_SHOWN = ("id", "name", "title", "company_id")


class ContactRelationshipService(CrudService[ContactRelationship]):
    """What people are to each other; nobody reports to themselves, however indirectly."""

    repository = ContactRelationships
    area = "contacts"
    plural = "contact_relationships"
    personal = About(
        ("contact_id", "related_contact_id"),
        end="removed",
        reason="What the person is to others.",
    )
    create_shape = ContactRelationshipCreate
    update_shape = ContactRelationshipUpdate
    records: ContactRelationships

    async def prepare(
        self, values: dict[str, Any], current: ContactRelationship | None
    ) -> dict[str, Any]:
        """Refuse what somebody would be to themselves, and what is there already."""
        values = await super().prepare(values, current)
        if current is None:
            if values["contact_id"] == values["related_contact_id"]:
                message = "A relationship is to another person."
                raise Invalid.at("/related_contact_id", "itself", message)
            await lock_graph(self.tx, "contact_relationships")
            await self._need_room(values)
        return values

    async def update(self, id: UUID, data: Update, *, expected_version: int | None = None) -> Any:
        """A merge patch; what is past may be taken up again where nothing stands in its place."""
        self.need("update")
        await lock_graph(self.tx, "contact_relationships")
        current = await self.locked(id, expected_version, data.model_fields_set)
        given = data.model_dump(exclude_unset=True)
        starts = given.get("started_on", current.started_on)
        ends = given.get("ended_on", current.ended_on)
        if starts is not None and ends is not None and ends < starts:
            raise Invalid.at("/ended_on", "ends_before_start", "It ends after it starts.")
        kind = given.get("kind", current.kind)
        if kind != current.kind or (ends is None and current.ended_on is not None):
            await self._need_room({**_ends(current), "kind": kind, "ended_on": ends})
        return await super().update(id, data)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a relationship out of the bin, unless something else stands in its place by now."""
        self.need("delete")
        await lock_graph(self.tx, "contact_relationships")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            if current.contact_id == current.related_contact_id:
                raise Conflict("The two are one person by now.", code="itself")
            if current.ended_on is None:
                await self._need_room(_ends(current))
        return await super().restore(id, expected_version=expected_version)

    async def _need_room(self, values: dict[str, Any]) -> None:
        if values["ended_on"] is not None:
            return
        # Those of the same unit of work count too.
        await self.tx.flush()
        kind, one, other = (values[name] for name in ("kind", "contact_id", "related_contact_id"))
        if kind in MUTUAL:
            found = await self.records.of([other], kinds=[kind])
            if any(row["related_contact_id"] == one for row in found):
                message = "The relationship is there already; it goes both ways."
                raise Duplicate(
                    message, faults=[Fault("duplicate", message, "/related_contact_id")]
                )
        if kind == "reports_to" and one in await self.records.above(other):
            code, message = "hierarchy_cycle", "Nobody reports to themselves."
            raise Conflict(message, code=code, faults=[Fault(code, message, "/related_contact_id")])

    async def make_way(self, column: str, merged: Sequence[UUID]) -> None:
        """Of people who are one now nobody is anything to themselves, or the same thing twice."""
        del column
        await lock_graph(self.tx, "contact_relationships")
        seen: set[tuple[UUID | str, ...]] = set()
        gone: list[ContactRelationship] = []
        found = await self.records.of_merged(merged)
        # What the winner has stays.
        found.sort(key=lambda r: merged[0] not in (r.contact_id, r.related_contact_id))
        for one in found:
            ends = [
                merged[0] if id in merged else id for id in (one.contact_id, one.related_contact_id)
            ]
            if ends[0] == ends[1]:
                gone.append(one)
                continue
            if one.ended_on is None:
                place = (*(sorted(ends) if one.kind in MUTUAL else ends), one.kind)
                if place in seen:
                    gone.append(one)
                seen.add(place)
        left = [one for one in found if one.kind == "reports_to" and one.ended_on is None]
        gone += await self._circles([one for one in left if one not in gone], merged)
        await self.remove(gone)
        # The unique index must see them go before the others are moved.
        await self.tx.flush()

    async def _circles(
        self, reports: Sequence[ContactRelationship], merged: Sequence[UUID]
    ) -> list[ContactRelationship]:
        """What people who are one report by in a circle; what the winner has stays."""
        winner, *losers = merged
        above: set[UUID] = set()
        gone: list[ContactRelationship] = []
        for one in reports:
            if one.contact_id in merged:
                found = await self.records.above(one.related_contact_id)
                if one.contact_id == winner:
                    above |= found
                elif not found.isdisjoint(merged):
                    gone.append(one)
        ways_in = (one for one in reports if one.related_contact_id in losers)
        return [*gone, *(one for one in ways_in if one.contact_id in above)]

    async def around(
        self, id: UUID, *, depth: int, current: bool = True, kinds: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """The people around somebody whom the actor sees, up to `depth` relationships away.

        Through people whom the actor does not see nobody is found. Raises `NotFound`, and `Invalid`
        for a kind that there is not. Nobody is told by what is left out which ones have ended to
        whom that is hidden: they are given all.
        """
        current = current and "ended_on" not in self.guard.hidden
        if unknown := sorted({*(kinds or ())} - _KINDS):
            message = f"There is no kind {unknown[0][:60]!r}."
            raise Invalid.parameter("kind", "not_a_choice", message)
        contacts, shown = ContactService(self.tx), self._shown()
        person = await contacts.get(id, shown)
        people, distances = {id: person}, {id: 0}
        edges: dict[UUID, Any] = {}
        ends, truncated = [id], False
        for distance in range(1, depth + 1):
            found = await self.records.of(ends, current=current, kinds=kinds)
            truncated = truncated or len(found) == MOST_RELATIONSHIPS
            edges |= {row["id"]: row for row in found}
            met = dict.fromkeys(
                one
                for row in found
                for one in (row["contact_id"], row["related_contact_id"])
                if one not in people
            )
            seen = await contacts.many(list(met), shown) if met else {}
            ends = [one for one in met if one in seen][: MOST_AROUND - len(people)]
            truncated = truncated or len(ends) < len(seen)
            people |= {one: seen[one] for one in ends}
            distances |= dict.fromkeys(ends, distance)
            if not ends:
                break
        return {
            "nodes": [
                {**{n: getattr(row, n, None) for n in _SHOWN}, "distance": distances[one]}
                for one, row in people.items()
            ],
            "edges": [
                self._edge(row)
                for row in edges.values()
                if row["contact_id"] in people and row["related_contact_id"] in people
            ],
            "is_truncated": truncated,
        }

    def _edge(self, row: Any) -> dict[str, Any]:
        hidden = self.guard.hidden
        return {
            **{name: row[name] for name in ("id", "contact_id", "related_contact_id", "kind")},
            "strength": None if "strength" in hidden else row["strength"],
            "is_current": None if "ended_on" in hidden else row["ended_on"] is None,
        }

    def _shown(self) -> Selection:
        hidden = self.tx.actor.hidden("contact")
        return Selection(tuple(name for name in _SHOWN if name not in hidden))


def _ends(current: ContactRelationship) -> dict[str, Any]:
    names = ("contact_id", "related_contact_id", "kind")
    return {**{name: getattr(current, name) for name in names}, "ended_on": None}
