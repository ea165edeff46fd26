"""A list that goes on in parts."""

from typing import Any
from uuid import UUID

from crm_api.domains.leads.repository import LEADS
from crm_api.domains.leads.territories import TerritoryService
from crm_api.domains.prospects.list_schemas import MOST_PARTS, ProspectSplit
from crm_api.domains.prospects.models import ProspectList
from crm_api.domains.prospects.parting import (
    by_lot,
    by_value,
    costs,
    in_counts,
    in_each_count,
    in_shares,
    in_turn,
)
from crm_api.domains.prospects.service import (
    ProspectListService,
    ProspectMemberService,
    split_before,
)
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, WrongState

_SAME = ("consent_basis", "origin", "currency", "description", "owner_id")
_LONGEST = 200


class Splitting:
    """Parts lists; each member is in one part, and the whole is shared out no more."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.lists, self.members = ProspectListService(tx), ProspectMemberService(tx)

    async def split(self, id: UUID, data: ProspectSplit, expected: int | None = None) -> Any:
        """The parts, which are frozen; raises `WrongState`, `Conflict`."""
        self.lists.need("create")
        asked = "score" if data.by == "score" else data.field
        if asked is not None and asked in self.tx.actor.hidden(LEADS.entity):
            raise hidden_field(f"{LEADS.entity}.{asked}", "/by" if asked == "score" else "/field")
        current = await self.lists.idle(id, expected)
        if current.status == "split":
            raise split_before()
        # By the places: the list counts them a moment later.
        if await self.members.records.out(id):
            raise WrongState("Some of it was given already: recall it.", code="given")
        parts = await self._parts(current, data)
        if not parts:
            raise WrongState("Nobody is on it.", code="list_empty")
        if len(parts) > MOST_PARTS:
            message = f"That would be {len(parts):,} parts; {MOST_PARTS} are the most."
            raise Conflict(message, code="too_many_parts")
        paid = costs(current.cost, [len(ids) for _, ids in parts])
        made = [
            self._part(current, label, len(ids), cost)
            for (label, ids), cost in zip(parts, paid, strict=True)
        ]
        places = [(one.id, id) for one, (_, ids) in zip(made, parts, strict=True) for id in ids]
        await self.members.join([one for one, _ in places], [id for _, id in places])
        gone = {"status": "split", "frozen_at": current.frozen_at or self.tx.now}
        await self.lists.change(current, gone, verb="split")
        return {"data": [await self.lists.told(one, new=True) for one in made]}

    async def _parts(
        self, current: ProspectList, data: ProspectSplit
    ) -> list[tuple[str, list[UUID]]]:
        rows = await self.members.records.all_of(current.id, data.field)
        if not rows:
            return []
        if data.by == "territory":
            return await self._by_territory([row["lead_id"] for row in rows])
        if data.by == "field":
            return [(value or "-", ids) for value, ids in by_value(rows, data.prefix).items()]
        drawn = by_lot(current.id, [row["lead_id"] for row in rows])
        if data.counts is not None:
            return _numbered(in_each_count(drawn, data.counts))
        if data.by == "count":
            return _numbered(in_counts(drawn, data.count or 1))
        if data.by == "share":
            return _numbered(in_shares(drawn, data.shares or [1]))
        scores = {row["lead_id"]: row["score"] for row in rows}
        best = sorted(drawn, key=lambda one: -1 if scores[one] is None else scores[one])
        return _numbered(in_turn(best[::-1], data.shares or [1]))

    async def _by_territory(self, lead_ids: list[UUID]) -> list[tuple[str, list[UUID]]]:
        """A part for each territory, in the order of the tree, and one for what is in none."""
        territories = TerritoryService(self.tx)
        territories.need("read")
        places = await territories.records.of_leads(lead_ids)
        found: dict[UUID | None, list[UUID]] = {}
        for id in lead_ids:
            place = places.get(id)
            found.setdefault(None if place is None else place.id, []).append(id)
        order = sorted({one.place: one for one in places.values()}.items())
        parts = [(one.name, found[one.id]) for _, one in order]
        return [*parts, *([("-", found[None])] if None in found else [])]

    def _part(self, whole: ProspectList, label: str, count: int, cost: Any) -> Any:
        suffix = f" · {label}"
        name = f"{whole.name[: _LONGEST - len(suffix)]}{suffix}"[:_LONGEST]
        values: dict[str, Any] = {
            **self.lists.begins_with,
            **{field: getattr(whole, field) for field in _SAME},
            "name": name,
            "status": "frozen",
            "frozen_at": self.tx.now,
            "cost": cost,
            "parent_id": whole.id,
            "part": label[:_LONGEST],
            "member_count": count,
            "custom": self.lists.custom_of(whole),
            "external_ids": {},
        }
        return self.lists.add(self.lists.derive(values, None))


def _numbered(parts: list[list[UUID]]) -> list[tuple[str, list[UUID]]]:
    return [(str(place), ids) for place, ids in enumerate(parts, 1)]
